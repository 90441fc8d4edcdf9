"""HTML, escaped by construction: text is text, only `Html` is markup."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any, Union

from ..quantities import plain


class Html(str):
    """Markup. Any other text is escaped where it becomes part of one."""


Child = Union["Html", str, None, Iterable["Child"]]
_VOID = {"img", "input", "br", "meta"}


def el(name: str, *children: Any, **attributes: Any) -> Html:
    """An element. None and False leave a child or an attribute out; ``_`` in the name of an attribute is a hyphen, one at its end nothing."""
    told = "".join(
        f" {key.rstrip('_').replace('_', '-')}"
        + ("" if value is True else f'="{html.escape(plain(value, lines=True))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{told}>" if name in _VOID else f"<{name}{told}>{join(children)}</{name}>")


def join(children: Child) -> Html:
    """Children one after the other."""
    if children is None or children is False:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, str):
        return Html(html.escape(plain(children, lines=True), quote=False))
    if isinstance(children, Iterable):
        return Html("".join(map(join, children)))
    return join(str(children))


def table(
    rows: Iterable[Sequence[Any]], head: Sequence[Any] = (), numbers: Iterable[int] = (), **attributes: Any
) -> Html:
    """A table; ``numbers`` are the columns that are set to the right. A cell may be an element ``td`` or ``th`` already."""
    right = set(numbers)

    def row(cells: Sequence[Any], kind: str) -> Html:
        made = (
            cell
            if isinstance(cell, Html) and cell.startswith(("<td", "<th"))
            else el(kind, cell, class_="n" if place in right else None)
            for place, cell in enumerate(cells)
        )
        return el("tr", made)

    top = el("thead", row(head, "th")) if head else None
    return el("div", el("table", top, el("tbody", (row(cells, "td") for cells in rows)), **attributes), class_="wide")


def section(title: str, *children: Any, remark: str = "", slug: str | None = None, folded: bool | None = None) -> Html:
    """A part of a page with its title; nothing where it has no content.

    Args:
        remark: shown beside the title.
        slug: its id, by which links lead there.
        folded: None for a part that cannot be folded, else whether it is at first. Printed, one that was not chosen to be is open.
    """
    content = join(children)
    if not content:
        return content
    head = el("h2", title, el("small", remark) if remark else None)
    if folded is None:
        return el("section", head, content, id=slug)
    return el(
        "section",
        el("details", el("summary", head), content, open=not folded, class_="printed" if folded else None),
        id=slug,
    )


def facts(pairs: Iterable[tuple[str, Any]]) -> Html:
    """Labels and what they say; those that say nothing are left out."""
    told = [(label, join(value)) for label, value in pairs]
    rows = [(el("dt", label), el("dd", value)) for label, value in told if value]
    return el("dl", rows) if rows else Html("")
