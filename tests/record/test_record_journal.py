from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from reenact.record.journal import JournalTail, read_journal

EVENTS = [
    {"e": "start", "t": 0.0, "path": ["/a b", "ü"]},
    {"e": "file", "op": "r", "path": os.fsdecode(b"/data/caf\xe9"), "st": [1, 2, 3]},
    {"e": "draw", "n": 4, "data": "AAAAAA==", "site": "train.py:3"},
    {"e": "end", "steps": 3},
]
LINES = [json.dumps(event).encode() + b"\n" for event in EVENTS]
DATA = b"".join(LINES)


def _write(data: bytes) -> str:
    fd, path = tempfile.mkstemp(suffix=".jsonl")
    with open(fd, "wb") as file:
        file.write(data)
    return path


def test_cut_off_at_every_byte() -> None:
    for size in range(len(DATA) + 1):
        path = _write(DATA[:size])
        read = read_journal(path)
        os.unlink(path)
        assert read.events == EVENTS[: len(read.events)]
        whole = sum(size >= sum(map(len, LINES[: i + 1])) - 1 for i in range(len(LINES)))
        assert len(read.events) == whole
        torn = size not in {sum(map(len, LINES[:i])) - back for i in range(len(LINES) + 1) for back in (0, 1)}
        assert [gap.id for gap in read.gaps] == (["torn-journal-line"] if torn else [])


def test_a_torn_line_after_the_end_is_no_gap() -> None:
    path = _write(DATA + b'{"e":"fi')
    assert read_journal(path) == (EVENTS, [])
    os.unlink(path)


def test_a_corrupt_line_is_named_and_the_rest_is_read() -> None:
    for rubbish in (b"\0" * 40, b"{}", b"[1]", b"\xff\xfe", b'{"e":1}', b"[" * 5000):
        path = _write(LINES[0] + rubbish + b"\n" + LINES[1])
        read = read_journal(path)
        os.unlink(path)
        assert read.events == EVENTS[:2]
        assert [(gap.id, "line 2" in gap.detail) for gap in read.gaps] == [("corrupt-journal-line", True)]


def test_a_missing_journal_is_a_gap(tmp_path: Path) -> None:
    assert [gap.id for gap in read_journal(tmp_path / "none.jsonl").gaps] == ["unreadable-journal"]


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(data: bytes) -> None:
    path = _write(data)
    read_journal(path)
    tail = JournalTail(path)
    tail.finish()
    os.unlink(path)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, len(DATA)), max_size=6))
def test_a_tail_sees_each_event_once(cuts: list[int]) -> None:
    path = _write(b"")
    tail = JournalTail(path)
    seen = []
    places = [0, *sorted(cuts), len(DATA)]
    for begin, end in zip(places, places[1:], strict=False):
        with open(path, "ab") as file:
            file.write(DATA[begin:end])
        seen += tail.poll()
    os.unlink(path)
    assert seen == EVENTS
