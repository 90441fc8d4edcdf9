"""What `reenact init` writes, and what it leaves alone."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import re
import resource
import select
import shutil
import subprocess
import sys
import termios
from pathlib import Path

import pytest
import yaml
from initmaker import COMMAND, environment, reenact, snapshot, start, told

from reenact.scaffold.dataset import spirals
from reenact.scaffold.files import FRAMEWORKS, project_files
from reenact.scaffold.naming import checked_name, default_name

WANTED = {
    *("README.md", "pyproject.toml", ".gitignore", ".dockerignore", "train.dockerfile", "predict.dockerfile"),
    *("conf/config.yaml", "conf/experiment/exp1.yaml", "conf/experiment/exp2.yaml", "conf/data/spirals.yaml"),
    *("conf/model/small.yaml", "conf/model/wide.yaml", "conf/training/default.yaml", "conf/training/quick.yaml"),
    *("src/train.py", "src/predict.py", "src/model.py", "src/data.py", "data/spirals.csv", "data/MANIFEST.json"),
    *("tests/conftest.py", "tests/test_data.py", "tests/test_model.py", "tests/test_train.py"),
    *("notebooks/explore.ipynb", ".devcontainer/devcontainer.json", ".github/workflows/verify.yml"),
}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_new_project(tmp_path: Path, framework: str) -> None:
    found = told(tmp_path, "init", "new one/x", "--framework", framework)
    project = tmp_path / "new one" / "x"
    assert (found["path"], found["name"], found["framework"]) == (str(project), "x", framework)
    assert set(found["added"]) == WANTED and found["left"] == [] and found["git"] == "made"
    assert {path for path in WANTED if not (project / path).is_file()} == set()
    assert os.listdir(tmp_path / "new one") == ["x"]
    assert [path for path in WANTED if b"@@" in (project / path).read_bytes()] == []
    assert (project / ".git").is_dir() and (project / ".reenact" / "runs").is_dir()
    assert project.stat().st_mode & 0o777 == 0o777 & ~_umask()


def test_the_same_files_each_time() -> None:
    assert project_files("x", "torch") == project_files("x", "torch")
    assert hashlib.sha256(spirals()).hexdigest() == SPIRALS


SPIRALS = "8351beacb10bcdb1c0e3daddcf1f893c81f18d56f9f03f659bbe4bf54e59f10e"
"""The dataset's digest, so that it is known when another Python or C library makes it otherwise."""


def test_again_nothing_changes(tmp_path: Path) -> None:
    reenact(tmp_path, "init", ".")
    before = snapshot(tmp_path)
    found = told(tmp_path, "init")
    assert found["added"] == [] and {one["path"] for one in found["left"]} == WANTED
    assert all(one["same"] for one in found["left"])
    assert "nothing added" in reenact(tmp_path, "init").stdout
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_is_missing_comes_back(tmp_path: Path, framework: str) -> None:
    reenact(tmp_path, "init", "--framework", framework)
    shutil.rmtree(tmp_path / "tests")
    (tmp_path / "src" / "predict.py").unlink()
    (tmp_path / "README.md").write_text("mine\n")
    found = told(tmp_path, "init")
    assert found["framework"] == framework
    assert set(found["added"]) == {"src/predict.py", *(path for path in WANTED if path.startswith("tests/"))}
    assert (tmp_path / "README.md").read_text() == "mine\n"


def test_an_existing_repository_stays_byte_for_byte(tmp_path: Path) -> None:
    mine = {
        "pyproject.toml": '[project]\nname = "mine"\nversion = "3"\ndependencies = ["numpy==2.0.0"]\n',
        ".gitignore": "*.pyc\n/outputs\n",
        "README.md": "",
        "conf/config.yaml": "lr: 1\n",
        "src/other.py": "x = 1\n",
        "data/mine.bin": "\0\1",
        "notebooks/explore.ipynb": "not even JSON",
    }
    for path, text in mine.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    (tmp_path / "src" / "other.py").chmod(0o755)
    start(["git", "init", "--quiet"], tmp_path)
    before = {path: seen for path, seen in snapshot(tmp_path).items() if not (tmp_path / path).is_dir()}
    found = told(tmp_path, "init")
    after = snapshot(tmp_path)
    assert {path: after[path] for path in before} == before
    assert found["git"] == "there"
    left = {one["path"]: one["why"] for one in found["left"]}
    assert set(found["added"]) | set(left) == WANTED
    assert {path for path in mine if path in WANTED} <= set(left)
    assert left["README.md"] == "is there already"
    assert "conf/config.yaml" in left["src/train.py"] and "src/train.py" in left["tests/test_train.py"]
    assert {"src/model.py", "src/data.py", "train.dockerfile"} <= set(found["added"])
    (hint,) = [hint for hint in found["hints"] if hint.startswith(".gitignore")]
    assert "multirun/" in hint and "outputs" not in hint
    text = reenact(tmp_path, "init").stdout
    assert "README.md" in text and "is there already" in text


def test_what_to_add_to_an_existing_pyproject_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\ndependencies = ["numpy==2.0.0"]\n')
    found = told(tmp_path, "init")
    (hint,) = found["hints"]
    assert found["name"] == "mine" and "mine-predict" in (tmp_path / "predict.dockerfile").read_text()
    assert hint.startswith("pyproject.toml") and "torch>=" in hint and "hydra-core" in hint and "numpy" not in hint


def test_modules_of_another_program_are_not_mixed_with_ours(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "model.py").write_text("mine = True\n")
    found = told(tmp_path, "init")
    left = {one["path"]: one["why"] for one in found["left"]}
    assert set(left) == {
        *("src/model.py", "src/train.py", "src/predict.py", "tests/test_model.py", "tests/test_train.py"),
        "notebooks/explore.ipynb",
    }
    assert "src/model.py" in left["src/predict.py"]


def test_a_link_and_a_file_in_the_way(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    (project / "data").symlink_to(elsewhere)
    (project / "notebooks").write_text("a file\n")
    (project / "README.md").symlink_to("nowhere")
    left = {one["path"]: one["why"] for one in told(project, "init")["left"]}
    assert "link" in left["data/spirals.csv"] and "file" in left["notebooks/explore.ipynb"] and "README.md" in left
    assert os.listdir(elsewhere) == [] and (project / "notebooks").read_text() == "a file\n"
    assert os.readlink(project / "README.md") == "nowhere"


def test_inside_another_project(tmp_path: Path) -> None:
    reenact(tmp_path, "init", "outer")
    found = told(tmp_path / "outer", "init", "inner")
    assert found["git"] == "there" and not (tmp_path / "outer" / "inner" / ".git").exists()
    assert (tmp_path / "outer" / "inner" / ".reenact").is_dir()


@pytest.mark.parametrize("name", ["-x", "a b", "näme", "x/y", "", "x\n", "Torch", "hydra_core"])
def test_a_bad_name(tmp_path: Path, name: str) -> None:
    done = reenact(tmp_path, "init", "x", "--name", name, code=2)
    assert "a project cannot be called" in done.stderr and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("folder", ["a b", "näme ☃", "☃", "torch", "-x-", "x" * 200, "日本"])
def test_any_folder_gives_a_valid_name(folder: str) -> None:
    assert checked_name(default_name(folder))


def test_a_folder_with_a_strange_name(tmp_path: Path) -> None:
    folder = tmp_path / 'a project\'s "näme" ☃'
    found = told(tmp_path, "init", str(folder))
    assert found["name"] == "a-project-s-name"
    assert 'name = "a-project-s-name"' in (folder / "pyproject.toml").read_text()


@pytest.mark.parametrize("place", ["file", "file/below", "link"])
def test_a_place_that_cannot_be_a_folder(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("nowhere")
    done = reenact(tmp_path, "init", place, code=2)
    assert "error: " in done.stderr and "Traceback" not in done.stderr
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]


@pytest.mark.parametrize("place", ["new", "."])
def test_a_folder_that_is_not_writable(tmp_path: Path, place: str) -> None:
    # As root no permission binds; so the command gives root up, and must reach Python through folders it may enter.
    folder = Path("/var/tmp") / f"reenact-test-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / "kept").write_text("x")
        folder.chmod(0o555)
        code = (
            "import os, sys; from reenact.cli.main import main; import reenact.cli.init, reenact.report.created\n"
            "import reenact.scaffold.create, reenact.report.console, rich.console, rich.text, click, encodings.idna\n"
            "from reenact.scaffold.files import project_files; project_files('x', 'torch')\n"
            "exec(sys.argv[1]); sys.exit(main(['init', sys.argv[2]]))"
        )
        drop = "os.geteuid() or (os.setgroups([]), os.setresgid(9999, 9999, 9999), os.setresuid(9999, 9999, 9999))"
        done = start([sys.executable, "-c", code, drop, place], folder, code=2)
        assert "cannot write" in done.stderr and "Traceback" not in done.stderr
        assert os.listdir(folder) == ["kept"]
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


@pytest.mark.parametrize("place", ["new", "."])
def test_nothing_half_made_is_left(tmp_path: Path, place: str) -> None:
    """No file may be larger than 8 KiB: the dataset is, and it is written after other files."""
    (tmp_path / "kept").write_text("x")
    before = snapshot(tmp_path)
    done = subprocess.run(
        [*COMMAND, "init", place],
        cwd=tmp_path,
        env={**environment(), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)),
    )
    assert done.returncode == 2 and "too large" in done.stderr and "Traceback" not in done.stderr
    assert snapshot(tmp_path) == before


def test_a_terminal_is_asked(tmp_path: Path) -> None:
    assert _talk(tmp_path, [], b"mine\nnumpy\n").count(b"[") >= 2
    assert 'name = "mine"' in (tmp_path / "pyproject.toml").read_text()
    assert "torch" not in (tmp_path / "pyproject.toml").read_text()


def test_enter_takes_the_defaults_and_yes_asks_nothing(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    _talk(tmp_path / "one", [], b"\n\n")
    assert b"Framework" not in _talk(tmp_path / "two", ["--yes"], b"")
    for name in ("one", "two"):
        text = (tmp_path / name / "pyproject.toml").read_text()
        assert f'name = "{name}"' in text and "torch>=" in text


@pytest.mark.parametrize("key", [b"\x03", b"\x04", b"mine\n\x03"], ids=["ctrl-c", "ctrl-d", "ctrl-c later"])
def test_who_changes_their_mind(tmp_path: Path, key: bytes) -> None:
    said = _talk(tmp_path, [], key, code=None)
    assert b"Traceback" not in said and os.listdir(tmp_path) == []


def _talk(cwd: Path, options: list[str], answers: bytes, code: int | None = 0) -> bytes:
    """What `reenact init` writes on a terminal where that is typed."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "init", *options],
        **{"cwd": cwd, "env": environment(), "stdin": theirs, "stdout": theirs, "stderr": theirs},
        preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)),
    )
    os.close(theirs)
    said = b""
    try:
        # Keys that the terminal itself looks at are for whoever asks by then.
        while answers and b"[" not in said:
            said += os.read(ours, 4096)
        os.write(ours, answers)
        for _ in range(30):
            while select.select([ours], [], [], 2)[0]:
                if not (data := os.read(ours, 4096)):
                    raise EOFError
                said += data
            # Python misses a Ctrl-C that comes just before it waits for keys: whoever types it does so again.
            if process.poll() is None and answers.endswith(b"\x03"):
                os.write(ours, b"\x03")
    except (OSError, EOFError):
        pass  # the terminal's other end is closed
    os.close(ours)
    ended = process.wait(60)
    assert ended == code if code is not None else ended != 0, said
    return said


def test_without_git(tmp_path: Path) -> None:
    env = {**environment(), "PATH": str(tmp_path / "nothing")}
    done = reenact(tmp_path, "init", "x", "--json", env=env)
    assert json.loads(done.stdout)["git"] == "absent"
    assert not (tmp_path / "x" / ".git").exists() and (tmp_path / "x" / "src" / "train.py").is_file()


def test_the_development_container(tmp_path: Path) -> None:
    files = project_files("my-project", "torch")
    found = json.loads(files[".devcontainer/devcontainer.json"])
    assert found["name"] == "my-project"
    assert found["build"]["dockerfile"] == "../train.dockerfile" and found["build"]["context"] == ".."
    assert set(found["build"]["args"]) == set(
        re.findall(r"^ARG (\w+)$", files["train.dockerfile"].decode(), re.MULTILINE)
    )
    assert found["remoteUser"] == "app"
    assert found["workspaceMount"].startswith("source=${localWorkspaceFolder},target=/workspaces/")
    assert found["workspaceMount"].split(",")[1] == "target=" + found["workspaceFolder"]
    assert "--init" in found["runArgs"] and any(word.startswith("--shm-size=") for word in found["runArgs"])
    editor = found["customizations"]["vscode"]
    assert {"ms-python.python", "ms-toolsai.jupyter", "tamasfe.even-better-toml"} <= set(editor["extensions"])
    python = editor["settings"]["python.defaultInterpreterPath"]
    assert python == "/opt/venv/bin/python"
    recipe = files["train.dockerfile"].decode()
    assert "/opt/venv" in recipe and "USER app" in recipe
    known = {
        "name",
        "build",
        "remoteUser",
        "updateRemoteUserUID",
        "overrideCommand",
        "workspaceMount",
        "workspaceFolder",
    }
    assert set(found) <= known | {"runArgs", "hostRequirements", "customizations", "postCreateCommand", "mounts"}


def test_the_workflow() -> None:
    found = yaml.safe_load(project_files("x", "torch")[".github/workflows/verify.yml"])
    assert set(found[True]) == {"push", "pull_request"}  # YAML 1.1 takes `on` for true
    steps = found["jobs"]["verify"]["steps"]
    runs = [step["run"] for step in steps if "run" in step]
    assert [line for line in runs if line.startswith("reenact")] == [
        "reenact run --name ci src/train.py",
        "reenact verify last",
    ]
    assert all(("run" in step) != ("uses" in step) for step in steps)
    (upload,) = [step["with"] for step in steps if "upload-artifact" in step.get("uses", "")]
    assert upload["path"] == ".reenact/" and upload["include-hidden-files"] is True


def test_the_notebook_is_one() -> None:
    found = json.loads(project_files("x", "torch")["notebooks/explore.ipynb"])
    assert (found["nbformat"], found["metadata"]["kernelspec"]["name"]) == (4, "python3")
    cells = found["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    for cell in cells:
        code = {"execution_count": None, "outputs": []} if cell["cell_type"] == "code" else {}
        assert {name: cell[name] for name in code} == code
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | set(code)


def test_the_template_is_packaged_and_formatted() -> None:
    import reenact

    template = Path(reenact.__file__).parent / "scaffold" / "template"
    ruff = shutil.which("ruff", path=environment()["PATH"])
    assert ruff, "ruff is not installed: make test"
    for words in (["check"], ["format", "--check"]):
        done = start([ruff, *words, "--no-cache", str(template)], template)
        assert "checked" in done.stdout or "passed" in done.stdout or "already formatted" in done.stdout
    files = [str(path) for path in template.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(files) > 25
    # What git ignores, hatch leaves out of the wheel.
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", *files], cwd=template, capture_output=True, text=True
    )
    assert (ignored.returncode, ignored.stdout) == (1, ""), ignored.stderr


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now
