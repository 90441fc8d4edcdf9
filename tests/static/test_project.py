"""Which files are looked at, and what modules of one project know of each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from reenact.errors import ReenactError
from reenact.static.scan import scan

TRAIN = "from lib.model import make\nfrom lib import seeding\nseeding.fix(3)\nmake()\n"
MODEL = "from torch import nn\ndef make():\n    return nn.Linear(a, b)\n"


def write(root: Path, files: dict[str, str]) -> None:
    (root / ".git").mkdir(exist_ok=True)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def rules(target: Path) -> list[str]:
    elsewhere = ("missing-requirement", "hard-coded-hyperparameter")
    return [finding.rule for finding in scan(target).findings if finding.rule not in elsewhere]


@pytest.mark.parametrize("whole", [True, False])
def test_a_seed_in_a_module_that_is_imported_counts(tmp_path: Path, whole: bool) -> None:
    write(
        tmp_path, {"train.py": TRAIN, "lib/model.py": MODEL, "lib/seeding.py": "import torch\ndef fix(n):\n    pass\n"}
    )
    target = tmp_path if whole else tmp_path / "train.py"
    assert rules(target) == ["no-seed"]
    write(tmp_path, {"lib/seeding.py": "import torch\ndef fix(n):\n    torch.manual_seed(n)\n"})
    assert rules(target) == []


def test_a_module_that_is_imported_is_no_program(tmp_path: Path) -> None:
    write(tmp_path, {"model.py": MODEL, "train.py": "import torch, model\ntorch.manual_seed(1)\nmodel.make()\n"})
    assert rules(tmp_path) == []


def test_a_seed_that_another_file_reads_is_used(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"settings.py": "SEED = 3\nprint(1)\n", "train.py": "import random, settings\nrandom.seed(settings.SEED)\n"},
    )
    assert "seed-never-used" not in rules(tmp_path)
    write(tmp_path, {"train.py": "import settings\nprint(settings.x)\n"})
    assert "seed-never-used" in rules(tmp_path)


def test_folders_that_are_not_the_project_are_left_out(tmp_path: Path) -> None:
    bad = "lr: 3\n"
    for folder in (".venv", ".reenact/runs", "node_modules/x", "lib/site-packages", "build/lib", "__pycache__"):
        write(tmp_path, {f"{folder}/a.py": bad})
    write(tmp_path, {"other/pyvenv.cfg": "", "other/a.py": bad, "pkg/build/__init__.py": "", "pkg/build/a.py": bad})
    found = scan(tmp_path)
    assert [Path(finding.path).relative_to(tmp_path).as_posix() for finding in found.findings] == ["pkg/build/a.py"]


def test_files_that_import_each_other(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "import b, a\n", "b.py": "import a\nfrom a import *\n"})
    assert scan(tmp_path).files == 2


def test_a_file_that_cannot_be_parsed_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"good.py": "lr: 3\n"})
    (tmp_path / "bad.py").write_bytes(b"\0\1")
    found = scan(tmp_path)
    assert [Path(problem.path).name for problem in found.problems] == ["bad.py"]
    assert [finding.rule for finding in found.findings] == ["annotation-without-value"]


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ReenactError) as caught:
        scan(tmp_path / "nowhere.py")
    assert caught.value.slug == "no-file"


@pytest.mark.parametrize(
    ("text", "silenced"),
    [
        ("lr: 3  # reenact: ignore[annotation-without-value]\n", 1),
        ("lr: 3  # reenact: ignore\n", 1),
        ("# reenact: ignore[annotation-without-value]\nlr: 3\n", 1),
        ("lr: 3  # reenact: ignore[no-seed, annotation-*]\n", 1),
        ("lr: 3  # reenact: ignore[no-seed]\n", 0),
        ("s = '# reenact: ignore'; lr: 3\n", 0),
    ],
)
def test_comments_silence(tmp_path: Path, text: str, silenced: int) -> None:
    write(tmp_path, {"a.py": text})
    found = scan(tmp_path / "a.py")
    assert (found.ignored, len(found.findings)) == (silenced, 1 - silenced)


def test_comments_silence_in_other_files(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "", "Dockerfile": "# reenact: ignore[floating-base-image]\nFROM python\n"})
    assert scan(tmp_path).ignored == 1
