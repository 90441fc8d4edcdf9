"""The example behaves under reenact as it does bare, verifies, and a change of it is named."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "vae" / "train.py"
STEPS = 24  # 1,500 images in batches of 64, one epoch


@dataclass
class Project:
    """A folder with a store of its own."""

    folder: Path

    def script(self, **constants: object) -> None:
        """Puts the example there, for one epoch, with other constants at its top."""
        text = EXAMPLE.read_text(encoding="utf-8")
        for name, value in {"epochs": 1, **constants}.items():
            text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
            assert count == 1, name
        (self.folder / "train.py").write_text(text, encoding="utf-8")

    def python(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return self._start([sys.executable, *words], code)

    def reenact(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        program = shutil.which("reenact", path=os.path.dirname(sys.executable)) or shutil.which("reenact")
        assert program, "reenact is not installed: make test"
        return self._start([program, *words], code)

    def told(self, *words: str, code: int = 0) -> Any:
        """The JSON that a command ends with."""
        return json.loads(self.reenact(*words, "--json", code=code).stdout.splitlines()[-1])

    def outputs(self) -> dict[str, bytes]:
        return {name: (self.folder / name).read_bytes() for name in ("vae.pt", "samples.png")}

    def _start(self, argv: list[str], code: int) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("REENACT_")}
        env["REENACT_PYTHON"] = sys.executable
        result = subprocess.run(argv, cwd=self.folder, env=env, capture_output=True, text=True, timeout=900)
        assert result.returncode == code, result.stdout + result.stderr
        return result


def project(folder: Path) -> Project:
    (folder / ".reenact").mkdir(parents=True)
    return Project(folder)


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The example, run bare, then recorded as the run `vae`."""
    made = project(tmp_path_factory.mktemp("vae") / "project")
    made.script()
    bare = made.python("train.py").stdout
    outputs = made.outputs()
    recorded = made.reenact("run", "--name", "vae", "train.py").stdout
    assert recorded == bare
    assert made.outputs() == outputs
    return made


def test_the_record_is_whole(vae: Project) -> None:
    manifest = vae.told("show", "vae")
    assert (manifest["status"], manifest["exit_code"], manifest["name"]) == ("finished", 0, "vae")
    assert manifest["gaps"] == []
    assert manifest["complete"] is True
    assert [trace["steps"] for trace in manifest["traces"]] == [STEPS]
    assert manifest["metrics"]["loss"]["last"] > 0
    assert [file["path"] for file in manifest["code"]["files"]] == ["train.py"]
    assert {file["path"] for file in manifest["outputs"]} == {"vae.pt", "samples.png"}


def test_it_verifies(vae: Project) -> None:
    before = vae.outputs()
    found = vae.told("verify", "vae")
    assert found["verdict"] == "identical"
    assert found["first_difference"] is None
    assert found["steps_compared"] == STEPS
    assert {output["path"]: output["equal"] for output in found["outputs"]} == {"vae.pt": True, "samples.png": True}
    assert vae.outputs() == before


def test_a_changed_learning_rate_is_named(vae: Project) -> None:
    vae.script(lr="2e-3")
    vae.reenact("run", "--name", "edited", "train.py")
    found = vae.told("diff", "vae", "edited")
    assert (found["first_difference"]["step"], found["first_difference"]["kind"]) == (0, "hyper")
    assert any("lr" in json.dumps(cause) for cause in found["causes"][:1])
    text = vae.reenact("diff", "vae", "edited").stdout
    assert "-lr = 1e-3" in text
    assert "+lr = 2e-3" in text


@pytest.mark.parametrize("place", [".", "MNIST/raw"])
def test_mnist_is_read_from_idx_files(tmp_path: Path, place: str) -> None:
    """Both layouts, plain and gzip; the files are recorded as inputs, as the run's samples are of their size."""
    made = project(tmp_path / "my project")
    made.script(hidden=16)
    folder = made.folder / "data" / place
    folder.mkdir(parents=True)
    pixels = bytes(range(256)) * 98  # 32 images of 28 x 28
    images = struct.pack(">4i", 2051, 32, 28, 28) + pixels
    (folder / "train-images-idx3-ubyte").write_bytes(images)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
    made.reenact("run", "train.py", "--data-dir", "data")
    inputs = {file["path"] for file in made.told("show", "last")["inputs"]}
    below = os.path.normpath(os.path.join("data", place))
    assert {f"{below}/train-images-idx3-ubyte", f"{below}/t10k-images-idx3-ubyte.gz"} <= inputs
    assert size_of_png(made.outputs()["samples.png"]) == (8 * 28, 8 * 28)


def test_a_folder_without_mnist_is_named(tmp_path: Path) -> None:
    made = project(tmp_path / "project")
    made.script()
    result = made.python("train.py", "--data-dir", "nowhere", code=1)
    assert "no train-images-idx3-ubyte" in result.stderr
    assert "nowhere" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_the_demo_edits_is_there() -> None:
    assert "s/^lr = 1e-3/lr = 2e-3/" in (ROOT / "scripts" / "demo.sh").read_text(encoding="utf-8")
    assert "\nlr = 1e-3\n" in EXAMPLE.read_text(encoding="utf-8")


def size_of_png(data: bytes) -> tuple[int, int]:
    """Width and height of a grey PNG, after checking that all its pixels are there."""
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + content),)
        chunks[kind] = content
        at += 12 + length
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    assert len(zlib.decompress(chunks[b"IDAT"])) == height * (width + 1)
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    return width, height
