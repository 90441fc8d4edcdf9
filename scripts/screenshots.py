"""Takes the pictures of docs/images: records the example a few times, and looks at it in Chromium.

    python scripts/screenshots.py

Needs the test group (Playwright) and Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parents[1]
IMAGES = HERE / "docs" / "images"
WIDTH, HEIGHT = 1240, 760


def reenact(folder: Path, *words: str) -> None:
    """Run a reenact command in the folder."""
    done = subprocess.run([sys.executable, "-m", "reenact", *words], cwd=folder, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(done.stderr)


def record(folder: Path) -> None:
    """Some runs of the example, one verified, one tagged."""
    (folder / ".reenact").mkdir()
    text = (HERE / "examples" / "vae" / "train.py").read_text()
    for name, rate, hidden in (
        ("base", "1e-3", "256"),
        ("wide", "1e-3", "512"),
        ("small", "1e-3", "128"),
        ("faster", "2e-3", "256"),
    ):
        told = text.replace("\nlr = 1e-3\n", f"\nlr = {rate}\n").replace("\nhidden = 256\n", f"\nhidden = {hidden}\n")
        (folder / "train.py").write_text(told)
        reenact(folder, "run", "--name", name, "--experiment", "vae", "train.py")
    reenact(folder, "verify", "base")
    reenact(folder, "tag", "base", "paper")
    reenact(folder, "note", "wide", "twice the units; hardly better")


def shoot(page: Any, name: str) -> None:
    """Keep what the window shows."""
    page.mouse.move(2, 2)
    page.wait_for_timeout(1500)
    page.screenshot(path=IMAGES / f"{name}.png")


def look(browser: Any, folder: Path) -> None:
    """The list, two runs beside each other, and a report."""
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    words = [sys.executable, "-m", "reenact", "ui", "--no-open"]
    with subprocess.Popen(words, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as served:
        assert served.stdout is not None
        try:
            page.goto(served.stdout.readline().strip())
            page.wait_for_selector(".row a")
            page.set_viewport_size({"width": WIDTH, "height": 300})
            shoot(page, "ui-list")
            page.set_viewport_size({"width": WIDTH, "height": 1180})
            for name in ("base", "faster"):
                page.locator(".row", has_text=name).locator("input").check()
            page.click("#compare")
            page.wait_for_selector("#divergence h2")
            shoot(page, "ui-compare")
        finally:
            served.terminate()
    reenact(folder, "report", "base", "-o", "report.html")
    page.set_viewport_size({"width": WIDTH, "height": 1180})
    page.goto((folder / "report.html").as_uri())
    page.wait_for_selector("canvas")
    shoot(page, "report")


def main() -> None:
    """Record, look, keep."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("Chromium is needed")
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place) / "vae"
        folder.mkdir()
        record(folder)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        look(browser, folder)
        browser.close()


if __name__ == "__main__":
    main()
