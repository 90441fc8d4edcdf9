"""What a record says of one run, as the sections of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...record.better import best, direction
from ..quantities import count, digest, duration, number, size
from ..tables import command_text
from .markup import Html, el, facts, join, section, table

Data = Mapping[str, Any]

_MARKS = {
    **{"finished": "✓", "failed": "✗", "interrupted": "◌", "running": "●", "unreadable": "?", "missing": "?"},
    **{"identical": "✓", "equivalent": "≈", "diverged": "✗", "not-replayable": "?"},
}
_LIBRARIES = ("torch", "numpy", "jax", "keras", "tensorflow", "scikit-learn", "transformers", "lightning", "accelerate")
_SHOWN = 400
"""Rows of a table that a page has; the others are counted."""


def badge(word: str, more: str = "") -> Html:
    """A status or a verdict, with its mark."""
    return el("span", f"{_MARKS.get(word, '')} {word}{more}".strip(), class_=f"badge {word}")


def standing(verdicts: Sequence[Data]) -> Data | None:
    """The verdict that counts: the last one that is not of a run with fresh entropy."""
    found = [one for one in verdicts if not one.get("fresh_entropy")]
    return found[-1] if found else None


def head(run: Data, verdicts: Sequence[Data], detail: str = "") -> Html:
    """What the run was: name, status, verdict, command, times."""
    command = run.get("command") or {}
    used = run.get("resources") or {}
    more = f", signal {run['signal']}" if run.get("signal") else ""
    if not more and run.get("exit_code"):
        more = f", exit code {run['exit_code']}"
    verdict = standing(verdicts)
    marks = [badge(str(run.get("status")), more), badge(str(verdict.get("verdict"))) if verdict else None]
    if run.get("recipe"):
        gaps = len(run.get("gaps") or ())
        marks.append(
            el("span", "complete", class_="badge complete")
            if run.get("complete")
            else el("span", f"! {count(gaps, 'gap')}", class_="badge gaps")
        )
    started = str(run.get("started") or "")
    where = " on ".join(str(part) for part in (command.get("user"), command.get("host")) if part)
    trial = run.get("trial_of") or {}
    imported = run.get("imported") or {}
    cpu = (used.get("user") or 0.0) + (used.get("system") or 0.0)
    told = [
        ("experiment", run.get("experiment")),
        ("tags", [el("span", tag, class_="tag") for tag in run.get("tags") or ()]),
        ("note", run.get("note")),
        (
            "started",
            el("time", f"{started.partition('.')[0].replace('T', ' ').rstrip('Z')} UTC", title=started)
            if started
            else None,
        ),
        ("took", duration(used["wall"]) if used.get("wall") is not None else None),
        (
            "used",
            f"{size(used['peak_rss'])} of memory at most, {duration(cpu)} of CPU time"
            if used.get("peak_rss")
            else None,
        ),
        ("by", where),
        ("in", command.get("cwd") if command.get("cwd") != "." else None),
        ("trial", f"job {trial.get('job')} of the sweep {trial.get('run')}" if trial else None),
        ("replay of", run.get("replay_of")),
        ("resumes", run.get("resumes")),
        ("imported", f"from {imported['from']}, {imported['place']}; it cannot be verified" if imported else None),
        ("settings", "deterministic" if (run.get("settings") or {}).get("deterministic") else None),
        ("recipe", _digest(run.get("recipe"))),
        ("result", _digest(run.get("result"))),
    ]
    title = el("h1", el("b", run.get("run")), el("span", run["name"], class_="name") if run.get("name") else None)
    return el(
        "header",
        title,
        el("p", marks, el("span", detail, class_="detail") if detail else None),
        el("pre", command_text(command.get("argv") or []), class_="command"),
        facts(told),
    )


def params(run: Data) -> Html:
    """Params, and where each came from."""
    origins = run.get("origins") or {}
    rows = []
    for name, value in list((run.get("params") or {}).items())[:_SHOWN]:
        origin = origins.get(name) or {}
        told = " ".join(str(part) for part in (origin.get("kind"), origin.get("where")) if part)
        rows.append((name, el("td", _value(value), class_="v"), el("td", told, class_="dim")))
    return section("Params", table(rows) if rows else None, _more(run.get("params") or (), _SHOWN), slug="params")


def metrics(found: Mapping[str, Data]) -> Html:
    """Summaries of the metrics."""
    rows = [
        (
            *(name, _value(one.get("last")), _value(best(name, one)) if direction(name) else ""),
            *(_value(one.get("min")), _value(one.get("max")), f"{one.get('count') or 0:,}"),
        )
        for name, one in list(found.items())[:_SHOWN]
    ]
    heads = ("metric", "last", "best", "min", "max", "points")
    return section(
        "Metrics", table(rows, heads, range(1, 6)) if rows else None, _more(found, _SHOWN), slug="metrics", folded=False
    )


def files(title: str, found: Sequence[Data]) -> Html:
    """Inputs or outputs."""
    rows = [
        (
            one.get("path"),
            size(one.get("size")),
            el("td", _digest(one.get("digest"))),
            el("td", one.get("how"), class_="dim"),
        )
        for one in found[:_SHOWN]
    ]
    total = sum(one.get("size") or 0 for one in found)
    remark = f"{count(len(found), 'file')}, {size(total)}"
    return section(
        title,
        table(rows, numbers=(1,)) if rows else None,
        _more(found, _SHOWN),
        remark=remark,
        slug=title.lower(),
        folded=len(found) > 12,
    )


def configs(run: Data) -> Html:
    """The configs that Hydra composed."""
    found = run.get("configs") or []
    blocks = []
    for one in found[:20]:
        number_ = one.get("num") if one.get("num") is not None else ""
        error = one.get("error") or {}
        told = [
            ("overrides", " ".join(map(str, one.get("overrides") or ())) or "none"),
            ("choices", ", ".join(f"{key}={value}" for key, value in (one.get("choices") or {}).items())),
            ("output", one.get("output_dir")),
            ("error", f"{error.get('type')}: {error.get('message')}" if error else None),
            ("not read", ", ".join(map(str, one.get("unused") or ()))),
        ]
        blocks.append(
            [el("h3", f"{one.get('job') or 'compose'} {number_}".strip(), el("small", one.get("status"))), facts(told)]
        )
    return section("Configs", blocks, _more(found, 20), slug="configs", folded=len(found) > 3)


def trials(run: Data) -> Html:
    """The trials of a sweep."""
    found = run.get("trials") or []
    rows = [
        (
            f"{one.get('job')}",
            one.get("run") or "",
            badge(str(one.get("status"))),
            " ".join(map(str, one.get("overrides") or ())),
        )
        for one in found[:_SHOWN]
    ]
    return section(
        "Trials",
        table(rows, ("job", "run", "status", "overrides")) if rows else None,
        _more(found, _SHOWN),
        slug="trials",
    )


def code(run: Data, patch: str = "") -> Html:
    """Files of the program, git, and what was not committed."""
    found = run.get("code") or {}
    git = found.get("git") or {}
    told = [
        ("commit", el("code", git.get("commit"))) if git.get("commit") else ("commit", None),
        ("branch", git.get("branch")),
        ("remote", git.get("remote")),
        (
            "state",
            ("with changes that are not committed" if git.get("dirty") else "clean") if git.get("commit") else None,
        ),
        ("files", count(len(found.get("files") or ()), "file") if found.get("files") else None),
    ]
    rows = [
        (one.get("path"), size(one.get("size")), el("td", _digest(one.get("digest"))))
        for one in (found.get("files") or ())[:_SHOWN]
    ]
    return section(
        "Code",
        facts(told),
        el("details", el("summary", "changes that are not committed"), diff_lines(patch), class_="printed")
        if patch
        else None,
        el("details", el("summary", "files"), table(rows, numbers=(1,))) if rows else None,
        slug="code",
    )


def diff_lines(patch: str) -> Html:
    """A patch, its lines coloured."""
    kinds = {"+++": "file", "---": "file", "@@": "place", "+": "add", "-": "del"}

    def line(text: str) -> Html:
        kind = next((kind for start, kind in kinds.items() if text.startswith(start)), None)
        return el("span", text + "\n", class_=kind)

    return el("pre", [line(text) for text in patch.rstrip().split("\n")], class_="patch")


def container(run: Data) -> Html:
    """Image, mounts and limits of a run in a container."""
    found = run.get("container")
    if not found:
        return Html("")
    image, build = found.get("image") or {}, found.get("build") or {}
    limits = [
        f"{key} {found[key]}" for key in ("gpus", "cpus", "memory", "shm_size", "network", "user") if found.get(key)
    ]
    told = [
        (
            "image",
            f"{found.get('name')}, {str(image.get('id'))[7:19]}, by {found.get('engine')} {found.get('engine_version') or ''}",
        ),
        ("made of", f"the lock {build['lock'][7:19]} on {build.get('base')}" if build.get("lock") else None),
        (
            "mounts",
            [
                el("div", f"{one['source']} at {one['target']}{', read-only' if one['readonly'] else ''}")
                for one in found.get("mounts") or ()
            ],
        ),
        ("settings", ", ".join([*limits, *(f"port {port}" for port in found.get("ports") or ())])),
    ]
    return section("Container", facts(told), slug="container")


def environment(run: Data) -> Html:
    """Python, packages, machine."""
    found = run.get("environment") or {}
    if not any(found.values()):
        return Html("")
    python, system, cpu = found.get("python") or {}, found.get("platform") or {}, found.get("cpu") or {}
    distributions = found.get("distributions") or []
    versions = {str(one.get("name")).lower(): one.get("version") for one in distributions}
    cores = " / ".join(f"{cpu[key]} {key}" for key in ("physical", "logical") if cpu.get(key))
    torch = (found.get("libraries") or {}).get("torch") or {}
    told = [
        ("python", " ".join(str(python[key]) for key in ("version", "implementation", "prefix") if python.get(key))),
        ("libraries", ", ".join(f"{name} {versions[name]}" for name in _LIBRARIES if name in versions)),
        (
            "system",
            ", ".join(
                str(system[key])
                for key in ("os", "kernel", "machine", "libc", "container")
                if isinstance(system.get(key), str)
            ),
        ),
        ("memory", size(system["memory"]) if system.get("memory") else None),
        ("cpu", ", ".join(part for part in (cpu.get("model"), f"{cores} cores" if cores else "") if part)),
        ("gpu", [el("div", f"{gpu.get('name')}, driver {gpu.get('driver')}") for gpu in found.get("gpus") or ()]),
        (
            "torch",
            ", ".join(
                f"{key} {torch[key]}"
                for key in ("threads", "cuda", "cudnn", "cpu_capability")
                if torch.get(key) is not None
            ),
        ),
        (
            "variables",
            [el("div", el("code", f"{name}={value}")) for name, value in (found.get("variables") or {}).items()],
        ),
    ]
    rows = [
        (one.get("name"), one.get("version"), el("td", "editable" if one.get("editable") else "", class_="dim"))
        for one in distributions
    ]
    packages = el("details", el("summary", count(len(rows), "distribution")), table(rows)) if rows else None
    return section("Environment", facts(told), packages, slug="environment")


def entropy(run: Data) -> Html:
    """Seeds, generators, what was drawn."""
    found = run.get("entropy") or {}
    if not any(found.values()):
        return Html("")
    hash_seed = found.get("hash_seed") or {}
    origins = {"clock": "from the clock", "none": "unseeded"}
    rows = [
        (
            f"{one.get('lib')}.{one.get('fn')}",
            _value(one.get("value")),
            one.get("site") or "",
            origins.get(str(one.get("origin")), ""),
        )
        for one in (found.get("seeds") or ())[:_SHOWN]
    ]
    kept = (count(found.get("states") or 0, "start state"), count(found.get("draws") or 0, "system draw"))
    told = [
        (
            "hash seed",
            f"{hash_seed.get('value')}{' (chosen by reenact, as Python would have)' if hash_seed.get('chosen') else ''}"
            if hash_seed
            else None,
        ),
        ("unseeded", ", ".join(map(str, found.get("unseeded") or ()))),
        ("recorded", ", ".join(kept)),
    ]
    return section(
        "Entropy", facts(told), table(rows, ("seeded by", "value", "at", "")) if rows else None, slug="entropy"
    )


def completeness(run: Data) -> Html:
    """What the record knows that it missed, and what may make another result."""
    if not run.get("recipe"):
        return Html("")
    gaps, hazards = run.get("gaps") or [], run.get("hazards") or []
    traces = [
        f"{one.get('process')}: {count(one.get('steps') or 0, 'step')}, {count(one.get('events') or 0, 'event')}"
        for one in run.get("traces") or ()
    ]
    whole = (
        "nothing that a replay needs is known to be missing"
        if run.get("complete")
        else "something is known to be missing"
    )
    return section(
        "Completeness",
        facts(
            [
                ("record", f"{'complete' if run.get('complete') else 'not complete'}: {whole}"),
                ("trace", [el("div", one) for one in traces]),
            ]
        ),
        _remarks("gaps", gaps, "process"),
        _remarks("hazards", hazards, "site"),
        slug="completeness",
    )


def _remarks(title: str, found: Sequence[Data], place: str) -> Html:
    rows = [
        (
            el("td", el("b", one.get("id"))),
            one.get("detail"),
            el("td", one.get(place) or "", class_="dim"),
            "a replay needs it" if one.get("replay") else "",
        )
        for one in found[:_SHOWN]
    ]
    return join([el("h3", title), table(rows), _more(found, _SHOWN)]) if rows else Html("")


def log(text: str, total: int) -> Html:
    """The end of what the run wrote to the terminal.

    Args:
        total: bytes of the whole.
    """
    shown = len(text.encode("utf-8", "replace"))
    remark = size(total) + (f", the last {size(shown)} of them" if shown < total else "")
    return section("Log", el("pre", text, class_="log") if text else None, remark=remark, slug="log", folded=False)


def _digest(value: Any) -> Html | None:
    return el("code", digest(str(value)), title=str(value)) if value else None


def _value(value: Any) -> Html | str:
    """A value, short; the whole of it is told under the pointer."""
    short = "" if value is None else number(value)
    exact = repr(value) if isinstance(value, float) else short
    if len(short) > 300:
        return el("details", el("summary", short[:120] + "…"), short, class_="printed")
    return el("span", short, title=exact) if exact != short else short


def _more(found: Any, shown: int) -> Html | None:
    return el("p", f"… and {len(found) - shown:,} more", class_="dim") if len(found) > shown else None
