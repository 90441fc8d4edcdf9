"""What a source of params is given and what it gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..schema import Origin, Start
from ..traces import rank_of


@dataclass(frozen=True)
class Param:
    """One value that the program was given, with where it came from."""

    name: str
    value: Any
    origin: Origin


@dataclass(frozen=True)
class Context:
    """What is known of a run when its params are gathered.

    Attributes:
        folder: the run folder.
        start: start.json.
        journals: the events of every process, by its identity.
        main: the process whose params these are, besides those of the first rank: a job of a sweep.
    """

    folder: Path
    start: Start
    journals: Mapping[str, list[dict[str, Any]]]
    main: str = "rank0"

    def events(self, kind: str) -> Iterator[dict[str, Any]]:
        """The events of one kind of the main process and of the first rank's, in the order of the processes."""
        for process, events in self.journals.items():
            if rank_of(process) == 0 or process == self.main:
                yield from (event for event in events if event.get("e") == kind)

    def first(self, kind: str) -> dict[str, Any] | None:
        """The first of :meth:`events`, or None."""
        return next(self.events(kind), None)
