"""A watched Hydra app behaves as it does bare: stdout, stderr, exit code, the files of .hydra, random numbers, errors."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from endtoend import environment, reenact
from probed import Recorder, journal, of_kind

FIXED = ("hydra.run.dir=out", "hydra.sweep.dir=out")
SEEDED = "import random\n\nrandom.seed(4)\n"


def _both(app: Path, *argv: str, env: dict[str, str] | None = None, name: str = "app.py") -> list:
    recorder = Recorder(app)
    found = []
    for run in (recorder.bare, lambda *words, **options: recorder.probed(*words, **options)[0]):
        done = run(name, *argv, env=env)
        files = {
            str(path.relative_to(app)): path.read_bytes()
            for path in sorted((app / "out").rglob("*"))
            if path.is_file() and path.suffix != ".log"
        }
        found.append((done.code, done.out, done.err, files))
        subprocess.run(["rm", "-rf", str(app / "out")], check=True)
    return found


@pytest.mark.parametrize(
    "argv",
    [
        FIXED,
        (*FIXED, "-m", "seed=1,2"),
        (*FIXED, "model=nothing"),
        (*FIXED, "experiment=exp1"),
        (*FIXED, "seed=???"),
        (*FIXED, "model.dim=${data.dim}"),
        (*FIXED, "seed=1", "seed=2"),
        (*FIXED, "model=wide", "model=mlp"),
        ("--cfg", "job"),
        ("--cfg", "job", "--resolve"),
        ("--info", "defaults"),
        ("--help",),
    ],
)
@pytest.mark.parametrize("full", ["", "1"])
def test_as_bare(app: Path, argv: tuple[str, ...], full: str) -> None:
    text = SEEDED + (app / "app.py").read_text()
    (app / "app.py").write_text(text.replace(" {cfg.stamp}", ""))
    (app / "conf" / "config.yaml").write_text((app / "conf" / "config.yaml").read_text().replace("-%f", ""))
    env = {"PYTHONWARNINGS": "error::UserWarning"}
    if full:
        env["HYDRA_FULL_ERROR"] = "1"
    bare, probed = _both(app, *argv, env=env)
    clock = re.compile(rb"\d\d-\d\d-\d\d|\[\d{4}-\d\d-\d\d [\d:,]+\]")
    for index in range(3):
        one, other = bare[index], probed[index]
        assert one == other if index == 0 else clock.sub(b"", one) == clock.sub(b"", other)
    assert bare[3].keys() == probed[3].keys()
    for name in bare[3]:
        assert clock.sub(b"", bare[3][name]) == clock.sub(b"", probed[3][name]), name


def test_a_broken_file_is_hydras_to_tell(app: Path) -> None:
    (app / "conf" / "optim" / "sgd.yaml").write_text("lr: [1, 2\nother: }\n")
    bare, probed = _both(app)
    assert bare[:3] == probed[:3] and bare[0] == 1


def test_a_pickled_config_is_the_same_bytes(app: Path) -> None:
    text = (app / "app.py").read_text().replace("    folder =", "    import pickle, copy\n    folder =")
    text += "\n"
    text = text.replace(
        "    with open",
        "    open(folder + '/cfg.pkl', 'wb').write(pickle.dumps([cfg, copy.deepcopy(cfg), cfg.model]))\n    with open",
    ).replace(" {cfg.stamp}", "")
    (app / "app.py").write_text(SEEDED + text)
    bare, probed = _both(app, *FIXED)
    # A config keeps the values of resolvers, ${now:} among them.
    one, other = (re.sub(rb"\d\d-\d\d-\d\d(-\d+)?", b"", side[3]["out/cfg.pkl"]) for side in (bare, probed))
    assert one == other and bare[0] == 0


def test_nothing_of_a_program_without_hydra(app: Path) -> None:
    (app / "plain.py").write_text(
        "import sys\nprint(any('hydra' in name or 'omegaconf' in name for name in sys.modules))\n"
    )
    recorder = Recorder(app)
    probed, folder = recorder.probed("plain.py")
    assert probed.out == recorder.bare("plain.py").out
    assert not of_kind(journal(folder), "gap")


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("experiment=exp1", "experiment is not in the defaults list: type +experiment=exp1 to add it; it has exp1"),
        ("experiment=exp2", "+experiment=NAME adds it, and NAME is one of exp1"),
        ("nogroup/x=1", "no config group nogroup/x here; there are experiment, model, optim"),
        ("model=wode", "model has mlp, wide; did you mean model=wide?"),
        ("optim.lrr=3", "optim.lrr is no key of the config; +optim.lrr=3 adds it; did you mean optim.lr=3?"),
    ],
)
def test_hydras_own_error_first_then_what_to_type(app: Path, word: str, told: str) -> None:
    bare = subprocess.run([sys.executable, "app.py", word], cwd=app, env=environment(), capture_output=True, text=True)
    done = reenact("run", "app.py", word, cwd=app)
    assert done.returncode == bare.returncode == 1
    assert done.stderr.startswith(bare.stderr)
    lines = done.stderr[len(bare.stderr) :].splitlines()
    if word != "nogroup/x=1":
        assert told in lines[-1]
    assert "failed" in lines[0] and len(lines) <= 2
