"""What tests of several folders need."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

# A worker of xdist's has the size of a terminal in its variables, which is not that of the terminals that tests make.
for _name in ("COLUMNS", "LINES"):
    os.environ.pop(_name, None)

TOGETHER = ("containers", "mirror", "pages")
"""Folders whose tests share what is slow to start, or what there can be only one of: an engine, a server, a project."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With several workers, the tests of a file, or of such a folder, stay in one. (xdist's own groups do nothing with pytest 9.2.)"""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            folder = file.split("/")[1] if "/" in file else ""
            return folder if folder in TOGETHER else file

    return ByFile(config, log)


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
