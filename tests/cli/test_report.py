"""Reports as text: verdict, diff, progress, and the words they are made of."""

from __future__ import annotations

import io
import os
import pty
from datetime import datetime, timezone
from typing import Any

import pytest

from reenact.report.diff import diff_text, render_diff
from reenact.report.progress import VerifyProgress
from reenact.report.quantities import age, digest, duration, number, plain, shorten, size
from reenact.report.tables import command_text, differing_params
from reenact.report.verdict import render_verdict, verdict_text

A, B = "20260101-000001-aaaa", "20260101-000002-bbbb"
FIRST = {
    **{"process": "rank1", "rank": 1, "step": 17, "kind": "grad", "name": "layer1.weight", "dtype": "float32"},
    **{"shape": [128, 64], "why": "value", "baseline_value": "0x00000000000000aa", "candidate_value": "0xbb"},
    **{"sampled_before": 16, "possibly": [{"kind": "param", "step": 16}], "note": "A note.", "ulps": 3},
}
CAUSE = {"id": "thread-count", "confidence": 0.85, "evidence": "threads 2 -> 4 " * 12, "fix": "set OMP_NUM_THREADS=2"}
SAME = {"path": "a.txt", "candidate_path": "a.txt", "equal": True, "how": "bytes", "detail": ""}


def verdict(**changes: Any) -> dict[str, Any]:
    data = {
        **{"verdict": "identical", "baseline": A, "candidate": B, "steps_compared": 20, "first_difference": None},
        **{"outputs": [SAME], "causes": [], "gaps": []},
    }
    return {**data, **changes}


@pytest.mark.parametrize("word", ["identical", "equivalent", "diverged", "not-replayable"])
def test_the_verdict_is_the_last_line_in_capitals(word: str) -> None:
    text = verdict_text(verdict(verdict=word)).plain
    assert text.splitlines()[-1].startswith(f"verdict: {word.upper()}")
    assert A in text and B in text


def test_identical_is_short() -> None:
    text = verdict_text(verdict(steps=20)).plain
    assert len(text.splitlines()) <= 9
    assert "20 of 20 compared and equal" in text and "1 of 1 equal" in text


def test_a_divergence_is_told_whole_and_fits_80_columns() -> None:
    outputs = [
        SAME,
        {"path": "m.pt", "candidate_path": "m.pt", "equal": True, "how": "tensors", "detail": "zip times differ"},
        {"path": "bad.bin", "candidate_path": None, "equal": False, "how": "only-in-baseline", "detail": "x"},
        {"path": "skip.log", "candidate_path": "skip.log", "equal": False, "how": "ignored", "detail": ""},
    ]
    data = verdict(
        verdict="diverged",
        first_difference=FIRST,
        causes=[CAUSE],
        outputs=outputs,
        gaps=[{"id": "no-probe", "detail": "it was kept out", "process": None, "replay": True}, "a plain gap"],
        exit_code={"baseline": 0, "candidate": 3},
        differences=[{"kind": "package", "name": "torch", "recorded": "2.1", "current": None, "severity": "bits"}],
        steps=40,
    )
    text = verdict_text(data).plain
    assert max(map(len, text.splitlines())) <= 80
    for told in (
        *("step 17, grad layer1.weight", "float32 [128, 64]", "rank1", "param of step 16", "A note.", "ulps"),
        *("thread-count  85 %", "fix: set OMP_NUM_THREADS=2", "2 of 4 equal, 1 ignored", "zip times differ"),
        *("only in the baseline", "skip.log", "no-probe", "a plain gap", "3, but 0 in the baseline"),
        *("package torch: recorded 2.1, now (none)", "20 of 40 equal before the first difference"),
    ):
        assert told in text, told
    assert text.splitlines()[-1] == "verdict: DIVERGED  first at step 17, in grad"


def test_many_equal_outputs_are_counted() -> None:
    outputs = [{**SAME, "path": f"f{n}"} for n in range(500)]
    text = verdict_text(verdict(outputs=outputs)).plain
    assert "500 files equal" in text and len(text.splitlines()) < 12


def test_outputs_that_were_not_compared_are_not_called_equal() -> None:
    text = verdict_text(verdict(verdict="diverged", first_difference=FIRST, outputs=[], outputs_compared=False)).plain
    assert "not compared" in text and "exit code" not in text


PATCH = "--- a/train.py\n+++ b/train.py\n@@ -1,2 +1,2 @@\n x = 1\n-y\t= 2\n+y\t= 3\x1b[31m\n"


def test_diff_tells_every_change() -> None:
    inputs = [
        {"kind": "code", "name": "train.py", "a": "sha256:" + "a" * 64, "b": "sha256:" + "b" * 64, "detail": PATCH},
        {"kind": "param", "name": "lr", "a": "0.1", "b": "0.2", "detail": "", "bits": True},
        {"kind": "param", "name": "wd", "a": None, "b": "0.2", "detail": "", "bits": True},
        {
            "kind": "input",
            "name": "data.csv",
            "a": "sha256:" + "c" * 64,
            "b": "sha256:" + "d" * 64,
            "detail": "other content",
        },
        {"kind": "variable", "name": "LONG", "a": "x " * 60, "b": "y", "detail": ""},
        {"kind": "git", "name": "commit", "a": "1", "b": "2", "detail": "", "bits": False},
    ]
    data = {
        **{"a": A, "b": B, "inputs": inputs, "first_difference": FIRST, "causes": [CAUSE], "outputs": [SAME]},
        **{"steps": {"a": 20, "b": 22}, "same_recipe": False, "same_result": True},
    }
    text = diff_text(data).plain
    for told in (
        *(
            "-y\t= 2",
            "+y\t= 3\\x1b[31m",
            "lr: 0.1 -> 0.2",
            "wd: (none) -> 0.2",
            "data.csv: cccccccccccc -> dddddddddddd",
        ),
        *(
            "other content",
            "commit: 1 -> 2",
            "cannot change the numbers",
            "step 17, grad",
            "thread-count",
            "1 of 1 equal",
        ),
        *("recipe: different, result: the same", A, B, "22 steps"),
    ):
        assert told in text, told
    assert "\x1b" not in text


def test_diff_of_equal_runs_says_so() -> None:
    data = {"inputs": [], "first_difference": None, "causes": [], "outputs": [], "steps": {"a": 3, "b": 3}}
    text = diff_text(data).plain
    assert "nothing that was recorded differs" in text and "the traces are equal" in text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("render", [lambda out: render_verdict(verdict(), out), lambda out: render_diff({}, out)])
def test_colour_on_a_terminal_only_and_not_with_no_color(render: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    piped, terminal, colourless = io.StringIO(), Terminal(), Terminal()
    render(piped)
    render(terminal)
    assert "\x1b" not in piped.getvalue() and "\x1b[" in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    render(colourless)
    assert "\x1b[3" not in colourless.getvalue() and "32m" not in colourless.getvalue()


def test_progress_in_a_file_is_a_few_plain_lines() -> None:
    now = 0.0
    stream = io.StringIO()
    with VerifyProgress(stream, clock=lambda: now) as progress:
        progress.message("environment: \x1btorch")
        for second in range(0, 101):
            now = float(second)
            progress.update(second, 200, float(second), 200.0)
    lines = stream.getvalue().splitlines()
    assert lines[0] == "reenact: environment: \\x1btorch"
    assert lines[1] == "reenact: 10 of 200 steps equal, 10s elapsed, 3m10s left"
    assert len(lines) == 5
    assert "\x1b" not in stream.getvalue()


def test_progress_tells_time_left_by_the_baseline_until_steps_come() -> None:
    now = 0.0
    stream = io.StringIO()
    with VerifyProgress(stream, clock=lambda: now) as progress:
        progress.update(0, 0, 0.0, 60.0)
        now = 20.0
        progress.update(0, 0, 20.0, 60.0)
        now = 60.0
        progress.update(0, 0, 90.0, 60.0)
    assert stream.getvalue().splitlines() == [
        "reenact: replaying, 20s elapsed, 40s left",
        "reenact: replaying, 1m30s elapsed",
    ]


def test_progress_on_a_terminal_is_one_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    keyboard, terminal = pty.openpty()
    with open(terminal, "w", encoding="utf-8") as stream:
        with VerifyProgress(stream) as progress:
            progress.update(3, 10, 1.0, 5.0)
            progress.message("a remark")
            progress.update(10, 10, 2.0, 5.0)
        stream.flush()
        data = b""
        while b"\x1b[?25h" not in data:
            data += os.read(keyboard, 65536)
    shown = data.decode()
    os.close(keyboard)
    assert "3 of 10 steps equal" in shown and "10 of 10 steps equal" in shown and "reenact: a remark" in shown
    assert shown.count("\x1b[?25l") == 1  # the cursor, which is given back at the end


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (float("nan"), "-"),
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (62, "1m02s"),
        (3599.7, "1h00m"),
        (11_100, "3h05m"),
        (86_399, "1d00h"),
        (183_600, "2d03h"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "-"), (0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (99_960, "100 KB"), (1_230_000, "1.2 MB")],
)
def test_sizes(count: int | None, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("started", "text"),
    [
        ("2026-01-10T00:00:00.000Z", "now"),
        ("2026-01-11T00:00:00.000Z", "now"),
        ("2026-01-09T23:57:00.000Z", "3m"),
        ("2026-01-09T20:00:00.000Z", "4h"),
        ("2026-01-01T00:00:00.000Z", "9d"),
        ("2025-12-01T00:00:00.000Z", "5w"),
        ("2023-01-01T00:00:00.000Z", "3y"),
        ("rubbish", "?"),
        (None, "?"),
    ],
)
def test_ages(started: str | None, text: str) -> None:
    assert age(started, datetime(2026, 1, 10, tzinfo=timezone.utc)) == text


def test_small_words() -> None:
    assert number(0.30000000000000004) == "0.3" and number(float("nan")) == "nan" and number(7) == "7"
    assert digest("sha256:" + "ab" * 32) == "abababababab" and digest(None) == "(none)" and digest("0.1:2") == "0.1:2"
    assert plain("a\x1b\n\udcff") == "a\\x1b\\n\\udcff" and plain("a\nb", lines=True) == "a\nb"
    assert shorten("abcdefghij", 7) == "abcd…ij" and shorten("abc", 7) == "abc"


def test_commands_are_shown_as_typed() -> None:
    assert command_text(["/env/bin/python3.11", "train.py", "--name", "a b"]) == "train.py --name 'a b'"
    assert command_text(["/env/bin/python", "-m", "pkg.train"]) == "python -m pkg.train"
    assert command_text(["torchrun", "train.py"]) == "torchrun train.py"
    assert command_text([]) == ""


def test_only_params_that_differ() -> None:
    nan = float("nan")
    assert differing_params([{"lr": 0.1, "seed": 1, "x": nan}, {"lr": 0.2, "seed": 1, "x": nan}]) == ["lr"]
    assert differing_params([{"a": 1}, {}]) == ["a"]
    assert differing_params([{"a": 1}]) == []


def test_a_run_that_failed_before_it_had_a_param_does_not_make_it_differ() -> None:
    params = [{"lr": 0.1, "SGD.momentum": 0}, {"lr": 0.1}, {}]
    assert differing_params(params, finished=[True, False, False]) == []
    assert differing_params(params) == ["lr", "SGD.momentum"]
    assert differing_params([{"lr": 0.1}, {"lr": 0.2}], finished=[True, False]) == ["lr"]
    assert differing_params([{"lr": 0.1}, {}], finished=[False, True]) == ["lr"]
