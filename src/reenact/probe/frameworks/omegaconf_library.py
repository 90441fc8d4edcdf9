"""OmegaConf: what resolvers gave (``${now:}``, ``${oc.env:}``, the program's own), recorded and given back on replay.

Nothing is ever resolved on our behalf: a resolver may draw random numbers. On replay a resolver is called all the same,
for what it does to the program's state; only what it returns is replaced.
"""

from __future__ import annotations

from typing import Any

from ..configs import shown_text
from ..entropy import dress
from ..journal import complain
from ..state import Probe

CALLS = 2_000
"""Values that are written down; what comes after them is a gap."""

_OWN = ("hydra", "python_version")
"""Resolvers that tell of the config itself or of where the program runs: nothing to give back."""

_MISSING = object()


def hook(probe: Probe, base: Any) -> None:
    """Wraps ``Container._evaluate_custom_resolver``, through which every call of a resolver passes."""
    original = getattr(base.Container, "_evaluate_custom_resolver", None)
    if original is None:
        probe.journal.gap("resolvers", "this version of OmegaConf does not show what its resolvers give")
        return
    calls = _Calls(probe)
    probe.on_fork.append(calls.after_fork)

    def _evaluate_custom_resolver(self: Any, *args: Any, **kwargs: Any) -> Any:
        name = kwargs.get("inter_type", args[2] if len(args) > 2 else None)
        words = kwargs.get("inter_args_str", args[4] if len(args) > 4 else ())
        if words in _cache_of(self, name):
            # The resolver is not called: what it gave before is noted, and on replay put, when it was.
            return original(self, *args, **kwargs)
        try:
            value = original(self, *args, **kwargs)
        except Exception:
            given = calls.instead(name, words)
            if given is _MISSING:
                raise
            return given
        given = calls.result(name, words, value)
        if given is not value:
            cache = _cache_of(self, name)
            if words in cache:
                cache[words] = given
        return given

    dress(_evaluate_custom_resolver, original)
    base.Container._evaluate_custom_resolver = _evaluate_custom_resolver


def _cache_of(container: Any, name: Any) -> Any:
    """What the resolver has given so far, by its arguments, in the config that a container is of: a cache goes along to the configs
    of a sweep's jobs, into their processes too.
    """
    try:
        return container._get_root().__dict__["_metadata"].resolver_cache.get(name, {})
    except Exception as problem:
        complain("resolver cache", problem)
        return {}


class _Calls:
    """Counts the calls of each resolver with the same arguments, and writes a value when it is another than before."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        # By the process, or the job, that they are told of.
        self._counts: dict[tuple[str, str, tuple[str, ...]], int] = {}
        self._last: dict[tuple[str, str, tuple[str, ...]], Any] = {}
        self._written = 0

    def after_fork(self, probe: Probe) -> None:
        self._counts, self._last, self._written = {}, {}, 0

    def instead(self, name: Any, words: Any) -> Any:
        """What the baseline's call gave, where this one failed (a variable that is not set here)."""
        try:
            given = self._given(str(name), tuple(map(str, words)), self._number(str(name), tuple(map(str, words))))
            return _MISSING if given is None else given[0]
        except Exception as problem:
            complain("resolver", problem)
            return _MISSING

    def result(self, name: Any, words: Any, value: Any) -> Any:
        """Notes a call; the value that the program is to get."""
        try:
            name, words = str(name), tuple(map(str, words))
            n = self._number(name, words)
            given = self._given(name, words, n)
            if given is not None and type(given[0]) is type(value) and not self._is_place(value):
                value = given[0]
            self._note(name, words, n, value)
        except Exception as problem:
            complain("resolver", problem)
        return value

    def _number(self, name: str, words: tuple[str, ...]) -> int:
        key = (self._probe.process, name, words)
        n = self._counts.get(key, 0)
        self._counts[key] = n + 1
        return n

    def _given(self, name: str, words: tuple[str, ...], n: int) -> tuple[Any] | None:
        return None if self._probe.given is None or _of_config(name) else self._probe.given.resolver(name, words, n)

    def _is_place(self, value: Any) -> bool:
        # A replay may run in another folder.
        return isinstance(value, str) and self._probe.root in value

    def _note(self, name: str, words: tuple[str, ...], n: int, value: Any) -> None:
        plain = value is None or type(value) in (bool, int, float, str)
        shown = value if plain else type(value).__name__
        key = (self._probe.process, name, words)
        before = self._last.get(key, _MISSING)
        if type(before) is type(shown) and before == shown:
            return
        self._last[key] = shown
        self._written += 1
        if self._written > CALLS:
            detail = f"more than {CALLS} values of OmegaConf resolvers: the others were not kept"
            self._probe.journal.gap("resolvers", detail, True)
            return
        if name in ("oc.env", "env") and words:
            self._probe.journal.write("variable", name=words[0], site="")
        if isinstance(value, str):
            shown = shown_text(words[0] if words else name, value)
        given = plain and shown == value and not _of_config(name)
        arguments = [shown_text(name, word) for word in words]
        self._probe.journal.write("resolver", name=name, args=arguments, n=n, value=shown, given=given)


def _of_config(name: str) -> bool:
    return name in _OWN or (name.startswith("oc.") and name != "oc.env")
