from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reenact.errors import ReenactError
from reenact.store.query import And, Compare, Node, Not, Or, parse

_NAMES = st.sampled_from(["loss", "loss.min", "model.width", "a b", "and", 'quo"te', "ümlaut"])
_OPS = st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "~"])
_VALUES = st.floats(allow_nan=False, allow_infinity=False) | st.text(min_size=0, max_size=6)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def _comparisons(draw: Any) -> Compare:
    value = draw(_VALUES)
    if isinstance(value, float):
        return Compare(draw(_NAMES), draw(_OPS), repr(value), value, 0)
    return Compare(draw(_NAMES), draw(_OPS), value, None, 0)


_NODES = st.recursive(
    _comparisons(),
    lambda inner: (
        inner.map(Not)
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts)))
    ),
    max_leaves=8,
)


def _text(node: Node) -> str:
    if isinstance(node, Compare):
        return f"{_quoted(node.name)}{node.op}{node.text if node.number is not None else _quoted(node.text)}"
    if isinstance(node, Not):
        return f"not ({_text(node.part)})"
    return (" AND " if isinstance(node, And) else " or ").join(f"({_text(part)})" for part in node.parts)


def _without_positions(node: Node) -> Node:
    if isinstance(node, Compare):
        return Compare(node.name, node.op, node.text, node.number, 0)
    if isinstance(node, Not):
        return Not(_without_positions(node.part))
    return type(node)(tuple(_without_positions(part) for part in node.parts))


@given(_NODES)
def test_what_is_written_is_what_is_parsed(node: Node) -> None:
    assert _without_positions(parse(_text(node))) == node


@given(st.text(alphabet="ab10.\"'()<>=!~ andort\\", max_size=20))
def test_any_text_parses_or_is_a_clean_error(text: str) -> None:
    try:
        parse(text)
    except ReenactError as error:
        assert error.slug == "bad-query" and error.exit_code == 2


def test_precedence() -> None:
    node = parse("a=1 or not b=2 and c=3")
    assert isinstance(node, Or) and isinstance(node.parts[1], And) and isinstance(node.parts[1].parts[0], Not)


@pytest.mark.parametrize(
    ("query", "position", "valid"),
    [
        ("loss", 5, "one of == !="),
        ("loss <", 7, "a value"),
        ("loss < 3 lr=1", 10, "`and`, `or`"),
        ("(loss<3", 8, "`)`"),
        ("loss<3)", 7, "`and`, `or`"),
        ("and a=1", 1, "a name"),
        ('a="b', 3, "closed quotation"),
        ("a=1 and", 8, "a name"),
        ("a=!3", 3, ""),
    ],
)
def test_errors_show_where_and_what_is_valid(query: str, position: int, valid: str) -> None:
    with pytest.raises(ReenactError) as caught:
        parse(query)
    assert f"character {position}," in caught.value.what
    assert valid in str(caught.value.valid)
