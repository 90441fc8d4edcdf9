"""What a verification found, with the verdict as its last word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import IO, Any

from rich.text import Text

from . import difference, marks
from .console import console
from .lines import Lines
from .quantities import count, duration, plain


def render_verdict(data: Mapping[str, Any], stream: IO[str]) -> None:
    """Print the data of ``reenact verify --json`` for a person; see `verdict_text`."""
    out = console(stream)
    out.print(verdict_text(data, out.width))


def verdict_text(data: Mapping[str, Any], width: int = 80) -> Text:
    """The report of a verification.

    Args:
        data: {verdict, baseline, candidate, steps_compared, first_difference, outputs, causes, gaps}; used where they
            are there: steps, outputs_compared, baseline_status, exit_code {baseline, candidate}, differences (of the environment),
            seconds {baseline, candidate}.
        width: columns.
    """
    lines = Lines(width)
    first = data.get("first_difference")
    seconds = data.get("seconds") or {}
    lines.field(
        "baseline", Text().append(plain(data.get("baseline")), style="bold").append_text(_took(seconds, "baseline"))
    )
    if data.get("candidate"):
        lines.field("candidate", Text(plain(data["candidate"])).append_text(_took(seconds, "candidate")))
    lines.field("steps", _steps(data))
    _exit_codes(lines, data.get("exit_code") or {}, bool(data.get("outputs_compared", True)))
    _differences(lines, data)
    _configs(lines, data.get("configs") or [])
    difference.first_difference(lines, first, "")
    difference.causes(lines, data.get("causes") or [])
    difference.outputs(lines, data.get("outputs") or [], only=("the baseline", "the candidate"))
    if data.get("outputs_compared") is False:
        lines.heading("outputs")
        why = "the replay was stopped at the first difference (--no-stop goes on)"
        if data.get("baseline_status") == "interrupted" and not first:
            why = "the baseline was interrupted before its own end"
        lines.sentence(f"not compared: {why}", indent=2)
    difference.gaps(lines, data.get("gaps") or [])
    word = str(data.get("verdict") or "unknown")
    lines.blank()
    lines.add("verdict: ", (plain(word).upper(), f"bold {marks.verdict_style(word)}".strip()), _closing(word, first))
    return lines.text()


def _took(seconds: Mapping[str, Any], key: str) -> Text:
    value = seconds.get(key)
    return Text(f"  {duration(value)}", style="dim") if isinstance(value, (int, float)) else Text()


def _steps(data: Mapping[str, Any]) -> str:
    equal = data.get("steps_compared") or 0
    total = data.get("steps")
    if not equal and not total:
        return "none: no training step was traced"
    if data.get("first_difference"):
        return f"{equal:,} of {total:,} equal before the first difference" if total else f"{equal:,} equal before it"
    return f"{equal:,} of {total:,} compared and equal" if total else f"{count(equal, 'step')} compared and equal"


def _exit_codes(lines: Lines, codes: Mapping[str, Any], ended: bool) -> None:
    baseline, candidate = codes.get("baseline"), codes.get("candidate")
    if ended and baseline != candidate:
        lines.field("exit code", f"{candidate}, but {baseline} in the baseline")


def _differences(lines: Lines, data: Mapping[str, Any]) -> None:
    found = data.get("differences") or []
    if not found:
        return
    lines.heading("environment", f"{count(len(found), 'difference')} from the record")
    for one in found[:10]:
        minor = "" if one.get("severity") != "minor" else "  (hardly ever changes numbers)"
        now, before = (_value(one.get(key)) for key in ("current", "recorded"))
        what = f"{plain(one.get('kind'))} {plain(one.get('name'))}"
        lines.sentence(f"{what}: recorded {before}, now {now}{minor}", indent=2)
    if len(found) > 10:
        lines.add((f"… and {len(found) - 10} more (--json lists all)", "dim"), indent=2)


def _configs(lines: Lines, found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        return
    lines.heading("config", f"{count(len(found), 'difference')} in what Hydra composed")
    for one in found[:10]:
        number = f"config {one.get('config')}: " if one.get("config") else ""
        number = number if one.get("job") is None else f"job {one.get('job')}: "
        before, now = (_value(one.get(key)) for key in ("baseline", "candidate"))
        lines.sentence(f"{number}{plain(one.get('key') or 'the whole config')}: recorded {before}, now {now}", indent=2)
    if len(found) > 10:
        lines.add((f"… and {len(found) - 10} more (--json lists all)", "dim"), indent=2)


def _value(value: Any) -> str:
    return "(none)" if value is None else plain(value)


def _closing(word: str, first: Mapping[str, Any] | None) -> str:
    if word == "diverged" and first is not None:
        step = first.get("step")
        where = "before the first step" if step == -1 else f"at step {step}"
        return f"  first {where}, in {plain(first.get('kind'))}"
    return {
        "identical": "  the same bits",
        "equivalent": "  within the tolerance",
        "diverged": "  the traces are equal, what came out is not",
    }.get(word, "")
