"""What programs log besides numbers: what is kept of it, that nothing of it harms the program, and that readers and the store have it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "e2e"))
from endtoend import environment, last_json, manifest, record, reenact, run_folder

from reenact.probe.pictures import encoded
from reenact.probe.summaries import histogram
from reenact.record.media import Media, MediaFollower, read_media


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def logged(project: Path, script: str, *words: str) -> tuple[dict[str, list[Media]], dict[str, Any]]:
    (project / "train.py").write_text("import reenact\n" + script)
    run = record(*words, "train.py", cwd=project, timeout=300)
    found: dict[str, list[Media]] = {}
    for one in read_media(run_folder(project, run)):
        found.setdefault(one.name, []).append(one)
    return found, manifest(project, run)


def opened(file: Path | bytes) -> Any:
    """The pixels of an image file, by a reader that is not ours."""
    image = pytest.importorskip("PIL.Image")
    return numpy.asarray(image.open(io.BytesIO(file) if isinstance(file, bytes) else file))


def test_images_are_what_was_logged_to_the_bit(project: Path) -> None:
    found, run = logged(
        project,
        "import numpy as np, torch\n"
        "a = (np.arange(7 * 5 * 3) * 7 % 256).astype(np.uint8).reshape(7, 5, 3)\n"
        "reenact.log(a=reenact.image(a, caption='a picture'), step=np.int64(3))\n"
        "reenact.log(a=reenact.image(torch.from_numpy(a).permute(2, 0, 1)), grey=reenact.image(a[:, :, 0] / 255))\n",
    )
    expected = (numpy.arange(7 * 5 * 3) * 7 % 256).astype(numpy.uint8).reshape(7, 5, 3)
    first, second = found["a"]
    assert (first.kind, first.step, first.caption, second.step) == ("image", 3, "a picture", 0)
    assert first.path == second.path, "equal images lie there once"
    assert first.path is not None and numpy.array_equal(opened(first.path), expected)
    assert found["grey"][0].path is not None
    assert numpy.array_equal(opened(found["grey"][0].path), expected[:, :, 0])
    size = first.path.stat().st_size
    assert run["media"]["a"] == {"kind": "image", "count": 2, "bytes": 2 * size, "step": 0}
    assert run["complete"] and "a" not in run["metrics"]


@pytest.mark.parametrize(
    "shape, mode, size",
    [
        ((4, 6), "uint8", (4, 6)),
        ((4, 6, 1), "uint8", (4, 6)),
        ((4, 6, 3), "float32", (4, 6, 3)),
        ((4, 6, 4), "float64", (4, 6, 4)),
        ((3, 5, 6), "float16", (5, 6, 3)),
        ((1, 5, 6), "int64", (5, 6)),
        ((4, 5, 6), "bool", (5, 6, 4)),
        ((3, 3, 3), "uint16", (3, 3, 3)),
        ((5, 3, 4, 6), "float32", (2 * 4 + 2, 3 * 6 + 4, 3)),
        ((4, 5, 5, 1), "uint8", (12, 12)),
    ],
)
def test_shapes_and_types(shape: tuple[int, ...], mode: str, size: tuple[int, ...]) -> None:
    array = (numpy.random.default_rng(0).random(shape) * (1 if mode[0] == "f" else 200)).astype(mode)
    data, suffix = encoded(array)
    assert suffix == ".png" and opened(data).shape == size
    torch = pytest.importorskip("torch")
    if mode != "uint16" and (len(shape) != 3 or shape[-1] not in (1, 3, 4) or shape[0] not in (1, 3, 4)):
        assert encoded(torch.from_numpy(array))[0] == data


def test_a_batch_is_put_into_rows_and_columns() -> None:
    batch = numpy.arange(1, 6, dtype=numpy.uint8).reshape(5, 1, 1, 1).repeat(2, 2).repeat(2, 3)
    found = opened(encoded(batch)[0])
    assert found[:, 0].tolist() == [1, 1, 0, 0, 4, 4] and found[0].tolist() == [1, 1, 0, 0, 2, 2, 0, 0, 3, 3]


def test_without_numpy_it_is_the_same() -> None:
    """What a program without NumPy logs: lists."""
    script = (
        "import sys; sys.path.insert(0, 'src')\n"
        "from reenact.probe.pictures import encoded\n"
        "from reenact.probe.summaries import histogram, table\n"
        "assert 'numpy' not in sys.modules\n"
        "import base64, json\n"
        "rows = [[[x * 20, y * 30, 7] for x in range(5)] for y in range(4)]\n"
        "batch = [[[0.0, 0.5], [1.0, float('nan')]], [[2.0, -1.0], [0.25, 1.0]]]\n"
        "found = [base64.b64encode(encoded(one)[0]).decode() for one in (rows, [[True, False]], [[[b] for b in r] for r in batch[0]])]\n"
        "found.append(base64.b64encode(encoded([[[[c] for c in b] for b in a] for a in batch])[0]).decode())\n"
        "print(json.dumps([found, histogram([1, [2, 3], float('inf')], 2)]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    import base64

    images, histogram = json.loads(done.stdout)
    rows = [[[x * 20, y * 30, 7] for x in range(5)] for y in range(4)]
    batch = [[[0.0, 0.5], [1.0, float("nan")]], [[2.0, -1.0], [0.25, 1.0]]]
    for mine, value in zip(
        images, (rows, [[True, False]], numpy.array(batch[0])[..., None], numpy.array(batch)[..., None])
    ):
        assert numpy.array_equal(opened(base64.b64decode(mine)), opened(encoded(value)[0]))
    assert histogram == [{"edges": [1.0, 2.0, 3.0], "counts": [1, 2]}, "1 numbers that are not finite"]


def test_what_needs_no_wrapper(project: Path) -> None:
    pytest.importorskip("matplotlib")
    found, run = logged(
        project,
        "import matplotlib; matplotlib.use('Agg')\n"
        "import matplotlib.pyplot as plt, pandas as pd, polars as pl\nfrom PIL import Image\n"
        "fig, ax = plt.subplots(figsize=(2, 1), dpi=50)\nax.plot([1, 3, 2])\n"
        "reenact.log(figure=fig, image=Image.new('CMYK', (3, 2)), frame=pd.DataFrame({'a': [1, 2], 'b': ['x', None]}, index=[7, 8]))\n"
        "reenact.log(figure=ax, polars=pl.DataFrame({'a': [0.5]}), loss=1.5)\n",
    )
    assert {name: media[0].kind for name, media in found.items()} == {
        "figure": "figure",
        "image": "image",
        "frame": "table",
        "polars": "table",
    }
    assert found["figure"][0].path is not None and opened(found["figure"][0].path).shape == (50, 100, 4)
    assert [one.step for one in found["figure"]] == [0, 1]
    assert found["frame"][0].data["columns"] == ["a", "b"] and found["frame"][0].data["rows"][0] == [1, "x"]
    assert found["polars"][0].data == {"columns": ["a"], "rows": [[0.5]]}
    assert run["metrics"]["loss"]["last"] == 1.5 and run["complete"]


def test_a_figure_of_plotly_is_a_page_and_draws_no_random_id(project: Path) -> None:
    pytest.importorskip("plotly")
    script = "import plotly.graph_objects as go\nfig = go.Figure(go.Scatter(y=[1, 3, 2]))\nreenact.log(p=fig); reenact.log(p=fig)\n"
    found, run = logged(project, script)
    first, second = found["p"]
    assert first.kind == "html" and first.path == second.path, "equal pages, so no id at random"
    assert first.path is not None and first.path.suffix == ".html" and "Plotly.newPlot" in first.path.read_text()
    assert run["complete"]


def test_tables_texts_histograms_pages_and_sounds(project: Path) -> None:
    found, run = logged(
        project,
        "import numpy as np, torch\n"
        "reenact.log(t=reenact.table([[1, 'a'], [2.5, None]], columns=['n', 'what'], caption='two'))\n"
        "reenact.log(t=reenact.table([{'x': 1}, {'y': np.float32(0.5)}]))\n"
        "reenact.log(t=reenact.table({'x': torch.arange(2), 'y': [True]}))\n"
        "reenact.log(t=reenact.table(np.eye(2)))\n"
        "reenact.log(h=reenact.histogram(torch.tensor([0.0, 1.0, 1.0, 4.0], dtype=torch.bfloat16), bins=4))\n"
        "reenact.log(h=reenact.histogram(np.histogram([1, 2, 2], bins=2)))\n"
        "reenact.log(h=reenact.histogram([float('nan'), 5, float('-inf')], bins=2))\n"
        "reenact.log(h=reenact.histogram(torch.full((9,), 1e30), bins=10))\n"
        "reenact.log(note=reenact.text('ü\\n' * 2), page=reenact.html('<b>1</b>'), s=reenact.audio(np.array([0.0, 1, -1, 0.5]), rate=8000))\n",
    )
    assert [one.data for one in found["t"]] == [
        {"columns": ["n", "what"], "rows": [[1, "a"], [2.5, None]]},
        {"columns": ["x", "y"], "rows": [[1, None], [None, 0.5]]},
        {"columns": ["x", "y"], "rows": [[0, True], [1, None]]},
        {"columns": ["0", "1"], "rows": [[1.0, 0.0], [0.0, 1.0]]},
    ]
    first, second, third, fourth = (one.data for one in found["h"])
    assert first == {"edges": [0.0, 1.0, 2.0, 3.0, 4.0], "counts": [1, 2, 0, 1]}
    assert second == {"edges": [1.0, 1.5, 2.0], "counts": [1, 2]}
    assert third == {"edges": [4.5, 5.0, 5.5], "counts": [0, 1]}
    assert sum(fourth["counts"]) == 9 and fourth["edges"] == sorted(set(fourth["edges"]))
    assert found["note"][0].data == "ü\nü\n"
    assert found["page"][0].path is not None and found["page"][0].path.read_text() == "<b>1</b>"
    with wave.open(str(found["s"][0].path)) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (8000, 1)
        assert numpy.frombuffer(sound.readframes(9), "<i2").tolist() == [0, 32767, -32767, 16384]
    assert run["complete"] and run["media"]["t"]["count"] == 4


def test_what_is_none_of_these_is_a_gap_and_no_error(project: Path) -> None:
    found, run = logged(
        project,
        "import numpy as np, warnings\nwarnings.simplefilter('error')\nnp.seterr(all='raise')\n"
        "reenact.log(a=reenact.image(np.zeros((2, 2, 2))), b=reenact.image(np.zeros((0, 3))), c=reenact.image('no'), d=reenact.image(b'GIF'))\n"
        "reenact.log(e=reenact.histogram([]), f=reenact.histogram([float('nan')]), g=reenact.table(7), h=reenact.figure(3), i=np.zeros((2, 3)))\n"
        "reenact.log(j=reenact.image(np.zeros((9000, 9000), np.uint8)), k=reenact.audio([]), l=reenact.image([[1], [2, 3]]))\n"
        "reenact.log(ok=reenact.image(np.array([[np.nan, 2.0], [-np.inf, 0.5]])), huge=reenact.table([[n] for n in range(1000000)]))\n"
        "reenact.log(long=reenact.text('x' * 3000000))\nprint('went on')\n",
    )
    assert set(found) == {"ok", "huge", "long"}
    details = {gap["detail"].partition(":")[0]: gap["detail"] for gap in run["gaps"]}
    assert set(details) == set("abcdefghijkl")
    assert details["a"] == "a: image: the shape 2 x 2 x 2 is no image: it has neither 1, 3 nor 4 channels"
    assert details["i"].startswith("i: ndarray of 2 x 3: say what it is with reenact.image")
    assert found["ok"][0].path is not None
    assert opened(found["ok"][0].path).tolist() == [[0, 255], [0, 128]]
    assert len(found["huge"][0].data["rows"]) == 10_000 and len(found["long"][0].data) == 1 << 20
    lines = [
        json.loads(line) for line in (run_folder(project, run["run"]) / "media/rank0.jsonl").read_text().splitlines()
    ]
    assert {one["n"]: one.get("left_out") for one in lines}["huge"] == "990,000 of 1,000,000 rows"


def test_names_of_any_kind_stay_in_the_folder(project: Path) -> None:
    names = [
        "../../../escaped",
        "/etc/passwd",
        "a/b\\c",
        "q\"uo'te",
        "nul\0byte",
        "ü 漢 \ud800",
        "x" * 10_000,
        "",
        ".",
        "..",
        "a b",
    ]
    (project / "names.json").write_text(json.dumps(names))
    found, run = logged(
        project,
        "import json\nnames = json.load(open('names.json'))\n"
        "for n, name in enumerate(names):\n    reenact.log({name: reenact.image([[n]])}, step=-n)\n"
        "    reenact.log({name: reenact.text(name)})\n"
        "    reenact.log({name: reenact.image([[n + 100]])}, step=-n)\n",
    )
    assert set(found) == set(names) and all(len(media) == 3 for media in found.values())
    for number, name in enumerate(names):
        first, note, last = found[name]
        assert note.data == name and (first.step, last.step) == (-number, -number)
        assert first.path is not None and opened(first.path)[0, 0] == number
        assert last.path is not None and opened(last.path)[0, 0] == number + 100
    folder = run_folder(project, run["run"]) / "media"
    assert len(list((folder / "rank0").iterdir())) == 2 * len(names)
    assert all(path.parent == folder / "rank0" for media in found.values() for one in media if (path := one.path))
    assert not (project / "escaped").exists() and run["complete"]


def test_threads_forks_children_and_jobs(project: Path) -> None:
    found, run = logged(
        project,
        "import os, subprocess, sys, threading\n"
        "def work(n):\n    for i in range(50):\n        reenact.log({f't{n}': reenact.image([[i, n]])}, step=i)\n"
        "threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "if os.fork() == 0:\n    reenact.log(t0=reenact.text('forked')); os._exit(0)\n"
        "os.wait()\n"
        "subprocess.run([sys.executable, '-c', 'import reenact; reenact.log(child=reenact.text(1))'], check=True)\n",
    )
    for number in range(4):
        assert [one.step for one in found[f"t{number}"]] == list(range(50))
        for one in found[f"t{number}"]:
            assert one.path is not None and opened(one.path).tolist() == [[one.step, number]]
    assert found["child"][0].data == "1"
    (forked,) = (name for name in found if name.startswith("t0@"))
    assert found[forked][0].data == "forked" and run["media"]["t0"]["count"] == 50


def test_each_job_of_a_sweep_has_its_own(project: Path) -> None:
    (project / "train.py").write_text(
        "import hydra, reenact\nreenact.log(before=reenact.text('b'))\n"
        "@hydra.main(version_base=None)\ndef main(cfg):\n    reenact.log(x=reenact.image([[cfg.a]]))\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    run = record("train.py", "-m", "+a=1,2", cwd=project)
    assert [one.name for one in read_media(run_folder(project, run))] == ["before"]
    for number in (0, 1):
        folder = run_folder(project, f"{run}.{number}")
        (one,) = read_media(folder)
        assert one.path is not None and opened(one.path).tolist() == [[number + 1]] and one.path.is_relative_to(folder)
        trial = manifest(project, f"{run}.{number}")
        assert list(trial["media"]) == ["x"]
        assert [file["path"] for file in trial["media_files"]] == [
            f"media/job{number}.jsonl",
            f"media/job{number}/x-0.png",
        ]


def test_a_kill_loses_nothing_that_was_logged(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, reenact\nfor i in range(200):\n    reenact.log(x=reenact.image([[i]]), n=reenact.text(i))\nos.kill(os.getpid(), 9)\n"
    )
    done = reenact("run", "--json", "train.py", cwd=project)
    assert done.returncode == 128 + signal.SIGKILL
    run = last_json(done.stdout)["run"]
    found = read_media(run_folder(project, run))
    assert [(one.name, one.step) for one in found] == [(name, i) for i in range(200) for name in ("x", "n")]
    assert manifest(project, run)["media"]["x"]["count"] == 200


def test_a_full_disk_is_a_gap_and_no_error(project: Path) -> None:
    """With a limit on the size of files, which fails like a full disk."""
    found, run = logged(
        project,
        "import resource, signal\nimport os\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))\n"
        "reenact.log(big=reenact.html('x' * 30000))\n"
        "for i in range(8):\n    reenact.log(t=reenact.text('y' * 3000))\n"
        "reenact.log(small=reenact.html('z'))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))\n"
        "reenact.log(after=reenact.text('there'))\nprint('went on')\n",
    )
    assert [one.step for one in found["t"]] == list(range(6)) and found["after"][0].data == "there"
    assert set(found) == {"t", "after"}
    assert any(gap["id"] == "media-not-kept" and gap["detail"].startswith("big: html: ") for gap in run["gaps"])
    assert not list((run_folder(project, run["run"]) / "media" / "rank0").glob("big*"))


def test_a_program_that_closes_our_descriptors_goes_on(project: Path) -> None:
    found, _ = logged(
        project,
        "import os\nreenact.log(a=reenact.text(1))\nos.closerange(3, 1000)\nfile = open('mine', 'w')\n"
        "reenact.log(a=reenact.text(2)); file.write('own'); file.close()\n"
        "import atexit; atexit.register(lambda: reenact.log(a=reenact.text(3)))\n",
    )
    assert (project / "mine").read_text() == "own" and [one.data for one in found["a"]] == ["1", "2", "3"]


def test_secrets_are_redacted(project: Path) -> None:
    token = "ghp_" + "a1B2c3D4e5" * 4
    found, run = logged(
        project,
        f"token = {token!r}\n"
        "reenact.log(note=reenact.text('a ' + token, caption=token), db_password=reenact.text('hunter2'), page=reenact.html(token))\n"
        "reenact.log(t=reenact.table([[token, 'hunter2', 'plain']], columns=['a', 'password', 'c']))\n",
    )
    assert found["t"][0].data["rows"] == [["<redacted>", "<redacted>", "plain"]]
    assert found["note"][0].data == "a <redacted>" and found["db_password"][0].data == "<redacted>"
    for path in (run_folder(project, run["run"]) / "media").rglob("*"):
        assert not path.is_file() or token.encode() not in path.read_bytes()


def test_outside_of_a_run_nothing_happens(project: Path) -> None:
    code = (
        "import reenact, sys; n = set(sys.modules)\n"
        "reenact.log(a=reenact.image(3), b=reenact.table(None), c=reenact.text(1), d=reenact.histogram([]), e=reenact.html(0))\n"
        "reenact.log(f=reenact.figure(1), g=reenact.audio(1)); print(set(sys.modules) - n, reenact.image([1]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "set() reenact.image(list)\n", "")
    assert list(project.iterdir()) == []


def test_files_are_blobs_once_on_disk_and_gc_keeps_them(project: Path) -> None:
    script = "for i in range(3):\n    reenact.log(x=reenact.image([[i] * 50] * 50))\n"
    found, run = logged(project, script)
    blobs = project / ".reenact" / "blobs" / "sha256"
    for file in run["media_files"]:
        path = run_folder(project, run["run"]) / file["path"]
        assert (blobs / file["digest"].removeprefix("sha256:")).stat().st_ino == path.stat().st_ino
    assert len(run["media_files"]) == 4
    assert reenact("gc", cwd=project).returncode == 0
    assert all((blobs / file["digest"].removeprefix("sha256:")).exists() for file in run["media_files"])
    image = json.loads((project / ".reenact" / "index.json").read_text())["manifests"][0]["digest"]
    layers = json.loads((blobs / image.removeprefix("sha256:")).read_text())["layers"]
    assert "media/rank0/x-0.png" in {layer["annotations"]["org.opencontainers.image.title"] for layer in layers}
    assert (
        reenact("rm", "--yes", run["run"], cwd=project).returncode == 0 and reenact("gc", cwd=project).returncode == 0
    )
    assert found["x"][0].path is not None and not found["x"][0].path.exists()


def test_verify_logs_again_and_does_not_compare(project: Path) -> None:
    found, run = logged(project, "import os\nreenact.log(x=reenact.text(os.getpid()))\n")
    done = reenact("verify", "last", "--json", cwd=project)
    assert done.returncode == 0, done.stdout + done.stderr
    candidate = last_json(done.stdout)["candidate"]
    (again,) = read_media(run_folder(project, candidate))
    assert again.data != found["x"][0].data
    assert manifest(project, candidate)["result"] == run["result"]


def test_lines_that_are_none_and_files_that_lie_elsewhere_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "media"
    (folder / "rank0").mkdir(parents=True)
    (folder / "rank0" / "a.png").write_bytes(b"1")
    (tmp_path / "secret.png").write_bytes(b"1")
    os.symlink(tmp_path / "secret.png", folder / "rank0" / "link.png")
    good = {"n": "a", "k": "image", "s": 1, "t": 0.5, "f": "rank0/a.png"}
    bad: list[Any] = [
        {**good, "f": "../../secret.png"},
        {**good, "f": str(tmp_path / "secret.png")},
        {**good, "f": "rank0/link.png"},
        {**good, "f": "rank0/none.png"},
        {**good, "f": "nul\0"},
        {**good, "f": 3},
        {**good, "k": "virus"},
        {**good, "s": "1"},
        {"n": "t", "k": "table", "s": 0, "d": {"columns": [], "rows": [1]}},
        {"n": "h", "k": "histogram", "s": 0, "d": {"edges": [1], "counts": [1]}},
        {"n": "x", "k": "text", "s": 0, "d": 3},
        [],
        3,
    ]
    lines = [json.dumps(one).encode() for one in bad] + [b"", b"\xff\xfe", b"[" * 100_000, b'{"n": "torn']
    (folder / "rank0.jsonl").write_bytes(json.dumps(good).encode() + b"\n" + b"\n".join(lines))
    (one,) = read_media(tmp_path / "run")
    assert (one.name, one.step, one.time, one.path) == ("a", 1, 0.5, folder / "rank0" / "a.png")
    assert read_media(tmp_path / "nowhere") == []


def test_a_run_that_goes_on_is_followed(project: Path) -> None:
    (project / "train.py").write_text(
        "import os, reenact, time\nreenact.log(x=reenact.image([[1]]))\nopen('half', 'w').close()\n"
        "while not os.path.exists('go'):\n    time.sleep(0.01)\nreenact.log(x=reenact.image([[2]]), y=reenact.text('end'))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "reenact", "run", "--quiet", "train.py"], cwd=project, env=environment()
    ) as process:
        while not (project / "half").exists():
            assert process.poll() is None
        (folder,) = (project / ".reenact" / "runs").iterdir()
        follower = MediaFollower(folder)
        assert [one.step for one in follower.poll()] == [0]
        assert follower.poll() == []
        (project / "go").touch()
        assert process.wait(60) == 0
    assert [(one.name, one.step) for one in follower.poll()] == [("x", 1), ("y", 0)]


def test_histograms_of_any_numbers() -> None:
    """However large, small or close together: edges that rise, and every number in a bin."""
    generator = numpy.random.default_rng(0)
    cases = [[-1.7e308, 1.7e308, 0.0], [1e-320, 2e-320], [5e-324, 0], [1.7e308] * 2, [3], [True, False]]
    for _ in range(300):
        base = generator.choice([0, 1e5, 1e300])
        cases.append((generator.normal(size=50) * 10.0 ** generator.integers(-300, 300) + base).tolist())
    for case in cases:
        bins = int(generator.integers(1, 100))
        for value in (case, numpy.asarray(case)):
            found, left = histogram(value, bins)
            assert sum(found["counts"]) == len(case) and len(found["counts"]) == bins and not left
            assert found["edges"] == sorted(set(found["edges"])) and len(found["edges"]) == bins + 1
            assert found["edges"][0] <= min(case) and max(case) <= found["edges"][-1]


def test_show_names_them(project: Path) -> None:
    _, run = logged(project, "for i in range(3):\n    reenact.log({'a [b]': reenact.text('x' * i)}, step=i * 1000)\n")
    done = reenact("show", run["run"], cwd=project)
    assert done.returncode == 0
    assert re.search(r"^ +a \[b\] +text +3 +2,000 +9 B$", done.stdout, re.MULTILINE), done.stdout


def test_files_of_the_program_called_like_pythons(project: Path) -> None:
    (project / "own").mkdir()
    for name in ("hashlib", "struct", "io", "bisect", "array"):
        (project / "own" / f"{name}.py").write_text("raise ImportError('the program own')\n")
    (project / "own" / "train.py").write_text(
        "import reenact\nreenact.log(a=reenact.image([[1]]), h=reenact.histogram([1, 2]), p=reenact.html('x' * 2000000))\n"
    )
    run = record("own/train.py", cwd=project)
    found = {one.name: one for one in read_media(run_folder(project, run))}
    assert set(found) == {"a", "h", "p"}, manifest(project, run)["gaps"]
    assert found["p"].path is not None and found["p"].path.stat().st_size == 2_000_000
