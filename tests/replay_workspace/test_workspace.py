"""What a rebuilt workspace holds, and how the replayed program sees it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from reenact.errors import EXIT_NOT_REPLAYABLE, ReenactError
from reenact.replay import sandbox
from reenact.replay.inputs import check_inputs
from reenact.replay.recorded import InputFile, Listing, OutputFile

from .conftest import BIG, SHOW, Project, bare, digest_of, snapshot

HOSTILE = [
    "with space",
    "quote'\"double",
    "-leading dash",
    "new\nline",
    "ünïcödé 数据",
    "comma,colon:back\\slash",
    "$HOME;`x`",
    "star*?[a]",
]


@pytest.mark.parametrize("absolute", [False, True])
def test_the_program_sees_what_the_baseline_saw(project: Project, namespace: str, absolute: bool) -> None:
    project.add_code("src/show.py", SHOW)
    script = str(project.root / "src" / "show.py") if absolute else "../src/show.py"
    (project.root / "work").mkdir()
    argv = (script, "--out", str(project.root / "out"), "--", "-x")
    baseline = bare(project, *argv, cwd=project.root / "work")
    space = project.build(project.recorded(*argv, cwd="work"), isolation=namespace)
    assert space.isolation == "namespace"
    assert project.execute(space).text == baseline
    assert (space.argv, space.cwd, space.env_changes) == (
        (sys.executable, *argv),
        str(project.root / "work"),
        {},
    )


def test_in_a_folder_paths_of_the_project_are_moved(project: Project) -> None:
    project.add_code("show.py", SHOW)
    argv = (str(project.root / "show.py"), f"--out={project.root}/out", "data=x", "/elsewhere")
    space = project.build(project.recorded(*argv), isolation="folder")
    tree = str(space.tree)
    told = json.loads(project.execute(space).text)
    assert told[:3] == [tree, f"{tree}/show.py", [f"{tree}/show.py", f"--out={tree}/out", "data=x", "/elsewhere"]]
    assert told[6] == sys.executable
    assert space.relative(f"{tree}/out/x") == "out/x"
    assert space.map_path("out/x") == Path(tree) / "out" / "x"


def test_files_and_folders_are_as_recorded(project: Project, isolation: str) -> None:
    project.add_code("train.py", "old = 1\n")
    project.add_code("bin/tool.sh", "#!/bin/sh\n", mode=0o755)
    project.add_input("data/a.txt", "A")
    project.add_input("data/changed.txt", "before", keep=True)
    project.add_input("data/gone.bin", b"g" * BIG, keep=True)
    project.outputs = [
        OutputFile("out/weights.pt"),
        OutputFile("made/by/run.txt"),
        OutputFile("data/changed.txt", True),
    ]
    project.made = ["made"]
    project.write("train.py", "new = 2\n")
    project.write("out/weights.pt", "of the baseline")
    project.write("made/by/run.txt", "of the baseline")
    project.write("data/changed.txt", "after")
    (project.root / "data" / "gone.bin").unlink()
    project.write("unrecorded.txt", "not read")
    script = """
import os, sys
print(open('train.py').read().strip(), os.access('bin/tool.sh', os.X_OK), open('data/a.txt').read())
print(open('data/changed.txt').read(), len(open('data/gone.bin').read()), os.listdir('out'))
print(os.path.exists('made'), os.path.exists('unrecorded.txt'), os.stat('data/a.txt').st_mtime_ns)
open('out/weights.pt', 'w').write('again')
with open('data/changed.txt', 'a') as f: f.write('+')
"""
    space = project.build(project.recorded("-c", script), isolation=isolation)
    outcome = project.execute(space)
    mtime = project.inputs[0].mtime_ns
    assert outcome.text.splitlines() == [
        "old = 1 True A",
        f"before {BIG} []",
        f"False False {mtime}",
    ]
    assert space.map_path("out/weights.pt").read_text() == "again"
    assert space.map_path("data/changed.txt").read_text() == "before+"
    assert (project.root / "out" / "weights.pt").read_text() == "of the baseline"
    assert (project.root / "data" / "changed.txt").read_text() == "after"
    assert space.changed() == []


def test_large_inputs_are_not_copied(project: Project, isolation: str) -> None:
    big = project.add_input("data/big.bin", os.urandom(BIG))
    space = project.build(project.recorded("-c", "print(len(open('data/big.bin','rb').read()))"), isolation=isolation)
    place = space.tree / "data" / "big.bin"
    assert place.is_symlink() or place.stat().st_size == 0 or isolation == "folder"
    assert place.lstat().st_ino != big.stat().st_ino
    assert project.execute(space).text.strip() == str(BIG)
    assert space.map_path("data/big.bin").read_bytes() == big.read_bytes()


def test_a_large_input_that_is_written_gets_its_own_copy(project: Project, isolation: str) -> None:
    project.add_input("state.bin", b"s" * BIG)
    project.outputs = [OutputFile("state.bin", True)]
    before = snapshot(project.root / "state.bin")
    script = "open('new','wb').write(open('state.bin','rb').read()+b'1'); import os; os.replace('new','state.bin')"
    space = project.build(project.recorded("-c", script), isolation=isolation)
    assert project.execute(space).code == 0
    assert space.map_path("state.bin").stat().st_size == BIG + 1
    assert snapshot(project.root / "state.bin") == before


def test_a_large_input_that_the_run_removed_can_be_removed(project: Project, isolation: str) -> None:
    project.add_input("archive.bin", b"a" * BIG)
    project.removed = ["archive.bin"]
    before = snapshot(project.root / "archive.bin")
    script = (
        "import os; os.rename('archive.bin', 'old.bin'); os.remove('old.bin'); print(os.path.exists('archive.bin'))"
    )
    space = project.build(project.recorded("-c", script), isolation=isolation)
    assert project.execute(space).text.strip() == "False"
    assert snapshot(project.root / "archive.bin") == before


def test_listings_have_the_same_entries(project: Project, isolation: str) -> None:
    project.add_input("d/read.txt", "read")
    project.write("d/unread.txt", "unread")
    project.write("d/sub/deeper.txt", "x")
    project.write("d/later.txt", "made after the run")
    project.write("d/out.txt", "made by the run")
    project.outputs = [OutputFile("d/out.txt")]
    entries = ("read.txt", "unread.txt", "sub", "vanished", "out.txt")
    project.listings = [Listing("d", entries)]
    script = """
import os
print(sorted(os.listdir('d')), os.path.isdir('d/sub'), os.path.isfile('d/unread.txt'), open('d/unread.txt').read())
"""
    space = project.build(project.recorded("-c", script), isolation=isolation)
    expected = f"{['read.txt', 'sub', 'unread.txt', 'vanished']} True True unread"
    assert project.execute(space).text.strip() == expected


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(tmp_path: Path, isolation: str, name: str) -> None:
    root = tmp_path / f"home {name}" / name
    root.mkdir(parents=True)
    project = Project(root, root.parent, tmp_path / "store" / "blobs")
    project.add_code(f"{name}.py", "import sys; print(open(sys.argv[1]).read(), len(open(sys.argv[2]).read()))")
    small, big = f"{name}/{name}", f"{name}/big {name}"
    project.add_input(small, "small")
    project.add_input(big, b"b" * BIG)
    project.listings = [Listing(name, (name, f"big {name}", f"unread {name}"))]
    project.outside = [str(root.parent / f"out {name}")] if isolation == "namespace" else []
    space = project.build(project.recorded(f"./{name}.py", small, big), isolation=isolation)
    try:
        outcome = project.execute(space)
        assert outcome.text.strip() == f"small {BIG}"
        assert space.needs_permission == ()
    finally:
        space.cleanup()
    assert not space.tree.parent.exists()


def test_deep_folders(project: Project, isolation: str) -> None:
    deep = "/".join(["d"] * 600)
    project.add_input(f"{deep}/x.txt", "deep")
    space = project.build(project.recorded("-c", f"print(open({deep + '/x.txt'!r}).read())"), isolation=isolation)
    assert project.execute(space).text.strip() == "deep"
    space.cleanup()
    assert not space.tree.exists()


def test_changed_inputs_are_named_with_both_digests(project: Project) -> None:
    kept = project.add_input("kept.txt", "1", keep=True)
    lost = project.add_input("lost.txt", "2")
    gone = project.add_input("gone.txt", "3")
    same = project.add_input("same.txt", "4")
    kept.write_text("1x")
    lost.write_text("2x")
    gone.unlink()
    same.write_text("4")
    recorded = project.recorded("-c", "")
    found = check_inputs(recorded, project.root, project.blob_path, digest_of)
    digests = {one.path: one.digest for one in project.inputs}
    assert [(one.path, one.recorded_digest, one.current_digest, one.found_at) for one in found] == [
        ("lost.txt", digests["lost.txt"], digest_of(lost), str(lost)),
        ("gone.txt", digests["gone.txt"], None, str(gone)),
    ]
    with pytest.raises(ReenactError) as caught:
        project.build(recorded)
    assert caught.value.exit_code == EXIT_NOT_REPLAYABLE
    assert digests["lost.txt"] in caught.value.what and digest_of(lost) in caught.value.what
    assert not (project.root / ".reenact" / "tmp" / "workspace-0").exists()


def test_a_changed_file_outside_the_project(project: Project, tmp_path: Path, namespace: str) -> None:
    changed, gone = tmp_path / "out" / "changed.txt", tmp_path / "out2" / "gone.txt"
    for place in (changed, gone):
        place.parent.mkdir()
        place.write_text("recorded")
        project.note_input(str(place), keep=True)
    changed.write_text("later")
    gone.unlink()
    recorded = project.recorded("-c", f"print(open({str(changed)!r}).read(), open({str(gone)!r}).read())")
    problems = check_inputs(recorded, project.root, project.blob_path, digest_of, in_namespace=False)
    assert [one.path for one in problems] == [str(changed), str(gone)]
    assert check_inputs(recorded, project.root, project.blob_path, digest_of) == []
    space = project.build(recorded, isolation=namespace)
    assert project.execute(space).text.split() == ["recorded", "recorded"]
    assert changed.read_text() == "later" and not gone.exists()


def test_kernel_files_are_not_checked(project: Project) -> None:
    project.inputs = [InputFile("/proc/cpuinfo", "sha256:0"), InputFile("/dev/urandom", "sha256:0")]
    assert check_inputs(project.recorded("-c", ""), project.root, project.blob_path, digest_of) == []


def test_thousands_of_inputs(project: Project, isolation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from reenact.replay import placement

    monkeypatch.setattr(placement, "MOUNTS_AT_MOST", 100)
    monkeypatch.setattr(placement, "COPIED_AT_MOST", 2000)
    for number in range(1200):
        project.add_input(f"many/{number % 7}/{number}.txt", f"{number}\n")
    script = """
import os
print(sum(int(open(os.path.join(d, n)).read()) for d, _, names in os.walk('many') for n in names))
try: open('many/2/1199.txt', 'w')
except OSError as e: print(e.errno)
"""
    before = snapshot(project.root / "many")
    space = project.build(project.recorded("-c", script), isolation=isolation)
    told = project.execute(space).text.split()
    assert told[0] == str(sum(range(1200)))
    if isolation == "namespace":
        assert told[1] == "30"
        assert snapshot(project.root / "many") == before
    else:
        assert str(project.root / "many" / "2" / "1199.txt") in [one.path for one in space.changed()]


def test_no_namespace_falls_back_with_a_word(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "available", lambda: None)
    space = project.build(project.recorded("-c", "print(1)"))
    assert space.isolation == "folder"
    assert any("no namespace" in note for note in space.notes)
    assert project.execute(space).text.strip() == "1"
    with pytest.raises(ReenactError, match="no namespace"):
        project.build(project.recorded("-c", "print(1)"), isolation="namespace")


def test_the_parent_is_untouched_by_a_replay(project: Project, namespace: str) -> None:
    before = Path("/proc/self/mountinfo").read_text()
    space = project.build(project.recorded("-c", "print(1)"), isolation=namespace)
    assert project.execute(space).code == 0
    assert Path("/proc/self/mountinfo").read_text() == before


def test_available_is_what_works_here() -> None:
    kind = sandbox.available()
    assert kind in (None, "mount", "user")
    if kind is not None:
        assert sandbox.Sandbox(kind, [], [], [], "/").rehearse() is None
