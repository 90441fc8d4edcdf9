"""Everything a record says of one run, as ``reenact show`` prints it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from . import marks
from .lines import LABEL, Lines
from .quantities import ago, count, digest, duration, number, plain, size
from .tables import command_text

MOST = 12
"""Entries of a long list that are shown; the others are counted."""

_LIBRARIES = ("torch", "numpy", "jax", "keras", "tensorflow", "scikit-learn", "transformers", "lightning", "accelerate")


def render_show(
    manifest: Mapping[str, Any],
    *,
    labels: Mapping[str, Any] | None = None,
    verdicts: Sequence[Mapping[str, Any]] = (),
    folder: str = "",
    detail: str = "",
    width: int = 80,
    everything: bool = False,
    now: datetime | None = None,
) -> Text:
    """The run as a report in sections.

    Args:
        manifest: the manifest as plain data; of a run that is not sealed, what is known of it (sections without
            anything known are left out).
        labels: name, tags and note as they are now; the manifest's when None.
        verdicts: predicates of its verdicts, oldest first.
        folder: the run folder, where it is worth showing.
        detail: a word on the status.
        width: columns.
        everything: do not shorten lists.
        now: the present when None.
    """
    lines = Lines(width)
    most = None if everything else MOST
    _head(lines, {**manifest, **(labels or {})}, folder, detail, now)
    _pairs(lines, "params", manifest.get("params") or {}, most)
    _configs(lines, manifest.get("configs") or [], most)
    _trials(lines, manifest.get("trials") or [], most)
    _metrics(lines, manifest.get("metrics") or {}, most)
    _media(lines, manifest.get("media") or {}, most)
    _files(lines, "inputs", manifest.get("inputs") or [], most)
    _files(lines, "outputs", manifest.get("outputs") or [], most)
    _code(lines, manifest.get("code") or {}, most)
    _container(lines, manifest.get("container") or {})
    _environment(lines, manifest.get("environment") or {}, most)
    _entropy(lines, manifest.get("entropy") or {}, most)
    _trace(lines, manifest, most)
    _remarks(lines, "hazards", manifest.get("hazards") or [], "site", most)
    _remarks(lines, "gaps", manifest.get("gaps") or [], "process", most)
    _verdicts(lines, verdicts)
    return lines.text()


def _head(lines: Lines, run: Mapping[str, Any], folder: str, detail: str, now: datetime | None) -> None:
    command = run.get("command") or {}
    title = Text().append(plain(run.get("run")), style="bold")
    if run.get("name"):
        title.append("  " + plain(run["name"]), style="cyan")
    lines.add(title)
    lines.field("command", command_text(command.get("argv") or []))
    status = marks.status(str(run.get("status")))
    if run.get("signal"):
        status.append(f", signal {run['signal']}")
    elif run.get("exit_code") is not None:
        status.append(f", exit code {run['exit_code']}")
    if detail:
        status.append(f" ({plain(detail)})", style=LABEL)
    lines.field("status", status)
    used = run.get("resources") or {}
    took = f", took {duration(used['wall'])}" if used.get("wall") is not None else ""
    lines.field("started", f"{plain(run.get('started'))} ({ago(run.get('started'), now)}){took}")
    if used.get("peak_rss") is not None:
        cpu = (used.get("user") or 0.0) + (used.get("system") or 0.0)
        lines.field("used", f"{size(used['peak_rss'])} of memory at most, {duration(cpu)} of CPU time")
    if run.get("trial_of"):
        lines.field("trial", f"job {run['trial_of']['job']} of the sweep {plain(run['trial_of']['run'])}")
    if run.get("imported"):
        told = run["imported"]
        lines.field("imported", f"from {plain(told.get('from'))}, {plain(told.get('place'))}; it cannot be verified")
    for label in ("experiment", "note", "replay_of", "resumes"):
        if run.get(label):
            lines.field(label.replace("_", " "), plain(run[label]))
    if run.get("tags"):
        lines.field("tags", ", ".join(plain(tag) for tag in run["tags"]))
    where = " on ".join(plain(part) for part in (command.get("user"), command.get("host")) if part)
    if where:
        lines.field("by", where)
    if command.get("cwd") not in (None, "", "."):
        lines.field("in", plain(command["cwd"]))
    if (run.get("settings") or {}).get("deterministic"):
        lines.field("settings", "deterministic")
    for label in ("recipe", "result"):
        if run.get(label):
            lines.field(label, digest(run[label]))
    if folder:
        lines.field("folder", plain(folder))


def _pairs(lines: Lines, title: str, pairs: Mapping[str, Any], most: int | None) -> None:
    if not pairs:
        return
    lines.heading(title)
    items = list(pairs.items())
    lines.table([[Text(plain(name)), number(value)] for name, value in items[:most]], indent=2)
    _more(lines, len(items), most)


def _configs(lines: Lines, configs: Sequence[Mapping[str, Any]], most: int | None) -> None:
    if not configs:
        return
    jobs = sum(one.get("kind") == "job" for one in configs)
    lines.heading("configs", count(jobs, "job") + (f", {len(configs) - jobs} composed" if jobs < len(configs) else ""))
    for one in configs[:most]:
        number = one.get("num") if one.get("num") is not None else ""
        title = f"{plain(one.get('job') or 'compose')} {number}".strip()
        words = " ".join(plain(word) for word in one.get("overrides") or []) or "no overrides"
        lines.sentence(f"{words}, {plain(one.get('status'))}", indent=2, lead=Text(f"{title}  ", style="bold"))

        def field(label: str, text: str) -> None:
            if text:
                lines.field(label, text, indent=4, label_width=9)

        field("choices", ", ".join(f"{plain(k)}={plain(v)}" for k, v in (one.get("choices") or {}).items()))
        field("output", plain(one.get("output_dir") or ""))
        error = one.get("error") or {}
        field("error", plain(f"{error.get('type')}: {error.get('message')}") if error else "")
        unused = one.get("unused") or []
        left = f" and {len(unused) - most} more" if most is not None and len(unused) > most else ""
        field("not read", ", ".join(plain(name) for name in unused[:most]) + left)
        field("file", plain(one.get("path") or ""))
    _more(lines, len(configs), most)


def _trials(lines: Lines, trials: Sequence[Mapping[str, Any]], most: int | None) -> None:
    if not trials:
        return
    left = sum(one.get("status") not in ("completed", "failed", "running", "waiting") for one in trials)
    lines.heading(
        "trials", count(len(trials), "job") + (f", {left} to go on with (reenact sweep resume)" if left else "")
    )
    rows = [[plain(one.get("run") or f"job {one.get('job')}"), plain(one.get("status"))] for one in trials[:most]]
    lines.table(rows, indent=2)
    _more(lines, len(trials), most)


def _metrics(lines: Lines, metrics: Mapping[str, Mapping[str, Any]], most: int | None) -> None:
    if not metrics:
        return
    lines.heading("metrics")
    keys = ("last", "min", "max", "count")
    rows: list[list[Text | str]] = [["", *(Text(key, style=LABEL) for key in keys)]]
    for name, metric in list(metrics.items())[:most]:
        rows.append([plain(name), *(number(metric[key]) if metric.get(key) is not None else "-" for key in keys)])
    lines.table(rows, indent=2, right=(1, 2, 3, 4))
    _more(lines, len(metrics), most)


def _media(lines: Lines, media: Mapping[str, Mapping[str, Any]], most: int | None) -> None:
    if not media:
        return
    lines.heading("media", size(sum(one["bytes"] for one in media.values())))
    rows: list[list[Text | str]] = [["", *(Text(key, style=LABEL) for key in ("kind", "count", "last step", "size"))]]
    for name, one in list(media.items())[:most]:
        rows.append([plain(name), one["kind"], f"{one['count']:,}", f"{one['step']:,}", size(one["bytes"])])
    lines.table(rows, indent=2, right=(2, 3, 4))
    _more(lines, len(media), most)


def _files(lines: Lines, title: str, files: Sequence[Mapping[str, Any]], most: int | None) -> None:
    if not files:
        return
    total = sum(file.get("size") or 0 for file in files)
    lines.heading(title, f"{count(len(files), 'file')}, {size(total)}")
    lines.table([_file(file) for file in files[:most]], indent=2, right=(1,))
    _more(lines, len(files), most)


def _file(file: Mapping[str, Any]) -> list[Text | str]:
    short = Text(digest(file["digest"]) if file.get("digest") else "not hashed", style=LABEL)
    return [plain(file.get("path")), size(file.get("size")), short]


def _code(lines: Lines, code: Mapping[str, Any], most: int | None) -> None:
    files, git = code.get("files") or [], code.get("git") or {}
    if not files and not git:
        return
    lines.heading("code", count(len(files), "file"))
    lines.table([_file(file) for file in files[:most]], indent=2, right=(1,))
    _more(lines, len(files), most)
    if git:
        branch = f" on {plain(git['branch'])}" if git.get("branch") else ""
        dirty = ", with uncommitted changes (code.patch)" if git.get("dirty") else ""
        lines.field("git", f"{plain(git.get('commit') or 'no commit')[:12]}{branch}{dirty}", indent=2, label_width=9)


def _container(lines: Lines, container: Mapping[str, Any]) -> None:
    if not container:
        return
    lines.heading("container")

    def field(label: str, *parts: Any) -> None:
        text = ", ".join(plain(part) for part in parts if part)
        if text:
            lines.field(label, text, indent=2, label_width=9)

    image, build = container["image"], container.get("build") or {}
    field(
        "image",
        container["name"],
        image["id"][7:19],
        f"by {container['engine']} {container['engine_version'] or ''}".rstrip(),
    )
    field(
        "made of",
        f"the lock {build['lock'][7:19]}" if build.get("lock") else "",
        f"on {build['base']}" if build.get("base") else "",
    )
    for mount in container["mounts"]:
        field("mount", f"{mount['source']} at {mount['target']}{', read-only' if mount['readonly'] else ''}")
    limits = [
        f"{key} {container[key]}"
        for key in ("gpus", "cpus", "memory", "shm_size", "network", "user")
        if container.get(key)
    ]
    field("settings", *limits, *(f"port {port}" for port in container["ports"]))


def _environment(lines: Lines, environment: Mapping[str, Any], most: int | None) -> None:
    if not any(environment.values()):
        return

    def field(label: str, *parts: Any) -> None:
        text = ", ".join(plain(part) for part in parts if part not in (None, "", [], {}))
        if text:
            lines.field(label, text, indent=2, label_width=9)

    lines.heading("environment")
    python = environment.get("python") or {}
    field("python", " ".join(str(python[key]) for key in ("version", "implementation") if python.get(key)), _of(python))
    distributions = environment.get("distributions") or []
    versions = {str(one.get("name")).lower(): one.get("version") for one in distributions}
    known = [f"{name} {versions[name]}" for name in _LIBRARIES if name in versions]
    field("packages", count(len(distributions), "distribution") if distributions else "", *known)
    changed = [str(one.get("name")) for one in distributions if one.get("editable")]
    field("editable", *changed[:most], f"and {len(changed) - most} more" if most and len(changed) > most else "")
    system = environment.get("platform") or {}
    memory = f"{size(system['memory'])} of memory" if system.get("memory") else ""
    words = (system.get(key) for key in ("os", "kernel", "machine", "libc", "container"))
    field("system", *(word for word in words if isinstance(word, str)), memory)
    cpu = environment.get("cpu") or {}
    cores = [f"{cpu[key]} {key}" for key in ("physical", "logical") if cpu.get(key)]
    field("cpu", cpu.get("model"), f"{' / '.join(cores)} cores" if cores else "")
    for gpu in environment.get("gpus") or []:
        field("gpu", gpu.get("name"), f"driver {gpu['driver']}" if gpu.get("driver") else "")
    torch = (environment.get("libraries") or {}).get("torch") or {}
    keys = ("threads", "cuda", "cudnn", "cpu_capability")
    field("torch", *(f"{key} {torch[key]}" for key in keys if torch.get(key) is not None))
    variables = environment.get("variables") or {}
    field("variables", *(f"{name}={value}" for name, value in variables.items()))


def _of(python: Mapping[str, Any]) -> str:
    return f"in {python['prefix']}" if python.get("prefix") else ""


def _entropy(lines: Lines, entropy: Mapping[str, Any], most: int | None) -> None:
    if not any(entropy.values()):
        return
    lines.heading("entropy")
    hash_seed = entropy.get("hash_seed") or {}
    if hash_seed:
        chosen = " (chosen by reenact, as Python would have at random)" if hash_seed.get("chosen") else ""
        lines.field("hash seed", plain(hash_seed.get("value")) + chosen, indent=2)
    seeds = entropy.get("seeds") or []
    for seed in seeds[:most]:
        origin = {"clock": ", from the clock", "none": ", unseeded"}.get(str(seed.get("origin")), "")
        site = f" at {plain(seed['site'])}" if seed.get("site") else ""
        call = f"{plain(seed.get('lib'))}.{plain(seed.get('fn'))}({number(seed.get('value'))})"
        lines.field("seed", f"{call}{site}{origin}", indent=2)
    _more(lines, len(seeds), most)
    if entropy.get("unseeded"):
        lines.field("unseeded", ", ".join(plain(lib) for lib in entropy["unseeded"]), indent=2)
    if entropy.get("draws") or entropy.get("states"):
        kept = [count(entropy.get("states") or 0, "start state"), count(entropy.get("draws") or 0, "system draw")]
        lines.field("recorded", ", ".join(kept), indent=2)


def _trace(lines: Lines, manifest: Mapping[str, Any], most: int | None) -> None:
    traces = manifest.get("traces") or []
    if not traces:
        return
    lines.heading("trace")
    for trace in traces[:most]:
        steps = count(trace.get("steps") or 0, "step")
        lines.field(plain(trace.get("process")), f"{steps}, {count(trace.get('events') or 0, 'event')}", indent=2)
    _more(lines, len(traces), most)


def _remarks(lines: Lines, title: str, items: Sequence[Mapping[str, Any]], place: str, most: int | None) -> None:
    if not items:
        return
    lines.heading(title, str(len(items)))
    for item in items[:most]:
        where = f" ({plain(item[place])})" if item.get(place) else ""
        needed = "; a replay needs it" if item.get("replay") else ""
        lead = Text(f"! {plain(item.get('id'))}  ", style="yellow")
        lines.sentence(f"{plain(item.get('detail'))}{where}{needed}", indent=2, lead=lead)
    _more(lines, len(items), most)


def _verdicts(lines: Lines, verdicts: Sequence[Mapping[str, Any]]) -> None:
    if not verdicts:
        return
    lines.heading("verdicts")
    for one in verdicts:
        first = one.get("first_difference") or {}
        step = first.get("step")
        at = "before the first step" if step == -1 else f"at step {step}"
        where = f", first {at} in {plain(first.get('kind'))}" if first else ""
        fresh = ", with fresh entropy" if one.get("fresh_entropy") else ""
        machine = plain((one.get("machine") or {}).get("host") or "?")
        told = f"{fresh}  {plain(one.get('when'))} by {plain(one.get('who') or '?')} on {machine}"
        lines.add(marks.verdict(str(one.get("verdict"))), (told, LABEL), indent=2)
        lines.add(
            f"candidate {plain(one.get('candidate'))}, {count(one.get('steps_compared') or 0, 'step')}{where}", indent=4
        )


def _more(lines: Lines, total: int, most: int | None) -> None:
    if most is not None and total > most:
        lines.add((f"… and {total - most} more (--all shows them)", LABEL), indent=2)
