"""``tag`` and ``note``."""

from __future__ import annotations

import subprocess

import pytest
from storemaker import Project, alive

from reenact.record.labels import read_labels

A = "20260101-000001-aaaa"


def test_tags_are_added_once_and_removed(three: Project) -> None:
    assert three.cli("tag", "base", "x", "y", "x").code == 0
    assert read_labels(three.folder(A)).tags == ["good", "x", "y"]
    result = three.cli("tag", "base", "good", "absent", "--remove")
    assert result.code == 0 and "no tag absent" in result.err and result.out == ""
    assert read_labels(three.folder(A)).tags == ["x", "y"]
    assert [row["id"] for row in three.cli("ls", "--json", "--tag", "y").json] == [A]


def test_tagging_keeps_name_and_note(three: Project) -> None:
    three.cli("tag", "base", "x")
    three.cli("note", "base", "a note")
    labels = read_labels(three.folder(A))
    assert (labels.name, labels.note, labels.tags) == ("base", "a note", ["good", "x"])


def test_tagging_a_run_that_still_runs(project: Project) -> None:
    project.begin(A, supervisor=alive())
    assert project.cli("tag", A, "x").code == 0
    assert project.cli("ls", "--json").json[0]["tags"] == ["x"]


@pytest.mark.parametrize("tag", ["", "  ", "a\nb"])
def test_bad_tag(three: Project, tag: str) -> None:
    result = three.cli("tag", "base", tag)
    assert result.code == 2 and "tag" in result.err
    assert read_labels(three.folder(A)).tags == ["good"]


def test_note_is_set_printed_replaced_and_removed(three: Project) -> None:
    assert three.cli("note", "base", "first\nsecond line").code == 0
    done = three.process("note", "base")
    out, err = done.communicate()
    assert (out.decode(), err) == ("first\nsecond line\n", b"")
    assert "first" in three.cli("note", "base", "third").err
    assert three.cli("note", "base", "").code == 0
    out, err = three.process("note", "base").communicate()
    assert out == b"" and b"no note" in err


def test_note_from_a_pipe(three: Project) -> None:
    process = three.process("note", "base", stdin=subprocess.PIPE)
    process.communicate("über den Lauf\n".encode())
    assert process.returncode == 0
    assert read_labels(three.folder(A)).note == "über den Lauf"


def test_an_empty_pipe_does_not_wipe_the_note_out(three: Project) -> None:
    three.cli("note", "base", "kept")
    process = three.process("note", "base", stdin=subprocess.PIPE)
    out, _ = process.communicate(b"")
    assert out == b"kept\n"
    assert read_labels(three.folder(A)).note == "kept"
