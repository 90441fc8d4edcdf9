"""What to type instead, after Hydra has refused to compose a config."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from typing import Any

_NO_MATCH = re.compile(r"Could not override '([^']+)'\.\s*No match in the defaults list")
_NO_OPTION = re.compile(r"Could not find '([^']+)'")
_NO_KEY = re.compile(r"Could not override '([^']+)'\.?\s*To append to your config use \+(\S+)")
_NO_YAML = re.compile(r'in "([^"]+)", (?:line (\d+)|position)')
_MOST = 12


def advice(event: Mapping[str, Any]) -> str | None:
    """One line for the error of a failed ``compose`` event; None where there is nothing better to say than Hydra says.

    Args:
        event: with overrides, error {type, message}, sources and stored, as journalled.
    """
    message = " ".join(str((event.get("error") or {}).get("message", "")).split())
    words = [str(word) for word in event.get("overrides") or []]
    groups = _groups(event)
    if str((event.get("error") or {}).get("type")) in ("ParserError", "ScannerError", "ReaderError", "ComposerError"):
        return _no_yaml(message)
    match = _NO_MATCH.search(message)
    if match:
        return _no_group(match[1], _word(words, match[1]), groups)
    match = _NO_OPTION.search(message)
    if match and "/" in match[1]:
        group, option = match[1].rsplit("/", 1)
        if groups.get(group):
            near = difflib.get_close_matches(option, groups[group], 1)
            plus = "+" * ((_word(words, group) or "").startswith("+"))
            return f"{group} has {_listed(groups[group])}" + (
                f"; did you mean {plus}{group}={near[0]}?" if near else ""
            )
        return f"no config group {group} here; {_known(groups)}"
    match = _NO_KEY.search(message)
    if match:
        word = _word(words, match[1]) or match[2]
        meant = ""
        if near := difflib.get_close_matches(match[1], [str(key) for key in event.get("keys") or []], 1):
            meant = f"; did you mean {near[0]}{word[word.find('=') :]}?"
        elif near := [one for one in groups if one.startswith(match[1])] or difflib.get_close_matches(
            match[1], groups, 1
        ):
            meant = f"; did you mean the group {near[0]}, which has {_listed(groups[near[0]])}?"
        return f"{match[1]} is no key of the config; +{word} adds it{meant}"
    return None


def _no_yaml(message: str) -> str | None:
    """The parser's traceback is long, and the file stands in its midst."""
    found = _NO_YAML.findall(message)
    if not found:
        return None
    path, line = found[-1]
    shown = os.path.relpath(path)
    shown = path if shown.startswith(os.pardir) else shown
    return f"{shown} is no YAML: look at line {line}" if line else f"{shown} is no YAML: it is not text"


def _no_group(group: str, word: str | None, groups: Mapping[str, list[str]]) -> str:
    word = word or f"{group}=NAME"
    if group in groups:
        known = word.split("=", 1)[-1] in groups[group]
        typed = f"type +{word} to add it" if known else f"+{group}=NAME adds it, and NAME is one of"
        return f"{group} is not in the defaults list: {typed}{'; it has' if known else ''} {_listed(groups[group])}"
    near = difflib.get_close_matches(group, list(groups), 1)
    if near:
        option = word.split("=", 1)[-1]
        has = groups[near[0]]
        return f"no config group {group}; did you mean {near[0]}={option if option in has else has[0]}?"
    return f"no config group {group} here; {_known(groups)}"


def _known(groups: Mapping[str, list[str]]) -> str:
    names = sorted(group for group in groups if group)
    return f"there are {_listed(names)}" if names else "there are no config groups"


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")


def _word(words: list[str], key: str) -> str | None:
    return next((word for word in words if word.lstrip("+~").split("=", 1)[0] == key), None)


def _groups(event: Mapping[str, Any]) -> dict[str, list[str]]:
    """Config groups of the program and their options: of its folders and of the ConfigStore; Hydra's own left out."""
    found: dict[str, set[str]] = {}
    for name in event.get("stored") or []:
        if "/" in name:
            group, option = name.rsplit("/", 1)
            found.setdefault(group, set()).add(option)
    for source in event.get("sources") or []:
        folder = source.get("folder")
        if folder and source.get("provider") != "hydra":
            for where, folders, files in os.walk(folder):
                folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))[:200]
                group = os.path.relpath(where, folder).replace(os.sep, "/")
                options = {os.path.splitext(name)[0] for name in files if name.endswith((".yaml", ".yml"))}
                if group != "." and options and not (group + "/").startswith("hydra/"):
                    found.setdefault(group, set()).update(options)
    return {group: sorted(options) for group, options in found.items()}
