"""Names stand for what binds them, not for how they are spelled."""

from __future__ import annotations

import ast

import pytest

from reenact.static.module import Module, Unreadable
from reenact.static.values import NoValue, literal


def called(text: str) -> list[str]:
    return [name for _, name in Module("x.py", text.encode()).called]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import torch.optim as o\no.Adam()", "torch.optim.Adam"),
        ("from torch import optim\noptim.Adam()", "torch.optim.Adam"),
        ("from torch.optim import Adam as A\nA()", "torch.optim.Adam"),
        ("import torch\nnn = torch.nn\nnn.Linear(1, 2)", "torch.nn.Linear"),
        ("from tensorflow import keras\nkeras.layers.Dense(1)", "keras.layers.Dense"),
        ("try:\n    import numpy as np\nexcept ImportError:\n    np = None\nnp.zeros(1)", "numpy.zeros"),
        ("def f():\n    import random as r\n    r.random()", "random.random"),
        ("len(x)", "builtins.len"),
    ],
)
def test_resolved(text: str, name: str) -> None:
    assert called(text) == [name]


@pytest.mark.parametrize(
    "text",
    [
        "import random\ndef f(random):\n    random.random()",
        "import random\nrandom = Thing()\nrandom.random()",
        "Adam()",
        "def f():\n    import numpy\nnumpy.zeros(1)",
        "def len(x):\n    pass\nlen(3)",
    ],
)
def test_left_open(text: str) -> None:
    assert "random.random" not in called(text) and "numpy.zeros" not in called(text)
    assert "builtins.len" not in called(text) and "torch.optim.Adam" not in called(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("5 * 8", 40), ("-1e-3", -0.001), ("(0.9, 0.999)", (0.9, 0.999)), ("10 ** -3", 0.001), ("True", True)],
)
def test_values(text: str, value: object) -> None:
    assert literal(ast.parse(text, mode="eval").body) == value


@pytest.mark.parametrize("text", ["x", "f(1)", "1 / 0", "9 ** 9 ** 9", "2 ** 'a'", "-'a'", "..."])
def test_no_values(text: str) -> None:
    with pytest.raises(NoValue):
        literal(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"def f(:\n", "line 1"),
        (b"print 'old'\n", "syntax error"),
        (b"\x80\x04\x95\0\0", "null bytes"),
        (b"# -*- coding: no-such-code -*-\n", "encoding"),
        (b"x = '\xff\xfe'\n", "encoding"),
        (b"(" * 5000 + b")" * 5000, "syntax error"),
        (b"x = " + b"1 + " * 400 + b"1", "nested"),
    ],
)
def test_what_cannot_be_read(data: bytes, told: str) -> None:
    with pytest.raises(Unreadable) as caught:
        Module("x.py", data)
    assert told in str(caught.value)


def test_other_encodings_can() -> None:
    assert Module("x.py", "# coding: latin-1\nx = 'ü'\n".encode("latin-1")).tree.body
    assert Module("x.py", b"\xef\xbb\xbfx = 1\r\ny = 2\r\n").tree.body
