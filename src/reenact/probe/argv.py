"""Command lines as they may be written down: without secrets."""

from __future__ import annotations

from collections.abc import Iterable

# Whatever redact.py takes for a secret has one of these in its name or its shape. Looking for them costs nothing; its
# patterns take milliseconds to compile, which every start of every program would pay for.
_NAMES = ("pass", "token", "secret", "key", "auth", "credential", "cookie", "pwd", "pw", "pat", "salt", "sig", "dsn")
_SHAPES_TEXT = """
    -----begin akia asia ghp_ gho_ ghu_ ghs_ ghr_ glptt- glrt- gldt- glcbt- sk- sk_ rk_ nvapi- r8_ aiza wandb_v1_ hf_
    api_org_ xox hooks.slack ya29. pypi- npm_ eyj bearer basic ://
"""
_HINTS = (*_NAMES, *_SHAPES_TEXT.split())


def without_secrets(words: Iterable[str]) -> list[str]:
    """The words of a command line, each secret replaced by ``<redacted>``."""
    words = [str(word) for word in words]
    text = "\n".join(words).lower()
    for harmless in ("path", "patch", "patience", "sigma"):
        text = text.replace(harmless, ".")
    if not any(hint in text for hint in _HINTS):
        return words
    from .redact import redact_argv

    return redact_argv(words)[0]
