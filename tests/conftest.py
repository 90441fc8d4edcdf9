"""What tests of several folders need."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# A worker of xdist's has the size of a terminal in its variables, which is not that of the terminals that tests make.
for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)

TOGETHER = ("containers", "mirror", "pages")
"""Folders whose tests share what is slow to start, or what there can be only one of: an engine, a server, a project."""


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers, those of a file, or of such a folder, stay in one."""
    for item in items:
        place = item.path.relative_to(Path(__file__).parent)
        item.add_marker(pytest.mark.xdist_group(place.parts[0] if place.parts[0] in TOGETHER else str(place)))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A real Chromium, driven by Playwright: `browser.new_page()`. The system's own: none is downloaded."""
    from playwright.sync_api import sync_playwright

    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "tests of pages need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        # Its sandbox does not start for root, nor in most containers.
        started = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()
