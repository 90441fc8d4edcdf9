"""Numbers that a program printed, as metrics: by a template that the user gave, else in the shapes in which people print them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ReenactError

FROM_LOG = "metrics_from_log"
"""Option of a run: its templates."""

LONGEST = 100 << 20
"""Bytes of a log that are looked through where a template says for what."""
GUESSED = 32 << 20
"""Bytes where nobody asked for it: some 5 MB a second is what the shapes take."""

SEEN = 3
"""How often a name has to come, where nobody asked for it, to be taken for a metric."""

NAMES = 100_000
"""Distinct names that are counted."""

_NONE: list[Any] = []
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?:nan|inf|NaN|Inf)"
_FIELD = re.compile(r"\{(\w[\w/.-]*)(?::[dfge]?)?\}")
_PAIR = re.compile(
    rf"(?<![\w.])(?P<name>[A-Za-z_][A-Za-z0-9_@/.%-]*(?: [A-Za-z_][A-Za-z0-9_@/.-]*){{0,2}})\s*(?:[:=]\s*|\s)(?P<value>{_NUMBER})(?P<unit>%?)(?![\w.]|:\d)"
)
_STEP = re.compile(r"\b(epoch|step|iter|iteration|batch)s?\b[\s:=#\[(]*(\d+)", re.IGNORECASE)
_STEPS = frozenset({"epoch", "step", "iter", "iteration", "batch", "epochs", "steps"})
_WANTED = re.compile(
    r"(?i)loss|acc|error|err\b|f1|auc|score|precision|recall|perplexity|ppl|bleu|rouge|mse|mae|rmse|\br2\b|reward|return|\blr\b|iou|dice|fid|elbo|kl\b"
)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Printed(NamedTuple):
    """One number: its name, the step on the same line or None, the value."""

    name: str
    step: int | None
    value: float


def template(text: str) -> re.Pattern[str]:
    """The pattern of a template such as ``loss: {loss:f} at {step}``; blanks stand for any number of blanks.

    Raises:
        ReenactError: ``usage``: it has no field, or one twice.
    """
    fields = _FIELD.findall(text)
    if not fields or len(set(fields)) != len(fields):
        raise ReenactError(
            "usage",
            f"--metrics-from-log {text!r} names {'a field twice' if fields else 'no field'}",
            valid="such as 'loss: {loss:f}' or 'step {step:d} acc={val/acc}'",
        )
    pattern, at = "", 0
    for number, found in enumerate(_FIELD.finditer(text)):
        pattern += _literal(text[at : found.start()]) + rf"(?P<f{number}>{_NUMBER})"
        at = found.end()
    return re.compile(pattern + _literal(text[at:]))


def by_templates(lines: Iterator[str], templates: Sequence[str]) -> Iterator[Printed]:
    """Numbers that templates name; a field ``step`` or ``epoch`` is the step of the others, where it is a whole number."""
    known = [(template(text), _FIELD.findall(text)) for text in templates]
    for line in lines:
        for pattern, names in known:
            for found in pattern.finditer(line):
                values = {name: float(found[f"f{number}"]) for number, name in enumerate(names)}
                step = next((_whole(values.pop(name)) for name in ("step", "epoch") if name in values), None)
                for name, value in values.items():
                    yield Printed(name, step, value)


def by_shape(lines: Iterator[str]) -> Iterator[Printed]:
    """Numbers that look like metrics: ``epoch 3: loss 0.12  val acc=0.9``."""
    for line in lines:
        if len(line) > 2000 or not _WANTED.search(line):
            continue
        step = _STEP.search(line)
        for found in _PAIR.finditer(line):
            name = found["name"].strip().lower()
            words = name.split()
            while words and words[0] in _STEPS:
                words.pop(0)
            name = " ".join(words)
            if name and _WANTED.search(name):
                value = float(found["value"]) / (100 if found["unit"] else 1)
                yield Printed(name, int(step[2]) if step else None, value)


def write_printed(log: Path, target: Path, templates: Sequence[str]) -> str | None:
    """Put the numbers of a log into a file of metrics, which is left out where there are none.

    Returns:
        What was not looked through, in words; None when all was.
    """
    if target.exists() or not log.exists():
        return None
    if templates:
        longest, prefix = LONGEST, ""
        found = by_templates(_lines(log, longest), templates)
    else:
        longest, prefix = GUESSED, "log/"
        found = _often(by_shape(_lines(log, longest)))
    first = next(found, None)
    if first is not None:
        with open(target, "w", encoding="utf-8") as file:
            for one in chain([first], found):
                row = {"n": prefix + one.name, "s": one.step, "v": _plain(one.value)}
                file.write(json.dumps(row, separators=(",", ":")) + "\n")
    size = log.stat().st_size
    return f"of {log.name} the first {longest >> 20} MB of {size >> 20} were looked through" if size > longest else None


def _often(printed: Iterator[Printed]) -> Iterator[Printed]:
    """Those whose name comes `SEEN` times, as soon as it has; of at most `NAMES` names, since a log can have millions."""
    waiting: dict[str, list[Printed] | None] = {}
    for one in printed:
        before = waiting.get(one.name, _NONE)
        if before is None:
            yield one
        elif len(before) + 1 >= SEEN:
            yield from (*before, one)
            waiting[one.name] = None
        elif before or len(waiting) < NAMES:
            waiting[one.name] = [*before, one]


def _lines(log: Path, longest: int) -> Iterator[str]:
    left = longest
    with open(log, "rb") as file:
        while left > 0 and (data := file.readline(1 << 16)):
            left -= len(data)
            # A progress bar writes its line again and again: the last state counts.
            text = data.rstrip(b"\r\n").rpartition(b"\r")[2].decode("utf-8", "replace")
            yield _ANSI.sub("", text)


def _literal(text: str) -> str:
    return r"\s+".join(re.escape(part) for part in re.split(r"\s+", text))


def _whole(value: float) -> int | None:
    return int(value) if value.is_integer() else None  # half an epoch is not epoch 0, and "nan" is none


def _plain(value: float) -> float | str:
    if value != value:
        return "NaN"
    return ("Infinity" if value > 0 else "-Infinity") if value in (float("inf"), float("-inf")) else value
