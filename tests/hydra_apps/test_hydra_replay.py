"""Replaying a Hydra app: its configs, its resolvers and its outputs come out again, also after conf/ was edited."""

from __future__ import annotations

import json
from pathlib import Path

from endtoend import last_json, manifest, record, reenact, run_folder


def _verified(app: Path, *options: str) -> dict:
    done = reenact("verify", "last", "--json", *options, cwd=app)
    assert "Traceback" not in done.stderr
    return last_json(done.stdout)


def test_resolvers_and_random_numbers_come_out_again(app: Path) -> None:
    run = record("app.py", "seed=3", cwd=app)
    (first,) = [item for item in manifest(app, run)["outputs"] if item["path"].endswith("result.txt")]
    result = _verified(app)
    assert result["verdict"] == "identical", result
    candidate = manifest(app, result["candidate"])
    # ${now:} too: in hydra.run.dir, and in the microseconds that the program wrote.
    assert first in candidate["outputs"]


def test_a_second_run_into_folders_that_are_there(app: Path) -> None:
    record("app.py", cwd=app)
    record("app.py", cwd=app)
    assert _verified(app)["verdict"] == "identical"


def test_conf_edited_since(app: Path) -> None:
    record("app.py", "model=wide", cwd=app)
    (app / "conf" / "config.yaml").write_text("nothing: of this\n")
    (app / "conf" / "model" / "wide.yaml").unlink()
    result = _verified(app)
    assert result["verdict"] == "identical" and result["configs"] == []


def test_an_edited_input_that_is_no_config_still_refuses(app: Path) -> None:
    text = (app / "app.py").read_text().replace("    folder =", '    open("data.csv").read()\n    folder =')
    (app / "app.py").write_text(text)
    (app / "data.csv").write_text("1,2\n")
    record("app.py", cwd=app)
    (app / "data.csv").write_text("1,3\n")
    assert reenact("verify", "last", cwd=app).returncode == 3


def test_a_multirun(app: Path) -> None:
    record("app.py", "-m", "seed=1,2", "model=mlp,wide", cwd=app)
    assert _verified(app)["verdict"] == "identical"


def test_a_training_with_its_log(app: Path) -> None:
    record("train.py", cwd=app)
    result = _verified(app)
    assert result["verdict"] == "identical" and result["steps_compared"] == 3
    (log,) = [one for one in result["outputs"] if one["path"].endswith("train.log")]
    assert log["equal"] and log["how"] == "dates-masked"


def test_a_log_with_another_number_is_not_equal(app: Path) -> None:
    text = (
        (app / "train.py")
        .read_text()
        .replace('"step %d, loss', '"%s", __import__("time").time_ns()); log.info("step %d, loss')
    )
    (app / "train.py").write_text(text)
    record("train.py", cwd=app)
    result = _verified(app)
    assert result["verdict"] == "diverged"
    assert [one["path"].endswith("train.log") for one in result["outputs"] if not one["equal"]] == [True]


def test_another_composition_is_told_with_key_and_values(app: Path) -> None:
    # conf/ and the words are given back, so the baseline's journal is made to differ.
    run = record("app.py", cwd=app)
    journal = run_folder(app, run) / "journal" / "rank0.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for event in lines:
        if event["e"] == "hydra":
            event["config"]["optim"]["lr"] = 0.5
    journal.write_text("".join(json.dumps(event) + "\n" for event in lines))
    done = reenact("verify", "last", "--json", cwd=app)
    (difference,) = last_json(done.stdout)["configs"]
    assert difference == {"config": 0, "key": "optim.lr", "baseline": 0.5, "candidate": 0.1, "job": None}
    assert "config 0: optim.lr: recorded 0.5, now 0.1" in done.stderr


def test_diff_speaks_of_keys_values_and_where_they_came_from(app: Path) -> None:
    record("app.py", "--config-name=config", "+experiment=exp1", "optim=slow", cwd=app)
    (app / "conf" / "config.yaml").write_text((app / "conf" / "config.yaml").read_text().replace("n: 8", "n: 9"))
    record("app.py", "steps=4", cwd=app)
    done = reenact("diff", "last~1", "last", "--json", cwd=app)
    params = {one["name"]: one for one in last_json(done.stdout)["inputs"] if one["kind"] == "param"}
    assert (params["data.n"]["a"], params["data.n"]["b"], params["data.n"]["detail"]) == ("8", "9", "conf/config.yaml")
    assert params["model.hidden"]["detail"] == (
        "choice model=wide (conf/model/wide.yaml) -> choice model=mlp (conf/model/mlp.yaml)"
    )
    assert params["steps"]["detail"] == "conf/config.yaml -> override steps=4"
    assert params["seed"]["detail"] == "choice experiment=exp1 (conf/experiment/exp1.yaml) -> conf/config.yaml"


def test_diff_of_two_multiruns_names_the_job(app: Path) -> None:
    record("app.py", "-m", "seed=1,2", cwd=app)
    record("app.py", "-m", "seed=1,3", cwd=app)
    done = reenact("diff", "last~1", "last", "--json", cwd=app)
    params = {one["name"]: (one["a"], one["b"]) for one in last_json(done.stdout)["inputs"] if one["kind"] == "param"}
    assert params == {"seed (job 1)": ("2", "3")}
