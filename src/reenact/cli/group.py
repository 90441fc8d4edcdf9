"""The verbs, and the click group that imports each only when it is used."""

from __future__ import annotations

import os
from importlib import import_module

import click

from .. import __version__
from ..errors import ReenactError

VERBS: dict[str, tuple[str, str, str]] = {
    "run": ("Record and verify", "run:command", "Run a command and record it."),
    "verify": ("Record and verify", "verify:command", "Execute a run again and compare it to the bit."),
    "diff": ("Record and verify", "diff:command", "Say why two runs differ."),
    "sweep": ("Record and verify", "sweep:command", "Show a sweep, or go on with one that was cut short."),
    "init": ("Prepare", "init:command", "Write an experiment repository that works, or what is missing of one."),
    "scan": ("Prepare", "scan:command", "Say what in the code stands in the way of reproducing it."),
    "extract": ("Prepare", "extract:command", "Turn a script's hyperparameters into a Hydra config."),
    "lock": ("Prepare", "lock:command", "Lock the project's packages: pylock.toml."),
    "image": ("Prepare", "image:command", "Build, keep and exchange container images."),
    "env": ("Prepare", "env:command", "Make the environment of a run again, or compare environments."),
    "doctor": ("Prepare", "doctor:command", "Say what this machine lacks, and what mends it."),
    "ls": ("Look", "listing:ls", "List the runs."),
    "compare": ("Look", "compare:command", "Show runs side by side, with their curves."),
    "report": ("Look", "report:command", "Write runs as one HTML file."),
    "ui": ("Look", "ui:command", "Look at all runs in the browser."),
    "export": ("Look", "export:command", "Write params and metrics of runs as CSV, JSON or Parquet."),
    "show": ("Look", "inspect:show", "Show everything that is recorded of a run."),
    "logs": ("Look", "inspect:logs", "Print what a run wrote to the terminal."),
    "path": ("Look", "inspect:path", "Print where a run, or a file of it, lies."),
    "config": ("Look", "config:command", "Show the params of a script without running it."),
    "tensorboard": ("Look", "tensorboard:command", "Look at runs in TensorBoard."),
    "cp": ("Look", "containers:cp", "Copy what a run wrote."),
    "ps": ("Running", "running:ps", "List the runs that are going on."),
    "attach": ("Running", "running:attach", "Follow a run as if it had been started here."),
    "wait": ("Running", "running:wait", "Wait until runs have ended."),
    "stop": ("Running", "running:stop", "End a run that is going on."),
    "commit": ("Keep order", "containers:commit", "Keep what a run changed in its container, as an image."),
    "mirror": ("Keep order", "mirror:command", "Copy runs into a tracker."),
    "import": ("Keep order", "importing:command", "Import runs that something else recorded."),
    "publish": ("Keep order", "publish:command", "Write runs as small text for git."),
    "tag": ("Keep order", "labels:tag", "Tag a run, or remove tags."),
    "note": ("Keep order", "labels:note", "Print or set the note of a run."),
    "rm": ("Keep order", "storage:rm", "Remove runs."),
    "gc": ("Keep order", "storage:collect", "Remove what no run needs any more."),
    "du": ("Keep order", "storage:usage", "Show how large runs are."),
}
"""Each verb: its section of the help, ``module:attribute`` of its click command, one line about it."""


class LazyGroup(click.Group):
    """A group whose commands are named in `VERBS` and imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, attribute = VERBS[cmd_name][1].split(":")
        found = getattr(import_module(f"{__package__}.{module}"), attribute)
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS:
            raise unknown_verb(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in dict.fromkeys(section for section, _, _ in VERBS.values()):
            rows = [(verb, told) for verb, (of, _, told) in VERBS.items() if of == section]
            with formatter.section(section):
                formatter.write_dl(rows, col_max=12)


def unknown_verb(word: str) -> ReenactError:
    """The error for a word that is no verb, with the near ones."""
    import difflib

    near = difflib.get_close_matches(word, VERBS, n=3, cutoff=0.5)
    fix = "did you mean " + " or ".join(f"`reenact {verb}`" for verb in near) + "?" if near else None
    if fix is None and (word.endswith((".py", ".ipynb")) or os.sep in word):
        fix = f"to record it: `reenact run {word}`"
    return ReenactError(
        "unknown-verb", f"there is no command {word!r}", valid=", ".join(VERBS), fix=fix or "see `reenact --help`"
    )


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"reenact {__version__}")
        context.exit()


@click.group(
    name="reenact",
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="RUN is the beginning of a run id, a name, `last`, or `last~1` for the one before.",
)
@click.option("-C", "folders", metavar="DIR", multiple=True, help="Work as if started in DIR.")
@click.option(
    *("-V", "--version"),
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the version.",
)
@click.pass_context
def root(context: click.Context, folders: tuple[str, ...]) -> None:
    """Record a run, execute it again, and say whether it came out the same, to the bit.

    \b
    reenact run train.py lr=1e-3    watch it and record it
    reenact ls                      every earlier result
    reenact verify last             the same bits again? if not: where, and why
    """
    for folder in folders:
        _enter(folder)
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
        return
    try:
        os.getcwd()
    except OSError as error:
        raise ReenactError(
            "no-folder", "the current folder no longer exists", fix="go to one that does, or name one with -C"
        ) from error


def _enter(folder: str) -> None:
    try:
        os.chdir(folder)
    except OSError as error:
        raise ReenactError(
            "no-folder", f"cannot work in {folder}: {error.strerror}", valid="an existing folder"
        ) from error
    # As a shell would: a program that is started from here may trust PWD.
    os.environ["PWD"] = os.getcwd()
