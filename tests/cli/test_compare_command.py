from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from storemaker import CLI, Project, alive

A, B, C = "20260101-000001-aaaa", "20260101-000002-abbb", "20260101-000003-cccc"
SWEEP = "20260101-000009-eeee"
COLORED = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def curves(project: Project) -> Project:
    """Three runs with a loss, an accuracy, and a metric of which nothing is known to be better."""
    project.add(A, name="base", lr=0.1, losses=(0.9, 0.2, 0.3), metrics={"acc": [0.1, 0.8, 0.7], "pages": [1, 2]})
    project.add(B, lr=0.2, losses=(0.9, 0.5, 0.1), metrics={"acc": [0.1, 0.2, 0.3]})
    project.add(C, lr=0.1, losses=(0.9, float("nan"), 0.4), exit_code=3)
    return project


def in_terminal(project: Project, columns: int, *words: str, **env: str) -> str:
    """What the command writes to a terminal of so many columns."""
    ours, theirs = pty.openpty()
    subprocess.run(["stty", "cols", str(columns), "rows", "40"], stdin=theirs, check=True)
    process = subprocess.Popen(
        [*CLI, *words],
        cwd=project.root,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "TERM": "xterm-256color", **env},
    )
    os.close(theirs)
    found = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        found += piece
    os.close(ours)
    assert process.wait() == 0, found
    return found.decode()


def test_only_params_that_differ_and_all_with_all(curves: Project) -> None:
    out = curves.cli("compare", A, B).out
    assert re.search(r"^ +lr +0\.1 +0\.2$", out, re.MULTILINE) and "momentum" not in out
    assert re.search(r"^ +momentum +0\.9 +0\.9$", curves.cli("compare", A, B, "--all").out, re.MULTILINE)
    assert "none differ" in curves.cli("compare", A, C).out


def test_last_and_best_side_by_side(curves: Project) -> None:
    lines = curves.cli("compare", A, B).out.splitlines()

    def cells(name: str) -> list[str]:
        return next(line.split() for line in lines if line.split()[:1] == [name])

    assert cells("loss") == ["loss", "0.3", "0.1"]
    assert cells("min") == ["min", "0.2", "0.1*"]
    assert cells("acc") == ["acc", "0.7", "0.3"] and cells("max") == ["max", "0.8*", "0.3"]
    assert cells("pages") == ["pages", "2", "-"]
    assert any("✓ finished" in line and A in line and "1m02s" in line for line in lines)


def test_json(curves: Project) -> None:
    data = curves.cli("compare", "base", B, C, "--json", "--metric", "acc").json
    assert set(data) == {"runs", "params", "metrics", "curves"}
    assert [run["id"] for run in data["runs"]] == [A, B, C]
    assert set(data["runs"][0]) == {
        *("id", "name", "experiment", "tags", "status", "exit_code", "started", "duration", "complete"),
        *("verdicts", "params", "metrics"),
    }
    assert data["params"] == [{"name": "lr", "differs": True, "values": [0.1, 0.2, 0.1]}]
    assert data["runs"][0]["metrics"]["acc"]["best"] == 0.8 and data["runs"][0]["metrics"]["loss"]["best"] == 0.2
    assert data["metrics"] == [{"name": "acc", "better": "max"}]
    assert data["curves"][0] == {
        **{"metric": "acc", "run": A, "skipped": 0, "steps": [0, 1, 2], "values": [0.1, 0.8, 0.7]},
        "times": [0.0, 0.5, 1.0],
    }
    assert [curve["run"] for curve in data["curves"]] == [A, B]


def test_the_drawing_without_colours_has_a_letter_a_run(curves: Project) -> None:
    out = curves.cli("compare", A, B, "--metric", "loss").out
    drawing = out.partition("\nloss\n")[2]
    assert "A" in drawing and "B" in drawing and "*" in drawing
    assert "\x1b" not in out and "acc" not in out
    assert max(map(len, out.splitlines())) <= 80
    assert "A base 0.3" in out and f"B {B} 0.1" in out


@pytest.mark.parametrize("columns", [80, 160])
def test_the_drawing_in_a_terminal_has_colours_and_its_width(curves: Project, columns: int) -> None:
    out = in_terminal(curves, columns, "compare", A, B, "--metric", "loss")
    assert COLORED.search(out)
    lines = COLORED.sub("", out).splitlines()
    assert max(map(len, lines)) <= columns
    drawn = [line for line in lines if re.search("[\u2801-\u28ff]", line)]
    assert len(drawn) > 8 and max(map(len, drawn)) > columns - 5
    # Each run has a colour of its own.
    assert "\x1b[36m" in out and "\x1b[35m" in out


def test_no_color_is_honoured_in_a_terminal(curves: Project) -> None:
    out = in_terminal(curves, 80, "compare", A, B, "--metric", "loss", NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3\dm", out) and not re.search("[\u2801-\u28ff]", out)
    assert "AAA" in out and "BBB" in out


def test_ascii_where_that_is_all_there_is(curves: Project) -> None:
    process = curves.process("compare", A, B, env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out.isascii() and b"AAA" in out and b"\\u" not in out


def test_log_scale_says_what_it_leaves_out(project: Project) -> None:
    project.add(A, losses=(0.0, 1.0, 10.0, float("inf")))
    out = project.cli("compare", A, "--log").out
    assert "log scale" in out and "1 point that is no finite number, 1 point that is not positive left out" in out


def test_one_metric_of_several_and_one_that_is_not_there(curves: Project) -> None:
    out = curves.cli("compare", A, B, "--metric", "acc", "--metric", "loss").out
    assert out.index("\nacc\n") < out.index("\nloss\n")
    result = curves.cli("compare", A, B, "--metric", "ac")
    assert (result.code, result.out) == (2, "")
    assert "none of these runs has a metric 'ac'" in result.err and "did you mean acc" in result.err


def test_the_learning_rate_can_be_drawn_though_no_manifest_has_it(curves: Project) -> None:
    data = curves.cli("compare", A, "--metric", "lr", "--json").json
    assert data["curves"][0]["steps"] == [0, 2] and data["curves"][0]["values"] == [0.1, 0.1]
    assert "\nlr\n" in curves.cli("compare", A, B, "--metric", "lr").out


def test_a_sweep_means_its_trials(project: Project) -> None:
    project.add(SWEEP, losses=(0.5,))
    for job in (10, 2):
        project.add(f"{SWEEP}.{job}", losses=(job / 10,), lr=job)
        manifest = project.folder(f"{SWEEP}.{job}") / "manifest.json"
        data = json.loads(manifest.read_text())
        data["trial_of"] = {"run": SWEEP, "job": job}
        manifest.write_text(json.dumps(data))
    data = project.cli("compare", "last", "--json").json
    assert [run["id"] for run in data["runs"]] == [f"{SWEEP}.2", f"{SWEEP}.10"]
    assert [run["id"] for run in project.cli("compare", "last.10", "--json").json["runs"]] == [f"{SWEEP}.10"]


def test_a_run_that_is_going_on(project: Project) -> None:
    folder = project.begin(A, supervisor=alive())
    (folder / "metrics" / "rank0.jsonl").write_text(
        '{"s":0,"m":{"acc":0.25}}\n{"s":1,"m":{"acc":0.5}}\n{"s":2,"m":{"ac'
    )
    run = project.cli("compare", A, "--json").json["runs"][0]
    assert run["status"] == "running" and run["metrics"]["acc"] == {
        **{"last": 0.5, "min": 0.25, "max": 0.5, "count": 2, "first": 0.25},
        "best": 0.5,
    }


def test_many_runs_fit_by_blocks(project: Project) -> None:
    runs = [f"20260101-0000{n:02d}-aaaa" for n in range(60)]
    for number, run in enumerate(runs):
        project.add(run, losses=(0.123456 + number,), lr=number / 7, output=None)
    out = project.cli("compare", *runs).out
    assert max(map(len, out.splitlines())) <= 80 and all(run in out for run in runs)
    assert out.count("  lr") > 3 and re.search(r"^60 ", out, re.MULTILINE)


HOSTILE = [
    '</script><script>alert("x")</script>',
    "a/b",
    "ключ ✓",
    "two\nlines",
    "\x1b[31mred",
    "x & <y>",
    "$\\frac{a",
    "\udc80",
]


def test_hostile_names_in_every_form(project: Project, tmp_path: Path) -> None:
    names = {name: [0.5, float("nan"), 0.25] for name in HOSTILE}
    project.add(A, name='<img src=x onerror="1">', metrics={**names, "m" * 300: [1, 2]})
    metrics = [word for name in HOSTILE[:-1] for word in ("--metric", name)]
    result = project.cli("compare", A, *metrics)
    assert result.code == 0 and "\x1b" not in result.out and "two\\nlines" in result.out
    assert set(project.cli("compare", A, "--json").json["runs"][0]["metrics"]) >= set(HOSTILE[:-1])
    for suffix in (".svg", ".html"):
        target = tmp_path / f"a b{suffix}"
        assert project.cli("compare", A, *metrics, "--plot", str(target)).code == 0
        text = target.read_text(encoding="utf-8")
        assert "<script>alert" not in text and "<img" not in text and "\x1b" not in text
    ET.fromstring((tmp_path / "a b.svg").read_text())
    target = tmp_path / "all.png"
    assert project.cli("compare", A, *metrics, "--plot", str(target)).code == 0
    assert target.read_bytes().startswith(b"\x89PNG")


def test_the_svg_has_axes_a_legend_and_gaps(curves: Project, tmp_path: Path) -> None:
    target = tmp_path / "x.svg"
    result = curves.cli("compare", A, C, "--plot", str(target))
    assert result.code == 0 and str(target) in result.err
    root = ET.parse(target).getroot()
    space = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in root.iter(f"{space}text")]
    assert {"loss", "acc", "A  base", f"B  {C}", "step", "0", "1"} <= set(texts)
    panel = next(root.iter(f"{space}g"))
    # C's loss has a NaN between two points: two dots, and no line across the gap.
    assert len(list(panel.iter(f"{space}circle"))) == 2
    assert [path.get("class") for path in panel.iter(f"{space}path")].count("curve") == 1


def test_the_page_is_whole_in_itself(curves: Project, tmp_path: Path) -> None:
    target = tmp_path / "x.html"
    assert curves.cli("compare", A, B, "--plot", str(target)).code == 0
    text = target.read_text()
    assert not re.search(r"""(?:src|href)\s*=|@import|url\(|fetch\(|https?://(?!www\.w3\.org/2000/svg)""", text)
    data = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])  # type: ignore[index]
    assert data["panels"][0]["curves"][0]["values"] == pytest.approx([0.9, 0.2, 0.3])


def test_png_without_matplotlib_names_the_extra(curves: Project, tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('not here')\n")
    process = curves.process("compare", A, "--plot", "x.png", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    out, err = process.communicate()
    assert process.returncode == 4 and out == b""
    assert b"reenact[plot]" in err and b"Traceback" not in err


def test_matplotlib_is_imported_for_png_only(curves: Project) -> None:
    words = ["compare", A, B, "--plot", "x.svg"]
    process = curves.process(*words, env={**os.environ, "PYTHONPROFILEIMPORTTIME": "1"})
    _, err = process.communicate()
    assert process.returncode == 0 and b"reenact.report.svg" in err
    assert b"matplotlib" not in err and b"numpy" not in err and b"reenact.replay" not in err


@pytest.mark.parametrize(("name", "told"), [("x.pdf", "FILE.svg"), ("x", "FILE.svg"), ("nowhere/x.svg", "no folder")])
def test_a_plot_that_cannot_be_written(curves: Project, name: str, told: str) -> None:
    result = curves.cli("compare", A, "--plot", name)
    assert (result.code, result.out) == (2, "") and told in result.err


def test_nothing_to_plot(project: Project) -> None:
    project.add(A, losses=())
    result = project.cli("compare", A, "--plot", "x.svg")
    assert result.code == 2 and not (project.root / "x.svg").exists()
    assert "metrics  none" in project.cli("compare", A).out


def test_very_many_names_are_limited_in_the_view(project: Project) -> None:
    project.add(A, metrics={f"m{number}": [number] for number in range(3000)})
    out = project.cli("compare", A).out
    assert len(out.splitlines()) < 100 and "and 2,961 more; --all shows them" in out
    assert len(project.cli("compare", A, "--all").out.splitlines()) > 3000


def test_unknown_runs(curves: Project) -> None:
    assert curves.cli("compare", A, "nope").code == 2
    assert "RUN" in curves.cli("compare").err


def test_a_file_that_cannot_be_read_is_told(curves: Project) -> None:
    with open(curves.folder(A) / "metrics" / "rank0.jsonl", "a") as file:
        file.write("corrupt\n{\n")
    assert "A: 2 lines that could not be read left out" in curves.cli("compare", A, "--metric", "acc").out


def test_no_run_is_the_best_where_all_are_the_same(project: Project) -> None:
    for run in (A, B):
        project.add(run, losses=(0.5,), metrics={"acc": [0.5]})
    assert "*" not in project.cli("compare", A, B).out.partition("runs\n")[2].partition("\nloss\n")[0]


def test_numbers_that_were_only_seen_come_last(project: Project) -> None:
    project.add(A, losses=(), metrics={"log/loss": [1, 2], "system/cpu": [1, 2], "acc": [1, 2], "pages": [1, 2]})
    out = project.cli("compare", A).out
    assert re.findall(r"^  (acc|pages|log/loss|system/cpu) ", out, re.MULTILINE) == [
        "acc",
        "pages",
        "log/loss",
        "system/cpu",
    ]
    assert "\nacc\n" in out and "\nlog/loss\n" not in out
