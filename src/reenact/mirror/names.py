"""Names and values as MLflow takes them. What has to be changed is changed in the same way in every run, and is never mistaken for another."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

LONGEST_NAME = 250
LONGEST_PARAM = 6000
LONGEST_TAG = 8000
"""Characters; what MLflow takes."""

_REFUSED = re.compile(r"[^\w.\- :/]")
_SUFFIX = 6


class Keys:
    """The keys of one kind (metrics, params) of one run.

    A name that MLflow takes is its own key. Any other gets a readable key with a few digits of the name's digest, which do not depend on
    what else there is: ``acc@5`` is ``acc_5-3f9a1c`` in every run.
    """

    def __init__(self) -> None:
        self._key: dict[str, str] = {}
        self._used: set[str] = set()

    def key(self, name: str) -> str:
        """The key of a name; two names never have the same."""
        if name not in self._key:
            key, digits = changed(name, 0), _SUFFIX
            if key != name:
                key = changed(name, digits)
            while key in self._used:
                digits += 2
                key = changed(name, digits)
            self._key[name] = key
            self._used.add(key)
        return self._key[name]

    def renamed(self) -> dict[str, str]:
        """Key to name, of those that MLflow would not have taken."""
        return {key: name for name, key in self._key.items() if key != name}


def changed(name: str, digits: int) -> str:
    """A name with what MLflow refuses replaced, cut to length, and with so many digits of its digest behind it."""
    text = _REFUSED.sub("_", name)
    # As a path it must be its own shortest form.
    text = "/".join("_" if part in ("", ".", "..") else part for part in text.split("/"))
    if not digits:
        return text[:LONGEST_NAME]
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
    return f"{text[: LONGEST_NAME - digits - 1]}-{digest}"


def text(value: Any, longest: int) -> str:
    """A value as text that every database takes, cut to so many characters with ``…`` at the end."""
    plain = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    plain = plain.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"
