"""Which writes outside the project are harmless."""

from __future__ import annotations

from reenact.replay.outside import NEVER_COVERED, covering, outside_writes
from reenact.replay.recorded import Recorded, prefixes_inside, relative_to_root

HOME = {"HOME": "/home/me", "TMPDIR": "/home/me/scratch"}


def kinds(*paths: str, environ: dict[str, str] = HOME) -> dict[str, str]:
    recorded = Recorded(root="/home/me/project", cwd=".", argv=("python",), outside=paths)
    return {write.path: write.kind for write in outside_writes(recorded, environ)}


def test_kinds() -> None:
    assert kinds("/tmp/x", "/dev/null", "/home/me/.cache/x", "/opt/y", "/home/me/scratch/z", "/home/meet/x") == {
        "/tmp/x": "temp",
        "/dev/null": "device",
        "/home/me/.cache/x": "home",
        "/opt/y": "other",
        "/home/me/scratch/z": "temp",
        "/home/meet/x": "other",
    }


def test_a_home_below_a_temporary_folder_is_a_home() -> None:
    assert kinds("/tmp/me/.cache/x", environ={"HOME": "/tmp/me"}) == {"/tmp/me/.cache/x": "home"}


def test_harmless() -> None:
    recorded = Recorded(root="/p", cwd=".", argv=(), outside=("/dev/null", "/tmp/a", "/opt/a"))
    assert [write.harmless for write in outside_writes(recorded, HOME)] == [True, False, True]


def test_what_is_covered(tmp_path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    one, two = str(tmp_path / "a" / "b" / "x"), str(tmp_path / "a" / "new" / "y")
    assert covering([one]) == {one: str(tmp_path / "a" / "b")}
    # one overlay for both, at the outer folder
    assert covering([one, two]) == {one: str(tmp_path / "a"), two: str(tmp_path / "a")}
    assert covering(["/new-at-the-top", "/dev/shm/x"]) == {"/new-at-the-top": None, "/dev/shm/x": None}
    assert covering([one], avoid=[str(tmp_path / "a" / "b")]) == {one: None}
    assert "/" in NEVER_COVERED


def test_paths_relative_to_the_root() -> None:
    assert [relative_to_root(p, "/p") for p in ("a/b", "./a/../b", "/p/x", "/p", "/px", "../x", "")] == [
        "a/b",
        "b",
        "x",
        "",
        None,
        None,
        "",
    ]


def test_environments_inside_the_root() -> None:
    recorded = Recorded(root="/p", cwd=".", argv=(), prefixes=("/p/.venv", "/usr", "/p/.venv/inner", "/p/env"))
    assert prefixes_inside(recorded) == (".venv", "env")
    assert "bin" in prefixes_inside(Recorded(root="/p", cwd=".", argv=(), prefixes=("/p",)))
