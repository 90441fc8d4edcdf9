"""``reenact report``: one file, looked at in a real browser that has no network."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pageproject import HOSTILE, reenact


def opened(page: Any, file: Path) -> Any:
    asked: list[str] = []
    page.context.set_offline(True)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    assert asked == [file.as_uri()]
    return page


def ink(page: Any, number: int = 0) -> int:
    """How many pixels of a chart are in the colour of the first run."""
    page.wait_for_timeout(150)
    return int(
        page.evaluate(
            """number => { const c = document.querySelectorAll("canvas")[number], d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
            let n = 0; for (let i = 0; i < d.length; i += 4) if (d[i] === 0 && d[i + 1] === 0x72 && d[i + 2] === 0xb2 && d[i + 3] > 200) n++; return n; }""",
            number,
        )
    )


@pytest.fixture(scope="module")
def one(project: Path) -> Path:
    reenact("report", "slow", "-o", "one.html", cwd=project)
    return project / "one.html"


def test_a_run(page: Any, one: Path) -> None:
    assert one.stat().st_size < 200_000
    opened(page, one)
    assert "slow" in page.inner_text("h1")
    assert page.locator("header .badge").all_inner_texts() == ["✓ finished", "✓ identical", "complete"]
    assert "--lr 0.1" in page.inner_text("pre.command")
    for title in (
        "Verdicts",
        "Completeness",
        "Curves",
        "Metrics",
        "Params",
        "Outputs",
        "Log",
        "Code",
        "Environment",
        "Entropy",
    ):
        assert page.locator(f"h2:has-text('{title}')").count() == 1, title
    assert re.search(r"lr\s+0\.1\s+argument", page.inner_text("#params"))
    assert "model.txt" in page.inner_text("#outputs")
    assert "step 380 loss" in page.inner_text("#log")
    assert {"loss", "val/acc"} <= set(page.locator("figcaption").all_inner_texts())
    assert ink(page) > 200


def test_zoom_hover_log_smoothing(page: Any, one: Path) -> None:
    opened(page, one)
    figure = page.locator("figure:has(figcaption:text-is('loss'))")
    chart, tip = figure.locator("canvas"), figure.locator(".tip")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()

    def point(part: float) -> None:
        page.mouse.move(box["x"] + box["width"] * part, box["y"] + 100)

    def told(part: float, low: int, high: int) -> int:
        """The step that is told at a place of the chart, once it is one that is right: a chart is drawn in its time."""
        step = -1
        for _ in range(50):
            point(part - 0.002)
            point(part)
            match = re.search(r"step (\d+)", tip.inner_text())
            step = int(match[1]) if match else -1
            if low < step < high:
                break
            page.wait_for_timeout(100)
        assert low < step < high
        return step

    step = told(0.75, 280, 320)
    shown = float(tip.inner_text().split()[-1])
    exact = page.evaluate(
        """step => { const c = JSON.parse(document.getElementById("data").textContent).panels.find(p => p.name === "loss").curves[0];
        let at = 0; const steps = c.steps.map(by => at += by); return c.values[steps.indexOf(step)]; }""",
        step,
    )
    assert shown == pytest.approx(exact, rel=1e-5)

    point(0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 120, steps=4)
    page.mouse.up()
    told(0.9, 150, 215)  # the right end is now where the middle was
    chart.dblclick()
    told(0.98, 380, 400)

    def picture(other_than: str = "") -> str:
        point(0.01)
        for _ in range(50):
            found = str(chart.evaluate("canvas => canvas.toDataURL()"))
            if found != other_than:
                break
            page.wait_for_timeout(100)
        assert found != other_than
        return found

    page.wait_for_timeout(300)
    linear = picture()
    page.check("input[name=log]")
    logarithmic = picture(linear)
    page.uncheck("input[name=log]")
    assert picture(logarithmic) == linear
    page.locator("input[name=smooth]").fill("0.9")
    picture(linear)
    told(0.75, 280, 320)
    assert "smoothed" in tip.inner_text()
    page.locator("input[name=smooth]").fill("0")
    page.select_option("select[name=x]", "time")
    for _ in range(50):
        point(0.751)
        point(0.75)
        if "@" in tip.inner_text():
            break
        page.wait_for_timeout(100)
    assert "@" in tip.inner_text(), "over time the step is told beside the value"
    page.fill("input[name=metric]", "val")
    assert page.locator("figure:visible figcaption").all_inner_texts() == ["val/acc"]


def test_what_is_no_number_is_marked(page: Any, one: Path) -> None:
    opened(page, one)
    values = page.evaluate(
        """() => JSON.parse(document.getElementById("data").textContent).panels.find(p => p.name === "loss").curves[0].values"""
    )
    assert values.count("nan") == 1 and len(values) == 400


def test_two_runs_their_divergence_and_its_cause(page: Any, project: Path) -> None:
    reenact("report", "slow", "fast", "-o", "two.html", cwd=project)
    opened(page, project / "two.html")
    text = page.inner_text("#divergence")
    assert "recipe\ndifferent" in text
    assert "model.txt" in page.inner_text("#came-out")
    assert "--lr 0.1" in page.inner_text("#went-in") and "--lr 0.4" in page.inner_text("#went-in")
    causes = page.locator("#divergence .causes li > b").all_inner_texts()
    assert causes[:2] == ["param-changed", "argument-changed"]
    assert page.locator(".legend button").all_inner_texts() == ["A slow", "B fast"]
    params = page.inner_text("#params")
    assert re.search(r"lr\s+0\.1\s+0\.4", params)
    assert ink(page) > 200
    page.locator(".legend button").first.click()
    page.mouse.move(5, 5)
    for _ in range(50):
        if not ink(page):
            break
    assert not ink(page), "a run that is hidden is not drawn"


def test_names_that_are_markup_are_text(page: Any, project: Path) -> None:
    reenact("report", "last", "-o", "odd.html", cwd=project)
    opened(page, project / "odd.html")
    assert page.evaluate("window.pwned") is None
    assert HOSTILE in page.locator("figcaption").all_inner_texts()
    assert HOSTILE in page.inner_text("#log") and HOSTILE in page.inner_text("header")
    assert "exit code 7" in page.inner_text("header")


PRINTED = """
import random
import reenact
random.seed(1)
for step in range(200):
    reenact.log({f"layer{n}/norm": random.gauss(0, 1) for n in range(40)}, step=step)
for n in range(20):
    open(f"out{n}.txt", "w").write(str(n))
for n in range(300):
    print("line", n)
"""


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run with forty charts, of which a window shows a few, and with sections that are folded."""
    root = tmp_path_factory.mktemp("printed")
    (root / ".reenact").mkdir()
    (root / "printed.py").write_text(PRINTED)
    reenact("run", "printed.py", cwd=root)
    reenact("report", "last", "-o", "long.html", cwd=root)
    return root / "long.html"


def inked(page: Any) -> int:
    """How many charts have pixels in the colour of the first run."""
    return int(
        page.evaluate(
            """() => [...document.querySelectorAll("canvas")].filter(c => {
            const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
            for (let i = 0; i < d.length; i += 4) if (d[i] === 0 && d[i + 1] === 0x72 && d[i + 2] === 0xb2 && d[i + 3] > 200) return true;
            return false; }).length"""
        )
    )


def test_all_charts_are_printed(page: Any, long: Path) -> None:
    opened(page, long)
    assert page.locator("canvas").count() == 40 and inked(page) < 40
    told = (
        "() => [...document.querySelectorAll('details')].filter(one => !one.open).map(one => one.closest('section').id)"
    )
    assert page.evaluate(told) == ["outputs", "code", "environment"]
    page.evaluate(
        "() => addEventListener('beforeprint', () => { window.folded = [...document.querySelectorAll('details:not([open])')].map(one => one.closest('section').id); })"
    )
    page.pdf()
    assert inked(page) == 40
    assert page.evaluate("window.folded") == ["code", "environment"]
    assert page.evaluate(told) == ["outputs", "code", "environment"], "afterwards it is as it was"


def test_what_a_sheet_shows(page: Any, long: Path) -> None:
    page.emulate_media(color_scheme="dark")
    opened(page, long)
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_function("() => document.querySelectorAll('canvas')[39].width === 960")
    assert inked(page) == 40
    style = "name => getComputedStyle(document.querySelector(name))"
    for name in ("figure.chart", "tr"):
        assert page.evaluate(f"name => ({style})(name).breakInside", name) == "avoid"
    assert page.evaluate(f"({style})('body').backgroundColor") == "rgb(255, 255, 255)"
    log = page.locator("pre.log")
    assert log.evaluate("box => box.scrollHeight <= box.clientHeight"), "a sheet cannot be scrolled"
    note = "() => [...document.querySelectorAll('summary')].filter(one => getComputedStyle(one, '::after').content.includes('folded')).length"
    assert page.evaluate(note) == 2
    page.emulate_media(media="screen", color_scheme="dark")
    page.wait_for_function("() => document.querySelector('canvas').width < 960")


def test_many_metrics_stay_under_a_megabyte(project: Path, tmp_path: Path) -> None:
    (tmp_path / ".reenact").mkdir()
    (tmp_path / "many.py").write_text(
        "import random, reenact\nrandom.seed(1)\nfor step in range(3000):\n"
        "    reenact.log({f'layer{n}/norm': random.gauss(0, 1) for n in range(150)}, step=step)\n"
    )
    reenact("run", "many.py", cwd=tmp_path)
    reenact("report", "last", "-o", "many.html", cwd=tmp_path)
    assert 300_000 < (tmp_path / "many.html").stat().st_size < 1_000_000


def test_a_run_without_anything(page: Any, tmp_path: Path) -> None:
    (tmp_path / ".reenact").mkdir()
    (tmp_path / "nothing.py").write_text("pass\n")
    reenact("run", "nothing.py", cwd=tmp_path)
    text = reenact("report", "last", "-o", "-", cwd=tmp_path).stdout
    (tmp_path / "n.html").write_text(text, encoding="utf-8")
    opened(page, tmp_path / "n.html")
    assert (
        page.locator("h2:has-text('Curves')").count() == 0 and page.locator("h2:has-text('Environment')").count() == 1
    )


def test_bad_input(project: Path) -> None:
    told = reenact("report", "nosuch", cwd=project, code=2).stderr
    assert "there is no run 'nosuch'" in told
    told = reenact("report", "slow", "--metric", "lossy", cwd=project, code=2).stderr
    assert "did you mean loss" in told
    told = reenact("report", "slow", "-o", "no/such/folder.html", cwd=project, code=2).stderr
    assert "No such file or directory" in told and "-o FILE" in told
