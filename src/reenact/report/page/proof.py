"""Verdicts, divergences and their causes as sections of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from ..difference import how_told, why_told
from ..quantities import count, digest, number
from .markup import Html, el, facts, join, section, table
from .sections import badge, diff_lines

Data = Mapping[str, Any]
SIDES = ("the baseline", "the candidate")
_MOST = 200


def verdicts(found: Sequence[Data]) -> Html:
    """Every verdict on a run, the last first."""
    blocks = []
    for one in reversed(found):
        machine = (one.get("machine") or {}).get("host")
        told = [
            ("candidate", one.get("candidate")),
            ("compared", count(one.get("steps_compared") or 0, "step")),
            ("when", " ".join(str(part) for part in (one.get("when"), *_by(one.get("who"), machine)))),
            ("tolerance", one.get("tolerance")),
        ]
        fresh = el("small", "with fresh entropy") if one.get("fresh_entropy") else None
        blocks.append(
            [
                el("h3", badge(str(one.get("verdict"))), fresh),
                facts(told),
                first_difference(one.get("first_difference"), SIDES),
                causes(one.get("causes") or ()),
                outputs(one.get("outputs") or (), SIDES),
                _differences(one.get("differences") or ()),
            ]
        )
    return section("Verdicts", blocks, slug="verdicts")


def diff(found: Data, names: tuple[str, str]) -> tuple[Html, Html]:
    """Why two runs differ, the data of ``reenact diff --json``: the first difference and its causes; everything that differs.

    Args:
        names: what to call the two.
    """
    steps = found.get("steps") or {}
    equal = "the traces are equal" if any(steps.values()) else "neither run has a trace of training"
    words: dict[Any, str] = {True: "the same", False: "different"}
    told = [
        ("recipe", words.get(found.get("same_recipe"))),
        ("result", words.get(found.get("same_result"))),
        ("steps", ", ".join(f"{name} {steps.get(side) or 0:,}" for name, side in zip(names, "ab"))),
    ]
    first = found.get("first_difference")
    why = section(
        "Divergence",
        facts(told),
        first_difference(first, names) if first else el("p", equal),
        causes(found.get("causes") or ()),
        slug="divergence",
    )
    inputs = section("What went in", _inputs(found.get("inputs") or (), names), remark="what differs", slug="went-in")
    return why, join([inputs, section("What came out", outputs(found.get("outputs") or (), names), slug="came-out")])


def first_difference(found: Data | None, names: tuple[str, str]) -> Html:
    """The first event that differs, with what is known of it."""
    if not found:
        return Html("")
    step = found.get("step")
    where = "before the first step" if step == -1 else f"step {step}"
    shape = found.get("shape")
    form = " ".join(
        str(part)
        for part in (found.get("dtype"), f"[{', '.join(map(str, shape))}]" if shape is not None else None)
        if part
    )
    process = found.get("process") or f"rank{found.get('rank', 0)}"
    drawn = [str(one.get("name")) for one in found.get("generators") or () if one.get("drawn")]
    maybe = [f"{one.get('kind')} of step {one.get('step')}" for one in found.get("possibly") or ()]
    told = [
        ("tensor", form),
        ("process", process if process != "rank0" else None),
        ("how", why_told(str(found.get("why")), names)),
        *(
            (name.removeprefix("the "), _exact(found.get(key)))
            for name, key in zip(names, ("baseline_value", "candidate_value"))
        ),
        ("apart", f"{found['ulps']:,} units in the last place" if found.get("ulps") is not None else None),
        ("generators", f"{', '.join(drawn)}: in another state, and drawn from" if drawn else None),
        ("or earlier", f"{', '.join(maybe)}: not sampled there" if maybe else None),
        ("note", found.get("note")),
    ]
    title = el("p", "first difference: ", el("b", f"{where}, {found.get('kind')}"), f" {found.get('name') or ''}")
    return el("div", title, facts(told), class_="first")


def causes(found: Sequence[Data]) -> Html:
    """The causes, most likely first, with evidence and fix."""
    rows = []
    for cause in found:
        share = cause.get("confidence")
        told = el("small", f"{100 * share:.0f} %") if isinstance(share, (int, float)) else None
        fix = el("p", el("b", "fix: "), cause["fix"]) if cause.get("fix") else None
        rows.append(el("li", el("b", cause.get("id")), told, el("p", cause.get("evidence") or ""), fix))
    return (
        join([el("h3", "causes", el("small", "most likely first")), el("ol", rows, class_="causes")])
        if rows
        else Html("")
    )


def outputs(found: Sequence[Data], names: tuple[str, str]) -> Html:
    """How the outputs compare; those that differ first."""
    if not found:
        return Html("")
    order = sorted(found, key=lambda one: bool(one.get("equal")))
    rows = [
        (
            el(
                "td",
                "✓" if one.get("equal") else "–" if one.get("how") == "ignored" else "✗",
                class_="yes" if one.get("equal") else "no",
            ),
            one.get("path"),
            el("td", how_told(str(one.get("how") or ""), names), class_="dim how"),
            one.get("detail") or "",
        )
        for one in order[:_MOST]
    ]
    same = sum(bool(one.get("equal")) for one in found)
    return join([el("h3", "outputs", el("small", f"{same} of {len(found)} equal")), table(rows)])


def _inputs(found: Sequence[Data], names: tuple[str, str]) -> Html:
    parts = []
    for kind, changes in groupby(found, key=lambda change: str(change.get("kind"))):
        rows, patches = [], []
        for one in changes:
            detail = str(one.get("detail") or "")
            if kind == "code" and "\n" in detail:
                patches.append(diff_lines(detail))
                continue
            remark = "; ".join(
                part for part in (detail, "cannot change the numbers" if one.get("bits") is False else "") if part
            )
            a, b = (digest(None if one.get(side) is None else str(one.get(side))) for side in "ab")
            rows.append(
                (one.get("name"), el("td", a, class_="del"), el("td", b, class_="add"), el("td", remark, class_="dim"))
            )
        parts.append([el("h3", kind), table(rows[:_MOST], ("", *names, "")) if rows else None, patches])
    return join(parts or el("p", "nothing that was recorded differs in what went in"))


def _differences(found: Sequence[Data]) -> Html:
    rows = [
        (
            f"{one.get('kind')} {one.get('name')}",
            _exact(one.get("recorded")) or "(none)",
            _exact(one.get("current")) or "(none)",
        )
        for one in found[:_MOST]
    ]
    return join([el("h3", "environment"), table(rows, ("", "recorded", "at the replay"))]) if rows else Html("")


def _by(who: Any, machine: Any) -> list[str]:
    return [*([f"by {who}"] if who else []), *([f"on {machine}"] if machine else [])]


def _exact(value: Any) -> str | None:
    return None if value is None else repr(value) if isinstance(value, float) else number(value)
