from __future__ import annotations

import math
import sys
from array import array

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reenact.record.better import direction
from reenact.record.series import Series
from reenact.report.axes import axis_of, labels, step_labels
from reenact.report.curves import Curve, chart, sparkline

FLOATS = st.floats(allow_nan=True, allow_infinity=True)


def series(values: list[float], steps: list[int] | None = None, held: bool = False) -> Series:
    return Series("x", array("q", steps or range(len(values))), array("d", values), held=held)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(
            (name, "min")
            for name in ("loss", "val/loss", "trainLoss", "error_rate", "Perplexity", "rmse", "acc_error", "mse")
        ),
        *(
            (name, "max")
            for name in ("acc", "val_accuracy", "topKAccuracy", "f1", "macro-f1", "AUC", "r2", "mAP50", "BLEU")
        ),
        *((name, None) for name in ("lr", "epoch", "pages", "", "gpu.memory", "account", "lossy")),
    ],
)
def test_less_or_more(name: str, expected: str | None) -> None:
    assert direction(name) == expected


@given(st.lists(FLOATS, min_size=1, max_size=50), st.booleans(), st.integers(1, 12))
@example([sys.float_info.max], True, 1)
def test_axes_take_any_values(values: list[float], log: bool, about: int) -> None:
    axis = axis_of([values], log)
    shown = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    assert (axis is None) == (not shown)
    if axis is None:
        return
    for value in values:
        place = axis.place(value)
        assert (place is None) == (value not in shown)
        assert place is None or 0 <= place <= 1
    ticks = axis.ticks(about)
    assert 1 <= len(ticks) <= 101 and ticks == sorted(ticks) and all(map(math.isfinite, ticks))
    assert len(labels(ticks)) == len(ticks)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, ["0", "0.2", "0.4", "0.6", "0.8", "1"]), (-1, 1, ["-1", "-0.5", "0", "0.5", "1"]), (0, 7e-9, None)],
)
def test_ticks_are_round(low: float, high: float, expected: list[str] | None) -> None:
    axis = axis_of([[low, high]])
    assert axis is not None
    shown = labels(axis.ticks(5))
    assert shown == expected if expected else all(len(text) <= 5 for text in shown)


def test_log_ticks_are_powers() -> None:
    axis = axis_of([[0.001, 1000]], log=True)
    assert axis is not None and labels(axis.ticks(8)) == ["0.001", "0.01", "0.1", "1", "10", "100", "1e3"]


def test_large_steps_have_units() -> None:
    assert step_labels([0, 500_000, 1_000_000]) == ["0", "0.5M", "1M"]
    assert step_labels([0, 20_000, 40_000]) == ["0", "20k", "40k"]
    assert step_labels([0, 200, 400]) == ["0", "200", "400"]


@given(st.lists(FLOATS, max_size=60), st.booleans(), st.booleans(), st.integers(20, 200))
def test_a_chart_of_any_values_keeps_its_width(values: list[float], log: bool, color: bool, width: int) -> None:
    text = chart("x", [Curve("A", series(values))], width, log=log, color=color).plain
    drawing = [line for line in text.splitlines()[1:] if "left out" not in line and "can be drawn" not in line]
    assert all(len(line) <= max(width, 40) for line in drawing)


def test_the_highest_value_is_at_the_top_and_the_last_at_the_right() -> None:
    lines = chart("x", [Curve("A", series([0.0, 0.0, 1.0]))], 40, 5, color=False).plain.splitlines()
    assert lines[1].endswith("A") and lines[1].count("A") < 12
    assert lines[5].split()[1].startswith("┤AA") or "AA" in lines[5]


def test_a_gap_is_a_gap() -> None:
    whole = chart("x", [Curve("A", series([1.0, 2.0, 1.0, 2.0, 1.0]))], 60, 5, color=False).plain
    torn = chart("x", [Curve("A", series([1.0, 2.0, math.nan, 2.0, 1.0]))], 60, 5, color=False).plain
    assert torn.count("A") < whole.count("A") and "1 point that is no finite number left out" in torn


def test_a_value_that_holds_is_drawn_as_a_step() -> None:
    lines = chart("x", [Curve("A", series([1.0, 0.0], [0, 10], held=True))], 40, 5, color=False).plain.splitlines()
    assert lines[1].count("A") > 25 and lines[3].rstrip().endswith("A") and lines[3].count("A") == 1


def test_curves_without_colours_meet_in_a_star() -> None:
    text = chart("x", [Curve("A", series([0.0, 1.0])), Curve("B", series([1.0, 0.0]))], 40, 5, color=False).plain
    row = next(line for line in text.splitlines() if "*" in line)
    assert "A" in text and "B" in text and "A" not in row and "B" not in row


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([7, 0], "█▁"),
        ([math.nan, math.nan], ""),
        ([0, math.nan, 1], "▁ █"),
        ([], ""),
        ([3.0], "▅"),
    ],
)
def test_sparklines(values: list[float], expected: str) -> None:
    assert sparkline(series(values)) == expected


def test_a_sparkline_of_many_points() -> None:
    assert sparkline(series([float(i) for i in range(1000)]), 8) == "▁▂▃▄▅▆▇█"
    assert sparkline(series([0.0, 1.0]), ascii_only=True).isascii()
