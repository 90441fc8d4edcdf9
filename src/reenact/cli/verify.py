"""``reenact verify``: execute a run again and compare it to the bit."""

from __future__ import annotations

import json
import os
import sys

import click

EXIT = {"identical": 0, "equivalent": 0, "diverged": 1}


@click.command(name="verify", short_help="Execute a run again and compare it to the bit.")
@click.argument("run", metavar="RUN")
@click.option("--no-stop", is_flag=True, help="Go on to the end after the first difference.")
@click.option("--fresh-entropy", is_flag=True, help="Do not give the recorded entropy back: are all seeds set?")
@click.option("--ignore", multiple=True, metavar="PATTERN", help="Outputs not to compare; may be given several times.")
@click.option(
    "--tolerance", type=float, metavar="REL", help="Compare numbers by value, within this relative difference."
)
@click.option("--in-place-env", is_flag=True, help="Use the environment as it is, not the recorded one made again.")
@click.option("--python", metavar="PATH", help="Interpreter to use instead of the recorded one.")
@click.option("--stored-inputs", is_flag=True, help="Use the content that the store kept of inputs that have changed.")
@click.option("--allow-outside-writes", is_flag=True, help="Let the replay write outside the project.")
@click.option("--show-output", is_flag=True, help="Show what the replay prints.")
@click.option("--keep-workspace", is_flag=True, help="Leave the workspace of the replay where it is.")
@click.option("--json", "as_json", is_flag=True, help="End stdout with one JSON line.")
def command(
    run: str,
    no_stop: bool,
    fresh_entropy: bool,
    ignore: tuple[str, ...],
    tolerance: float | None,
    in_place_env: bool,
    python: str | None,
    stored_inputs: bool,
    allow_outside_writes: bool,
    show_output: bool,
    keep_workspace: bool,
    as_json: bool,
) -> int:
    """Execute RUN again from its record alone, and say whether it came out the same, to the bit.

    Exit code 0: identical (or equivalent, with --tolerance); 1: diverged; 3: it cannot be replayed.
    """
    from ..replay.compare import Tolerance
    from ..replay.verify import Options, verify
    from ..report.progress import VerifyProgress
    from ..report.verdict import render_verdict
    from ..store.project import Store
    from ..store.refs import resolve
    from .mirroring import judged

    store = Store.open(os.getcwd())
    options = Options(
        stop=not no_stop,
        fresh_entropy=fresh_entropy,
        stored_inputs=stored_inputs,
        allow_outside_writes=allow_outside_writes,
        ignore=ignore,
        tolerance=Tolerance(tolerance) if tolerance is not None else None,
        python=python,
        in_place_env=in_place_env,
        echo=show_output,
        keep=keep_workspace,
    )
    baseline = resolve(store, run)
    with VerifyProgress(sys.stderr) as progress:
        found = verify(store, baseline, options, progress)
    judged(store, baseline)
    if found.log_tail:
        sys.stderr.write("reenact: the replay's last lines:\n" + "".join(f"  {line}\n" for line in found.log_tail))
    if as_json:
        sys.stdout.write(json.dumps(found.data) + "\n")
    else:
        render_verdict(found.data, sys.stdout)
    return EXIT[found.verdict]
