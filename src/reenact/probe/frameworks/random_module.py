"""Python's ``random``: its start state, generators made without a seed, seeds set."""

from __future__ import annotations

import array
import binascii
import os
import sys
from typing import Any

from ..callsite import call_site
from ..entropy import Seeds, dress
from ..journal import complain
from ..state import Probe


def hook(probe: Probe, random: Any) -> None:
    """Records the state that the module was born with (given back on replay) and watches for seeds."""

    def started(generator: Any, what: str, site: str) -> None:
        """A generator has just been seeded by the operating system."""
        owner = probe.owner()
        n = owner.next_number("state." + what)
        if owner.given is not None:
            data = owner.given.state(what, n)
            if data is not None:
                generator.setstate(state_of(data))
        owner.journal.write("state", what=what, n=n, data=text_of(generator.getstate()), site=site)

    def reborn() -> None:
        """Python reseeds the module's generator in a forked child; torch then seeds it again in its loaders' workers."""
        try:
            if not _for_a_loader():
                started(random._inst, "random", "")
        except Exception as problem:
            complain("random", problem)

    started(random._inst, "random", "")
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=reborn)
    original = random.Random.seed

    def seed(self: Any, a: Any = None, version: int = 2) -> None:
        original(self, a, version)
        if a is None and type(self).seed is seed:
            try:
                started(self, "random.Random", call_site())
            except Exception as problem:
                complain("random", problem)

    dress(seed, original)
    random.Random.seed = seed
    random.seed = Seeds(probe, "random").wrap(random._inst.seed, "seed", "random")


_LOADER = os.path.join("torch", "utils", "data", "dataloader.py")


def _for_a_loader() -> bool:
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.endswith(_LOADER):
            return True
        frame = frame.f_back
    return False


def text_of(state: Any) -> str:
    """A state of a generator as text."""
    version, words, gauss = state
    raw = array.array("L" if array.array("L").itemsize == 4 else "I", words[:-1]).tobytes()
    packed = binascii.b2a_base64(raw, newline=False).decode()
    return f"{version}:{words[-1]}:{'' if gauss is None else float(gauss).hex()}:{packed}"


def state_of(text: str) -> Any:
    """The state that a text stands for."""
    version, position, gauss, packed = text.split(":")
    words = array.array("L" if array.array("L").itemsize == 4 else "I")
    words.frombytes(binascii.a2b_base64(packed))
    return int(version), (*words, int(position)), float.fromhex(gauss) if gauss else None
