"""``jsonargparse``: it stands on argparse, but has a parse of its own around it, and values with dotted names."""

from __future__ import annotations

from typing import Any

from ..arguments import described, write
from ..entropy import dress
from ..journal import complain
from ..state import Probe
from .argparse_module import Parse


def hook(probe: Probe, jsonargparse: Any) -> None:
    """Wraps ``ArgumentParser.parse_args``; the outermost call tells."""
    original = jsonargparse.ArgumentParser.parse_args

    def parse_args(self: Any, *args: Any, **kwargs: Any) -> Any:
        with Parse() as call:
            found = original(self, *args, **kwargs)
        if call.taken is not None:
            try:
                write(probe, "jsonargparse", self.prog, values(self, found, call.taken))
            except Exception as problem:
                complain("jsonargparse", problem)
        return found

    dress(parse_args, original)
    jsonargparse.ArgumentParser.parse_args = parse_args


def values(parser: Any, namespace: Any, taken: list[tuple[Any, list[str]]]) -> dict[str, dict[str, Any]]:
    """Each value by its dotted name; one that was not typed and is not the default came from a config file."""
    given = {action.dest: (action, words) for action, words in taken if action.option_strings or words}
    actions = {action.dest: action for action in parser._actions}
    config = any(type(action).__name__ == "ActionConfigFile" for action, _ in given.values())
    found: dict[str, dict[str, Any]] = {}
    for name, value in _flat(vars(namespace)):
        action = given[name][0] if name in given else actions.get(name)
        if type(action).__name__ == "ActionConfigFile":
            continue
        default = getattr(action, "default", value)
        options = getattr(action, "option_strings", ())
        if name in given:
            words = [*options[:1], *given[name][1]]
            found[name] = described(name, value, default, "argument", options, words)
        else:
            origin = "config" if config and default != value else "default"
            found[name] = described(name, value, default, origin, options)
    return found


def _flat(values: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found = []
    for name, value in values.items():
        if name.startswith("__"):
            continue
        inner = getattr(value, "__dict__", None) if type(value).__name__ == "Namespace" else None
        found += _flat(inner, f"{before}{name}.") if inner is not None else [(before + name, value)]
    return found
