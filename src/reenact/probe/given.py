"""Entropy that a replay gives back, read from the baseline's journal of the same process."""

from __future__ import annotations

import binascii
import json
import os
from collections import deque
from typing import Any


class Given:
    """Draws, start states and seeds of the baseline, in order, per call site.

    Args:
        path: the baseline's journal of this process; a missing file gives nothing back.

    Attributes:
        missed: how many times something was asked for that the baseline did not have.
    """

    def __init__(self, path: str) -> None:
        self.draws: dict[tuple[str, int], deque[bytes]] = {}
        self.states: dict[tuple[str, int], str] = {}
        self.seeds: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.listings: dict[str, list[str]] = {}
        self.schedule: list[tuple[int, int]] = []
        self.resolved: dict[tuple[str, tuple[str, ...]], list[tuple[int, Any]]] = {}
        self.missed = 0
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    try:
                        event = json.loads(line)
                    except ValueError:
                        continue
                    self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("e")
        if kind == "draw":
            key = (_place(event["site"]), event["n"])
            self.draws.setdefault(key, deque()).append(binascii.a2b_base64(event["data"]))
        elif kind == "state":
            self.states[event["what"], event["n"]] = event["data"]
        elif kind == "seed":
            self.seeds[event["lib"], event["fn"], event["n"]] = event
        elif kind == "schedule":
            self.schedule.append((event["from"], event["stride"]))
        elif kind == "file" and event.get("op") == "list":
            self.listings.setdefault(event["path"], event["entries"])
        elif kind == "resolver" and event.get("given", True):
            self.resolved.setdefault((event["name"], tuple(event["args"])), []).append((event["n"], event["value"]))

    def draw(self, site: str, count: int) -> bytes | None:
        """The next bytes that the baseline drew at this call site with this size; None when it drew no more."""
        queue = self.draws.get((_place(site), count))
        if queue:
            return queue.popleft()
        self.missed += 1
        return None

    def state(self, what: str, n: int) -> str | None:
        """The n-th start state of a generator (base64), or None."""
        return self.states.get((what, n))

    def seed(self, lib: str, fn: str, n: int) -> dict[str, Any] | None:
        """The n-th call of a seeding function in the baseline, or None."""
        return self.seeds.get((lib, fn, n))

    def resolver(self, name: str, args: tuple[str, ...], n: int) -> tuple[Any] | None:
        """What the n-th call of an OmegaConf resolver with these arguments gave, in a tuple; None when it is not known.

        A value is written when it differs from the call's before, so the last one up to n counts.
        """
        found = None
        for number, value in self.resolved.get((name, args), ()):
            if number > n:
                break
            found = (value,)
        return found


def _place(site: str) -> str:
    """A call site without its folder: a replay may run in another one."""
    return os.path.basename(site)
