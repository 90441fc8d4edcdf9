"""``argparse``: what each parse found, and which of it was typed. Nothing is parsed twice, as types may do anything."""

from __future__ import annotations

import sys
from _thread import _local
from typing import Any

from ..arguments import by_another, described, write
from ..entropy import dress
from ..journal import complain
from ..state import Probe


class Watch(_local):
    """The parse that this thread is in: how deep, and the words that each action was given."""

    depth = 0
    taken: Any = None


watch = Watch()


class Parse:
    """One call of a parser, around it. After the outermost one ``taken`` holds what each action was given; else it is None."""

    def __init__(self) -> None:
        self.taken: Any = None
        self._outermost = watch.depth == 0

    def __enter__(self) -> Parse:
        if self._outermost:
            watch.taken = []
        watch.depth += 1
        return self

    def __exit__(self, *_: Any) -> None:
        watch.depth -= 1
        if self._outermost:
            self.taken, watch.taken = watch.taken, None


def hook(probe: Probe, argparse: Any) -> None:
    """Wraps the parsing methods, of which the outermost call tells, and the one through which every value passes."""
    parser = argparse.ArgumentParser
    _wrap_values(parser)
    for name in ("parse_known_args", "parse_known_intermixed_args"):
        original = getattr(parser, name, None)
        if original is not None:
            setattr(parser, name, _wrapped(probe, original))


def _wrap_values(parser: Any) -> None:
    original = getattr(parser, "_get_values", None)
    if original is None:
        return

    def _get_values(self: Any, action: Any, arg_strings: Any, *more: Any) -> Any:
        if watch.taken is not None:
            try:
                watch.taken.append((action, list(arg_strings)))
            except Exception as problem:
                complain("argparse", problem)
        return original(self, action, arg_strings, *more)

    dress(_get_values, original)
    parser._get_values = _get_values


def _wrapped(probe: Probe, original: Any) -> Any:
    def parse(self: Any, args: Any = None, namespace: Any = None, *more: Any, **options: Any) -> Any:
        call = Parse()
        try:
            with call:
                found = original(self, args, namespace, *more, **options)
        except BaseException:
            _failed(probe, self, args, call.taken)
            raise
        if call.taken is not None:
            try:
                if not by_another(1, ("argparse",)):
                    write(probe, "argparse", self.prog, values(self, found[0], args, call.taken))
            except Exception as problem:
                complain("argparse", problem)
        return found

    dress(parse, original)
    return parse


def _failed(probe: Probe, parser: Any, args: Any, taken: Any) -> None:
    """Of a parse that came to nothing only the secrets are told: the command line is in the record all the same."""
    if taken is None:
        return
    try:
        line = [str(word) for word in (sys.argv[1:] if args is None else args)]
        after = [
            (action, [word]) for name, word in zip(line, line[1:]) for action in parser._actions if _names(action, name)
        ]
        given = [(action, words) for action, words in [*taken, *after] if words]
        found = {a.dest: described(a.dest, words, None, "argument", a.option_strings) for a, words in given}
        write(probe, "argparse", parser.prog, {name: told for name, told in found.items() if "hidden" in told})
    except Exception as problem:
        complain("argparse", problem)


def values(parser: Any, namespace: Any, args: Any, taken: list[tuple[Any, list[str]]]) -> dict[str, dict[str, Any]]:
    """Each attribute of what was parsed, with its origin.

    Args:
        args: what was to be parsed; ``sys.argv`` when None.
        taken: the actions that were carried out, with their words.
    """
    line = [str(word) for word in (sys.argv[1:] if args is None else args)] if not isinstance(args, str) else []
    given: dict[str, tuple[Any, list[str]]] = {}
    for action, words in taken:
        if action.option_strings or words:
            given[action.dest] = (action, words)
    actions, defaults = _known(parser, given)
    found = {}
    for name, value in vars(namespace).items():
        if name.startswith("__"):
            continue
        action = actions.get(name)
        options = action.option_strings if action is not None else ()
        if name in given:
            action, words = given[name]
            if words and isinstance(action.choices, dict) and hasattr(action.choices.get(words[0]), "_actions"):
                words = words[:1]  # the rest are the subparser's
            joined = _joined(action, line)
            typed = [joined] if joined else [*_option(action, line), *words]
            found[name] = described(name, value, defaults.get(name), "argument", action.option_strings, typed)
        else:
            found[name] = described(name, value, defaults.get(name, value), "default", options)
    return found


def _known(parser: Any, given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The actions by their dest and the defaults, of the parser and of the subparsers that were chosen."""
    actions: dict[str, Any] = {}
    defaults: dict[str, Any] = dict(getattr(parser, "_defaults", {}))
    for action in parser._actions:
        actions.setdefault(action.dest, action)
        if action.dest not in defaults:
            defaults[action.dest] = action.default
        choices = action.choices
        words = given[action.dest][1] if action.dest in given else []
        if words and isinstance(choices, dict) and hasattr(choices.get(words[0]), "_actions"):
            more, below = _known(choices[words[0]], given)
            actions.update(more)
            defaults.update(below)
    return actions, defaults


def _joined(action: Any, line: list[str]) -> str:
    """The word that holds option and value, ``--lr=0.1``; "" when there is none."""
    return next((word for word in reversed(line) if "=" in word and _names(action, word.partition("=")[0])), "")


def _option(action: Any, line: list[str]) -> list[str]:
    if not action.option_strings:
        return []
    return [next((word for word in reversed(line) if _names(action, word)), action.option_strings[0])]


def _names(action: Any, word: str) -> bool:
    if word in action.option_strings:
        return True
    return word.startswith("--") and len(word) > 2 and any(name.startswith(word) for name in action.option_strings)
