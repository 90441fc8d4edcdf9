"""What went into two runs and differs, as a list of frozen changes, the most telling first."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..environment.compare import compare as compare_environments
from ..errors import ReenactError
from ..record.printed import FROM_LOG

ORDER = (
    "code",
    "argv",
    "param",
    "seed",
    "input",
    "setting",
    "package",
    "python",
    "library",
    "variable",
    "gpu",
    "hardware",
    "entropy",
    "cwd",
    "git",
)
"""Kinds of changes, in the order in which they are listed."""

SAME_CONTENT = "same content at another path"

_ENVIRONMENT = {"os": "hardware", "driver": "gpu"}
_SIMILAR = 0.6


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing that differs.

    Attributes:
        kind: one of `ORDER`; name: path, param, package, variable.
        a, b: as text on each side; None where that side does not have it.
        detail: the unified patch of code, the site of a seed, or another word on it.
        bits: it can change the numbers that a run computes.
    """

    kind: str
    name: str
    a: str | None
    b: str | None
    detail: str = ""
    bits: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data."""
        return dataclasses.asdict(self)


def diff_manifests(a: dict[str, Any], b: dict[str, Any], read_blob: Callable[[str], bytes]) -> list[Change]:
    """Everything that went into two runs and differs.

    Args:
        a, b: manifests as plain data.
        read_blob: gives a digest's content; what it cannot give (OSError, KeyError, ReenactError) is told as such.
    """
    found = [
        *_code(a, b, read_blob),
        *_argv(a, b),
        *_params(a, b),
        *_seeds(a, b),
        *_inputs(a, b),
        *_mapping("setting", _settings(a), _settings(b)),
        *_container(a, b),
        *_environment(a, b),
        *_entropy(a, b),
        *_git(a, b),
    ]
    # Stable: within a kind, what changes bits first, then as found.
    return sorted(found, key=lambda change: (ORDER.index(change.kind), not change.bits))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _mapping(kind: str, a: dict[str, Any], b: dict[str, Any]) -> Iterator[Change]:
    for name in sorted(a.keys() | b.keys()):
        one, other = a.get(name), b.get(name)
        # repr tells 1 from 1.0 and from True, and lets a NaN be equal to itself.
        if repr(one) != repr(other):
            yield Change(kind, name, _text(one), _text(other))


def _settings(manifest: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (manifest.get("settings") or {}).items() if name not in ("skip", FROM_LOG)}


def _container(a: dict[str, Any], b: dict[str, Any]) -> Iterator[Change]:
    """Images that have other layers, whatever they are called, and what the containers might use."""
    one, other = (side.get("container") or {} for side in (a, b))
    layers = [(side.get("image") or {}).get("diff_ids") for side in (one, other)]
    if layers[0] != layers[1]:
        names = [f"{side['name']} ({side['image']['id'][7:19]})" if side else None for side in (one, other)]
        yield Change("setting", "image", names[0], names[1])
    limits = [{f"container {key}": side.get(key) for key in ("gpus", "cpus", "memory")} for side in (one, other)]
    yield from _mapping("setting", *limits)


def _params(a: dict[str, Any], b: dict[str, Any]) -> Iterator[Change]:
    """Params that differ, with where each value came from, where that is known."""
    origins = a.get("origins") or {}, b.get("origins") or {}
    for change in _mapping("param", a.get("params") or {}, b.get("params") or {}):
        words = [_origin(side.get(change.name)) for side in origins]
        yield dataclasses.replace(change, detail=" -> ".join(dict.fromkeys(word for word in words if word)))
    jobs, others = ([one for one in side.get("configs") or [] if one.get("params")] for side in (a, b))
    for number in range(max(len(jobs), len(others))):
        one, other = (side[number]["params"] if number < len(side) else {} for side in (jobs, others))
        common = (a.get("params") or {}).keys() & (b.get("params") or {}).keys()
        for change in _mapping("param", one, other):
            if change.name not in common:
                yield dataclasses.replace(change, name=f"{change.name} (job {number})")


def _origin(origin: dict[str, Any] | None) -> str:
    where, kind = (origin or {}).get("where"), (origin or {}).get("kind")
    return str(where) if kind == "config" else f"{kind} {where}" if where else ""


def _relative(path: str, manifest: dict[str, Any]) -> str:
    """`path` from the project's root where it lies inside: a replay has another root."""
    root = (manifest.get("command") or {}).get("root") or ""
    if root and (path == root or path.startswith(root.rstrip("/") + "/")):
        return os.path.relpath(path, root)
    return path


def _code(a: dict[str, Any], b: dict[str, Any], read_blob: Callable[[str], bytes]) -> Iterator[Change]:
    left, right = (
        {_relative(file["path"], side): file["digest"] for file in (side.get("code") or {}).get("files") or []}
        for side in (a, b)
    )

    def lines(digest: str) -> list[str] | None:
        try:
            return read_blob(digest).decode("utf-8", "replace").splitlines(keepends=True)
        except (OSError, KeyError, ReenactError):
            return None

    for path in sorted(left.keys() & right.keys()):
        if left[path] != right[path]:
            yield _patched(path, path, left[path], right[path], lines)
    gone, new = sorted(left.keys() - right.keys()), sorted(right.keys() - left.keys())
    for path in gone:
        other = _renamed(lines(left[path]), {name: lines(right[name]) for name in new})
        if other is None:
            yield Change("code", path, left[path], None, "only in the baseline")
            continue
        new.remove(other)
        if left[path] == right[other]:
            yield Change("code", path, path, other, SAME_CONTENT, bits=False)
        else:
            yield _patched(path, other, left[path], right[other], lines)
    for path in new:
        yield Change("code", path, None, right[path], "only in the candidate")


def _patched(path: str, other: str, a: str, b: str, lines: Callable[[str], list[str] | None]) -> Change:
    left, right = lines(a), lines(b)
    name = path if path == other else f"{path} -> {other}"
    if left is None or right is None:
        return Change("code", name, a, b, "its content is not in the store")
    whole = [line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in left]
    whole_b = [line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in right]
    return Change("code", name, a, b, "".join(difflib.unified_diff(whole, whole_b, f"a/{path}", f"b/{other}")))


def _renamed(lines: list[str] | None, others: dict[str, list[str] | None]) -> str | None:
    """The file that `lines` most likely became: an edited copy under another name."""
    best, ratio = None, _SIMILAR
    for name, other in others.items():
        if lines and other:
            matcher = difflib.SequenceMatcher(None, lines, other, autojunk=False)
            if matcher.real_quick_ratio() > ratio and matcher.quick_ratio() > ratio and matcher.ratio() > ratio:
                best, ratio = name, matcher.ratio()
    return best


def _argv(a: dict[str, Any], b: dict[str, Any]) -> Iterator[Change]:
    left, right = a.get("command") or {}, b.get("command") or {}
    one, other = _words(left.get("argv") or [], a), _words(right.get("argv") or [], b)
    if one != other:
        yield Change("argv", "argv", " ".join(one), " ".join(other), _differing(one, other))
    for change in _mapping("argv", left.get("flags") or {}, right.get("flags") or {}):
        yield dataclasses.replace(change, name=f"interpreter flag {change.name}")
    if left.get("cwd") != right.get("cwd"):
        yield Change("cwd", "cwd", left.get("cwd"), right.get("cwd"), bits=False)


def _words(argv: Sequence[str], manifest: dict[str, Any]) -> list[str]:
    words = [_relative(word, manifest) for word in argv]
    if words and os.path.basename(words[0]).startswith("python"):
        # Where the interpreter lies says nothing; its version is compared as python.
        words[0] = "python"
    return words


def _differing(one: list[str], other: list[str]) -> str:
    left, right = Counter(one), Counter(other)
    if left == right:
        return "the same arguments in another order"
    gone, new = " ".join((left - right).elements()), " ".join((right - left).elements())
    return "; ".join(part for part in (gone and f"without {gone}", new and f"with {new}") if part)


def _seeds(a: dict[str, Any], b: dict[str, Any]) -> Iterator[Change]:
    left, right = (_by_call((side.get("entropy") or {}).get("seeds") or []) for side in (a, b))
    for key in [*left, *(key for key in right if key not in left)]:
        one, other = left.get(key), right.get(key)
        values = [None if seed is None else _text(seed.get("value")) for seed in (one, other)]
        if values[0] != values[1] or (one is None) != (other is None):
            seed = one or other or {}
            process, lib, fn, nth = key
            name = f"{lib}.{fn}" + (f" (call {nth + 1})" if nth else "")
            where = " ".join(str(part) for part in (seed.get("site"), seed.get("origin")) if part)
            yield Change("seed", name, values[0], values[1], f"{where} in {process}" if process != "rank0" else where)


def _by_call(seeds: list[dict[str, Any]]) -> dict[tuple[str, str, str, int], dict[str, Any]]:
    counts: Counter[tuple[str, str, str]] = Counter()
    found = {}
    for seed in seeds:
        key = (str(seed.get("process", "rank0")), str(seed.get("lib")), str(seed.get("fn")))
        call = (*key, counts[key])
        found[call] = seed
        counts[key] += 1
    return found


def _inputs(a: dict[str, Any], b: dict[str, Any]) -> Iterator[Change]:
    left, right = (
        {_relative(item["path"], side): item.get("digest") for item in side.get("inputs") or []} for side in (a, b)
    )
    gone = {path: digest for path, digest in left.items() if path not in right}
    new = {path: digest for path, digest in right.items() if path not in left}
    for path in sorted(left.keys() & right.keys()):
        if left[path] != right[path]:
            yield Change("input", path, left[path], right[path], "other content")
    for path in sorted(gone):
        moved = next((other for other in sorted(new) if new[other] == gone[path] is not None), None)
        if moved is None:
            yield Change("input", path, gone[path] or "read", None, "only the baseline read it")
        else:
            del new[moved]
            yield Change("input", path, path, moved, SAME_CONTENT, bits=False)
    for path in sorted(new):
        yield Change("input", path, None, new[path] or "read", "only the candidate read it")
    listed, others = (
        {
            _relative(item["path"], side): item.get("entries") or []
            for item in side.get("listings") or []
            if not item.get("beside")
        }
        for side in (a, b)
    )
    for path in sorted(listed.keys() & others.keys()):
        one, other = listed[path], others[path]
        if one != other:
            order = sorted(one) == sorted(other)
            detail = "the same names in another order" if order else _differing(one, other)
            yield Change("input", f"{path}/ (listing)", f"{len(one)} names", f"{len(other)} names", detail)


def _environment(a: dict[str, Any], b: dict[str, Any]) -> Iterator[Change]:
    hash_seeds = all((side.get("entropy") or {}).get("hash_seed") for side in (a, b))
    for change in compare_environments(a.get("environment") or {}, b.get("environment") or {}):
        if change.name == "PYTHONHASHSEED" and hash_seeds:
            continue
        kind = _ENVIRONMENT.get(change.kind, change.kind)
        yield Change(kind, change.name, change.recorded, change.current, bits=change.severity == "bits")


def _entropy(a: dict[str, Any], b: dict[str, Any]) -> Iterator[Change]:
    left, right = a.get("entropy") or {}, b.get("entropy") or {}
    one, other = left.get("hash_seed") or {}, right.get("hash_seed") or {}
    if one.get("value") != other.get("value"):
        chosen = [side for side, seed in (("baseline", one), ("candidate", other)) if seed.get("chosen")]
        detail = f"not set by the user in the {' and the '.join(chosen)}" if chosen else ""
        yield Change("entropy", "PYTHONHASHSEED", one.get("value"), other.get("value"), detail)
    names = [", ".join(side.get("unseeded") or []) or None for side in (left, right)]
    if names[0] != names[1]:
        yield Change("entropy", "unseeded", names[0], names[1])


def _git(a: dict[str, Any], b: dict[str, Any]) -> Iterator[Change]:
    left, right = ((side.get("code") or {}).get("git") or {} for side in (a, b))
    for name in ("commit", "branch", "dirty"):
        if left.get(name) != right.get(name) and (left or right):
            yield Change("git", name, _text(left.get(name)), _text(right.get(name)), bits=False)
