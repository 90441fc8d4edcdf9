"""The configs that Hydra composed in a run, out of its journals: values, where each came from, which were never read."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import layout
from .atomic import write_atomic
from .schema import Config, Hazard, Origin
from .yamltext import yaml_text

if TYPE_CHECKING:
    from .params.base import Context

UNUSED = "config-key-unused"
"""Id of the hazard that names an override which the program never read."""

_REFERENCE = re.compile(r"\$\{([A-Za-z_][\w./-]*(?:\.[\w-]+)*)\}$")
_STATUS = ("completed", "failed", "ended")


@dataclass
class Composed:
    """One composed config.

    Attributes:
        process: identity of the process that it was for.
        event: its ``hydra`` event.
        composition: the ``compose`` event that tells how it came about; empty when that is not known.
        status: ``completed``, ``failed``, ``ended`` (without a word of Hydra's) or ``unknown``.
        unread: keys that nobody asked for; None when that is not known.
        error: type and message of what ended the job, or None.
        returned: what the job's function gave to the sweeper, where that is a number, a text, or several.
    """

    process: str
    event: dict[str, Any]
    composition: dict[str, Any]
    root: str
    status: str = "unknown"
    unread: list[str] | None = None
    error: dict[str, str] | None = None
    returned: Any = None
    _values: dict[str, Any] | None = field(default=None, repr=False)

    @property
    def is_job(self) -> bool:
        return self.event.get("kind") == "job"

    @property
    def number(self) -> int | None:
        """Number of the job in a multirun."""
        number = self.event.get("num")
        return number if isinstance(number, int) else None

    @property
    def overrides(self) -> list[str]:
        """The words that changed it, without those for Hydra itself."""
        words = self.event.get("overrides")
        if words is None:
            words = [w for w in self.composition.get("overrides") or [] if not str(w).lstrip("+~").startswith("hydra")]
        return [str(word) for word in words]

    @property
    def values(self) -> dict[str, Any]:
        """Leaves by dotted name; what is missing (``???``) is left out, a reference to another key is looked up."""
        if self._values is None:
            raw = dict(flat(self.event.get("config")))
            self._values = {
                name: value for name, value in ((n, _followed(v, raw)) for n, v in raw.items()) if value != "???"
            }
        return self._values

    def origin(self, name: str) -> Origin:
        """Where the value of a key came from: the last override that says it, else the last config that does."""
        for change in reversed(self.composition.get("keys") or []):
            if _covers(str(change.get("key")), name):
                return Origin("override", str(change.get("word")))
        for layer in reversed(self.composition.get("layers") or []):
            if any(_covers(key, name) for key in layer.get("keys") or []):
                return self._layer_origin(layer)
        return Origin("config", None)

    def _layer_origin(self, layer: dict[str, Any]) -> Origin:
        file = self.file_of(layer)
        group = layer.get("group")
        if not group:
            return Origin("config", file)
        option = str(layer.get("config")).rsplit("/", 1)[-1]
        chosen = (self.composition.get("choices") or {}).get(group, option)
        return Origin("choice", f"{group}={chosen} ({file})")

    def file_of(self, layer: dict[str, Any]) -> str:
        """The file of a layer, relative to the project's root where it lies inside; else where Hydra says it is."""
        source, name = str(layer.get("source") or ""), str(layer.get("config"))
        if source.startswith("structured:") or layer.get("structured"):
            return f"ConfigStore {name}"
        folder = source.split("://", 1)[-1]
        if source.startswith("pkg:"):
            known = (one for one in self.composition.get("sources") or [] if one.get("path") == folder)
            folder = next((one["folder"] for one in known if one.get("folder")), None) or source
        path = f"{folder.rstrip('/')}/{name}" + ("" if name.endswith((".yaml", ".yml")) else ".yaml")
        return os.path.relpath(path, self.root) if path.startswith(self.root.rstrip("/") + "/") else path

    def unread_overrides(self) -> Iterator[tuple[str, str]]:
        """(key, word) of the overrides of which nothing was read."""
        if self.unread is None or self.status not in ("completed", "ended"):
            return
        unread, values = set(self.unread), dict(flat(self.event.get("config")))
        for change in self.composition.get("keys") or []:
            key = str(change.get("key"))
            names = [name for name in values if _covers(key, name)]
            if not change.get("delete") and names and unread.issuperset(_parents_cut(names, unread)):
                yield key, str(change.get("word"))


def flat(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Leaves of plain data by dotted name; a list that holds lists or mappings is gone into, by number."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from flat(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(tree, list) and any(isinstance(item, (dict, list)) for item in tree):
        for index, value in enumerate(tree):
            yield from flat(value, f"{prefix}.{index}")
    elif prefix:
        yield prefix, tree


def composed(context: Context) -> list[Composed]:
    """Every config that a run composed: of the first rank and its children, in the order of jobs, else of processes and of time."""
    found: list[Composed] = []
    compositions: list[tuple[str, dict[str, Any]]] = []
    root = os.path.normpath(context.start.root)
    ours = {p: events for p, events in context.journals.items() if re.match(r"(rank0|launcher|job\d+)(?![0-9])", p)}
    for process, events in ours.items():
        compositions += [(process, event) for event in events if event["e"] == "compose" and "error" not in event]
    for process, events in ours.items():
        mine = {}
        for event in events:
            if event["e"] == "hydra":
                mine[event.get("n")] = one = Composed(process, event, _composition(process, event, compositions), root)
                found.append(one)
            elif event["e"] == "config-read" and event.get("config") in mine and "status" in event:
                one = mine[event["config"]]
                one.status = event["status"] if event["status"] in _STATUS else "unknown"
                one.unread, one.returned = event.get("unread"), event.get("returned")
                told = event.get("error")
                one.error = {key: str(text) for key, text in told.items()} if isinstance(told, dict) else None
        for number, one in mine.items():
            _read_by_children(one, number, process, ours)
    # Workers take the jobs of a multirun as they come.
    return sorted(found, key=lambda one: one.number if one.number is not None else -1)


def _composition(process: str, event: dict[str, Any], known: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    number = event.get("compose")
    if number is not None:
        composer = event.get("composer", process)
        return next((one for where, one in known if where == composer and one.get("n") == number), {})
    # Composed in the process that launched this one.
    for _, one in known:
        words = [word for word in one.get("overrides") or [] if not str(word).lstrip("+~").startswith("hydra")]
        if words == event.get("overrides") and one.get("config_name") == event.get("config_name"):
            return one
    return {}


def _read_by_children(one: Composed, number: Any, process: str, journals: dict[str, list[dict[str, Any]]]) -> None:
    if one.unread is None:
        return
    read = {
        name
        for other, events in journals.items()
        if other.startswith(process + ".")
        for event in events
        if event["e"] == "config-read" and event.get("config") == number
        for name in event.get("read") or ()
    }
    one.unread = [name for name in one.unread if name not in read]


def configs(context: Context) -> list[Config]:
    """The configs for the manifest; the text of each is written to ``config/`` of the run folder."""
    result = []
    every = composed(context)
    jobs = sum(one.is_job for one in every)
    for index, one in enumerate(every):
        text = yaml_text(one.event.get("config") or {}).encode("utf-8", "surrogatepass")
        path = f"{layout.CONFIG}/{index}.yaml"
        os.makedirs(context.folder / layout.CONFIG, exist_ok=True)
        write_atomic(context.folder / path, text)
        about, event = one.composition, one.event
        output = event.get("output_dir")
        result.append(
            Config(
                kind="job" if one.is_job else "compose",
                process=one.process,
                number=int(event.get("n") or 0),
                path=path,
                digest="sha256:" + hashlib.sha256(text).hexdigest(),
                job=event.get("job"),
                num=one.number,
                config_name=event.get("config_name") or about.get("config_name"),
                overrides=one.overrides,
                choices=about.get("choices") or {},
                sources=[{k: v for k, v in s.items() if v is not None} for s in about.get("sources") or []],
                files=[one.file_of(layer) for layer in about.get("layers") or []],
                version=about.get("version"),
                version_base=about.get("version_base"),
                launcher=event.get("launcher"),
                mode=event.get("mode"),
                output_dir=_relative(output, one.root) if isinstance(output, str) else None,
                logs=[_relative(str(path), one.root) for path in event.get("logs") or []],
                status=one.status,  # type: ignore[arg-type]
                error=one.error,
                unused=one.unread,
                params=dict(one.values) if jobs > 1 and one.is_job else {},
            )
        )
    return result


def notices(context: Context, exit_code: int | None) -> list[Hazard]:
    """A hazard for each override that the program never read: it may be a slip of the pen."""
    found: dict[str, Hazard] = {}
    for one in composed(context):
        if one.status == "ended" and exit_code != 0:
            continue
        for key, word in one.unread_overrides():
            detail = f"{word} was given, and the program never read {key}"
            # A close name that is read is what was meant, as a rule.
            others = [name for name in one.values if name != key and name not in (one.unread or ())]
            close = difflib.get_close_matches(key, others, 1, 0.75)
            detail += f"; did you mean {close[0]}?" if close else ""
            found.setdefault(word, Hazard(UNUSED, detail, None, one.process))
    return list(found.values())


def last_error(events: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The composition that failed last, of a journal; None when a config came out after it."""
    told = [event for event in events if event["e"] in ("compose", "hydra")]
    return told[-1] if told and "error" in told[-1] else None


def _followed(value: Any, raw: dict[str, Any]) -> Any:
    """What ``${other.key}`` stands for, as far as the config alone tells."""
    for _ in range(10):
        match = _REFERENCE.match(value) if isinstance(value, str) else None
        if match is None or match[1] not in raw:
            return value
        value = raw[match[1]]
    return value


def _covers(key: str, name: str) -> bool:
    return name == key or name.startswith(key + ".")


def _parents_cut(names: list[str], unread: set[str]) -> set[str]:
    """Names as they are watched: a list is one key, whatever it holds."""
    found = set()
    for name in names:
        while name not in unread and name.rsplit(".", 1)[-1].isdigit():
            name = name.rsplit(".", 1)[0]
        found.add(name)
    return found


def _relative(path: str, root: str) -> str:
    return os.path.relpath(path, root) if path == root or path.startswith(root.rstrip("/") + "/") else path
