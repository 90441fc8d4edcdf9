"""Entropy: what the program draws from the operating system, and the seeds it sets. Recorded; given back on replay.

Nothing is replaced while recording. On replay ``os.urandom`` returns the bytes that the baseline drew at the same call
site, and a seed that the baseline took from the clock is used in the place of the new one.
"""

from __future__ import annotations

import binascii
import functools
import os
import sys
import time
from typing import Any

from .callsite import call_site, is_users
from .journal import complain
from .state import Probe

_WORKER = os.path.join("torch", "utils", "data", "_utils", "worker.py")
"""Seeds every DataLoader worker with a number drawn from the main process's generator."""


def install(probe: Probe) -> None:
    """Wraps ``os.urandom`` and, on replay, loads the baseline's entropy."""
    folder = probe.replay_dir
    if folder:
        from .given import Given

        probe.give = lambda process: Given(os.path.join(folder, process + ".jsonl"))
        probe.given = probe.give(probe.process)
    _wrap_urandom(probe)


def _wrap_urandom(probe: Probe) -> None:
    original = os.urandom

    def urandom(size: int, /) -> bytes:
        data = original(size)
        try:
            site, owner = call_site(), probe.owner()
            if owner.given is not None:
                given = owner.given.draw(site, size)
                if given is not None:
                    data = given
            owner.journal.write("draw", n=size, data=_base64(data), site=site)
        except Exception as problem:
            complain("urandom", problem)
        return data

    dress(urandom, original, "os")
    os.urandom = urandom


def dress(wrapper: Any, original: Any, module: str | None = None) -> None:
    """Gives a wrapper the name, documentation and signature of what it stands for.

    Args:
        module: where the wrapper is to be found under its plain name, so that it can be pickled; that of the original
            when None.
    """
    try:
        functools.update_wrapper(wrapper, original)
        if module is not None:
            wrapper.__module__, wrapper.__qualname__ = module, wrapper.__name__
    except Exception as problem:
        complain("dress", problem)


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


class Seeds:
    """Records calls of seeding functions, numbered per library and function.

    Args:
        probe: this process's probe.
        lib: name of the library.
    """

    def __init__(self, probe: Probe, lib: str) -> None:
        self._probe = probe
        self._lib = lib

    def wrap(self, original: Any, fn: str, module: str | None = None) -> Any:
        """A function that records its first argument as a seed, then does what ``original`` does.

        Args:
            module: see `dress`.
        """

        def seeding(*args: Any, **kwargs: Any) -> Any:
            try:
                args, kwargs = self._note(fn, args, kwargs)
            except Exception as problem:
                complain("seed", problem)
            return original(*args, **kwargs)

        dress(seeding, original, module)
        return seeding

    def _note(self, fn: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        value = args[0] if args else next(iter(kwargs.values()), None)
        if hasattr(value, "bit_generator") or hasattr(value, "random_raw"):
            # A generator is no seed: default_rng hands it back.
            return args, kwargs
        owner = self._probe.owner()
        n = owner.next_number(f"seed.{self._lib}.{fn}")
        origin = origin_of(value)
        site = call_site()
        if owner.given is not None:
            before = owner.given.seed(self._lib, fn, n)
            if before is not None and _is_entropy(before, value, site):
                # Nothing else went in, so it comes from the clock, a process id, an address.
                value, origin = before["value"], "clock"
                if args:
                    args = (value, *args[1:])
                else:
                    kwargs = dict.fromkeys(kwargs, value)
        if _by_library():
            origin = "library"
        owner.journal.write("seed", lib=self._lib, fn=fn, value=plain(value), site=site, origin=origin, n=n)
        if owner is self._probe:
            from .traceformat import SEED

            self._probe.trace.emit(SEED, f"{self._lib}.{fn}", None, None, self._step(), _fingerprint(value))
        return args, kwargs

    def _step(self) -> int:
        training = self._probe.training
        return -1 if training is None else int(training.step_now())


def _is_entropy(before: dict[str, Any], value: Any, site: str) -> bool:
    """True for a seed that a replay would set to another number at the same place."""
    known = before.get("value")
    return (
        type(known) is type(value)
        and known != value
        and before.get("origin") in ("clock", "code")
        and os.path.basename(str(before.get("site"))) == os.path.basename(site)
    )


def _by_library() -> bool:
    """True when a library seeds for itself: while it is being imported, or torch a DataLoader worker."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.endswith(_WORKER) or name.startswith("<frozen importlib"):
            return True
        if is_users(name):
            return False
        frame = frame.f_back
    return False


def _fingerprint(value: Any) -> int:
    from ..fingerprint.values import ValueHasher

    return ValueHasher().fingerprint(plain(value))


def plain(value: Any) -> Any:
    """A value that JSON can hold: numbers and strings as they are, integers of other types as integers,
    lists and arrays by their repr, anything else by the name of its class."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    index = getattr(value, "__index__", None)
    if index is not None:
        try:
            return index()
        except Exception:
            pass
    listed = getattr(value, "tolist", None)
    if listed is not None:
        value = listed()
    # No repr of anything else: it may hold an address.
    return repr(value)[:500] if isinstance(value, (list, tuple, bytes)) else type(value).__name__


def origin_of(value: Any) -> str:
    """``none`` for no seed, ``clock`` for a number that looks like the time now in some unit, else ``code``."""
    if value is None:
        return "none"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "code"
    now = time.time()
    for unit in (1, 1_000, 1_000_000, 1_000_000_000):
        ticks = now * unit
        for wrap in (None, 2**32, 2**31, 2**32 - 1, 2**31 - 1):
            if wrap is None:
                near = abs(ticks - value) < 10 * unit
            elif ticks > wrap:
                near = unit <= 1_000 and abs(int(ticks) % wrap - value) < 10 * unit
            else:
                continue
            if near and value > 100_000:
                return "clock"
    return "code"
