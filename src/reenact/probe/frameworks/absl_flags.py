"""``absl.flags``: the flags of the program, after they were parsed."""

from __future__ import annotations

from typing import Any

from ..arguments import described, write
from ..entropy import dress
from ..journal import complain
from ..state import Probe


def hook(probe: Probe, flagvalues: Any) -> None:
    """Wraps ``FlagValues.__call__``, which parses."""
    original = flagvalues.FlagValues.__call__

    def __call__(self: Any, argv: Any, *args: Any, **kwargs: Any) -> Any:
        found = original(self, argv, *args, **kwargs)
        try:
            write(probe, "absl", argv[0], values(self))
        except Exception as problem:
            complain("absl", problem)
        return found

    dress(__call__, original)
    flagvalues.FlagValues.__call__ = __call__


def values(flags: Any) -> dict[str, dict[str, Any]]:
    """The flags that the program defines, and those of absl's own that were given."""
    found: dict[str, dict[str, Any]] = {}
    for module, defined in flags.flags_by_module_dict().items():
        for flag in defined:
            given = bool(flag.present)
            if flag.name not in found and (given or not module.startswith("absl.")):
                origin = "argument" if given else "default"
                words = ["--" + flag.name] if given else []
                found[flag.name] = described(flag.name, flag.value, flag.default, origin, ["--" + flag.name], words)
    return found
