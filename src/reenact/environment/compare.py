"""What differs between two environments, as a list of changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["python", "package", "hardware", "gpu", "driver", "variable", "library", "os"]


@dataclass(frozen=True)
class EnvChange:
    """One thing that is not as it was."""

    kind: Kind
    name: str
    """``torch``, ``cpu model``, ``OMP_NUM_THREADS``, ``torch.config`` …"""
    recorded: str | None
    """None: it was not there."""
    current: str | None
    """None: it is not there now."""
    severity: Literal["bits", "minor"]
    """``bits``: known to change the numbers that a run computes; ``minor``: hardly ever does."""


_SIMD_TEXT = """
    sse ssse avx fma f16c amx bmi asimd neon sve sme fp16 bf16 i8mm vsx feat_fp16 feat_bf16 feat_i8mm feat_sme advsimd
"""
_SIMD = tuple(_SIMD_TEXT.split())
# Paths, output, credentials and caches: they decide where, not what.
_MINOR_TEXT = """
    HF_ PYTHON LANG LC_CTYPE TZ TRANSFORMERS_ TORCH_HOME NVIDIA_VISIBLE CUDA_HOME CUDA_PATH TORCH_EXTENSIONS_DIR
    TORCH_LOGS TF_CPP_MIN_LOG_LEVEL MALLOC_ NCCL_DEBUG
"""
_MINOR_VARIABLES = tuple(_MINOR_TEXT.split())
_PLATFORM: dict[str, tuple[Kind, Literal["bits", "minor"]]] = {
    "system": ("os", "bits"),
    "os": ("os", "minor"),
    "kernel": ("os", "minor"),
    "libc": ("os", "bits"),
    "machine": ("hardware", "bits"),
    "container": ("os", "minor"),
    "cpu_limit": ("hardware", "minor"),
}
_CPU = {"model": "cpu model", "vendor": "cpu vendor", "logical": "logical cores", "physical": "physical cores"}
_CPU |= {"affinity": "usable cores"}
_PYTHON: dict[str, Literal["bits", "minor"]] = {"version": "bits", "implementation": "bits", "machine": "bits"}
_PYTHON |= {"abi": "minor", "compiler": "minor", "libc": "minor"}


def compare(recorded: Mapping[str, Any], current: Mapping[str, Any]) -> list[EnvChange]:
    """Every difference between two ``environment`` objects of a manifest, those that change bits first.

    What one side does not know (None, or absent) is not a difference. Memory, host name, where an environment lies and
    which of several equal GPUs it is do not count. ``libraries`` are compared where both sides have any: before a
    command has run there are none. Interpreter flags belong to the command.
    """
    changes = [
        *_python(recorded.get("python") or {}, current.get("python") or {}),
        *_packages(recorded.get("distributions") or [], current.get("distributions") or []),
        *_machine(recorded, current),
        *_gpus(recorded.get("gpus") or [], current.get("gpus") or []),
        *_variables(recorded.get("variables") or {}, current.get("variables") or {}),
    ]
    libraries = recorded.get("libraries") or {}, current.get("libraries") or {}
    if all(libraries):
        changes += _libraries("", *libraries)
    return sorted(changes, key=lambda change: change.severity != "bits")


def _python(recorded: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[EnvChange]:
    for key, severity in _PYTHON.items():
        a, b = recorded.get(key), current.get(key)
        if a and b and a != b:
            yield EnvChange("python", key, str(a), str(b), severity)


def _packages(recorded: list[dict[str, Any]], current: list[dict[str, Any]]) -> Iterator[EnvChange]:
    mine, theirs = ({dist["name"]: dist for dist in dists} for dists in (recorded, current))
    for name in sorted(mine.keys() | theirs.keys()):
        a, b = mine.get(name), theirs.get(name)
        if a is None or b is None:
            known = a or b or {}
            there = str(known.get("version"))
            yield EnvChange("package", name, there if a else None, there if b else None, "bits" if a else "minor")
        elif a["version"] != b["version"]:
            yield EnvChange("package", name, a["version"], b["version"], "bits")
        elif _commit(a) != _commit(b):
            yield EnvChange("package", name, _build(a), _build(b), "bits")
        elif _differ(a, b, "fingerprint"):
            # An editable install's RECORD holds only where its source lies; the source is recorded as code.
            yield EnvChange("package", name, _build(a), _build(b), "minor" if _both(a, b, "editable") else "bits")
        elif bool(a.get("editable")) != bool(b.get("editable")) or _differ(a, b, "tag"):
            yield EnvChange("package", name, _build(a), _build(b), "minor")


def _differ(a: Mapping[str, Any], b: Mapping[str, Any], key: str) -> bool:
    return _both(a, b, key) and a[key] != b[key]


def _both(a: Mapping[str, Any], b: Mapping[str, Any], key: str) -> bool:
    return bool(a.get(key)) and bool(b.get(key))


def _commit(dist: Mapping[str, Any]) -> str | None:
    return (dist.get("vcs") or {}).get("commit")


def _build(dist: Mapping[str, Any]) -> str:
    """A version with what tells two builds of it apart."""
    parts = [dist["version"]]
    if _commit(dist):
        parts.append(f"commit {str(_commit(dist))[:12]}")
    if dist.get("editable"):
        parts.append("editable")
    if dist.get("tag"):
        parts.append(str(dist["tag"]).split(",")[0])
    if dist.get("fingerprint"):
        parts.append(str(dist["fingerprint"]).split(":")[-1][:12])
    return parts[0] if len(parts) == 1 else f"{parts[0]} ({', '.join(parts[1:])})"


def _machine(recorded: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[EnvChange]:
    a, b = recorded.get("cpu") or {}, current.get("cpu") or {}
    for key, name in _CPU.items():
        if _differ(a, b, key):
            yield EnvChange("hardware", name, str(a[key]), str(b[key]), "bits")
    gone = sorted(set(a.get("flags") or ()) - set(b.get("flags") or ()))
    new = sorted(set(b.get("flags") or ()) - set(a.get("flags") or ()))
    if (gone or new) and _both(a, b, "flags"):
        simd = any(flag.startswith(_SIMD) for flag in gone + new)
        yield EnvChange(
            "hardware", "cpu flags", " ".join(gone) or None, " ".join(new) or None, "bits" if simd else "minor"
        )
    if _differ(a, b, "caches"):
        # Matrix kernels choose their blocking, and so the order of their sums, by cache sizes.
        yield EnvChange("hardware", "cpu caches", _sizes(a["caches"]), _sizes(b["caches"]), "bits")
    one, two = recorded.get("platform") or {}, current.get("platform") or {}
    for key, (kind, severity) in _PLATFORM.items():
        optional = key == "cpu_limit" and key in one and key in two and one[key] != two[key]
        if optional or _differ(one, two, key):
            shown = [None if side.get(key) is None else str(side[key]) for side in (one, two)]
            yield EnvChange(kind, key, shown[0], shown[1], severity)


def _sizes(caches: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {size // 1024} KiB" for name, size in sorted(caches.items()))


def _gpus(recorded: list[dict[str, Any]], current: list[dict[str, Any]]) -> Iterator[EnvChange]:
    if len(recorded) != len(current):
        yield EnvChange("gpu", "count", str(len(recorded)), str(len(current)), "bits")
    for n in range(max(len(recorded), len(current))):
        a = recorded[n] if n < len(recorded) else {}
        b = current[n] if n < len(current) else {}
        if a.get("name") != b.get("name"):
            yield EnvChange("gpu", f"gpu {n}", a.get("name"), b.get("name"), "bits")
        elif _differ(a, b, "memory"):
            shown = [f"{side['name']}, {side['memory'] >> 20} MiB" for side in (a, b)]
            yield EnvChange("gpu", f"gpu {n}", shown[0], shown[1], "minor")
    drivers = [sorted({gpu["driver"] for gpu in side if gpu.get("driver")}) for side in (recorded, current)]
    if all(drivers) and drivers[0] != drivers[1]:
        yield EnvChange("driver", "gpu driver", ", ".join(drivers[0]), ", ".join(drivers[1]), "minor")


def _variables(recorded: Mapping[str, str], current: Mapping[str, str]) -> Iterator[EnvChange]:
    for name in sorted(recorded.keys() | current.keys()):
        a, b = recorded.get(name), current.get(name)
        if a != b:
            bits = name == "PYTHONHASHSEED" or not name.startswith(_MINOR_VARIABLES)
            yield EnvChange("variable", name, a, b, "bits" if bits else "minor")


def _libraries(prefix: str, recorded: Mapping[str, Any], current: Mapping[str, Any]) -> Iterator[EnvChange]:
    for key in sorted(recorded.keys() | current.keys()):
        a, b = recorded.get(key), current.get(key)
        name = f"{prefix}{key}"
        if isinstance(a, Mapping) and isinstance(b, Mapping):
            yield from _libraries(f"{name}.", a, b)
        elif a != b:
            yield EnvChange("library", name, *_lines(a, b), "bits")


def _lines(a: Any, b: Any) -> tuple[str | None, str | None]:
    """Both values as text; of two long texts only the lines that the other does not have."""
    one, two = (None if value is None else str(value) for value in (a, b))
    if one is None or two is None or "\n" not in one + two:
        return one, two
    mine, theirs = one.splitlines(), two.splitlines()
    left = [line.strip() for line in mine if line not in theirs]
    right = [line.strip() for line in theirs if line not in mine]
    return ("\n".join(left), "\n".join(right)) if left or right else (one, two)
