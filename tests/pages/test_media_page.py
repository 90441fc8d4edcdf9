"""Images, tables, texts, histograms and pages that a run logged, in the report and in the page."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from pageproject import Ui, reenact

SHOW = """
import os, random, sys, time
import numpy
import reenact

rng = numpy.random.default_rng(0)
for step in range(6):
    picture = numpy.zeros((24, 32, 3), numpy.uint8)
    picture[:, : 4 * (step + 1)] = (200, 30, 60)
    reenact.log({
        "sample/<b>": reenact.image(picture, caption="epoch <i>%d</i>" % step),
        "weights": reenact.histogram(rng.normal(size=500)),
    }, step=step)
reenact.log(errors=reenact.table([["cat", 3, 0.5], ["<img src=x onerror=window.pwned=1>", 1, float("nan")]], columns=["what", "many", "share"]))
reenact.log(note=reenact.text("first line\\nsecond <line>"))
reenact.log(page=reenact.html("<p id=told>plain</p><script>document.getElementById('told').textContent = "
    "(() => { try { return 'cookies ' + document.cookie } catch (error) { return 'no origin' } })()</script>"))
if "wait" in sys.argv:
    print("ready", flush=True)
    while not os.path.exists("more"):
        time.sleep(0.05)
    reenact.log(late=reenact.text("came later"))
    while not os.path.exists("end"):
        time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("media")
    (root / ".reenact").mkdir()
    (root / "show.py").write_text(SHOW)
    reenact("run", "--name", "shown", "show.py", cwd=root)
    return root


def check(page: Any) -> None:
    assert page.locator("#media h3").count() == 5
    images = page.locator("#media img")
    assert images.count() == 6
    for number in range(6):
        images.nth(number).scroll_into_view_if_needed()
    page.wait_for_function(
        "() => [...document.querySelectorAll('#media img')].every(one => one.complete && one.naturalWidth === 32)"
    )
    assert page.locator("#media figcaption").first.inner_text() == "step 0: epoch <i>0</i>"
    assert page.locator("#media svg.bars").count() == 6
    assert page.locator("#media td").all_inner_texts()[:3] == ["cat", "3", "0.5"]
    assert "second <line>" in page.locator("#media pre").inner_text()
    assert page.evaluate("window.pwned") is None


def test_in_the_report(page: Any, shown: Path) -> None:
    reenact("report", "shown", "-o", "shown.html", cwd=shown)
    page.context.set_offline(True)
    page.goto((shown / "shown.html").as_uri())
    check(page)
    assert "1 more, not shown here" in page.inner_text("#media"), (
        "a page with scripts of its own is not put into this one"
    )


def test_in_the_page(page: Any, shown: Path) -> None:
    ui = Ui(shown)
    try:
        page.goto(ui.url)
        page.click(".row:has-text('shown') a")
        page.wait_for_selector("#media")
        check(page)
        with page.context.expect_page() as opened:
            page.click("text=open this page")
        other = opened.value
        other.wait_for_function("() => document.getElementById('told').textContent !== 'plain'")
        assert other.inner_text("#told") == "no origin", "its script runs, and has nothing of ours"
        other.close()
        run = page.url.rpartition("/")[2]
        for file in ("../log.txt", "../../../../../../etc/passwd", "/etc/passwd", "", "main.jsonl", "no/such.png"):
            request = urllib.request.Request(
                f"{ui.base}/api/media?{urllib.parse.urlencode({'run': run, 'file': file})}",
                headers={"X-Reenact-Token": ui.token},
            )
            with pytest.raises(urllib.error.HTTPError, match="400"):
                urllib.request.urlopen(request, timeout=20)
    finally:
        assert ui.end() == 0


def test_what_comes_while_the_page_is_open(page: Any, shown: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "reenact", "run", "--name", "going", "show.py", "wait"],
        cwd=shown,
        stdout=subprocess.PIPE,
        text=True,
    )
    ui = Ui(shown)
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        page.goto(ui.url)
        page.click(".row:has-text('going') a")
        page.wait_for_selector("#media img")
        (shown / "more").touch()
        page.wait_for_selector("#media pre:has-text('came later')")
    finally:
        for name in ("more", "end"):
            (shown / name).touch()
        assert process.wait(60) == 0
        assert ui.end() == 0


def test_images_stay_within_the_room(shown: Path, tmp_path: Path) -> None:
    (tmp_path / ".reenact").mkdir()
    (tmp_path / "large.py").write_text(
        "import numpy, reenact\nrng = numpy.random.default_rng(0)\nfor step in range(30):\n"
        "    reenact.log(noise=reenact.image(rng.integers(0, 255, (128, 128, 3), dtype=numpy.uint8)), step=step)\n"
    )
    reenact("run", "large.py", cwd=tmp_path)
    text = reenact("report", "last", "-o", "-", cwd=tmp_path).stdout
    assert 200_000 < len(text) < 700_000
    assert "step 29<" in text and "step 0<" in text, "the last one and the first one are there"
    assert "more, not shown here" in text
