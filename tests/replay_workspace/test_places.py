"""Places with a meaning of their own: links, environments, git, the run folder, a moved project."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from reenact.replay.recorded import Listing, OutputFile
from reenact.replay.workspace import build

from .conftest import BIG, SHOW, Project, bare, digest_of, snapshot


def test_environment_variables_follow_in_a_folder(project: Project, tmp_path: Path) -> None:
    project.add_code("src/pkg/__init__.py", "")
    project.write(".venv/bin/tool", "#!/bin/sh\n", mode=0o755)
    project.prefixes = [str(project.root / ".venv")]
    project.editables = [str(project.root / "src")]
    root = str(project.root)
    environ = {
        "PYTHONPATH": f"{root}/lib:/opt/x",
        "PATH": f"{root}/.venv/bin:/bin",
        "DATA": f"{root}/data",
        "LANG": "C",
    }
    space = build(
        project.recorded("x.py"),
        tmp_path / "w",
        root=project.root,
        blob_path=project.blob_path,
        digest_of=digest_of,
        environ=environ,
        isolation="folder",
    )
    project.spaces.append(space)
    tree = str(space.tree)
    assert space.env_changes == {"PYTHONPATH": f"{tree}/src:{tree}/lib:/opt/x", "DATA": f"{tree}/data"}


def test_links_inside_and_out_of_the_project(project: Project, tmp_path: Path, isolation: str) -> None:
    outer = tmp_path / "datasets"
    outer.mkdir()
    (outer / "set.txt").write_text("set")
    project.write("real/v2/x.txt", "two")
    (project.root / "latest").symlink_to("real/v2")
    (project.root / "absolute").symlink_to(project.root / "real" / "v2" / "x.txt")
    (project.root / "data").symlink_to(outer)
    for path in ("latest/x.txt", "absolute", "data/set.txt"):
        project.note_input(path)
    script = """
import os
print(os.readlink('latest'), open('latest/x.txt').read(), open('absolute').read(), open('data/set.txt').read())
open('data/set.txt', 'w').write('spoilt'); open('latest/x.txt', 'w').write('spoilt')
"""
    before = snapshot(outer, project.root / "real")
    space = project.build(project.recorded("-c", script), isolation=isolation)
    assert project.execute(space).text.strip() == "real/v2 two two set"
    assert snapshot(outer, project.root / "real") == before


def test_a_link_as_project_root(project: Project, tmp_path: Path, namespace: str) -> None:
    alias = tmp_path / "alias"
    alias.symlink_to(project.root)
    project.add_code("show.py", SHOW)
    argv = (str(alias / "show.py"),)
    space = project.build(project.recorded(*argv, root=alias), isolation=namespace, root=alias)
    assert project.execute(space).text == bare(project, *argv)
    assert space.relative(str(alias / "out")) == space.relative(str(project.root / "out")) == "out"


def test_an_environment_inside_the_project(project: Project, isolation: str) -> None:
    project.write(".venv/lib/pkg.py", "x")
    project.prefixes = [str(project.root / ".venv")]
    script = "print(open('.venv/lib/pkg.py').read())\ntry: open('.venv/new', 'w')\nexcept OSError as e: print(e.errno)"
    space = project.build(project.recorded("-c", script), isolation=isolation)
    told = project.execute(space).text.split()
    assert told[0] == "x"
    if isolation == "namespace":
        assert told[1] == "30"
        assert not (project.root / ".venv" / "new").exists()


def test_writes_into_an_environment_need_permission_in_a_folder(project: Project) -> None:
    project.write(".venv/lib/pkg.py", "x")
    project.prefixes = [str(project.root / ".venv")]
    project.outputs = [OutputFile(".venv/lib/cache")]
    space = project.build(project.recorded("-c", ""), isolation="folder")
    assert space.needs_permission == (str(project.root / ".venv" / "lib" / "cache"),)


def test_git_answers_but_cannot_be_changed(project: Project, namespace: str) -> None:
    project.write(".git/HEAD", "ref: refs/heads/main\n")
    script = "print(open('.git/HEAD').read())\ntry: open('.git/HEAD', 'w')\nexcept OSError as e: print(e.errno)"
    space = project.build(project.recorded("-c", script), isolation=namespace)
    assert os.listdir(space.tree / ".git") == []
    assert project.execute(space).text.split() == ["ref:", "refs/heads/main", "30"]


def test_the_run_folder_stays_reachable(project: Project, isolation: str) -> None:
    journal = project.run_folder / "journal.jsonl"
    script = f"open({str(journal)!r}, 'a').write('line')"
    project.listings = [Listing(".", (".reenact",))]
    space = project.build(project.recorded("-c", script), isolation=isolation)
    assert project.execute(space).code == 0
    assert journal.read_text() == "line"
    assert space.map_path(str(journal)) == journal


def test_a_moved_project_is_seen_at_its_recorded_place(project: Project, tmp_path: Path, namespace: str) -> None:
    project.add_code("show.py", SHOW)
    project.add_input("data/x.txt", "x")
    project.add_input("data/big.bin", os.urandom(BIG))
    recorded = project.recorded(str(project.root / "show.py"))
    baseline = bare(project, str(project.root / "show.py"))
    moved = tmp_path / "elsewhere" / "moved"
    moved.parent.mkdir()
    shutil.move(str(project.root), moved)
    before = snapshot(moved, skip=[moved / ".reenact"])
    space = project.build(recorded, isolation=namespace, root=moved)
    assert project.execute(space).text == baseline
    assert space.seen == str(project.root)
    assert not project.root.exists()
    assert snapshot(moved, skip=[moved / ".reenact"]) == before


def test_the_original_of_a_moved_project_is_read_only(project: Project, tmp_path: Path, namespace: str) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(project.root, moved)
    journal = moved / ".reenact" / "runs" / "candidate" / "j"
    script = f"""
open({str(journal)!r}, 'w').write('journal')
open('x', 'w').write('x')
try: open({str(moved / "x")!r}, 'w')
except OSError as e: print(e.errno)
"""
    space = project.build(project.recorded("-c", script), isolation=namespace, root=moved)
    outcome = project.execute(space)
    assert outcome.text.strip() == "30"
    assert journal.read_text() == "journal"
    assert space.map_path("x").read_text() == "x"


def test_absolute_links_made_by_the_program_are_followed(project: Project, namespace: str) -> None:
    script = "import os; open('a', 'w').write('A'); os.symlink(os.path.abspath('a'), 'latest'); os.symlink('.', 'self')"
    space = project.build(project.recorded("-c", script), isolation=namespace)
    assert project.execute(space).code == 0
    assert space.map_path("latest").read_text() == "A"
    assert space.map_path("self/self/latest").read_text() == "A"
