"""How far the index has been made: one live line on a terminal, nothing elsewhere."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress


class IndexProgress:
    """Progress of reading run folders. Call it with how many have been read and how many there are; it is gone after the last.

    Args:
        stream: where to; stderr as a rule.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._bar: Progress | None = None

    def __call__(self, done: int, total: int) -> None:
        from .console import console, is_terminal, tolerate

        if self._bar is None:
            if not is_terminal(self._stream) or done >= total:
                return
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            tolerate(self._stream)
            self._bar = Progress(
                TextColumn("reading run folders"),
                BarColumn(bar_width=24, complete_style="cyan", finished_style="green"),
                TextColumn("{task.description}", markup=False),
                TimeRemainingColumn(),
                console=console(self._stream),
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._bar.add_task("", total=total)
            self._bar.start()
        self._bar.update(
            self._bar.task_ids[0], completed=done, total=total, description=f"{done:,} of {total:,}", refresh=True
        )
        if done >= total:
            self.stop()

    def stop(self) -> None:
        """Take the line away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
