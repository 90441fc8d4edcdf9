"""``reenact config``: the params of a script as its source tells them; nothing of it is run."""

from __future__ import annotations

import pytest
from configured import Configured


def rows(project: Configured, *words: str) -> dict[str, dict]:
    return {row["name"]: row for row in project.told("config", *words)["params"]}


def test_constants_and_overrides(project: Configured) -> None:
    project.write("raise SystemExit('ran')\nlr = 1e-3\nclass hp:\n    depth: int = 2\ndata_dir = 'data/here'\n")
    found = project.told("config", "train.py", "lr=0.5")
    assert found["reads"] is None
    told = {row["name"]: (row["value"], row["type"], row["origin"], row["where"]) for row in found["params"]}
    assert told == {
        "lr": (0.5, "float", "override", "lr=0.5"),
        "hp.depth": (2, "int", "constant", "train.py:4"),
    }
    text = project.reenact("config", "train.py", "lr=0.5").stdout.decode().splitlines()
    assert [line.split() for line in text] == [
        ["NAME", "VALUE", "TYPE", "ORIGIN", "WHERE"],
        ["lr", "0.5", "(was", "0.001)", "float", "override", "lr=0.5"],
        ["hp.depth", "2", "int", "constant", "train.py:4"],
    ]


def test_argparse(project: Configured) -> None:
    project.write(
        "import argparse\nwidth = 32\np = argparse.ArgumentParser()\n"
        "p.add_argument('data')\np.add_argument('-l', '--learning-rate', type=float, default=1e-2)\n"
        "p.add_argument('--width', type=int, default=width)\np.add_argument('--fast', action='store_true')\n"
        "p.add_argument('--out', default=compute())\np.add_argument('--epochs', type=int)\np.set_defaults(epochs=4)\n"
    )
    found = rows(project, "train.py")
    assert found["data"]["required"] is True
    assert (found["learning_rate"]["value"], found["learning_rate"]["options"]) == (0.01, ["-l", "--learning-rate"])
    assert (found["fast"]["value"], found["fast"]["type"]) == (False, "bool")
    assert (found["out"]["value"], found["out"]["known"]) == ("compute()", False)
    assert found["epochs"]["value"] == 4
    names = [(row["name"], row["origin"], row["value"]) for row in project.told("config", "train.py")["params"]]
    assert ("width", "constant", 32) in names
    assert ("width", "default", 32) in names


def test_click(project: Configured) -> None:
    project.write(
        "import click\n@click.command()\n@click.option('--lr', default=0.1)\n@click.option('--fast/--slow')\n"
        "@click.option('-s', '--seed', type=int, envvar='SEED')\n@click.argument('data')\ndef main(**k): 1/0\nmain()\n"
    )
    found = rows(project, "train.py")
    assert {name: (row["value"], row["type"], row["required"]) for name, row in found.items()} == {
        "lr": (0.1, "float", False),
        "fast": (False, "bool", False),
        "seed": (None, "int", False),
        "data": (None, "str", True),
    }


def test_a_hydra_app_is_said_to_be_one(project: Configured) -> None:
    project.write("import hydra\n@hydra.main(config_name='c')\ndef main(cfg): ...\nmain()\n")
    done = project.reenact("config", "train.py")
    assert done.returncode == 0
    assert "python train.py --cfg job" in done.stderr.decode()


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("gone.py", None, "cannot read gone.py"),
        ("bin.py", b"\x7fELF\0\0\x01", "bin.py is no Python source"),
        ("latin.py", b"x = '\xe4'\n", "latin.py is no Python source"),
        ("broken.py", b"x = 1\nlr = = 2\n", "broken.py, line 2: invalid syntax"),
    ],
)
def test_what_is_no_script(project: Configured, name: str, data: bytes | None, told: str) -> None:
    if data is not None:
        (project.folder / name).write_bytes(data)
    done = project.reenact("config", name)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.decode().startswith(f"error: {told}")


def test_a_wrong_override(project: Configured) -> None:
    project.write("lr = 1e-3\n")
    done = project.reenact("config", "train.py", "lrr=2")
    assert done.returncode == 2
    assert "did you mean lr?" in done.stderr.decode()
