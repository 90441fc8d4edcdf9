"""A work tree's state, from real repositories: complete, and nothing of the user's touched."""

import os
import shutil
import subprocess

import pytest

from reenact.environment.source import git_state

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

IDENTITY = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}


def git(folder, *arguments, stdin=None, **env):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    clean |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **IDENTITY, **env}
    command = ["git", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *arguments]
    done = subprocess.run(command, cwd=folder, env=clean, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture
def repo(tmp_path):
    folder = tmp_path / "the repo 'ü'"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.py").write_text("one\n")
    (folder / "b.bin").write_bytes(bytes(range(256)))
    (folder / "gone.txt").write_text("x\n")
    (folder / "pkg").mkdir()
    (folder / "pkg" / "m.py").write_text("m\n")
    (folder / ".gitignore").write_text("*.log\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def make_dirty(folder):
    """Every kind of change at once: staged, unstaged, both, removed, binary, untracked, link, mode."""
    (folder / "stashed.txt").write_text("for the stash\n")
    git(folder, "stash", "-q", "-u")
    (folder / "a.py").write_text("two\n")
    git(folder, "add", "a.py")
    (folder / "a.py").write_text("three\n")
    (folder / "gone.txt").unlink()
    (folder / "b.bin").write_bytes(bytes(reversed(range(256))) * 3)
    (folder / "new dir").mkdir()
    (folder / "new dir" / "näh 'x'.py").write_text("no newline at the end")
    (folder / "new.bin").write_bytes(b"\0\1\2" * 100)
    os.symlink("a.py", folder / "link")
    (folder / "pkg" / "m.py").chmod(0o755)
    (folder / "skip.log").write_text("ignored\n")
    (folder / ".reenact" / "blobs").mkdir(parents=True)
    (folder / ".reenact" / "blobs" / "x").write_text("a record\n")
    (folder / "pkg" / ".reenact").mkdir()
    (folder / "pkg" / ".reenact" / "y").write_text("a record\n")


def same(now, before):
    """Equal, or the names of what is not: a diff of all bytes would take minutes to print."""
    changed = sorted(name for name in now[0].keys() | before[0].keys() if now[0].get(name) != before[0].get(name))
    assert changed == []
    assert now[1:] == before[1:]


def untouchable(folder):
    """All that must be as it was: bytes and times of the index, stash, refs, every file of the git folder."""
    top = folder / ".git"
    files = {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in top.rglob("*") if path.is_file()}
    # Git renews the time of objects that it finds already there, so that no gc takes them away.
    for name in files:
        if "/objects/" in name or "/sharedindex." in name:
            files[name] = (files[name][0], 0)
    return files, git(folder, "stash", "list"), git(folder, "count-objects", "-v")


def tree_of(folder):
    """The tree that a commit of everything would have."""
    git(folder, "add", "-A", "--", ".", ":(exclude,glob)**/.reenact/**")
    return git(folder, "write-tree")


def applied(tmp_path, folder, state):
    """The tree that the patch makes in a fresh clone."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "--no-checkout", str(folder), str(clone))
    git(clone, "checkout", "-q", state["commit"])
    if state["patch"]:
        git(clone, "apply", "--index", "--binary", "-", stdin=state["patch"])
    return git(clone, "write-tree")


def test_clean(repo):
    head = git(repo, "rev-parse", "HEAD").decode().strip()
    state = git_state(str(repo / "pkg"))
    assert state == {
        "commit": head,
        "branch": "main",
        "remote": None,
        "dirty": False,
        "patch": b"",
        "untracked": [],
        "left_out": [],
        "submodules": [],
        "problems": [],
        "toplevel": os.path.realpath(repo),
    }


def test_everything_uncommitted_is_in_the_patch_and_nothing_is_touched(tmp_path, repo):
    make_dirty(repo)
    before = untouchable(repo)
    state = git_state(str(repo))
    same(untouchable(repo), before)
    assert state["dirty"] and state["problems"] == []
    assert state["untracked"] == ["link", "new dir/näh 'x'.py", "new.bin"]
    assert b"skip.log" not in state["patch"] and b".reenact" not in state["patch"]
    copy = tmp_path / "copy"
    shutil.copytree(repo, copy, symlinks=True)
    assert applied(tmp_path, repo, state) == tree_of(copy)


def test_settings_and_variables_of_the_user_do_not_change_the_patch(repo, tmp_path, monkeypatch):
    make_dirty(repo)
    plain = git_state(str(repo))["patch"]
    for setting in ("diff.noprefix=true", "diff.mnemonicPrefix=true", "diff.external=false", "diff.context=0"):
        git(repo, "config", *setting.split("="))
    for setting in ("color.ui=always", "core.splitIndex=true", "diff.renames=copies", "status.showUntrackedFiles=no"):
        git(repo, "config", *setting.split("="))
    git(repo, "update-index", "--split-index")
    # As in a hook.
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nowhere2"))
    before = untouchable(repo)
    assert git_state(str(repo))["patch"] == plain
    same(untouchable(repo), before)


def test_large_and_secret_files_are_named_not_taken(repo):
    (repo / "big.bin").write_bytes(b"x" * 2000)
    (repo / "small.bin").write_bytes(b"y" * 10)
    (repo / ".env").write_text("TOKEN=abc\n")
    (repo / ".env.example").write_text("TOKEN=\n")
    state = git_state(str(repo), largest=1000)
    assert state["untracked"] == [".env", ".env.example", "big.bin", "small.bin"]
    assert state["left_out"] == [
        {"path": ".env", "size": 10, "why": "secret"},
        {"path": "big.bin", "size": 2000, "why": "large"},
    ]
    assert len(state["problems"]) == 2 and state["dirty"]
    assert b"small.bin" in state["patch"] and b".env.example" in state["patch"]
    assert b"big.bin" not in state["patch"] and b"TOKEN=abc" not in state["patch"]


def test_environments_and_products_are_not_in_the_patch(repo):
    for path in ("venv/pyvenv.cfg", "venv/lib/x.py", "src/__pycache__/x.pyc", "src/x.py", "venv2/x.py"):
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text(path)
    (repo / "weights.pt").write_bytes(bytes(300_000))
    (repo / "icon.png").write_bytes(bytes(300))
    (repo / "table.csv").write_text("1,2\n" * 100_000)
    state = git_state(str(repo))
    assert state["untracked"] == ["icon.png", "src/x.py", "table.csv", "venv2/x.py", "weights.pt"]
    assert state["left_out"] == [{"path": "weights.pt", "size": 300_000, "why": "binary"}] and state["problems"] == []
    assert all(name in state["patch"] for name in (b"icon.png", b"table.csv", b"src/x.py", b"venv2/x.py"))
    assert b"venv/" not in state["patch"] and b"pycache" not in state["patch"]


def test_a_repository_inside_is_named(repo):
    (repo / "inner").mkdir()
    git(repo / "inner", "init", "-q")
    (repo / "inner" / "f").write_text("f")
    git(repo / "inner", "add", "f")
    git(repo / "inner", "commit", "-q", "-m", "x")
    state = git_state(str(repo))
    assert [(entry["path"], entry["why"]) for entry in state["left_out"]] == [("inner/", "repository")]


def test_a_store_of_another_name_and_a_committed_store_are_left_out(repo):
    (repo / ".reenact").mkdir()
    (repo / ".reenact" / "index.json").write_text("{}")
    git(repo, "add", "-f", ".reenact")
    git(repo, "commit", "-q", "-m", "with records")
    (repo / ".reenact" / "index.json").write_text("{1}")
    (repo / "records").mkdir()
    (repo / "records" / "x").write_text("x")
    assert git_state(str(repo), store=str(repo / "records"))["dirty"] is False
    assert git_state(str(repo))["untracked"] == ["records/x"]


def test_before_the_first_commit(tmp_path):
    repo = tmp_path / "r"
    repo.mkdir()
    git(repo, "init", "-q")
    state = git_state(str(repo))
    assert (state["commit"], state["branch"], state["patch"], state["problems"]) == (None, "main", b"", [])
    (repo / "a.py").write_text("one\n")
    (repo / "staged.py").write_text("two\n")
    git(repo, "add", "staged.py")
    state = git_state(str(repo))
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    git(other, "apply", "--index", "-", stdin=state["patch"])
    assert git(other, "write-tree") == tree_of(repo)


@pytest.mark.parametrize("kind", ["nothing", "bare", "inside", "missing"])
def test_no_work_tree(tmp_path, repo, kind):
    folder = {"inside": repo / ".git", "missing": tmp_path / "missing"}.get(kind, tmp_path / kind)
    if kind in ("nothing", "bare"):
        folder.mkdir()
    if kind == "bare":
        git(folder, "init", "-q", "--bare")
    assert git_state(str(folder)) is None


def test_no_git(repo, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert git_state(str(repo)) is None


def test_a_broken_repository_is_said(repo):
    (repo / ".git" / "index").write_bytes(b"DIRC torn")
    state = git_state(str(repo))
    assert state["commit"] is None and len(state["problems"]) == 1


def test_worktree_and_detached_head(repo, tmp_path):
    other = tmp_path / "tree2"
    git(repo, "worktree", "add", "-q", "--detach", str(other))
    (other / "a.py").write_text("changed\n")
    (other / "n.py").write_text("new\n")
    before = untouchable(repo)
    state = git_state(str(other))
    same(untouchable(repo), before)
    assert state["branch"] is None and state["toplevel"] == os.path.realpath(other)
    assert state["untracked"] == ["n.py"]
    assert applied(tmp_path, repo, state) == tree_of(other)
    assert git_state(str(repo))["dirty"] is False


def test_submodule(repo, tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "-q")
    (library / "l.py").write_text("l\n")
    git(library, "add", "-A")
    git(library, "commit", "-q", "-m", "l")
    git(repo, "submodule", "--quiet", "add", str(library), "sub")
    git(repo, "commit", "-q", "-m", "sub")
    assert git_state(str(repo))["dirty"] is False
    (repo / "sub" / "l.py").write_text("changed\n")
    (repo / "sub" / "n.py").write_text("new\n")
    state = git_state(str(repo))
    (module,) = state["submodules"]
    assert state["dirty"] and state["patch"] == b""
    assert module["path"] == "sub" and module["dirty"] and b"+changed" in module["patch"] and b"n.py" in module["patch"]


def test_remote_without_credentials(repo):
    git(repo, "remote", "add", "upstream", "https://example.org/up.git")
    assert git_state(str(repo))["remote"] == "https://example.org/up.git"
    git(repo, "remote", "add", "origin", "https://me:secret@example.org/x.git")
    assert git_state(str(repo))["remote"] == "https://example.org/x.git"


def test_conflict_and_intent_to_add(repo, tmp_path):
    git(repo, "checkout", "-q", "-b", "side")
    (repo / "a.py").write_text("side\n")
    git(repo, "commit", "-q", "-a", "-m", "side")
    git(repo, "checkout", "-q", "main")
    (repo / "a.py").write_text("main\n")
    git(repo, "commit", "-q", "-a", "-m", "main")
    subprocess.run(["git", "merge", "-q", "side"], cwd=repo, env={**os.environ, **IDENTITY}, capture_output=True)
    (repo / "later.py").write_text("later\n")
    git(repo, "add", "-N", "later.py")
    before = untouchable(repo)
    state = git_state(str(repo))
    same(untouchable(repo), before)
    assert b"+<<<<<<<" in state["patch"] and b"+later" in state["patch"]
    assert applied(tmp_path, repo, state) == tree_of(repo)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_unreadable_file_is_named(repo):
    (repo / "secret.txt").write_text("x")
    (repo / "secret.txt").chmod(0)
    assert git_state(str(repo))["left_out"] == [{"path": "secret.txt", "size": 1, "why": "unreadable"}]
