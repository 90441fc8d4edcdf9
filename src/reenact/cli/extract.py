"""``reenact extract``: a script with hyperparameters in its code becomes a Hydra app that is proven to compute the same."""

from __future__ import annotations

import difflib
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import ReenactError

QUICK_STEPS = 20


@click.command(name="extract", short_help="Turn a script's hyperparameters into a Hydra config.")
@click.argument("script", metavar="SCRIPT")
@click.option("--write", is_flag=True, help="Write without asking.")
@click.option("--out", metavar="DIR", help="Write the app and its conf/ there, and leave the script as it is.")
@click.option("--typed", is_flag=True, help="Write dataclasses too, so that Hydra checks the types of values.")
@click.option("--seed", default=0, show_default=True, help="Seed for libraries that the script does not seed.")
@click.option("--quick", is_flag=True, help=f"Prove on the first {QUICK_STEPS} steps only.")
@click.option("--force", is_flag=True, help="Write although the proof failed, or files are there already.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def command(
    script: str, write: bool, out: str | None, typed: bool, seed: int, quick: bool, force: bool, as_json: bool
) -> int:
    """Take the hyperparameters out of SCRIPT into conf/ (groups model, training and experiment), and prove it.

    The script becomes a Hydra app. The original and the app run in a copy of the project, with the same seeds, and every
    training step, what they print and what they write is compared to the bit. What is not proven is not written.
    """
    from ..replay.prove import prove
    from ..static.extract import rewrite
    from ..static.extract.literals import literals
    from ..static.module import Module, Unreadable
    from ..store.project import find_root

    path = Path(os.path.abspath(script))
    data = _read(path, script)
    try:
        module = Module(script, data)
    except Unreadable as problem:
        raise ReenactError(
            "not-python", f"{script} cannot be read as Python: {problem}", valid="a Python script"
        ) from problem
    found = literals(module)
    made = rewrite(module, found, path.name, seed, typed)
    if not made.values and not made.seeds:
        raise ReenactError(
            "nothing-to-extract",
            f"{script} has no hyperparameter in its code, and seeds what it draws from",
            exit_code=1,
        )
    target = Path(os.path.abspath(out)) if out else path.parent
    source = made.source.replace("\n", "\r\n") if b"\r\n" in data else made.source
    new = {target / path.name: source, **{target / "conf" / name: text for name, text in made.files.items()}}
    _check(new, path, force)
    if not as_json:
        _show(path, script, module.text, made)
        if not (write or out) and not _agreed():
            click.echo("nothing was written: --write does it, --out DIR writes elsewhere", err=True)
            return 0
    root = find_root(str(path.parent))
    say = (lambda _: None) if as_json else (lambda text: click.echo(f"reenact: {text}", err=True))
    proof = prove(path, root, source, made.files, made.seeds, seed, QUICK_STEPS if quick else None, say)
    writes = (bool(write or out) or not as_json) and (proof.verdict == "identical" or force)
    if writes:
        for file, text in new.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="")
    _tell(as_json, proof, made, writes, target)
    return 0 if proof.verdict == "identical" else 1


def _read(path: Path, shown: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReenactError("no-script", f"cannot read {shown}: {error.strerror}", valid="a Python script") from error


def _check(new: dict[Path, str], script: Path, force: bool) -> None:
    """Nothing of the user's is overwritten but the script itself."""
    taken = [file for file, text in new.items() if file != script and file.exists() and file.read_text() != text]
    if taken and not force:
        names = ", ".join(os.path.relpath(file) for file in taken)
        raise ReenactError(
            "exists", f"there already: {names}", fix="--out DIR writes elsewhere, --force overwrites", exit_code=1
        )


def _show(path: Path, script: str, before: str, made: Any) -> None:
    lines = difflib.unified_diff(
        before.splitlines(), made.source.splitlines(), f"a/{path.name}", f"b/{path.name}", lineterm=""
    )
    for name, text in made.files.items():
        added = difflib.unified_diff([], text.splitlines(), "/dev/null", f"b/conf/{name}", lineterm="")
        lines = _chained(lines, added)
    for line in lines:
        click.secho(line, fg={"+": "green", "-": "red", "@": "cyan"}.get(line[:1]))
    for line in made.left:
        click.echo(f"reenact: {script}: stays in the code: {line}", err=True)


def _chained(first: Any, second: Any) -> Any:
    yield from first
    yield from second


def _agreed() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty() and click.confirm("Write this if it is proven?", err=True)


def _tell(as_json: bool, proof: Any, made: Any, written: bool, target: Path) -> None:
    if as_json:
        data = {
            "verdict": proof.verdict,
            "reason": proof.reason,
            "steps_compared": proof.steps,
            "whole": proof.whole,
            "written": written,
            "params": [{"name": f"{v.group}.{v.name}", "value": v.value, "where": v.where} for v in made.values],
            "seeded": list(made.seeds),
            "left": list(made.left),
        }
        click.echo(json.dumps(data))
        return
    if proof.verdict == "identical":
        files = f", {proof.outputs} file{'s' * (proof.outputs != 1)} and all that is printed"
        click.echo(f"identical: {proof.steps} training steps{files if proof.whole else ''} are the same to the bit")
    else:
        click.echo(f"{proof.verdict}: {proof.reason}")
    where = os.path.relpath(target)
    click.echo(
        f"written to {where}"
        if written
        else "nothing was written" + ("" if proof.verdict == "identical" else "; --force does")
    )
