"""What a user gets wrong: Hydra's or Python's own words first, ours after them, and a record with what there was of a config."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from endtoend import environment, last_json, reenact


def tried(app: Path, *words: str) -> tuple[list[str], dict[str, Any]]:
    """Runs the app bare and recorded, with the same words on stderr and one exit code; our lines, and the manifest."""
    bare = subprocess.run(
        [sys.executable, "app.py", *words], cwd=app, env=environment(), capture_output=True, text=True
    )
    done = reenact("run", "app.py", *words, cwd=app)
    assert (done.returncode, done.stdout) == (bare.returncode, bare.stdout)
    assert done.stderr.startswith(bare.stderr), done.stderr
    lines = done.stderr[len(bare.stderr) :].splitlines()
    assert lines[0].startswith("reenact: recorded "), lines
    return lines, last_json(reenact("show", "last", "--json", cwd=app).stdout)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("optim/sgd.yaml", b"lr: [1, 2\nother: }\n", "conf/optim/sgd.yaml is no YAML: look at line 2"),
        ("config.yaml", b"lr: 1\n  steps: [\n", "conf/config.yaml is no YAML: look at line 2"),
        ("config.yaml", b"\0\1\2", "conf/config.yaml is no YAML: it is not text"),
    ],
)
def test_a_file_that_is_no_yaml(app: Path, name: str, content: bytes, told: str) -> None:
    (app / "conf" / name).write_bytes(content)
    lines, manifest = tried(app)
    assert lines[1:] == [f"reenact: {told}"]
    assert (manifest["status"], manifest["exit_code"], manifest["configs"]) == ("failed", 1, [])
    assert f"conf/{name}" in [one["path"] for one in manifest["inputs"]]


def test_a_group_that_is_not_there(app: Path) -> None:
    text = (app / "conf" / "config.yaml").read_text()
    (app / "conf" / "config.yaml").write_text(text.replace("- model: mlp", "- modle: mlp"))
    lines, manifest = tried(app)
    assert "no config group modle here; there are experiment, model, optim" in lines[1]
    assert manifest["status"] == "failed"


def test_a_cycle_of_interpolations(app: Path) -> None:
    text = (app / "conf" / "config.yaml").read_text()
    (app / "conf" / "config.yaml").write_text(
        text.replace("seed: 1\n", "seed: ${steps}\n").replace("s: 3\n", "s: ${seed}\n")
    )
    lines, manifest = tried(app)
    assert len(lines) == 1 and manifest["status"] == "failed"
    assert (manifest["params"]["seed"], manifest["params"]["steps"]) == ("${steps}", "${seed}")
    assert manifest["configs"][0]["status"] == "failed"
    assert "Recursive interpolation" in reenact("logs", "last", cwd=app).stdout


def test_a_value_that_must_be_given_and_is_not(app: Path) -> None:
    text = (app / "conf" / "config.yaml").read_text()
    (app / "conf" / "config.yaml").write_text(text.replace("seed: 1\n", "seed: ???\n"))
    lines, manifest = tried(app)
    assert len(lines) == 1 and manifest["status"] == "failed"
    assert "seed" not in manifest["params"] and manifest["params"]["steps"] == 3
    assert "MissingMandatoryValue" in reenact("logs", "last", cwd=app).stdout
    _, manifest = tried(app, "seed=4", "noise=0", "stamp=0")
    assert manifest["status"] == "finished" and manifest["params"]["seed"] == 4


def test_two_overrides_of_one_key(app: Path) -> None:
    lines, manifest = tried(app, "seed=4", "seed=5", "noise=0", "stamp=0")
    assert len(lines) == 1
    assert manifest["params"]["seed"] == 5 and manifest["origins"]["seed"]["where"] == "seed=5"
    assert manifest["configs"][0]["overrides"] == ["seed=4", "seed=5", "noise=0", "stamp=0"]
    assert reenact("verify", "last", cwd=app).returncode == 0


def test_a_binary_file_is_no_script(app: Path) -> None:
    (app / "model.bin").write_bytes(bytes(range(256)))
    for words in (["run", "model.bin"], ["config", "model.bin"], ["extract", "model.bin"]):
        done = reenact(*words, cwd=app)
        assert done.returncode in (2, 126) and done.stderr.startswith("error: model.bin "), done.stderr
        assert "valid:" in done.stderr and "Traceback" not in done.stderr
    assert not (app / ".reenact").exists()
    done = reenact("scan", "model.bin", cwd=app)
    assert "not looked at: not text" in done.stdout and "1 file could not be looked at" in done.stdout
    bare = subprocess.run([sys.executable, "model.bin"], cwd=app, env=environment(), capture_output=True, text=True)
    done = reenact("run", sys.executable, "model.bin", cwd=app)
    assert done.returncode == bare.returncode == 1 and done.stderr.startswith(bare.stderr)
    assert last_json(reenact("show", "last", "--json", cwd=app).stdout)["status"] == "failed"
