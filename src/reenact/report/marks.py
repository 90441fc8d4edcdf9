"""The mark and colour of each status and verdict; words always stand beside them."""

from __future__ import annotations

from rich.text import Text

_STATUS = {
    "finished": ("✓", "green"),
    "failed": ("✗", "red"),
    "interrupted": ("◌", "yellow"),
    "running": ("●", "cyan"),
    "unreadable": ("?", "red"),
}
_VERDICT = {
    "identical": ("✓", "green"),
    "equivalent": ("≈", "green"),
    "diverged": ("✗", "red"),
    "not-replayable": ("?", "yellow"),
}


def status(name: str) -> Text:
    """``✓ finished``, coloured."""
    return _marked(name, _STATUS)


def verdict(name: str) -> Text:
    """``✓ identical``, coloured."""
    return _marked(name, _VERDICT)


def verdict_style(name: str) -> str:
    """The colour of a verdict; empty for a word that is none."""
    return _VERDICT.get(name, ("", ""))[1]


def equal(yes: bool) -> Text:
    """A check mark or a cross."""
    return Text("✓", style="green") if yes else Text("✗", style="red")


def _marked(name: str, table: dict[str, tuple[str, str]]) -> Text:
    mark, style = table.get(name, ("", ""))
    return Text(f"{mark} {name}".strip(), style=style)
