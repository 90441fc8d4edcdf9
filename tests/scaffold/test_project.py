"""A project that `reenact init` wrote does what it says: it trains, verifies, predicts, and its own tests pass."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from made import environment, reenact, start, told

from reenact.environment.uv import find_uv, uv_settings
from reenact.scaffold.files import FRAMEWORKS

REQUEST = {"points": [[0.5, 0.2], [-0.3, 0.6], [0.0, 0.0]]}
STEPS = {"torch": 250, "numpy": 0}
"""Traced steps of 25 epochs over 600 points in batches of 64."""


@pytest.fixture(scope="module", params=FRAMEWORKS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project in which exp2 was trained, as the run ``exp2``."""
    folder = tmp_path_factory.mktemp("init") / "my project"
    reenact(folder.parent, "init", folder.name, "--framework", request.param)
    reenact(folder, "run", "--name", "exp2", "src/train.py", "experiment=exp2")
    return folder


def framework(project: Path) -> str:
    return "torch" if "torch" in (project / "pyproject.toml").read_text() else "numpy"


def test_the_record(project: Path) -> None:
    manifest = told(project, "show", "exp2")
    assert (manifest["status"], manifest["gaps"], manifest["complete"]) == ("finished", [], True)
    assert (manifest["params"]["model.hidden"], manifest["params"]["training.lr"]) == (128, 0.003)
    assert sum(trace["steps"] for trace in manifest["traces"]) == STEPS[framework(project)]
    assert {"data/spirals.csv", "data/MANIFEST.json"} <= {file["path"] for file in manifest["inputs"]}
    assert {file["path"] for file in manifest["code"]["files"]} == {"src/train.py", "src/model.py", "src/data.py"}


def test_it_learns_and_verifies(project: Path) -> None:
    (metrics,) = project.glob("outputs/*/*/metrics.json")
    found = json.loads(metrics.read_text())
    assert found["accuracy"] > 0.95 and found["losses"][-1] < 0.2 * found["losses"][0]
    verdict = told(project, "verify", "exp2")
    assert verdict["verdict"] == "identical" and verdict["steps_compared"] == STEPS[framework(project)]


def test_a_sweep(project: Path) -> None:
    reenact(project, "run", "--name", "sweep", "src/train.py", "-m", "training=quick", "training.lr=0.01,0.02")
    trials = told(project, "sweep", "show", "sweep")
    assert [trial["status"] for trial in trials] == ["completed", "completed"]
    assert told(project, "verify", "sweep")["verdict"] == "identical"


def test_its_own_tests_pass_and_can_fail(project: Path) -> None:
    done = start([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], project)
    assert re.search(r"\b16 passed", done.stdout) and "failed" not in done.stdout
    data = project / "data" / "spirals.csv"
    content = data.read_bytes()
    try:
        data.write_bytes(content.replace(b"0", b"1", 1))
        done = start([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"], project, code=1)
        assert "test_every_file_is_as_the_manifest_says" in done.stdout
        trained = start([sys.executable, "src/train.py"], project, code=1)
        assert "data/spirals.csv is not what data/MANIFEST.json says" in trained.stderr
    finally:
        data.write_bytes(content)


def test_predict(project: Path) -> None:
    from_stdin = start([sys.executable, "src/predict.py"], project, input=json.dumps(REQUEST)).stdout
    (project / "points.json").write_text(json.dumps(REQUEST))
    (model,) = (path for path in project.glob("outputs/*/*/model.*"))
    named = start([sys.executable, "src/predict.py", "--model", str(model), "points.json"], project).stdout
    for answer in (json.loads(from_stdin), json.loads(named)):
        assert len(answer["labels"]) == 3 and set(answer["labels"]) <= {0, 1}
        assert all(abs(sum(row) - 1) < 1e-5 for row in answer["probabilities"])
        assert [max((0, 1), key=row.__getitem__) for row in answer["probabilities"]] == answer["labels"]
    argv = [sys.executable, "src/predict.py", "--port", "0", "--model", str(model.parent)]
    with answering(argv, project, environment()) as url:
        assert ask(f"{url}/health") == (200, {"status": "ok"})
        assert ask(f"{url}/predict", json.dumps(REQUEST)) == (200, json.loads(named))
        points = (
            "[]",
            "[[1]]",
            '[["a", 1]]',
            "[[NaN, 1]]",
            "[[1e400, 1]]",
            f"[[1{'0' * 400}, 1]]",
            "[[1e30, 1]]",
            "[" * 9999,
        )
        for wrong in ("", "{", "[]", *(f'{{"points": {text}}}' for text in points)):
            status, answer = ask(f"{url}/predict", wrong)
            assert status == 400 and answer["error"], wrong[:60]
        assert ask(f"{url}/nowhere")[0] == 404


@pytest.mark.parametrize("text", ["{", "[]", '{"points": 3}', '{"points": [[1, 2], [3]]}'])
def test_a_wrong_request_is_told(project: Path, text: str) -> None:
    done = start([sys.executable, "src/predict.py"], project, code=1, input=text)
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr


def test_a_file_that_is_not_there(project: Path) -> None:
    for words in (["nowhere.json"], ["--model", "nowhere"]):
        done = start([sys.executable, "src/predict.py", *words], project, code=1)
        assert "nowhere" in done.stderr and "Traceback" not in done.stderr


def test_as_the_image_starts_it(project: Path) -> None:
    """As the entry point of predict.dockerfile: a module, with a folder as its model."""
    recipe = (project / "predict.dockerfile").read_text()
    entry, command = (
        json.loads(text) for text in re.findall(r"^(?:ENTRYPOINT|CMD) (\[.*\])$", recipe, flags=re.MULTILINE)
    )
    assert entry[:2] == ["python", "-m"] and "PYTHONPATH=" in recipe and "COPY src" in recipe
    (model,) = project.glob("outputs/*/*/model.*")
    words = ["0" if word == "8000" else str(model.parent) if word == "/model" else word for word in command]
    env = {**environment(), "PYTHONPATH": str(project / "src")}
    with answering([sys.executable, *entry[1:], *words], project.parent, env) as url:
        assert ask(f"{url}/health") == (200, {"status": "ok"})
        assert ask(f"{url}/predict", json.dumps(REQUEST))[0] == 200


def test_without_a_model(tmp_path: Path) -> None:
    reenact(tmp_path, "init", "--framework", "numpy")
    done = start([sys.executable, "src/predict.py"], tmp_path, code=1, input="{}")
    assert "train one" in done.stderr and "Traceback" not in done.stderr


@contextmanager
def answering(argv: list[str], cwd: Path, env: dict[str, str]) -> Iterator[str]:
    """predict.py as a server on a free port; SIGTERM ends it with exit code 0."""
    process = subprocess.Popen(argv, cwd=cwd, env=env, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        yield process.stderr.readline().split()[-1].replace("0.0.0.0", "127.0.0.1")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def ask(url: str, text: str | None = None) -> tuple[int, Any]:
    """Status and JSON of an answer."""
    try:
        with urllib.request.urlopen(url, data=None if text is None else text.encode(), timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize("place", [".", "notebooks"])
def test_the_notebook_runs(project: Path, place: str) -> None:
    cells = json.loads((project / "notebooks" / "explore.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    said = start([sys.executable, "-c", code], project / place).stdout
    assert "accuracy" in said and "800 points" in said and "finished" in said and "█" in said
    assert "'model.hidden': 128" in said


def test_the_workflow_does_what_it_says(project: Path) -> None:
    """The steps of CI that are this project's own, as they are written; the others set up."""
    steps = yaml.safe_load((project / ".github" / "workflows" / "verify.yml").read_text())["jobs"]["verify"]["steps"]
    own = [step["run"] for step in steps if step.get("run", "").startswith(("reenact", "python"))]
    assert len(own) == 3
    for line in own:
        start(["bash", "-eo", "pipefail", "-c", line], project)


def test_it_can_be_locked_and_then_scan_finds_nothing(project: Path) -> None:
    find_uv(environment())
    before = told(project, "scan", ".")["findings"]
    assert {finding["rule"] for finding in before} == {"unpinned-requirement"}
    packages = told(project, "lock")["packages"]
    text = (project / "pylock.toml").read_text()
    assert (
        packages > 10
        and 'name = "hydra-core"' in text
        and ('name = "torch"' in text) == (framework(project) == "torch")
    )
    found = told(project, "scan", ".")
    assert (found["findings"], found["problems"]) == ([], [])


@pytest.mark.slow
def test_the_readme_can_be_followed(tmp_path: Path) -> None:
    """All its commands, in one shell; the environment is made of the lock."""
    reenact(tmp_path, "init", "x", "--framework", "numpy")
    text = (tmp_path / "x" / "README.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    assert len(lines) > 12
    env = environment()
    env["PATH"] = os.pathsep.join([env["PATH"], os.path.dirname(find_uv(env))])
    # What pip was told of indexes, which reenact hands to uv by itself.
    env = uv_settings(env)
    done = start(["bash", "-exc", "\n".join(lines)], tmp_path / "x", env=env)
    assert "IDENTICAL" in done.stdout and "16 passed" in done.stdout and "nothing found" in done.stdout
    assert f"{tmp_path}/x/.venv/" in told(tmp_path / "x", "show", "main")["environment"]["python"]["executable"]
