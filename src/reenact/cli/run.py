"""``reenact run``: watch a command and record it."""

from __future__ import annotations

import json
import os
import shlex
import sys
from typing import Any

import click

from ..errors import ReenactError
from .contained import Wanted, contained


class _Run(click.Command):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        typed = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            # `python` was left out: its option was taken for one of ours.
            if error.option_name not in ("-m", "-c"):
                raise
            words = typed[next(i for i, word in enumerate(typed) if word.startswith(error.option_name)) :]
            raise ReenactError(
                "usage",
                f"`reenact run` has no option {error.option_name}: it is Python's",
                fix=f"`reenact run python {shlex.join(words)}`",
            ) from error


@click.command(
    name="run",
    cls=_Run,
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    short_help="Run a command and record it.",
)
@click.option("--name", metavar="NAME", help="A name for the run.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag; may be given several times.")
@click.option("--experiment", metavar="NAME", help="The group of runs that it belongs to.")
@click.option("--note", metavar="TEXT", help="A remark.")
@click.option("--deterministic", is_flag=True, help="Ask the frameworks for deterministic algorithms.")
@click.option("--once", is_flag=True, help="Do not run again what has been run before with the same recipe.")
@click.option(
    "--metrics-from-log",
    "templates",
    multiple=True,
    metavar="TEMPLATE",
    help="Metrics are what it prints like this: 'loss: {loss:f}'. Without it, the usual shapes are found.",
)
@click.option(
    "--mlflow/--no-mlflow",
    default=None,
    help="Copy it into MLflow while it goes on, by a process of its own (docs/trackers.md).",
)
@click.option("--python", metavar="PATH", help="Interpreter for scripts, instead of the python on PATH.")
@click.option(
    "-d", "--detach", is_flag=True, help="Return at once, and print the id: the run outlives the terminal and ssh."
)
@contained
@click.option("--json", "as_json", is_flag=True, help="End stdout with one JSON line about the run.")
@click.option("--quiet", is_flag=True, help="Say nothing but errors.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, required=False)
def command(
    name: str | None,
    tags: tuple[str, ...],
    experiment: str | None,
    note: str | None,
    deterministic: bool,
    once: bool,
    templates: tuple[str, ...],
    mlflow: bool | None,
    python: str | None,
    detach: bool,
    as_json: bool,
    quiet: bool,
    command: tuple[str, ...],
    **flags: Any,
) -> int:
    """Run COMMAND unchanged, watch it, and keep a complete record.

    COMMAND is `train.py ARGS`, `python -m package.module ARGS`, or any program after `--`. Options of reenact come before it.
    The exit code is the command's own.
    """
    from ..config.overrides import load, overrides, unread
    from ..record.printed import template
    from ..replay.command import resolve_command
    from ..replay.contained import check_inside
    from ..replay.session import Request
    from ..store.project import Store
    from ..store.refs import check_name
    from . import mirroring

    check_name(name)
    for text in templates:
        template(text)
    env = dict(os.environ)
    if python is not None:
        env["REENACT_PYTHON"] = python
    cwd = os.getcwd()
    wanted = Wanted.of(flags, command)
    if detach and flags["interactive"]:
        raise ReenactError("usage", "--interactive has no terminal to hand on with --detach", valid="one of them")
    if wanted is None:
        argv, kind = resolve_command(command, cwd, env)
    else:
        argv, kind = wanted.command(cwd, python)
    env.pop("REENACT_PYTHON", None)
    store = Store.open(cwd, create=True)
    settings = mirroring.wanted(store, mlflow)
    container = None
    if wanted is not None:
        container, env = wanted.container(store.root, env, lambda text: _say(quiet, text))
    sources = load(argv, kind, cwd, env)
    changes = overrides(argv, kind, sources, str(store.root))
    if words := unread(argv, kind, sources, changes):
        _say(quiet, _unread(words))
    request = Request(
        argv,
        kind,
        cwd,
        env,
        name,
        experiment,
        tags,
        note,
        deterministic,
        tuple(changes),
        container=container,
        metrics_from_log=templates,
    )
    if container is not None:
        check_inside(store, container, argv[0] if kind != "command" else None)
    earlier = _tried(store, request)
    if earlier is not None and once:
        _say(quiet, f"run before as {_described(earlier)}; not run again (--once)")
        _print_json(as_json, earlier)
        return earlier.exit_code or 0
    if earlier is not None:
        _say(quiet, f"run before as {_described(earlier)}")
    if detach:
        return _detached(store, request, quiet, as_json, settings)
    return record(store, request, quiet, as_json, earlier, settings)


def _unread(words: list[str]) -> str:
    from ..probe.redact import redact_argv

    told = " ".join(redact_argv(words)[0])
    return (
        f"warning: the script does not seem to read its command line: `{told}` changes nothing (options of reenact come"
        " before the script, and constants are NAME=VALUE without blanks)"
    )


def _detached(store: Any, request: Any, quiet: bool, as_json: bool, settings: Any) -> int:
    """Start a request in a process that goes on without us; its id on stdout."""
    from ..execute.daemon import leave
    from ..execute.detached import DetachedExecutor
    from ..replay.session import begin
    from . import mirroring

    def work(tell: Any) -> None:
        try:
            session = begin(store, request)

            def started() -> None:
                mirroring.begin(store, session.run, settings)
                tell(json.dumps({"run": session.run}))

            session.execute(DetachedExecutor(), echo=False, on_start=started)
        except ReenactError as error:
            fields = {"slug": error.slug, "what": error.what, "valid": error.valid, "fix": error.fix}
            tell(json.dumps({"error": {**fields, "exit_code": error.exit_code}}))

    report = json.loads(leave(work) or "{}")
    if "error" in report:
        raise ReenactError(**report["error"])
    if "run" not in report:
        raise ReenactError(
            "start-failed", "the run could not be started: the process that was to watch it has died", exit_code=1
        )
    sys.stdout.write((json.dumps(report) if as_json else report["run"]) + "\n")
    sys.stdout.flush()
    _say(
        quiet,
        f"started; `reenact logs -f {report['run']}` shows what it prints, `reenact stop {report['run']}` ends it",
    )
    return 0


def record(store: Any, request: Any, quiet: bool, as_json: bool, earlier: Any = None, settings: Any = None) -> int:
    """Execute a request, and tell what became of it; the exit code of the command.

    Args:
        settings: how it is copied into MLflow meanwhile; None for not at all.
    """
    from ..replay.session import begin
    from . import mirroring

    session = begin(store, request)
    copies: list[Any] = []
    try:
        manifest = session.execute(on_start=lambda: copies.append(mirroring.begin(store, session.run, settings)))
    except ReenactError as error:
        if session.exit is None:
            raise
        # The exit code is the command's, whatever becomes of the record.
        raise _not_sealed(error, session) from error
    _end_lines(session.within_line, quiet, as_json)
    _end(quiet, manifest, earlier)
    _tell_left(quiet, session.run_dir, manifest)
    _advise(quiet, session.run_dir, manifest)
    told = mirroring.end(copies[0], settings) if copies else None
    if told:
        _say(quiet, told)
    _print_json(as_json, manifest)
    return manifest.exit_code if manifest.exit_code is not None else 1


def _end_lines(unfinished: frozenset[int], quiet: bool, as_json: bool) -> None:
    """Put what we print on lines of its own, where the command stopped within one (descriptors 1, 2)."""
    terminal = sys.stdout.isatty() and sys.stderr.isatty()
    if not quiet and (2 in unfinished or (terminal and unfinished)):
        sys.stderr.write("\n")
        unfinished = frozenset() if terminal else unfinished
    if as_json and 1 in unfinished:
        sys.stdout.write("\n")


def _not_sealed(error: ReenactError, session: Any) -> ReenactError:
    return ReenactError(
        error.slug,
        f"the command has ended, but its record could not be sealed: {error.what}",
        fix=f"{error.fix}; the next reenact command seals {session.run}" if error.fix else None,
        exit_code=session.exit.exit_code,
    )


def _tried(store: Any, request: Any) -> Any:
    """An earlier run with the same recipe; the runs of another command are not looked into."""
    from ..probe.redact import redact_argv
    from ..replay.tried import LOOK_BACK, find_tried
    from ..store.index import Index

    words = redact_argv(request.argv)[0]
    with Index(store) as index:
        same = index.same_command(words, LOOK_BACK)
    return find_tried(store, request, same) if same else None


def _described(manifest: Any) -> str:
    parts = [manifest.run]
    if manifest.name:
        parts[0] += f" ({manifest.name})"
    parts.append(manifest.status)
    loss = manifest.metrics.get("loss")
    if loss is not None:
        parts.append(f"loss {loss.last:.6g}")
    return ", ".join(parts)


def _end(quiet: bool, manifest: Any, earlier: Any) -> None:
    from ..record.hydra import UNUSED

    text = f"recorded {manifest.run}"
    if manifest.status != "finished":
        text += f", {manifest.status}"
    steps = sum(trace.steps for trace in manifest.traces)
    if steps:
        text += f", {steps} step{'s' * (steps > 1)} traced"
    if manifest.gaps:
        text += f", {len(manifest.gaps)} gap{'s' * (len(manifest.gaps) > 1)} (reenact show {manifest.run})"
    if earlier is not None and earlier.recipe == manifest.recipe:
        text += _beside(earlier, manifest)
    _say(quiet, text)
    for hazard in manifest.hazards:
        if hazard.id == UNUSED:
            _say(quiet, hazard.detail)
    missing = sum(trial.status not in ("completed", "failed") for trial in manifest.trials)
    if missing:
        done = f"{len(manifest.trials) - missing} of {len(manifest.trials)} trials have ended"
        _say(quiet, f"{done}; go on with `reenact sweep resume {manifest.run}`")


def _beside(earlier: Any, manifest: Any) -> str:
    """A word on the result of the same recipe before; files with a time in them make it another one."""
    if earlier.result == manifest.result:
        return ", same result as before"
    steps, before = ([(one.process, one.core) for one in run.traces] for run in (manifest, earlier))
    same = steps == before and any(trace.steps for trace in manifest.traces) and earlier.exit_code == manifest.exit_code
    text = "the same steps as before, but other bytes in its files" if same else "the result differs from before"
    return f", {text} (reenact diff {earlier.run} {manifest.run})"


def _tell_left(quiet: bool, run_dir: Any, manifest: Any) -> None:
    """What a container keeps to itself is lost with it."""
    from ..record.container import load_container

    left = (load_container(run_dir) or {}).get("left") if manifest.container else None
    if left:
        more = f" and {len(left) - 3} more" if len(left) > 3 else ""
        _say(quiet, f"written in the container, outside of what is mounted: {', '.join(left[:3])}{more}")
        words = shlex.join(["reenact", "cp", f"{manifest.run}:{left[0]}", "."])
        _say(quiet, f"fetch it: `{words}`, or write into the project or a --mount")


def _advise(quiet: bool, run_dir: Any, manifest: Any) -> None:
    """Hydra has refused to compose a config, and has said so: what to type instead."""
    if quiet or manifest.status != "failed" or manifest.configs:
        return
    from ..record import layout
    from ..record.hydra import last_error
    from ..record.journal import read_journal
    from ..report.hydra import advice

    path = run_dir / layout.JOURNAL / "rank0.jsonl"
    error = last_error(read_journal(path).events) if path.exists() else None
    told = advice(error) if error is not None else None
    if told:
        _say(quiet, told)


def _say(quiet: bool, text: str) -> None:
    if not quiet:
        sys.stderr.write(f"reenact: {text}\n")
        sys.stderr.flush()


def _print_json(as_json: bool, manifest: Any) -> None:
    if as_json:
        keys = ("run", "status", "exit_code", "complete", "recipe", "result")
        sys.stdout.write(json.dumps({key: getattr(manifest, key) for key in keys}) + "\n")
        sys.stdout.flush()
