"""click, typer, absl flags and jsonargparse: values with their origins, the program as it would be bare."""

from __future__ import annotations

import pytest
from configured import Configured

CLICK = """
import click

@click.group()
@click.option("--seed", default=3, show_default=True)
def main(seed):
    click.echo(f"seed {seed}")

@main.command()
@click.option("--lr", "-l", type=float, default=0.1)
@click.option("--layers", multiple=True, type=int)
@click.option("--device", envvar="DEVICE", default="cpu")
@click.option("--password", hide_input=True, default="none")
@click.argument("data")
def fit(lr, layers, device, password, data):
    click.echo(f"{lr} {layers} {device} {data}")
    raise SystemExit(3)

main()
"""
TYPER = """
import enum
from typing import Annotated
import typer

class Size(str, enum.Enum):
    small = "small"
    large = "large"

def main(data: str, lr: float = 0.1, size: Size = Size.small, epochs: Annotated[int, typer.Option(envvar="EPOCHS")] = 2):
    print(data, lr, size, epochs)

typer.run(main)
"""
ABSL = """
from absl import app, flags
FLAGS = flags.FLAGS
flags.DEFINE_float("lr", 0.1, "rate")
flags.DEFINE_list("layers", ["8"], "sizes")
flags.DEFINE_enum("mode", "fast", ["fast", "slow"], "mode")

def main(argv):
    print(argv[1:], FLAGS.lr, FLAGS.layers, FLAGS.mode)

app.run(main)
"""
JSONARGPARSE = """
from jsonargparse import ArgumentParser
from dataclasses import dataclass

@dataclass
class Model:
    width: int = 8
    depth: int = 2

parser = ArgumentParser(prog="train")
parser.add_argument("--config", action="config")
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--seed", type=int, default=0)
parser.add_dataclass_arguments(Model, "model")
cfg = parser.parse_args()
print(cfg.lr, cfg.seed, cfg.model.width, cfg.model.depth)
"""


def kinds(project: Configured) -> dict[str, str]:
    return {name: origin["kind"] for name, origin in project.origins().items()}


def test_click(project: Configured) -> None:
    project.write(CLICK)
    words = ("train.py", "fit", "--lr", "0.2", "--layers", "4", "--layers", "5", "--password", "hidden-word", "digits")
    done = project.same(*words, env={"DEVICE": "tpu"})
    assert done.returncode == 3
    assert project.params() == {
        "seed": 3,
        "lr": 0.2,
        "layers": [4, 5],
        "device": "tpu",
        "password": "<redacted>",
        "data": "digits",
    }
    assert kinds(project) == {
        "seed": "default",
        "lr": "argument",
        "layers": "argument",
        "device": "environment",
        "password": "argument",
        "data": "argument",
    }
    assert project.origins()["device"] == {"kind": "environment", "where": "DEVICE", "default": "cpu"}
    assert project.origins()["lr"] == {"kind": "argument", "where": "--lr", "default": 0.1}


def test_typer(project: Configured) -> None:
    project.write(TYPER)
    project.same("train.py", "digits", "--size", "large", env={"EPOCHS": "4"})
    assert project.params() == {"data": "digits", "lr": 0.1, "size": "large", "epochs": 4}
    assert kinds(project) == {"data": "argument", "lr": "default", "size": "argument", "epochs": "environment"}


def test_absl(project: Configured) -> None:
    project.write(ABSL)
    project.same("train.py", "--lr=0.5", "--layers=1,2", "rest")
    assert project.params() == {"lr": 0.5, "layers": ["1", "2"], "mode": "fast"}
    assert kinds(project) == {"lr": "argument", "layers": "argument", "mode": "default"}
    assert project.origins()["lr"]["default"] == 0.1


def test_jsonargparse_tells_once(project: Configured) -> None:
    project.write(JSONARGPARSE)
    project.write("lr: 0.3\nmodel:\n  depth: 5\n", "c.yaml")
    project.same("train.py", "--config", "c.yaml", "--model.width", "16")
    assert [event["parser"] for event in project.events("args")] == ["jsonargparse"]
    # Model.width and Model.depth are the constants of the dataclass.
    assert project.params() == {
        "lr": 0.3,
        "seed": 0,
        "model.width": 16,
        "model.depth": 5,
        "Model.width": 8,
        "Model.depth": 2,
    }
    assert kinds(project) == {
        "Model.width": "constant",
        "Model.depth": "constant",
        "lr": "config",
        "seed": "default",
        "model.width": "argument",
        "model.depth": "config",
    }


@pytest.mark.parametrize("text", [CLICK, TYPER, ABSL, JSONARGPARSE], ids=["click", "typer", "absl", "jsonargparse"])
@pytest.mark.parametrize("words", [("--help",), ("--nope",), ()], ids=["help", "unknown", "none"])
def test_help_and_errors_are_as_bare(project: Configured, text: str, words: tuple[str, ...]) -> None:
    project.write(text)
    project.same("train.py", *words)
