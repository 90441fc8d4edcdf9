"""What lies in a project of reenact's own: stores, and the files that a recorded run wrote. It is no run of another tool's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from ..errors import ReenactError
from ..store.project import STORE, Store


class Own:
    """Tells what was recorded here from what was not.

    Args:
        store: whose runs.

    Attributes:
        left_out: how many runs of another tool's form were passed over, because this store has recorded them.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folder = os.path.realpath(store.folder)
        self.left_out = 0

    def files(self, folder: Path) -> Iterator[Path]:
        """Every file below a folder that lies in no store, in no order."""
        if f"{os.path.realpath(folder)}{os.sep}".startswith(self._folder + os.sep):
            return
        name_of_store = os.path.basename(self._folder)
        for place, folders, names in os.walk(folder):
            if STORE in folders:
                folders.remove(STORE)
            if name_of_store in folders and os.path.realpath(os.path.join(place, name_of_store)) == self._folder:
                folders.remove(name_of_store)
            yield from (Path(place, name) for name in names)

    def recorded(self, path: Path) -> bool:
        """Whether a run of this store wrote this file, or Hydra made this folder for it."""
        return os.path.realpath(path) in self._written

    @cached_property
    def _written(self) -> set[str]:
        found: set[str] = set()
        ours = {str(self._store.root)} if self._store.folder == self._store.root / STORE else set()
        for run in self._store.runs():
            try:
                manifest = self._store.manifest(run)
            except ReenactError:
                continue  # it goes on, or is damaged
            if manifest.imported is not None:
                continue
            paths = [file.path for file in manifest.outputs]
            paths += [config.output_dir for config in manifest.configs if config.output_dir is not None]
            # A project may have been moved since.
            for root in {manifest.command.root} | ours:
                found.update(os.path.realpath(os.path.join(root, path)) for path in paths)
        return found
