"""argparse: values with their origins, and a program that behaves as it would bare."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from configured import Configured

FULL = """
import argparse, math, pathlib, sys

calls = []
def number(text):
    calls.append(text)
    return float(text)

class Twice(argparse.Action):
    def __call__(self, parser, namespace, values, option_string=None):
        setattr(namespace, self.dest, values * 2)

base = argparse.ArgumentParser(add_help=False)
base.add_argument("--seed", type=int, default=7)
parser = argparse.ArgumentParser(prog="prog", parents=[base], fromfile_prefix_chars="@")
parser.add_argument("-v", "--verbose", action="count", default=0)
model = parser.add_argument_group("model")
model.add_argument("--learning-rate", "--lr", dest="lr", type=number, default="1e-3")
model.add_argument("--width", type=int, default=3, action=Twice)
model.add_argument("--betas", type=float, nargs=2, default=(0.9, 0.999))
model.add_argument("--no-bias", dest="bias", action="store_false")
parser.add_argument("--api-key")
parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("here"))
parser.set_defaults(run=print, hidden=5)
commands = parser.add_subparsers(dest="command")
fit = commands.add_parser("fit")
fit.add_argument("data")
fit.add_argument("--epochs", type=int, default=10)
args = parser.parse_args(namespace=argparse.Namespace(given="before"))
print(sorted(vars(args), key=str), args.lr, args.width, calls, type(args), sys.argv)
"""


def test_every_value_has_its_origin(project: Configured) -> None:
    project.write(FULL)
    words = ("--lr=0.01", "-vv", "--width", "4", "--no-bias", "--api-key", "abcd1234", "fit", "digits", "--epo", "2")
    project.same("train.py", *words)
    params, origins = project.params(), project.origins()
    assert params == {
        "seed": 7,
        "verbose": 2,
        "lr": 0.01,
        "width": 8,
        "betas": [0.9, 0.999],
        "bias": False,
        "api_key": "<redacted>",
        "out": "here",
        "run": "builtins.print",
        "hidden": 5,
        "given": "before",
        "command": "fit",
        "data": "digits",
        "epochs": 2,
    }
    typed = {"verbose", "lr", "width", "bias", "api_key", "command", "data", "epochs"}
    assert {name for name, origin in origins.items() if origin["kind"] == "argument"} == typed
    assert origins["lr"]["where"] == "--lr=0.01"
    assert origins["lr"]["default"] == "1e-3"
    assert origins["width"] == {"kind": "argument", "where": "--width 4", "default": 3}
    assert origins["epochs"] == {"kind": "argument", "where": "--epo 2", "default": 10}
    assert origins["data"]["where"] == "digits"
    assert origins["command"]["where"] == "fit"
    assert origins["seed"] == {"kind": "default", "where": None, "default": 7}


@pytest.mark.parametrize("words", [("--help",), ("--width", "wide"), ("--nope",), ("fit",), ("fit", "--help")])
def test_help_and_errors_are_as_bare(project: Configured, words: tuple[str, ...]) -> None:
    project.write(FULL)
    done = project.same("train.py", *words)
    assert done.returncode == (0 if "--help" in words else 2)


def test_a_failing_type_prints_its_own_traceback(project: Configured) -> None:
    project.write(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('x', type=lambda t: 1 / 0)\np.parse_args()\n"
    )
    assert project.same("train.py", "3").returncode == 1


def test_a_default_typed_out_is_an_argument(project: Configured) -> None:
    project.write(FULL)
    project.same("train.py", "--seed", "7")
    assert project.origins()["seed"]["kind"] == "argument"


def test_two_stages_and_words_that_are_left(project: Configured) -> None:
    project.write(
        "import argparse\n"
        "p = argparse.ArgumentParser()\np.add_argument('--model', default='a')\n"
        "args, rest = p.parse_known_args()\n"
        "q = argparse.ArgumentParser()\nq.add_argument('--depth', type=int, default=1)\n"
        "print(q.parse_args(rest), p.parse_known_args([]))\n"
    )
    project.same("train.py", "--model", "b", "--depth", "3")
    assert project.params() == {"model": "b", "depth": 3}
    assert project.origins()["depth"]["where"] == "--depth 3"


def test_an_alien_namespace_and_odd_values(project: Configured) -> None:
    project.write(
        "import argparse, enum\n"
        "class Kind(enum.Enum):\n    SMALL = 1\n"
        "class Odd:\n    def __repr__(self):\n        print('seen')\n        return 'odd'\n"
        "class Into:\n    before = 1\n"
        "p = argparse.ArgumentParser()\n"
        "p.add_argument('--kind', type=lambda t: Kind[t])\np.add_argument('--odd', type=lambda t: Odd())\n"
        "p.add_argument('--inf', type=float)\np.add_argument('--f', type=argparse.FileType('w'))\n"
        "p.parse_args(namespace=Into)\nprint(Into.kind)\n"
    )
    project.same("train.py", "--kind", "SMALL", "--odd", "x", "--inf", "inf", "--f", "out.txt")
    params = project.params()
    assert (params["kind"], params["odd"], params["inf"]) == ("SMALL", "Odd", "inf")
    assert "0x" not in params["f"]


def test_without_a_parser_the_words_are_guessed(project: Configured) -> None:
    project.write("import sys\nprint(sys.argv)\n")
    project.same("train.py", "--lr", "0.1", "--fast")
    assert project.params() == {"lr": 0.1, "fast": True}


def test_secrets_by_shape(project: Configured) -> None:
    project.write(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--it')\np.add_argument('-k', '--password')\np.parse_args()\n"
    )
    token = "ghp_" + "a1B2" * 9
    project.same("train.py", "--it", token, "-k", "hunter2secret")
    folder = project.reenact("path", "last").stdout.decode().strip()
    for process in project.events("args"):
        assert token not in str(process)
        assert "hunter2secret" not in str(process)
    assert project.params()["password"] == "<redacted>", folder


LONG = "import argparse\np = argparse.ArgumentParser()\np.add_argument('-k', '--api-key')\np.add_argument('--lr', type=float)\n"


@pytest.mark.parametrize(
    "words",
    [
        ("-k", "hunter2zz", "--lr", "1"),
        ("-khunter2zz",),
        ("--api", "hunter2zz"),
        ("--lr", "no number", "-k", "hunter2zz"),
        ("-k", "hunter2zz", "--no-such-option"),
    ],
)
def test_a_secret_behind_a_short_option_is_nowhere_in_the_record(project: Configured, words: tuple[str, ...]) -> None:
    project.write(LONG + "p.parse_args()\n")
    project.reenact("run", "train.py", *words)
    holding = [
        path
        for path in (project.folder / ".reenact").rglob("*")
        if path.is_file() and b"hunter2zz" in path.read_bytes()
    ]
    assert holding == []
    folder = Path(project.reenact("path", "last").stdout.decode().strip())
    argv = json.loads((folder / "start.json").read_text())["argv"]
    assert [word.replace("hunter2zz", "<redacted>") for word in words] == argv[-len(words) :]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["command"]["argv"] == argv and "--api-key" in manifest["command"]["redacted"]
    assert "<redacted>" in project.reenact("ls").stdout.decode()
    done = project.reenact("verify", "last")
    assert done.returncode == 3 and b"pass secrets in environment variables" in done.stderr, done


def test_a_secret_that_a_child_was_given_is_nowhere_in_the_record(project: Configured) -> None:
    project.write(LONG + "print(p.parse_args().lr)\n")
    (project.folder / "outer.py").write_text(
        "import subprocess, sys\nsubprocess.run([sys.executable, 'train.py', '--lr', '2', '-k', 'hunter2zz'])\n"
    )
    done = project.reenact("run", "outer.py")
    assert done.stdout == b"2.0\n", done
    assert project.events("child") and project.events("child")[0]["argv"][-1] == "<redacted>"
    text = "".join(path.read_text() for path in (project.folder / ".reenact" / "runs").rglob("*.json*"))
    assert "hunter2zz" not in text
