"""The parts that a verdict and a diff have in common: the first difference, causes, outputs, gaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from . import marks
from .lines import LABEL, Lines
from .quantities import count, number, plain

_MOST = 10
_TOLD = (
    *("process", "rank", "step", "kind", "name", "dtype", "shape", "why", "baseline_value", "candidate_value"),
    *("sampled_before", "possibly", "note"),
    "generators",
)


def first_difference(
    lines: Lines, found: Mapping[str, Any] | None, none: str, names: tuple[str, str] = ("the baseline", "the candidate")
) -> None:
    """The first event that differs, with everything that is known of it.

    Args:
        found: {rank, step, kind, name} and more, or None.
        none: what to say then; nothing when empty.
        names: what to call the two runs.
    """
    if found is None:
        if none:
            lines.heading("first difference")
            lines.sentence(none, indent=2)
        return
    lines.heading("first difference")
    step = found.get("step")
    where = "before the first step" if step == -1 else f"step {step}"
    process = found.get("process") or f"rank{found.get('rank', 0)}"
    lines.add((f"{where}, {plain(found.get('kind'))}", "bold"), f" {plain(found.get('name'))}", indent=2)
    form = " ".join([plain(found["dtype"])] if found.get("dtype") else [])
    if found.get("shape") is not None:
        form += f" [{', '.join(str(side) for side in found['shape'])}]"
    _fact(lines, "tensor", form.strip())
    _fact(lines, "process", plain(process) if process != "rank0" else "")
    _fact(lines, "how", why_told(str(found.get("why")), names))
    for label, key in zip(names, ("baseline_value", "candidate_value")):
        if found.get(key) is not None:
            _fact(lines, label.removeprefix("the "), plain(found[key]))
    drawn = [plain(one.get("name")) for one in found.get("generators") or [] if one.get("drawn")]
    _fact(lines, "generators", f"{', '.join(drawn)}: in another state, and drawn from" if drawn else "")
    for key, value in found.items():
        if key not in _TOLD and value not in (None, "", [], {}):
            _fact(lines, plain(key).replace("_", " "), number(value))
    maybe = [f"{plain(one.get('kind'))} of step {one.get('step')}" for one in found.get("possibly") or []]
    if maybe:
        _fact(lines, "or earlier", f"{', '.join(maybe)}: not sampled there")
    if found.get("note"):
        lines.sentence(plain(found["note"]), indent=2)


def causes(lines: Lines, found: Sequence[Mapping[str, Any]]) -> None:
    """The causes, most likely first, with evidence and fix."""
    if not found:
        return
    lines.heading("causes", "most likely first" if len(found) > 1 else "")
    for cause in found:
        confidence = cause.get("confidence")
        share = f"{100 * confidence:.0f} %" if isinstance(confidence, (int, float)) else ""
        lines.add((plain(cause.get("id")), "bold"), (f"  {share}", LABEL), indent=2)
        if cause.get("evidence"):
            lines.sentence(plain(cause["evidence"]), indent=4)
        if cause.get("fix"):
            lines.sentence(plain(cause["fix"]), indent=4, lead=Text("fix: ", style="green"))


def outputs(lines: Lines, found: Sequence[Mapping[str, Any]], *, only: tuple[str, str]) -> None:
    """How the outputs compare: those that differ and those with a remark by name, the others counted.

    Args:
        only: what to call the two runs.
    """
    if not found:
        return
    same = [one for one in found if one.get("equal")]
    passed = [one for one in found if not one.get("equal") and one.get("how") == "ignored"]
    differ = [one for one in found if not one.get("equal") and one.get("how") != "ignored"]
    parts = [f"{len(same)} of {len(found)} equal"] + ([f"{len(passed)} ignored"] if passed else [])
    lines.heading("outputs", ", ".join(parts))
    for one in differ:
        _output(lines, one, only)
    remarks = [one for one in same if one.get("detail") or one.get("how") not in (None, "bytes")]
    for one in remarks[:_MOST]:
        _output(lines, one, only)
    silent = [one for one in same if one not in remarks]
    rest = Counter(str(one.get("how") or "bytes") for one in [*remarks[_MOST:], *silent])
    if len(silent) == 1 and len(rest) == 1 and len(remarks) <= _MOST:
        _output(lines, silent[0], only)
    else:
        for how, many in rest.items():
            lines.add(marks.equal(True), f" {count(many, 'file')} equal", (f"  {how_told(how, only)}", LABEL), indent=2)
    for one in passed:
        lines.add(("- ", LABEL), plain(one.get("path")), ("  ignored", LABEL), indent=2)
        if one.get("detail"):
            lines.sentence(plain(one["detail"]), indent=4)


def gaps(lines: Lines, found: Sequence[Any]) -> None:
    """What the records know that they missed."""
    if not found:
        return
    lines.heading("gaps", "what the record knows that it missed")
    for gap in found[:_MOST]:
        if isinstance(gap, Mapping):
            detail = plain(gap.get("detail") or "")
            lines.sentence(detail, indent=2, lead=Text(f"! {plain(gap.get('id'))}  ", style="yellow"))
        else:
            lines.sentence(plain(gap), indent=2, lead=Text("! ", style="yellow"))
    if len(found) > _MOST:
        lines.add((f"… and {len(found) - _MOST} more (--json lists all)", LABEL), indent=2)


def _output(lines: Lines, one: Mapping[str, Any], only: tuple[str, str]) -> None:
    how = how_told(str(one.get("how") or ""), only)
    lines.add(marks.equal(bool(one.get("equal"))), " " + plain(one.get("path")), (f"  {how}", LABEL), indent=2)
    if one.get("detail"):
        lines.sentence(plain(one["detail"]), indent=4)


def how_told(how: str, only: tuple[str, str]) -> str:
    """How two files were compared, in words; ``only`` is what to call the two runs."""
    fixed = {
        "only-in-baseline": f"only in {only[0]}",
        "only-in-candidate": f"only in {only[1]}",
        "unavailable": "its content is not at hand",
        "dates-masked": "apart from embedded dates",
        "tolerance": "within the tolerance",
        "": "",
    }
    return fixed.get(how, f"by {how}")


def why_told(why: str, names: tuple[str, str]) -> str:
    """What is different of an event other than its bits; empty where it is those."""
    return {
        "missing": f"only {names[0]} has this event",
        "extra": f"only {names[1]} has this event",
        "shape": "it has another shape or dtype",
        "dtype": "it has another dtype",
    }.get(why, "")


def _fact(lines: Lines, label: str, value: str) -> None:
    if value:
        lines.field(label, value, indent=4)
