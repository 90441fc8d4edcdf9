"""Python's ``random``: its start state, generators made without a seed, seeds set."""

from __future__ import annotations

import array
import binascii
from typing import Any

from ..callsite import call_site
from ..entropy import Seeds, dress
from ..journal import complain
from ..state import Probe


def hook(probe: Probe, random: Any) -> None:
    """Records the state that the module was born with (given back on replay) and watches for seeds."""
    count = [0]

    def started(generator: Any, what: str, site: str) -> None:
        """A generator has just been seeded by the operating system."""
        n = count[0]
        count[0] += 1
        if probe.given is not None:
            data = probe.given.state(what, n)
            if data is not None:
                generator.setstate(_state(data))
        probe.journal.write("state", what=what, n=n, data=_text(generator.getstate()), site=site)

    started(random._inst, "random", "")
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
    random.seed = Seeds(probe, "random").wrap(random._inst.seed, "seed")


def _text(state: Any) -> str:
    version, words, gauss = state
    raw = array.array("L" if array.array("L").itemsize == 4 else "I", words[:-1]).tobytes()
    packed = binascii.b2a_base64(raw, newline=False).decode()
    return f"{version}:{words[-1]}:{'' if gauss is None else float(gauss).hex()}:{packed}"


def _state(text: str) -> Any:
    version, position, gauss, packed = text.split(":")
    words = array.array("L" if array.array("L").itemsize == 4 else "I")
    words.frombytes(binascii.a2b_base64(packed))
    return int(version), (*words, int(position)), float.fromhex(gauss) if gauss else None
