"""Constants overridden from the command line: no file is changed, and the program cannot tell that anything was."""

from __future__ import annotations

import pytest
from configured import Configured

SCRIPT = """import inspect, os, sys, traceback
lr = 1e-3
batch_size = 64
layers = [
    8,
    16,
]
name, flag = "plain", False
class my_hp:
    depth = 2
    betas = 0.9, 0.999
class Thing:
    pass
def where():
    return sys._getframe(1).f_lineno
print(lr, type(lr).__name__, batch_size, layers, name, flag, my_hp.depth, my_hp.betas)
print(vars(sys)["arg" + "v"], sys.path[0], __file__, __name__, __spec__, type(__loader__).__name__, __loader__.path, __package__)
print(vars(sys)["orig_arg" + "v"][1:], where(), inspect.stack()[-1][1:3], len(inspect.stack()), where.__code__.co_filename)
print(inspect.getsource(where), sorted(globals()), os.getcwd(), sys.modules["__main__"].__dict__ is globals())
if __name__ == "__main__":
    epochs = -1
    print(epochs)
    raise RuntimeError("as it is")
"""
WORDS = [
    "lr=1e-4",
    "batch_size=256",
    "layers=[1,2,3]",
    "name=other",
    "flag=true",
    "depth=5",
    "my_hp.betas=[0.5,0.6]",
    "epochs=7",
]


@pytest.mark.parametrize("place", ["train.py", "sub/train.py", "./train.py"])
def test_the_program_is_as_if_edited(project: Configured, place: str) -> None:
    path = project.write(SCRIPT, place)
    edited = SCRIPT
    for before, after in (
        ("1e-3", "1e-4"),
        ("64", "256"),
        ("[\n    8,\n    16,\n]", "[1, 2, 3\n\n\n]"),
        ('"plain", False', '"other", True'),
        ("depth = 2", "depth = 5"),
        ("0.9, 0.999", "0.5, 0.6"),
        ("epochs = -1", "epochs = 7"),
    ):
        assert edited.count(before) == 1, before
        edited = edited.replace(before, after)
    path.write_text(edited)
    bare = project.bare(place)
    path.write_text(SCRIPT)
    watched = project.reenact("run", "--quiet", place, *WORDS)
    assert bare.returncode == watched.returncode == 1
    assert watched.stdout.decode() == bare.stdout.decode()
    assert watched.stderr == bare.stderr
    assert path.read_text() == SCRIPT
    manifest = project.manifest()
    assert manifest["command"]["argv"][-len(WORDS) :] == WORDS
    assert [file["path"] for file in manifest["code"]["files"]] == [place.removeprefix("./")]
    assert manifest["inputs"] == []
    assert manifest["gaps"] == []
    assert manifest["params"] == {
        "lr": 1e-4,
        "batch_size": 256,
        "layers": [1, 2, 3],
        "name": "other",
        "flag": True,
        "my_hp.depth": 5,
        "my_hp.betas": [0.5, 0.6],
        "epochs": 7,
    }
    assert manifest["origins"]["my_hp.depth"] == {"kind": "override", "where": "depth=5", "default": 2}


def test_it_verifies_and_the_difference_is_named(project: Configured) -> None:
    project.write("lr = 1e-3\nsteps = 3\nopen('out.txt', 'w').write(str(lr * steps))\n")
    project.reenact("run", "--name", "a", "train.py")
    project.reenact("run", "--name", "b", "train.py", "lr=0.5")
    assert (project.folder / "out.txt").read_text() == "1.5"
    (project.folder / "out.txt").unlink()
    assert project.told("verify", "b")["verdict"] == "identical"
    assert project.told("verify", "a")["verdict"] == "identical"
    # A replay's params are those of the recorded source, whatever the file says by now.
    project.write("lr = 7.0\nsteps = 3\nopen('out.txt', 'w').write(str(lr * steps))\n")
    for run, lr in (("a", 1e-3), ("b", 0.5)):
        candidate = project.told("verify", run)["candidate"]
        assert project.params(candidate) == {"lr": lr, "steps": 3}
        assert project.manifest(candidate)["recipe"] == project.manifest(run)["recipe"]
    project.write("lr = 1e-3\nsteps = 3\nopen('out.txt', 'w').write(str(lr * steps))\n")
    changes = project.told("diff", "a", "b")["inputs"]
    assert [(one["name"], one["a"], one["b"]) for one in changes if one["kind"] == "param"] == [("lr", "0.001", "0.5")]
    assert not [one for one in changes if one["kind"] == "code"]
    assert project.manifest("a")["recipe"] != project.manifest("b")["recipe"]
    again = project.reenact("run", "--once", "train.py", "lr=0.5")
    assert f"run before as {project.manifest('b')['run']}" in again.stderr.decode()


def test_modules_and_spawned_processes_see_the_same(project: Configured) -> None:
    project.write("width = 4\n", "settings.py")
    project.write(
        "import multiprocessing, pickle, settings\n"
        "lr = 0.1\n"
        "class Held:\n    pass\n"
        "def work(n):\n    return lr, settings.width, Held.__module__, __file__, work.__code__.co_filename\n"
        "if __name__ == '__main__':\n"
        "    print(work(0), type(pickle.loads(pickle.dumps(Held()))) is Held)\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n        print(pool.map(work, [1]))\n"
    )
    project.bare("train.py")  # leaves bytecode of settings.py, which must not be used nor replaced
    cached = {path: path.read_bytes() for path in project.folder.rglob("*.pyc")}
    assert cached
    done = project.reenact("run", "--quiet", "train.py", "lr=0.2", "settings.width=9")
    assert done.returncode == 0, done.stderr.decode()
    file = str(project.folder / "train.py")
    assert done.stdout.decode().splitlines() == [
        f"{(0.2, 9, '__main__', file, file)} True",
        f"{[(0.2, 9, '__mp_main__', file, file)]}",
    ]
    assert {path: path.read_bytes() for path in project.folder.rglob("*.pyc")} == cached
    assert project.manifest()["gaps"] == []
    assert project.params() == {"lr": 0.2, "settings.width": 9}
    assert project.told("verify", "last")["verdict"] == "identical"


def test_python_m(project: Configured) -> None:
    project.write("", "pkg/__init__.py")
    project.write("rate = 2\n", "pkg/base.py")
    project.write(
        "from .base import rate\nimport sys\nlr = 0.1\nprint(lr, rate, vars(sys)['arg' + 'v'])\n", "pkg/train.py"
    )
    done = project.reenact("run", "--quiet", "python", "-m", "pkg.train", "lr=0.7", "rate=3")
    assert done.stdout.decode() == f"0.7 3 {[str(project.folder / 'pkg/train.py')]}\n", done.stderr.decode()
    assert project.told("verify", "last")["verdict"] == "identical"


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("lrr=1", "did you mean lr?"),
        ("batch_size=big", "batch_size is int (64), and 'big' is str"),
        ("batch_size=1.5", "batch_size is int (64), and '1.5' is float"),
        ("flag=1", "valid: true, false"),
        ("api_key=abcd1234efgh", "api_key looks like a secret"),
        ("lr=true", "lr is float (0.001), and 'true' is bool"),
    ],
)
def test_mistakes_are_told_before_anything_runs(project: Configured, word: str, told: str) -> None:
    project.write(SCRIPT)
    done = project.reenact("run", "train.py", word)
    assert done.returncode == 2
    assert done.stdout == b""
    assert told in " ".join(done.stderr.decode().split())
    assert project.told("ls") == []


def test_an_int_for_a_float(project: Configured) -> None:
    project.write("lr = 1e-3\nprint(lr)\n")
    assert project.reenact("run", "train.py", "lr=1").stdout == b"1.0\n"


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nlr = 1\nprint(lr, sys.argv)\n",
        "from sys import argv\nlr = 1\nprint(lr, argv)\n",
        "import options\nlr = 1\nprint(lr, options.seen)\n",
        "import argparse\nlr = 1\np = argparse.ArgumentParser()\np.add_argument('w')\nprint(p.parse_args().w, lr)\n",
    ],
)
def test_a_program_that_looks_at_its_words_gets_them(project: Configured, text: str) -> None:
    project.write("import sys\nseen = list(sys.argv)\n", "options.py")
    project.write(text)
    done = project.same("train.py", "lr=5")
    assert b"lr=5" in done.stdout
    assert project.manifest()["overrides"] == []


def test_words_that_nothing_reads_are_told(project: Configured) -> None:
    project.write("lr = 1\nprint(lr)\n")
    done = project.reenact("run", "train.py", "lr", "=", "2", "--name", "mine", "--token=abcdefgh12345678")
    told = done.stderr.decode()
    assert done.returncode == 0 and done.stdout == b"1\n"
    assert "does not seem to read its command line: `lr = 2 --name mine" in told and "abcdefgh12345678" not in told
    assert "warning" not in project.reenact("run", "train.py", "lr=2").stderr.decode()
    project.write("import sys\nprint(sys.argv)\n")
    assert "warning" not in project.reenact("run", "train.py", "--name", "mine").stderr.decode()


def test_training_is_that_of_the_edited_script(project: Configured) -> None:
    text = (
        "import torch\nlr = 1e-2\nhidden = 4\ntorch.manual_seed(0)\n"
        "model = torch.nn.Sequential(torch.nn.Linear(3, hidden), torch.nn.Linear(hidden, 1))\n"
        "optimizer = torch.optim.Adam(model.parameters(), lr=lr)\n"
        "for _ in range(5):\n    optimizer.zero_grad()\n    model(torch.randn(8, 3)).pow(2).mean().backward()\n"
        "    optimizer.step()\ntorch.save(model.state_dict(), 'model.pt')\n"
    )
    path = project.write(text.replace("1e-2", "0.5").replace("hidden = 4", "hidden = 6"))
    assert project.bare("train.py").returncode == 0
    edited = (project.folder / "model.pt").read_bytes()
    path.write_text(text)
    assert project.reenact("run", "train.py", "lr=0.5", "hidden=6").returncode == 0
    assert (project.folder / "model.pt").read_bytes() == edited
    found = project.told("verify", "last")
    assert (found["verdict"], found["steps_compared"]) == ("identical", 5)
