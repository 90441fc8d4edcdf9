"""The language of ``--where``: ``loss<0.3 and (lr=1e-3 or not status=failed)``.

A comparison is NAME OP VALUE; OP is one of ``= == != < <= > >= ~`` (``~``: contains). ``not`` binds tighter than
``and``, and that tighter than ``or``. Names and values may be quoted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from ..errors import ReenactError

OPERATORS = ("==", "!=", "<=", ">=", "=", "<", ">", "~")
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator>==|!=|<=|>=|=|<|>|~)
      | (?P<paren>[()])
      | (?P<word>[^\s()<>=!~"']+)
    )""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$|[+-]?(?:inf|nan)$")


@dataclass(frozen=True)
class Compare:
    """One comparison. ``number`` is the value as a number, None when it is quoted or not one."""

    name: str
    op: str
    text: str
    number: float | None
    position: int


@dataclass(frozen=True)
class Not:
    part: Node


@dataclass(frozen=True)
class And:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Or:
    parts: tuple[Node, ...]


Node = Compare | Not | And | Or


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


def parse(query: str) -> Node:
    """Parse a query.

    Raises:
        ReenactError: ``bad-query`` (exit code 2), with the position and what is valid there.
    """
    return _Parser(query).parse()


def names(query: str) -> list[str]:
    """The names that a query compares, each once. Raises ReenactError as `parse` does."""
    left: list[Node] = [parse(query)]
    found: dict[str, None] = {}
    while left:
        node = left.pop(0)
        if isinstance(node, Compare):
            found[node.name] = None
        else:
            left[:0] = [node.part] if isinstance(node, Not) else node.parts
    return list(found)


class _Parser:
    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = list(self._scan())
        self._next = 0

    def parse(self) -> Node:
        node = self._either()
        token = self._peek()
        if token.kind != "end":
            self._fail(token, "`and`, `or`, or the end")
        return node

    def _scan(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        while self._query[at:].strip():
            match = _TOKEN.match(self._query, at)
            if match is None:
                at += len(self._query[at:]) - len(self._query[at:].lstrip())
                self._fail(_Token("bad", self._query[at], at), "a name, an operator or a closed quotation")
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            at = match.end()
        tokens.append(_Token("end", "", len(self._query)))
        return tokens

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def _keyword(self, word: str) -> bool:
        token = self._peek()
        if token.kind == "word" and token.text.lower() == word:
            self._next += 1
            return True
        return False

    def _either(self) -> Node:
        parts = [self._all()]
        while self._keyword("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Node:
        parts = [self._one()]
        while self._keyword("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Node:
        negations = 0
        while self._keyword("not"):
            negations += 1
        if self._peek().text == "(" and self._peek().kind == "paren":
            self._take()
            node = self._either()
            closing = self._take()
            if closing.kind != "paren" or closing.text != ")":
                self._fail(closing, "`)`, `and` or `or`")
        else:
            node = self._comparison()
        return Not(node) if negations % 2 else node

    def _comparison(self) -> Compare:
        name = self._take()
        if name.kind not in ("word", "quoted") or (name.kind == "word" and name.text.lower() in ("and", "or", "not")):
            self._fail(name, "a name (a field, param or metric), `not` or `(`")
        op = self._take()
        if op.kind != "operator":
            self._fail(op, "one of " + " ".join(OPERATORS))
        value = self._take()
        if value.kind not in ("word", "quoted"):
            self._fail(value, "a value")
        text = _text(value)
        number = float(text) if value.kind == "word" and _NUMBER.match(text) else None
        return Compare(_text(name), "=" if op.text == "==" else op.text, text, number, name.position)

    def _fail(self, token: _Token, valid: str) -> NoReturn:
        found = f"`{token.text}`" if token.text else "the end"
        raise ReenactError(
            "bad-query",
            f"cannot read the query at character {token.position + 1}, at {found}: {self._query}",
            valid=valid,
            fix='for example: --where "loss<0.3 and lr=1e-3"',
        )


def _text(token: _Token) -> str:
    return re.sub(r"\\(.)", r"\1", token.text[1:-1], flags=re.DOTALL) if token.kind == "quoted" else token.text
