"""OmegaConf trees as plain data: read from their contents as they are, so that nothing is resolved and nothing is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .argv import without_secrets

REDACTED = "<redacted>"


def plain_tree(node: Any, name: str = "", leave: str | None = None) -> Any:
    """The values of a DictConfig, a ListConfig or a leaf, unresolved and without secrets.

    Interpolations are their text, missing values ``???``, enums their names; bytes and other objects their repr or class.

    Args:
        name: the key that it stands under; a secret may be told by it.
        leave: a key of the top level to leave out: Hydra's own node has more in it than most programs' configs.
    """
    content = content_of(node)
    if isinstance(content, dict):
        return {_key(key): plain_tree(child, str(_key(key))) for key, child in content.items() if key != leave}
    if isinstance(content, list):
        return [plain_tree(child, name) for child in content]
    return _leaf(name, content)


def leaves(node: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of what is no mapping; an empty mapping counts as a leaf, a list as one."""
    content = content_of(node)
    if not isinstance(content, dict) or (not content and prefix):
        yield prefix
        return
    for key, child in content.items():
        yield from leaves(child, f"{prefix}.{_key(key)}" if prefix else str(_key(key)))


def content_of(node: Any) -> Any:
    """What a node holds: dict, list, or the raw value of a leaf."""
    for _ in range(3):  # a union holds a leaf
        inner = getattr(node, "__dict__", {})
        if "_content" in inner:
            content = inner["_content"]
        elif "_val" in inner:
            return inner["_val"]
        else:
            return node
        if not hasattr(content, "_metadata"):
            return content
        node = content
    return None


def child_of(node: Any, path: str) -> Any:
    """What is at a dotted path below a node: a leaf or a list of leaves, as it is; None where there is none."""
    for part in path.split("."):
        content = content_of(node)
        if not isinstance(content, dict) or part not in content:
            return None
        node = content[part]
    content = content_of(node)
    if isinstance(content, list):
        return [content_of(child) for child in content]
    return getattr(content, "name", content)


def shown_text(name: str, text: str) -> str:
    """A text as it may be written down under a name."""
    if text in ("", "???") or "${" in text:
        return text
    return without_secrets([f"{name}={text}"])[0][len(name) + 1 :] if _word(name) else without_secrets([text])[0]


def _word(name: str) -> bool:
    return bool(name) and all(letter.isalnum() or letter in "_.-" for letter in name) and not name[0].isdigit()


def _key(key: Any) -> Any:
    if isinstance(key, (str, int, float, bool)):
        return key
    return getattr(key, "name", None) or str(key)


def _leaf(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and type(value) in (int, float):
        return value if shown_text(name, str(value)) == str(value) else REDACTED
    if isinstance(value, str) and type(value) is str:
        return shown_text(name, value)
    if hasattr(value, "__fspath__"):
        return shown_text(name, str(value))
    enum_name = getattr(value, "name", None)
    if isinstance(enum_name, str) and hasattr(type(value), "__members__"):
        return enum_name
    return repr(value)[:500] if isinstance(value, bytes) else type(value).__name__
