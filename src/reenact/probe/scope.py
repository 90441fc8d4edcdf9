"""One job of a sweep: in the record a process of its own, whichever process it shares with others.

Its journal, its trace, its counts and the entropy that is given back to it are its own, so that a job is compared with the same
job, and can be executed again without the others. A worker of a parallel launcher takes jobs as they come.
"""

from __future__ import annotations

import os
import sys
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator
from typing import Any

from . import files
from .boot import write_start
from .journal import complain
from .state import Probe

_OWN = ("process", "main", "journal", "_trace", "given", "children", "_numbers", "scope")


class Scope:
    """From the start of a job to its end.

    Args:
        probe: this process's probe; from now on it writes for the job.
        process: identity of the job (``job3``).
    """

    def __init__(self, probe: Probe, process: str) -> None:
        self._probe = probe
        self.outer: str = probe.process
        """Identity of the process that the job shares."""
        if probe.training is not None:
            probe.training.take_back()
        self._kept = {name: getattr(probe, name) for name in _OWN}
        self._training = None if probe.training is None else dict(probe.training.__dict__)
        self._pid = os.getpid()
        self.around = _Around(self._kept)
        """What belongs to the process, and not to the job."""
        self.before_end: Any = None
        """Called before the job's end event where the process ends within the job."""
        probe.process, probe.main, probe.children, probe._numbers = process, False, 0, {}
        probe.journal = probe.journal.beside(process)
        probe._trace = None
        probe.given = None if probe.give is None else probe.give(process)
        probe.scope = self
        self._restart()
        write_start(probe, "job")
        _generators(probe)

    def leave(self, **fields: Any) -> None:
        """The job has ended.

        Args:
            fields: of its end event.
        """
        probe = self._probe
        if probe.scope is not self or os.getpid() != self._pid:
            return
        try:
            if self.before_end is not None:
                self.before_end()
            told = {"steps": 0} if probe.training is None else probe.training.finish(probe)
            probe.write_trace()
            if probe.given is not None:
                told["not_given"] = probe.given.missed
            probe.journal.write("end", **told, **fields)
        except Exception as problem:
            complain("job end", problem)
        probe.journal.close()
        if probe._trace is not None:
            probe.trace.close()
        for name, value in self._kept.items():
            setattr(probe, name, value)
        self._restart(self._training)

    def _restart(self, before: dict[str, Any] | None = None) -> None:
        """The training loop and the watch of files begin anew, or go on where they were."""
        probe = self._probe
        if probe.training is not None:
            probe.training.__init__(probe, probe.training._torch)
            if before is not None:
                probe.training.go_on(before)
        if files.watch is not None:
            files.watch.anew()


class _Around:
    """Journal, entropy and counts of the process in which a job runs, while the job does."""

    def __init__(self, kept: dict[str, Any]) -> None:
        self.journal, self.given, self._numbers = kept["journal"], kept["given"], kept["_numbers"]

    def next_number(self, what: str) -> int:
        """As :meth:`..state.Probe.next_number`."""
        number: int = self._numbers.get(what, 0)
        self._numbers[what] = number + 1
        return number


def _generators(probe: Probe) -> None:
    """Records the states that the random generators are in when a job begins; on replay gives back those of the baseline."""
    for what, get, put in _known():
        try:
            given = probe.given.state("job." + what, 0) if probe.given is not None else None
            if given is not None:
                put(given)
            probe.journal.write("state", what="job." + what, n=0, data=get(), site="")
        except Exception as problem:
            complain("job state", problem)


def _known() -> Iterator[tuple[str, Any, Any]]:
    """(name, function that gives the state as text, function that sets it) of each generator that the program has imported."""
    random, numpy, torch = (sys.modules.get(name) for name in ("random", "numpy.random", "torch"))
    if random is not None:
        from .frameworks import random_module

        yield (
            "random",
            lambda: random_module.text_of(random.getstate()),
            lambda text: random.setstate(random_module.state_of(text)),
        )
    if numpy is not None:
        yield "numpy", lambda: _numpy_text(numpy), lambda text: _numpy_set(numpy, text)
    if torch is not None:
        yield (
            "torch",
            lambda: _base64(bytes(torch.get_rng_state().tolist())),
            lambda text: torch.set_rng_state(_bytes_tensor(torch, text)),
        )
        if torch.cuda.is_initialized():
            for index in range(torch.cuda.device_count()):
                yield (
                    f"torch.cuda:{index}",
                    lambda index=index: _base64(bytes(torch.cuda.get_rng_state(index).tolist())),
                    lambda text, index=index: torch.cuda.set_rng_state(_bytes_tensor(torch, text), index),
                )


def _numpy_text(numpy: Any) -> str:
    state = numpy.get_state(
        legacy=False
    )  # asked for the other form, it warns where the program has put in another generator
    name, has_gauss, gauss = state["bit_generator"], state.get("has_gauss", 0), state.get("gauss", 0.0)
    words, position = state["state"]["key"], state["state"]["pos"]
    return f"{name}:{position}:{has_gauss}:{float(gauss).hex()}:{_base64(words.tobytes())}"


def _numpy_set(numpy: Any, text: str) -> None:
    name, position, has_gauss, gauss, words = text.split(":")
    array = sys.modules["numpy"].frombuffer(a2b_base64(words), dtype="uint32")
    numpy.set_state((name, array, int(position), int(has_gauss), float.fromhex(gauss)))


def _bytes_tensor(torch: Any, text: str) -> Any:
    return torch.frombuffer(bytearray(a2b_base64(text)), dtype=torch.uint8)


def _base64(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")
