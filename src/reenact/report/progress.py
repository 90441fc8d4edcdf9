"""How far a verification has come: one live line on a terminal, now and then a plain line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from .quantities import duration, plain

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress

_FIRST, _EVERY = 10.0, 30.0
_REDRAW = 0.25


class VerifyProgress:
    """Progress of a replay on one stream. Use it as a context manager; not thread-safe.

    Args:
        stream: where to; stderr as a rule.
        clock: seconds, monotonic.
    """

    def __init__(self, stream: IO[str], clock: Callable[[], float] = time.monotonic) -> None:
        from .console import is_terminal, tolerate

        tolerate(stream)
        self._stream = stream
        self._clock = clock
        self._live = is_terminal(stream)
        self._bar: Progress | None = None
        self._last: float | None = None
        self._began_training: tuple[float, int] | None = None

    def __enter__(self) -> VerifyProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def message(self, text: str) -> None:
        """One line for a person, above the live line where there is one."""
        line = f"reenact: {plain(text)}"
        if self._bar is not None:
            self._bar.console.print(line, soft_wrap=True)
        else:
            self._stream.write(line + "\n")
            self._stream.flush()

    def update(self, equal: int, total: int, elapsed: float, baseline_seconds: float | None) -> None:
        """How far the replay has come.

        Args:
            equal: steps that were equal so far.
            total: steps of the baseline; 0 when it has none.
            elapsed: seconds since the replay began.
            baseline_seconds: what the baseline took; None when it is not known.
        """
        left = self._left(equal, total, elapsed, baseline_seconds)
        now = self._clock()
        if self._live:
            if self._last is None or now - self._last >= _REDRAW or equal >= total > 0:
                self._last = now
                self._draw(equal, total, elapsed, left)
            return
        if self._last is None:
            self._last = now - _EVERY + _FIRST  # the first line comes sooner than the next
        if now - self._last >= _EVERY:
            self._last = now
            self.message(f"{_told(equal, total)}, {duration(elapsed)} elapsed{_told_left(left)}")

    def _left(self, equal: int, total: int, elapsed: float, baseline_seconds: float | None) -> float | None:
        """Seconds left: by the pace of the steps once there is one, before that by what the baseline took."""
        if equal > 0 and total > 0:
            if self._began_training is None:
                self._began_training = (elapsed, equal)
            since, first = self._began_training
            if equal - first >= 2 and elapsed > since:
                return (total - equal) * (elapsed - since) / (equal - first)
        return None if baseline_seconds is None else max(0.0, baseline_seconds - elapsed)

    def _draw(self, equal: int, total: int, elapsed: float, left: float | None) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        from .console import console

        told = f"{_told(equal, total)}, {duration(elapsed)} elapsed{_told_left(left)}"
        if self._bar is None:
            # No refresh thread: the replay forks, and a fork should find one thread only.
            self._bar = Progress(
                TextColumn("verify"),
                BarColumn(bar_width=24, complete_style="cyan", finished_style="green"),
                TextColumn("{task.description}", markup=False),
                console=console(self._stream),
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._bar.add_task(told, total=total or None, completed=equal)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], completed=equal, total=total or None, description=told, refresh=True)


def _told(equal: int, total: int) -> str:
    return f"{equal:,} of {total:,} steps equal" if total else "replaying"


def _told_left(left: float | None) -> str:
    # Overdue: what the baseline took says nothing any more.
    return f", {duration(left)} left" if left else ""
