"""Copies in MLflow beside a run: whether they are wanted, the process that makes them, and what is told of it at the end.

Run as a module, this is that process; see `mirror.live`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..errors import ReenactError

if TYPE_CHECKING:
    from ..mirror.files import Extra
    from ..mirror.live import Started
    from ..mirror.settings import Settings
    from ..store.project import Store


def html_report(store: Store, run: str) -> tuple[str, bytes]:
    """The report of a run, as one file that MLflow's page can show."""
    from ..report.page.report import run_report

    return "report.html", run_report(store, run).encode("utf-8", "replace")


EXTRAS: tuple[Extra, ...] = (html_report,)
"""Files that go to MLflow beside those of the record, such as a report: each function gives name and content for a run."""


def wanted(store: Store, flag: bool | None) -> Settings | None:
    """The settings with which a run is to be copied; None when it is not.

    Args:
        flag: what the command line says, None for nothing.

    Raises:
        ReenactError: ``bad-setting``; ``no-mlflow`` where the command line asks for it.
    """
    from ..mirror.settings import read_settings, with_uri

    settings = read_settings(store.root)
    if flag is False or (flag is None and not settings.live):
        return None
    from ..mirror.tracker import need_mlflow

    try:
        need_mlflow()
    except ReenactError as error:
        if flag:
            raise
        sys.stderr.write(f"reenact: not copied to MLflow: {error.what} ({error.fix})\n")
        return None
    return with_uri(settings, None, store)


def begin(store: Store, run: str, settings: Settings | None) -> Started | None:
    """Start to copy a run that has begun; whatever comes in the way, the run goes on."""
    if settings is None:
        return None
    from ..mirror.live import start

    try:
        return start(store, run, settings, [sys.executable, "-m", "reenact.cli.mirroring"])
    except OSError as error:
        sys.stderr.write(f"reenact: not copied to MLflow: {error}\n")
        return None


def end(started: Started | None, settings: Settings | None) -> str | None:
    """Wait a little for the copy of a run that has ended; what is to be told."""
    if started is None or settings is None:
        return None
    from ..mirror.live import outcome

    try:
        return outcome(started.wait(settings.wait), started.uri)
    except KeyboardInterrupt:
        return outcome(started.wait(0), started.uri)


def judged(store: Any, run: str) -> None:
    """Tell MLflow of a new verdict, where copies are wanted of every run; nobody waits for it."""
    try:
        begin(store, run, wanted(store, None))
    except ReenactError:
        pass  # the verdict stands; settings are complained about by `run`


if __name__ == "__main__":
    from reenact.mirror.live import main

    sys.exit(main(EXTRAS))
