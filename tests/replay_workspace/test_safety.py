"""A replayed program that does harm: nothing of the user's changes, by content, time, inode or mode."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from reenact.replay import namespace as namespace_module
from reenact.replay import sandbox
from reenact.replay.removal import note_elsewhere, remove_workspace
from reenact.replay.sandbox import Overlay

from .conftest import BIG, Outcome, Project, snapshot


def replay(project: Project, isolation: str, script: str, *arguments: str) -> tuple[Outcome, dict, dict]:
    """Record-like set-up, then a replay of ``script`` on it; the user's files before and after."""
    project.add_code("train.py", script)
    project.add_input("data/big.bin", os.urandom(BIG))
    project.add_input("data/small.txt", "small")
    project.write("notes/private.txt", "never read")
    project.run_folder.mkdir(parents=True)
    (project.home / ".config").mkdir()
    (project.home / ".config" / "tool.ini").write_text("[mine]\n")
    space = project.build(project.recorded("train.py", *arguments), isolation=isolation)
    skip = [project.root / ".reenact"]
    before = snapshot(project.home, skip=skip)
    outcome = project.execute(space)
    after = snapshot(project.home, skip=skip)
    return outcome, before, after


def test_a_program_that_removes_its_working_directory(project: Project, isolation: str) -> None:
    script = """
import os, shutil
shutil.rmtree(os.getcwd(), ignore_errors=True)
print(sorted(os.listdir('.')) if os.path.exists('train.py') else 'gone')
"""
    outcome, before, after = replay(project, isolation, script)
    assert outcome.code == 0, outcome.text
    assert "gone" in outcome.text
    assert after == before


def test_rm_rf_by_the_shell(project: Project, isolation: str) -> None:
    script = "import os; os.system('rm -rf \"$PWD\"/* .[a-z]* 2>/dev/null'); print('done')"
    outcome, before, after = replay(project, isolation, script)
    assert "done" in outcome.text
    assert after == before


def test_a_program_that_writes_an_absolute_path_of_the_project(project: Project, namespace: str) -> None:
    script = f"""
with open({str(project.root / "data" / "small.txt")!r}, 'a') as f: f.write('more')
with open({str(project.root / "train.py")!r}, 'w') as f: f.write('spoilt')
os_path = {str(project.root / "new.txt")!r}
open(os_path, 'w').write('new')
print(open('data/small.txt').read(), open('train.py').read())
"""
    outcome, before, after = replay(project, namespace, script)
    assert outcome.text.strip() == "smallmore spoilt"
    assert after == before


def test_writing_a_large_input_fails_and_changes_nothing(project: Project, namespace: str) -> None:
    script = """
for mode in ('r+b', 'ab', 'wb'):
    try:
        open('data/big.bin', mode).write(b'x')
        print('written')
    except OSError as error:
        print(error.errno)
"""
    outcome, before, after = replay(project, namespace, script)
    assert outcome.text.split() == ["30"] * 3  # read-only file system
    assert after == before


def test_without_a_namespace_a_changed_input_is_told(project: Project) -> None:
    project.add_code("train.py", "open('data/big.bin', 'r+b').write(b'x')")
    big = project.add_input("data/big.bin", os.urandom(BIG))
    times = big.stat()
    space = project.build(project.recorded("train.py"), isolation="folder")
    assert space.changed() == []
    if not (space.tree / "data" / "big.bin").is_symlink():
        pytest.skip("this file system copies without cost, so the input cannot be reached")
    assert project.execute(space).code == 0
    os.utime(big, ns=(times.st_atime_ns, times.st_mtime_ns))  # even when the time is set back
    found = space.changed()
    assert [one.path for one in found] == [str(big)]
    assert found[0].before == project.inputs[0].digest
    assert found[0].after not in (None, found[0].before)


def test_a_touched_but_equal_input_is_no_change(project: Project) -> None:
    project.add_code("train.py", "pass")
    big = project.add_input("data/big.bin", os.urandom(BIG))
    space = project.build(project.recorded("train.py"), isolation="folder")
    os.utime(big)
    assert space.changed() == []
    big.unlink()
    assert [(one.path, one.after) for one in space.changed()] == [(str(big), None)]


def test_home_written_by_the_baseline_is_redirected(project: Project, namespace: str) -> None:
    project.outside = [
        str(project.home / ".config" / "tool.ini"),
        str(project.home / ".cache" / "deep" / "er" / "file"),
    ]
    script = """
import os
home = os.path.expanduser('~')
print(os.path.exists(home + '/.config/tool.ini'), os.path.exists(home + '/.config/other'))
with open(home + '/.config/tool.ini', 'a') as f: f.write('replayed')
os.makedirs(home + '/.cache/deep/er')
open(home + '/.cache/deep/er/file', 'w').write('cached')
open(home + '/unexpected', 'w').write('x')
os.rename(home + '/.config/other', home + '/.config/renamed')
open('out.txt', 'w').write('out')
print(os.listdir(os.path.dirname(os.getcwd())).count('a project'))
"""
    (project.home / ".config").mkdir()
    (project.home / ".config" / "other").write_text("other")
    shutil.rmtree(project.home / ".config")
    outcome, before, after = replay_home(project, namespace, script)
    assert outcome.code == 0, outcome.text
    assert outcome.text.split() == ["False", "True", "1"]
    assert after == before
    space = project.spaces[0]
    assert space.needs_permission == ()
    assert set(space.redirected) == set(project.outside)
    assert space.map_path(str(project.home / ".config" / "tool.ini")).read_text() == "replayed"
    assert space.map_path(str(project.home / ".cache" / "deep" / "er" / "file")).read_text() == "cached"
    assert space.map_path("out.txt").read_text() == "out"
    assert space.relative(str(project.home / "unexpected")) == str(project.home / "unexpected")
    scratch = [overlay.folder for overlay in space._overlays]
    space.cleanup()
    assert not any(os.path.lexists(folder) for folder in scratch)
    assert snapshot(project.home, skip=[project.root / ".reenact"]) == before


def replay_home(project: Project, isolation: str, script: str) -> tuple[Outcome, dict, dict]:
    (project.home / ".config").mkdir()
    (project.home / ".config" / "other").write_text("other")
    (project.home / ".config" / "tool.ini").write_text("[written by the baseline]\n")
    project.add_code("train.py", script)
    project.run_folder.mkdir(parents=True)
    space = project.build(project.recorded("train.py"), isolation=isolation)
    skip = [project.root / ".reenact"]
    before = snapshot(project.home, skip=skip)
    outcome = project.execute(space)
    return outcome, before, snapshot(project.home, skip=skip)


def test_a_folder_below_the_temporary_one_is_spared(project: Project, tmp_path: Path, namespace: str) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "result.csv").write_text("baseline")
    (scratch / "other").write_text("other")
    project.add_code("train.py", f"import os; os.chdir({str(scratch)!r}); open('result.csv', 'x').write('replay')")
    project.outside = [str(scratch / "result.csv")]
    before = snapshot(scratch)
    space = project.build(project.recorded("train.py"), isolation=namespace)
    outcome = project.execute(space)
    assert outcome.code == 0, outcome.text
    assert space.needs_permission == ()
    assert snapshot(scratch) == before
    assert space.map_path(str(scratch / "result.csv")).read_text() == "replay"


def test_what_cannot_be_redirected_needs_permission(project: Project, namespace: str) -> None:
    project.outside = ["/written-at-the-top", str(project.home / "x")]
    space = project.build(project.recorded("-c", ""), isolation=namespace)
    assert space.isolation == "namespace"
    assert space.needs_permission == ("/written-at-the-top",)
    assert list(space.redirected) == [str(project.home / "x")]


def test_an_overlay_that_the_kernel_refuses_is_left_out(
    project: Project, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.outside = [str(project.home / "x")]
    prepare = namespace_module.prepare_overlay

    def spoilt(lower: str, candidates: Sequence[str]) -> Overlay | None:
        overlay = prepare(lower, candidates)
        assert overlay is not None
        os.rmdir(os.path.join(overlay.folder, "work"))  # now the kernel itself refuses it
        return overlay

    monkeypatch.setattr(namespace_module, "prepare_overlay", spoilt)
    space = project.build(project.recorded("-c", "print(1)"), isolation=namespace)
    assert space.isolation == "namespace"
    assert space.needs_permission == (str(project.home / "x"),)
    assert any("cannot be redirected" in note for note in space.notes)
    assert project.execute(space).text.strip() == "1"


def test_read_only_mounts_on_older_kernels(project: Project, namespace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SYS_MOUNT_SETATTR", 100_000)  # no such system call
    script = """
try: open('data/big.bin', 'ab')
except OSError as error: print(error.errno)
"""
    outcome, before, after = replay(project, namespace, script)
    assert outcome.text.strip() == "30"
    assert after == before


def test_without_a_namespace_writes_outside_need_permission(project: Project, tmp_path: Path) -> None:
    project.add_code("train.py", "pass")
    project.outside = [str(project.home / ".cache" / "x"), "/dev/null", "/opt/results/log.csv"]
    space = project.build(project.recorded("train.py"), isolation="folder")
    assert space.isolation == "folder"
    assert set(space.needs_permission) == {str(project.home / ".cache" / "x"), "/opt/results/log.csv"}


def test_inputs_outside_the_project_are_protected(project: Project, tmp_path: Path, namespace: str) -> None:
    outer = tmp_path / "datasets" / "set.csv"
    outer.parent.mkdir()
    outer.write_text("a,b\n")
    project.note_input(str(outer))
    script = f"""
try:
    open({str(outer)!r}, 'a').write('x')
except OSError as error:
    print(error.errno)
print(open({str(outer)!r}).read())
"""
    before = snapshot(outer.parent)
    outcome, _, _ = replay(project, namespace, script)
    assert outcome.text.split() == ["30", "a,b"]
    assert snapshot(outer.parent) == before


def test_cleanup_removes_what_resists_and_follows_nothing(project: Project, tmp_path: Path) -> None:
    project.add_code("train.py", "pass")
    space = project.build(project.recorded("train.py"), isolation="folder")
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("keep")
    (space.tree / "link").symlink_to(precious)
    locked = space.tree / "locked" / "inner"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    (locked / "file").chmod(0)
    locked.chmod(0o500)
    locked.parent.chmod(0)
    target = space.tree.parent
    space.cleanup()
    assert not target.exists()
    assert (precious / "file").read_text() == "keep"
    space.cleanup()


def test_a_workspace_of_a_killed_process_is_removed_whole(project: Project, namespace: str) -> None:
    project.outside = [str(project.home / "x")]  # covers the home, so that its private part lies elsewhere
    space = project.build(project.recorded("-c", "open('../x', 'w')"), isolation=namespace)
    assert project.execute(space).code == 0
    target = space.tree.parent
    elsewhere = [Path(overlay.folder) for overlay in space._overlays]
    assert elsewhere and not any(folder.is_relative_to(target) for folder in elsewhere)
    before = snapshot(project.home, skip=[project.root / ".reenact"])
    remove_workspace(str(target))
    assert not target.exists() and not any(folder.exists() for folder in elsewhere)
    assert snapshot(project.home, skip=[project.root / ".reenact"]) == before


def test_a_wrong_list_of_private_folders_removes_nothing_else(tmp_path: Path) -> None:
    precious = tmp_path / "reenact-overlay-mine"
    precious.mkdir()
    target = tmp_path / "workspace"
    target.mkdir()
    note_elsewhere(str(target), [str(precious), "/", str(tmp_path)])
    remove_workspace(str(target))
    assert precious.exists() and not target.exists()
