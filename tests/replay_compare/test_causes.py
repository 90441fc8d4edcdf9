"""Every rule's own examples, and that causes are ranked without naming what the evidence does not support."""

import pkgutil

import pytest

from reenact.replay import causes
from reenact.replay.causes import RULES, unknown
from reenact.replay.causes.examples import change, example, torch_library

ALL = [*RULES, unknown]


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.__name__.rpartition(".")[2])
def test_examples(rule):
    assert rule.EXAMPLES_POSITIVE and rule.EXAMPLES_NEGATIVE
    name = rule.__name__.rpartition(".")[2].replace("_", "-")
    for context in rule.EXAMPLES_POSITIVE:
        cause = rule.judge(context)
        assert cause is not None and cause.id == name
        assert 0 < cause.confidence < 1 and cause.evidence and cause.fix
    for context in rule.EXAMPLES_NEGATIVE:
        assert rule.judge(context) is None


@pytest.mark.parametrize("rule", ALL, ids=lambda rule: rule.__name__.rpartition(".")[2])
def test_positive_examples_are_ranked(rule):
    for context in rule.EXAMPLES_POSITIVE:
        assert rule.judge(context) in causes.rank(context)


def test_every_rule_file_is_registered():
    files = {module.name for module in pkgutil.iter_modules(causes.__path__)} - {"context", "examples"}
    assert files == {rule.__name__.rpartition(".")[2] for rule in ALL}


def first(context):
    return causes.rank(context)[0].id


@pytest.mark.parametrize("kind", ["seed", "init", "rng", "batch", "out", "loss", "grad", "hyper", "param", "save"])
def test_no_evidence_is_unknown(kind):
    assert [cause.id for cause in causes.rank(example(kind))] == ["unknown"]
    assert [cause.id for cause in causes.rank(example(kind, why="missing"))] == ["unknown"]


def test_equal_runs_have_no_cause():
    assert causes.rank(example(None, changes=[change("package", "torch"), change("code", "a.py")])) == []


def test_a_package_that_cannot_explain_stays_below_unknown():
    ranked = causes.rank(example("grad", changes=[change("package", "rich")]))
    assert [cause.id for cause in ranked] == ["unknown", "library-version"]
    assert "rich" in ranked[1].evidence


def test_edited_learning_rate_beats_the_code_that_holds_it():
    context = example("hyper", changes=[change("code", "train.py"), change("param", "lr", "0.1", "0.2")])
    assert [cause.id for cause in causes.rank(context)] == ["param-changed", "code-changed"]


def test_unseeded_run_names_the_seed_before_the_hash_seed():
    context = example(
        "init",
        -1,
        fresh_entropy=True,
        a={"run": "A", "entropy": {"unseeded": ["torch"]}},
        b={"run": "B", "replay_of": "A"},
        changes=[change("entropy", "PYTHONHASHSEED")],
    )
    assert [cause.id for cause in causes.rank(context)] == ["unseeded-generator", "hash-seed"]


def test_threads_in_grad_and_not_in_batch():
    differ = {"events_a": [torch_library(threads=1)], "events_b": [torch_library(threads=2)]}
    assert first(example("grad", **differ)) == "thread-count"
    assert first(example("batch", **differ)) == "unknown"
    assert first(example("out", 3, possibly=(("grad", 2),), **differ)) == "thread-count"


def test_rounding_never_explains_a_missing_event():
    context = example(
        "out",
        2,
        "missing",
        changes=[change("gpu", "gpu 0"), change("variable", "MKL_CBWR"), change("variable", "OMP_NUM_THREADS")],
        events_a=[torch_library(threads=1, devices=["H100"])],
    )
    assert first(context) == "unknown"


def test_the_same_recipe_on_several_threads_is_a_racing_operation():
    threads = [torch_library(threads=2, deterministic=False)]
    assert first(example("grad", 5, events_a=threads, events_b=threads)) == "nondeterministic-op"


def test_causes_are_json_safe():
    assert set(causes.rank(example("grad"))[0].to_dict()) == {"id", "confidence", "evidence", "fix"}


def test_step_before_training_is_said_in_words() -> None:
    assert example("seed", -1).what() == "the first difference is seed before the first step"
