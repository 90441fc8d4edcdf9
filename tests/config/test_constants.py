"""Which names of a source are constants, which of those are params, and what they are worth."""

from __future__ import annotations

from typing import Any

import pytest
from configured import Configured

from reenact.config.constants import constants
from reenact.config.sources import Source


def of(text: str) -> dict[str, Any]:
    """Name to value of the constants that are params; each value's place in the source is checked on the way."""
    source = Source("", "/x.py", text.encode())
    found = constants([source])
    for one in found:
        start, end = one.span
        assert repr(eval(source.data[start:end].decode())) == repr(one.value)
    return {one.name: one.value for one in found if one.param}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x = 1", 1),
        ("x = -1e-3", -1e-3),
        ("x = 2**10", 1024),
        ("x = 1e-3 * 2", 2e-3),
        ("x: float = 3.0", 3.0),
        ("x = (1, 'a', None)", (1, "a", None)),
        ("x = 1, 2", (1, 2)),
        ("x = [1, [2]]", [1, [2]]),
        ("x = {'a': {'b': 1}}", {"a": {"b": 1}}),
        ("x = not True", False),
        ("ä = 'ü'; x = 'ö'", "ö"),
        ("\ufeffx = 5", 5),
        ("if __name__ == '__main__':\n    x = 7", 7),
        ("y, x = 1, 2", 2),
        ("X = 4\nx = 3", 3),
    ],
)
def test_values(text: str, value: Any) -> None:
    assert of(text)["x"] == value


@pytest.mark.parametrize(
    "text",
    [
        "x = f()",
        "x = 1\nx = 2",
        "x = 1\nx += 1",
        "x = 1\ndef f():\n    global x\n    x = 2",
        "for x in range(3): pass",
        "if torch: x = 1",
        "x = f'{y}'",
        "x = 10**10**10",
        "x = 1 / 0",
        "x = b'a'",
        "x: int",
        "import x",
        "x = y = 1",
        "__x__ = 1",
        "_x = 1",
        "__all__ = ['x']",
        "x = 'data/train.csv'",
        "x_dir = 'data'",
        "x = 'https://example.org'",
        "x = []",
        "x = '''a\nb'''",
        "class Kind(Enum):\n    x = 1",
        "class Net(nn.Module):\n    x = 1",
        "def f():\n    x = 1",
    ],
)
def test_what_is_no_param(text: str) -> None:
    assert of(text) == {}


def test_classes() -> None:
    text = (
        "from dataclasses import dataclass, field\n"
        "class hp:\n    batch_size: 64\n    lr = 1e-3\n    class optim:\n        betas = (0.9, 0.99)\n"
        "@dataclass(frozen=True)\nclass Config(Base):\n    depth: int = 2\n    width: int = 8\n"
        "    def area(self):\n        side = 3\n        return side\n"
        "class More(hp):\n    seed = 1\n"
    )
    assert of(text) == {
        "hp.lr": 1e-3,
        "hp.optim.betas": (0.9, 0.99),
        "Config.depth": 2,
        "Config.width": 8,
        "More.seed": 1,
    }
    field = Source(
        "", "/x.py", b"@dataclass\nclass C:\n    x: int = field(default=3)\n    y: list = field(default_factory=list)\n"
    )
    assert [(one.name, one.value) for one in constants([field])] == [("C.x", 3)]


def test_they_are_recorded_below_arguments_and_above_the_optimizer(project: Configured) -> None:
    project.write("heads = 4\n", "model.py")
    project.write(
        "import argparse, model, torch\nlr = 0.5\nseed = 3\napi_key = 'abcd1234efgh5678ijkl'\n"
        "p = argparse.ArgumentParser()\np.add_argument('--seed', type=int, default=9)\np.parse_args()\n"
        "w = torch.nn.Linear(1, 1)\no = torch.optim.SGD(w.parameters(), lr=lr, momentum=0.25)\n"
        "w(torch.ones(1)).sum().backward()\no.step()\n"
    )
    project.same("train.py")
    params, origins = project.params(), project.origins()
    assert (params["lr"], params["seed"], params["momentum"], params["model.heads"]) == (0.5, 9, 0.25, 4)
    assert origins["lr"] == {"kind": "constant", "where": "train.py:2", "default": None}
    assert origins["model.heads"]["where"] == "model.py:1"
    assert origins["seed"]["kind"] == "default"
    assert origins["momentum"]["kind"] == "optimizer"
    assert params["api_key"] == "<redacted>"


def test_ls_shows_only_what_differs(project: Configured) -> None:
    names = "\n".join(f"constant{n} = {n}" for n in range(40))
    project.write(f"{names}\nlr = 0.1\n")
    project.same("train.py")
    project.write(f"{names}\nlr = 0.2\n")
    project.same("train.py")
    table = project.reenact("ls").stdout.decode()
    assert "lr=0.2" in table
    assert "constant" not in table
    project.write("width = 8\n", "other.py")
    project.same("other.py")
    assert "width" not in project.reenact("ls").stdout.decode()


def test_a_script_that_cannot_be_parsed_runs_as_bare(project: Configured) -> None:
    project.write("lr = = 1\n")
    assert project.same("train.py").returncode == 1
    assert project.params() == {}


def test_a_source_that_is_nested_too_deeply_to_be_told_runs(project: Configured) -> None:
    project.write("lr = 1\nx = " + "-" * 1500 + "1\nprint(lr)\n")
    done = project.reenact("run", "--quiet", "train.py")
    assert (done.returncode, done.stdout) == (0, b"1\n")
