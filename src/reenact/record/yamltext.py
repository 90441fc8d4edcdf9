"""Plain data as YAML text that OmegaConf reads back as the same data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

_WORD = re.compile(r"[A-Za-z_][\w./+@-]*(?: [\w./+@-]+)*$", re.ASCII)
_OTHER_MEANING = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf", "infinity"}


def yaml_text(tree: dict[str, Any]) -> str:
    """A mapping in block style, in its own order; strings are quoted wherever they could be taken for something else."""
    return "".join(f"{line}\n" for line in _mapping(tree, 0)) if tree else "{}\n"


def _mapping(tree: dict[str, Any], depth: int) -> Iterator[str]:
    for key, value in tree.items():
        yield from _entry(f"{'  ' * depth}{_scalar(key)}:", value, depth)


def _entry(head: str, value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield head
        yield from _mapping(value, depth + 1)
    elif isinstance(value, list) and value:
        yield head
        for item in value:
            if isinstance(item, (dict, list)) and item:
                yield from _entry("  " * (depth + 1) + "-", item, depth + 1)
            else:
                yield f"{'  ' * (depth + 1)}- {_scalar(item)}"
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        text = repr(value)
        if text in ("nan", "inf", "-inf"):
            return text.replace("nan", ".nan").replace("inf", ".inf")
        # YAML 1.1 wants a point in front of the exponent.
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    if isinstance(value, (int, list, dict)):
        return json.dumps(value)
    text = str(value)
    if _WORD.match(text) and text.lower() not in _OTHER_MEANING:
        return text
    return json.dumps(text, ensure_ascii=False)
