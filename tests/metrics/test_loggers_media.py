"""Images, figures, tables and the like that programs send to other loggers are in the record too. Each library is the real one."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import manifest, record, run_folder

from reenact.record.media import Media, read_media

PICTURE = numpy.random.default_rng(0).integers(0, 256, (6, 5, 3), numpy.uint8)
SETUP = (
    "import numpy as np\npicture = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)\n"
    "import matplotlib; matplotlib.use('Agg')\nimport matplotlib.pyplot as plt\n"
    "fig, ax = plt.subplots(figsize=(2, 1), dpi=50); ax.plot([1, 3, 2])\n"
)


def logged(project: Path, script: str, needs: str, **env: str) -> dict[str, list[Media]]:
    pytest.importorskip(needs)
    pytest.importorskip("matplotlib")
    (project / "train.py").write_text(SETUP + script)
    run = record("train.py", cwd=project, env=env, timeout=300)
    found: dict[str, list[Media]] = {}
    for one in read_media(run_folder(project, run)):
        found.setdefault(one.name, []).append(one)
    known = manifest(project, run)
    assert not [gap for gap in known["gaps"] if gap["id"].startswith(("media", "hook"))], known["gaps"]
    assert {name: one["count"] for name, one in known["media"].items()} == {n: len(m) for n, m in found.items()}
    return found


def pixels(media: Media) -> Any:
    image = pytest.importorskip("PIL.Image")
    assert media.path is not None
    return numpy.asarray(image.open(io.BytesIO(media.path.read_bytes())))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


@pytest.mark.parametrize(
    "needs, module", [("tensorboard", "torch.utils.tensorboard"), ("tensorboardX", "tensorboardX")]
)
def test_tensorboard(project: Path, needs: str, module: str) -> None:
    found = logged(
        project,
        f"from {module} import SummaryWriter\n"
        "writer = SummaryWriter('tb')\n"
        "writer.add_image('one', picture, 3, dataformats='HWC')\n"
        "writer.add_image('one', picture.transpose(2, 0, 1) / 255, 4)\n"
        "writer.add_images('many', np.stack([picture, picture]), 1, dataformats='NHWC')\n"
        "writer.add_figure('fig', fig, 7)\n"
        "writer.add_histogram('weights', np.array([0.0, 0.5, 1.5, 1.5, 3.0]), 2, bins=[0, 1, 2, 3])\n"
        "writer.add_histogram('auto', np.random.randn(500), 2)\n"
        "writer.add_text('note', 'a *text*', 9)\n"
        "writer.add_scalar('loss', 1.0, 0)\n"
        "writer.close()\n",
        needs,
    )
    assert set(found) == {"one", "many", "fig", "weights", "auto", "note"}
    first, second = found["one"]
    assert (first.kind, first.step, second.step) == ("image", 3, 4)
    assert numpy.array_equal(pixels(first), PICTURE)
    assert numpy.abs(pixels(second).astype(int) - PICTURE).max() <= 1  # the library rounds down
    assert found["many"][0].step == 1 and pixels(found["many"][0]).shape == (6, 10, 3)
    assert (found["fig"][0].kind, found["fig"][0].step) == ("figure", 7) and pixels(found["fig"][0]).shape[:2] == (
        50,
        100,
    )
    weights = found["weights"][0]
    assert weights.kind == "histogram" and weights.data == {"edges": [0.0, 1.0, 2.0, 3.0], "counts": [2, 2, 1]}
    auto = found["auto"][0].data
    assert sum(auto["counts"]) == 500 and auto["edges"] == sorted(set(auto["edges"])) and abs(auto["edges"][0]) < 10
    assert (found["note"][0].kind, found["note"][0].step, found["note"][0].data) == ("text", 9, "a *text*")


def test_mlflow(project: Path) -> None:
    found = logged(
        project,
        "import mlflow, pandas as pd\n"
        "mlflow.set_tracking_uri('file:./mlruns')\n"
        "with mlflow.start_run():\n"
        "    mlflow.log_image(picture, 'pictures/one.png')\n"
        "    mlflow.log_image(picture, key='sample', step=5)\n"
        "    mlflow.log_figure(fig, 'plot.png')\n"
        "    mlflow.log_text('some words', 'note.txt')\n"
        "    mlflow.log_text('<b>1</b>', 'page.html')\n"
        "    mlflow.log_table({'a': [1, 2], 'b': ['x', 'y']}, 'table.json')\n"
        "    mlflow.log_table(pd.DataFrame({'a': [3]}), 'frame.json')\n",
        "mlflow",
        MLFLOW_ALLOW_FILE_STORE="true",
    )
    kinds = {name: media[0].kind for name, media in found.items() if not name.startswith("images/")}
    assert kinds == {
        "pictures/one.png": "image",
        "sample": "image",
        "plot.png": "figure",
        "note.txt": "text",
        "page.html": "html",
        "table.json": "table",
        "frame.json": "table",
    }
    assert numpy.array_equal(pixels(found["sample"][0]), PICTURE) and found["sample"][0].step == 5
    assert found["table.json"][0].data == {"columns": ["a", "b"], "rows": [[1, "x"], [2, "y"]]}
    assert found["frame.json"][0].data == {"columns": ["a"], "rows": [[3]]}
    assert found["note.txt"][0].data == "some words"


def test_wandb_offline(project: Path) -> None:
    found = logged(
        project,
        "import wandb\n"
        "run = wandb.init(mode='offline', project='p', dir='.')\n"
        "wandb.log({'loss': 1, 'sample': wandb.Image(picture, caption='a cat'), 'deep': {'er': [wandb.Image(picture)] * 2}})\n"
        "wandb.log({'table': wandb.Table(columns=['a', 'b'], data=[[1, 'x']]), 'fig': wandb.Image(fig), 'page': wandb.Html('<i>2</i>', inject=False)})\n"
        "wandb.log({'weights': wandb.Histogram(np_histogram=np.histogram([1, 2, 2], bins=2)), 'array': np.arange(100)}, step=20)\n"
        "run.finish()\n",
        "wandb",
        WANDB_SILENT="true",
    )
    assert {name: (media[0].kind, len(media)) for name, media in found.items()} == {
        "sample": ("image", 1),
        "deep.er": ("image", 2),
        "table": ("table", 1),
        "fig": ("image", 1),
        "page": ("html", 1),
        "weights": ("histogram", 1),
        "array": ("histogram", 1),
    }
    assert numpy.array_equal(pixels(found["sample"][0]), PICTURE) and found["sample"][0].caption == "a cat"
    assert found["table"][0].step == 1 and found["table"][0].data == {"columns": ["a", "b"], "rows": [[1, "x"]]}
    assert found["weights"][0].step == 20
    assert found["weights"][0].data == {"edges": [1.0, 1.5, 2.0], "counts": [1, 2]}
