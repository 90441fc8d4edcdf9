"""What a record says of the configs that Hydra composed, for the forms in which people start such programs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from endtoend import manifest, record, reenact, run_folder
from omegaconf import OmegaConf


def _recorded(app: Path, *argv: str, **options: Any) -> dict[str, Any]:
    return manifest(app, record(*argv, cwd=app, **options))


def test_params_and_where_each_came_from(app: Path) -> None:
    found = _recorded(app, "app.py", "optim.lr=0.05", "model=wide", "+extra.deep=[1,2]")
    params, origins = found["params"], found["origins"]
    assert {name: params[name] for name in ("seed", "optim.lr", "model.hidden", "data.dim", "extra.deep")} == {
        "seed": 1,
        "optim.lr": 0.05,
        "model.hidden": 32,
        "data.dim": 4,
        "extra.deep": [1, 2],
    }
    assert (origins["optim.lr"]["kind"], origins["optim.lr"]["where"]) == ("override", "optim.lr=0.05")
    assert (origins["model.hidden"]["kind"], origins["model.hidden"]["where"]) == (
        "choice",
        "model=wide (conf/model/wide.yaml)",
    )
    assert (origins["seed"]["kind"], origins["seed"]["where"]) == ("config", "conf/config.yaml")
    # The words are not taken for params a second time.
    assert not {"model", "optim", "+extra.deep"} & params.keys()


def test_the_last_config_of_the_defaults_list_is_the_origin(app: Path) -> None:
    found = _recorded(app, "app.py", "+experiment=exp1")
    assert found["params"]["seed"] == 7
    assert found["origins"]["seed"]["where"] == "experiment=exp1 (conf/experiment/exp1.yaml)"
    assert found["params"]["model.hidden"] == 32


def test_the_config_is_kept_unresolved_with_its_files_and_versions(app: Path) -> None:
    run = record("app.py", "seed=5", cwd=app)
    found = manifest(app, run)
    (config,) = found["configs"]
    kept = OmegaConf.load(run_folder(app, run) / config["path"])
    output = app / config["output_dir"]
    assert kept == OmegaConf.load(output / ".hydra" / "config.yaml")
    assert OmegaConf.to_container(kept)["stamp"] == "${now:%H-%M-%S-%f}"
    assert config["files"] == ["conf/model/mlp.yaml", "conf/optim/sgd.yaml", "conf/config.yaml"]
    assert config["choices"] == {"model": "mlp", "optim": "sgd"}
    assert (config["overrides"], config["status"], config["mode"]) == (["seed=5"], "completed", "RUN")
    assert re.match(r"1\.\d", config["version"]) and config["config_name"] == "config"
    inputs = {item["path"]: item["digest"] for item in found["inputs"]}
    for name in config["files"]:
        digest = inputs[name].removeprefix("sha256:")
        assert (app / ".reenact" / "blobs" / "sha256" / digest).read_bytes() == (app / name).read_bytes()
    outputs = {item["path"] for item in found["outputs"]}
    folder = config["output_dir"]
    assert {f"{folder}/.hydra/{name}.yaml" for name in ("config", "hydra", "overrides")} <= outputs
    assert config["logs"] == [f"{folder}/app.log"] and f"{folder}/app.log" in outputs


def test_secrets_stay_out_of_the_config(app: Path) -> None:
    with open(app / "conf" / "config.yaml", "a") as file:
        file.write("db:\n  password: hunter2hunter2\n  max_tokens: 512\n")
    run = record("app.py", "+api_key=sk-proj-abcdefghijklmnop1234", cwd=app)
    folder = run_folder(app, run)
    text = (folder / "config" / "0.yaml").read_text()
    assert "<redacted>" in text and "max_tokens: 512" in text
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "log.txt")
    assert b"hunter2" not in written and b"abcdefghijklmnop1234" not in written


def test_resolver_values_are_journalled(app: Path) -> None:
    run = record("app.py", cwd=app)
    lines = (run_folder(app, run) / "journal" / "rank0.jsonl").read_text()
    result = next((app / "outputs").rglob("result.txt")).read_text().split()
    assert f'"name":"random","args":[],"n":0,"value":{result[0]}' in lines
    assert f'"value":"{result[2]}"' in lines


@pytest.mark.parametrize(
    ("script", "argv", "name"),
    [
        ('@hydra.main(version_base="1.1", config_path="conf", config_name="config")', [], "1.1"),
        ('@hydra.main(version_base="1.3", config_path="conf")', ["--config-name=config"], "1.3"),
        ("@hydra.main(version_base=None)", ["--config-path=conf", "--config-name=config"], None),
        ("@hydra.main(version_base=None)", ["--config-dir=conf", "--config-name=config"], None),
    ],
)
def test_ways_to_name_a_config(app: Path, script: str, argv: list[str], name: str | None) -> None:
    text = (app / "app.py").read_text()
    (app / "app.py").write_text(re.sub(r"@hydra\.main\(.*\)", script, text))
    found = _recorded(app, "app.py", *argv, "optim=slow")
    assert found["params"]["optim.lr"] == 1e-3
    assert found["origins"]["optim.lr"]["where"] == "optim=slow (conf/optim/slow.yaml)"
    if name is not None:
        assert found["configs"][0]["version_base"] == name


def test_a_package_with_its_configs_started_with_m(app: Path) -> None:
    package = app / "pkg"
    (package / "conf" / "model").mkdir(parents=True)
    for folder in (package, package / "conf", package / "conf" / "model"):
        (folder / "__init__.py").write_text("")
    (package / "conf" / "main.yaml").write_text("defaults:\n  - model: tiny\nlr: 1\n")
    (package / "conf" / "model" / "tiny.yaml").write_text("width: 3\n")
    (package / "train.py").write_text(
        "import hydra\n\n\n"
        '@hydra.main(version_base=None, config_path="pkg://pkg.conf", config_name="main")\n'
        'def main(cfg):\n    print(cfg.model.width, cfg.lr)\n\n\nif __name__ == "__main__":\n    main()\n'
    )
    found = _recorded(app, "python", "-m", "pkg.train", "lr=2")
    assert found["params"] == {"lr": 2, "model.width": 3}
    assert found["origins"]["model.width"]["where"] == "model=tiny (pkg/conf/model/tiny.yaml)"
    assert {"pkg/conf/main.yaml", "pkg/conf/model/tiny.yaml"} <= {item["path"] for item in found["inputs"]}


def test_structured_configs_and_instantiate(app: Path) -> None:
    (app / "structured.py").write_text("""\
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import hydra
from hydra.core.config_store import ConfigStore
from hydra.utils import instantiate


class Mode(Enum):
    FAST = 1
    SLOW = 2


@dataclass
class Layer:
    _target_: str = "builtins.dict"
    width: int = 3
    rate: float = 1e-3


@dataclass
class Main:
    layer: Layer = field(default_factory=Layer)
    mode: Mode = Mode.FAST
    where: Path = Path("/tmp/x")


ConfigStore.instance().store(name="main", node=Main)


@hydra.main(version_base=None, config_name="main")
def main(cfg):
    print(instantiate(cfg.layer), cfg.mode, cfg.where)


main()
""")
    found = _recorded(app, "structured.py", "layer.width=5", "mode=SLOW")
    assert found["params"]["layer.width"] == 5 and found["params"]["mode"] == "SLOW"
    assert found["origins"]["layer.rate"]["where"] == "ConfigStore main"
    # What instantiate hands over counts as read.
    assert found["configs"][0]["unused"] == [] and found["hazards"] == []


def test_the_compose_api(app: Path) -> None:
    (app / "composing.py").write_text("""\
from hydra import compose, initialize

with initialize(version_base=None, config_path="conf"):
    cfg = compose(config_name="config", overrides=["model=wide", "optim.lr=0.3"])
print(cfg.optim.lr, sorted(cfg))
""")
    found = _recorded(app, "composing.py")
    (config,) = found["configs"]
    assert config["kind"] == "compose" and config["overrides"] == ["model=wide", "optim.lr=0.3"]
    assert config["choices"] == {"model": "wide", "optim": "sgd"}
    assert found["params"]["optim.lr"] == 0.3
    assert found["origins"]["optim.lr"]["where"] == "optim.lr=0.3"


def test_an_override_that_is_never_read_is_named(app: Path) -> None:
    done = reenact("run", "app.py", "+model.hiden=5", "seed=3", cwd=app)
    assert done.returncode == 0
    said = "+model.hiden=5 was given, and the program never read model.hiden; did you mean model.hidden?"
    assert f"reenact: {said}" in done.stderr
    shown = reenact("show", "last", cwd=app).stdout
    assert "never read model.hiden" in " ".join(shown.split())
    assert "seed=3 was given" not in done.stderr


@pytest.mark.parametrize(
    "use",
    [
        "cfg.optim.lr",
        "dict(**cfg.optim)",
        "[value for _, value in cfg.optim.items()]",
        "OmegaConf.select(cfg, 'optim.lr')",
        "OmegaConf.to_container(cfg)",
        "OmegaConf.to_container(cfg.optim)",
        "hydra.utils.instantiate({'_target_': 'builtins.dict', 'a': cfg.optim})",
        "__import__('copy').deepcopy(cfg).optim.lr",
        "cfg.get('optim').get('lr')",
        "OmegaConf.merge({'a': 1}, cfg).optim.lr",
        "OmegaConf.merge(cfg, {'seed': 1}).optim.lr",
        "OmegaConf.unsafe_merge({'a': 1}, cfg).optim.lr",
        "OmegaConf.resolve(cfg) or cfg.alias",
        "OmegaConf.to_yaml(cfg, resolve=True) and OmegaConf.masked_copy(cfg, ['optim']).optim.lr",
    ],
)
def test_no_way_of_reading_is_missed(app: Path, use: str) -> None:
    text = (
        (app / "app.py").read_text().replace("cfg.optim.lr, ", "").replace("    folder =", f"    {use}\n    folder =")
    )
    (app / "app.py").write_text(text)
    found = _recorded(app, "app.py", "optim.lr=3", "+alias=${optim.lr}" if "alias" in use else "seed=1")
    assert [hazard["detail"] for hazard in found["hazards"] if hazard["id"] == "config-key-unused"] == []


def test_printing_a_config_is_no_use_of_it(app: Path) -> None:
    found = _recorded(app, "app.py", "+nobody.reads=3", "+nor.this=${seed}")
    unused = [hazard["detail"] for hazard in found["hazards"]]
    assert len(unused) == 2 and "nobody.reads" in unused[0]


def test_a_worker_of_a_loader_reads_too(app: Path) -> None:
    (app / "forks.py").write_text("""\
import os

import hydra


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    child = os.fork()
    if child == 0:
        cfg.optim.lr
        os._exit(0)
    os.waitpid(child, 0)


main()
""")
    found = _recorded(app, "forks.py", "optim.lr=3", "steps=4")
    assert [hazard["detail"].split()[0] for hazard in found["hazards"]] == ["steps=4"]


def test_a_job_that_exits_or_fails_has_its_config(app: Path) -> None:
    for line, code in (("raise SystemExit(3)", 3), ("1 / 0", 1), ("__import__('os')._exit(4)", 4)):
        (app / "ends.py").write_text(f"""\
import hydra


@hydra.main(version_base=None, config_path="conf", config_name="config")
def main(cfg):
    {line}


main()
""")
        done = reenact("run", "ends.py", "seed=8", cwd=app)
        assert done.returncode == code
        run = sorted(path.name for path in (app / ".reenact" / "runs").iterdir())[-1]
        found = manifest(app, run)
        assert found["params"]["seed"] == 8 and found["status"] == "failed"
        # It did not come to reading it.
        assert found["hazards"] == []


def test_each_job_of_a_multirun_is_listed_with_its_own_params(app: Path) -> None:
    found = _recorded(app, "app.py", "--multirun", "optim.lr=1e-2,1e-3", "seed=2")
    jobs = found["configs"]
    assert [job["num"] for job in jobs] == [0, 1]
    assert [job["params"]["optim.lr"] for job in jobs] == [1e-2, 1e-3]
    assert [job["overrides"] for job in jobs] == [["optim.lr=0.01", "seed=2"], ["optim.lr=0.001", "seed=2"]]
    assert [job["output_dir"].rsplit("/", 1)[1] for job in jobs] == ["0", "1"]
    assert {job["status"] for job in jobs} == {"completed"}
    # What all jobs have alike is a param of the run.
    assert found["params"]["seed"] == 2 and "optim.lr" not in found["params"]
    shown = reenact("show", "last", cwd=app).stdout
    assert "2 jobs" in shown and "app 1  optim.lr=0.001 seed=2, completed" in shown


def test_jobs_of_another_launcher(app: Path) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    argv = ("app.py", "-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "seed=1,2")
    jobs = _recorded(app, *argv)["configs"]
    assert [(job["num"], job["params"]["seed"]) for job in jobs] == [(0, 1), (1, 2)]
    assert all("JoblibLauncher" in job["launcher"] and job["files"] for job in jobs)
