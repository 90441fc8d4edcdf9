"""What extraction makes of scripts of different shapes; that it computes the same is shown in test_extract_command."""

from __future__ import annotations

import ast

import pytest

from reenact.errors import ReenactError
from reenact.static.extract.conf import scalar
from reenact.static.extract.literals import literals
from reenact.static.extract.rewrite import Rewrite, rewrite
from reenact.static.module import Module

LOOP = """
model = torch.nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(3):
    model(torch.rand(5, 4)).sum().backward()
    optimizer.step()
"""


def made(text: str) -> Rewrite:
    module = Module("train.py", text.encode())
    return rewrite(module, literals(module), "train.py")


def values(result: Rewrite) -> dict[str, object]:
    return {f"{value.group}.{value.name}": value.value for value in result.values}


def main_of(source: str) -> ast.FunctionDef:
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return next(node for node in functions if node.decorator_list)


def test_each_value_is_bound_once_where_it_was() -> None:
    result = made(
        "import torch\n\nlr = 1e-3  # why\nepochs = 2\n" + LOOP.replace("lr=0.1", "lr=lr").replace("3", "epochs")
    )
    assert "    lr = cfg.training.lr  # why\n" in result.source
    assert values(result)["training.lr"] == 1e-3
    assert values(result)["training.epochs"] == 2
    assert result.source.count("cfg.training.lr") == 1


def test_equal_numbers_for_two_things_are_two_values() -> None:
    text = "import torch\n\nlatent_dim = 20\nepochs = 20\nbatch_size = 100\nhidden_dim = 100\n"
    use = "model = torch.nn.Linear(hidden_dim, latent_dim)\nfor epoch in range(epochs):\n    model(torch.rand(batch_size, 100)).sum().backward()\n"
    found = values(made(text + use))
    assert found == {
        "model.latent_dim": 20,
        "training.epochs": 20,
        "training.batch_size": 100,
        "model.hidden_dim": 100,
    }


def test_names_that_functions_use_stay_global() -> None:
    text = (
        "import torch\n\nlr = 0.1\n\n\ndef rate():\n    return lr\n\n\ndef own(x):\n    model = x\n    return model\n"
        + LOOP
    )
    body = main_of(made(text).source).body
    declared = [name for node in body if isinstance(node, ast.Global) for name in node.names]
    assert declared == ["lr"]


def test_a_literal_in_a_class_comes_from_the_config_when_it_is_used() -> None:
    text = "import torch\n\n\nclass Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.fc = torch.nn.Linear(4, 2)\n\n\nNet()\n"
    result = made(text)
    assert "torch.nn.Linear(cfg.model.in_features, cfg.model.out_features)" in result.source
    assert "global cfg" in result.source


def test_a_class_of_settings_moves() -> None:
    result = made("import torch\n\n\nclass my_hp:\n    batch_size = 64\n    lr = 1e-3\n\n\nprint(my_hp.batch_size)\n")
    assert values(result) == {"training.batch_size": 64, "training.lr": 1e-3}
    assert "        batch_size = cfg.training.batch_size\n" in result.source


def test_what_is_needed_while_the_module_is_loaded_stays() -> None:
    text = "import torch\n\nhidden_dim = 8\n\n\ndef net(width=hidden_dim):\n    return torch.nn.Linear(width, 2)\n\n\nnet()\n"
    result = made(text)
    assert "model.hidden_dim" not in values(result)
    assert result.left == ("line 3: hidden_dim is needed while the module is loaded",)
    assert "\nhidden_dim = 8\n" in result.source


def test_what_precedes_the_last_import_stays_before_it() -> None:
    result = made("import os\n\nos.environ['A'] = '1'\nimport torch\n" + LOOP)
    assert result.source.index("os.environ") < result.source.index("import torch")
    assert result.source.index("os.environ") < result.source.index("def main")


def test_strings_of_several_lines_keep_their_bytes() -> None:
    text = 'import torch\n\nTEXT = """a\n  b\n"""\nF = f"""{1}\nc"""\nlr = 0.1\nprint(TEXT, F, lr)\n'
    body = main_of(made(text).source)
    constants = [node.value for node in ast.walk(body) if isinstance(node, ast.Constant)]
    assert "a\n  b\n" in constants
    assert "\nc" in constants


def test_a_guard_is_taken_apart_and_names_that_are_taken_are_not_used() -> None:
    text = "import torch\n\n\ndef main():\n    cfg = 1\n    log = cfg\n    print(log)\n    lr = 0.1\n    torch.optim.SGD([], lr=lr)\n\n\nif __name__ == '__main__':\n    main()\n"
    result = made(text)
    assert main_of(result.source).name == "run"
    assert "lr = conf.training.lr" in result.source
    assert "logger.info" in result.source
    assert result.source.count("__main__") == 1


@pytest.mark.parametrize(
    ("call", "logged"),
    [
        ("print(1)", 'log.info("%s", 1)'),
        ("print('a%d', 2)", "log.info(\"%s %s\", 'a%d', 2)"),
        ("print('50 %')", "log.info('50 %')"),
        ("print(f'{1}')", "log.info(f'{1}')"),
        ("print()", 'log.info("")'),
        ("print('a', end='')", "print('a', end='')"),
        ("print(*[1, 2])", "print(*[1, 2])"),
        ("print (\n        1)", 'log.info("%s", \n            1)'),
    ],
)
def test_prints(call: str, logged: str) -> None:
    assert f"    {logged}\n" in made(f"import torch\n\nlr = 0.1\n{call}\n").source


def test_a_script_that_configures_logging_keeps_its_prints_and_its_logging() -> None:
    result = made("import logging\nimport torch\n\nlr = 0.1\nlogging.basicConfig()\nprint(lr)\n")
    assert "    print(lr)\n" in result.source
    assert "override hydra/job_logging: none" in result.files["config.yaml"]


def test_only_libraries_that_are_not_seeded_are_seeded() -> None:
    result = made(
        "import random\nimport numpy as np\nimport torch\n\ntorch.manual_seed(3)\nlr = 0.1\nrandom.random()\n"
    )
    assert result.seeds == ("random", "numpy")
    assert "    random.seed(cfg.seed)\n    np.random.seed(cfg.seed)\n" in result.source
    assert "seed: 0\n" in result.files["config.yaml"]


def test_a_seed_that_comes_too_late_is_not_enough() -> None:
    early = "import torch\n\ntorch.manual_seed(3)\nx = torch.rand(3)\nlr = 0.1\n"
    late = "import torch\n\nx = torch.rand(3)\ntorch.manual_seed(3)\nlr = 0.1\n"
    assert made(early).seeds == ()
    assert made(late).seeds == ("torch",)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import argparse\nlr = 0.1\n", "argparse"),
        ("import sys\nlr = float(sys.argv[1])\n", "sys.argv"),
        ("lr = 0.1\nexec('lr = 2')\n", "exec"),
        ("import torch\nlr = 0.1; import os\ntorch.optim.SGD([], lr=lr)\n", "line 2"),
        ("lr = 0.1\nif __name__ == '__main__':\n    print(1)\nelse:\n    print(2)\n", "else"),
    ],
)
def test_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ReenactError) as error:
        made(text)
    assert reason in error.value.what


@pytest.mark.parametrize(
    "value",
    [1e-5, 1e-3, 3.0, 1e22, -0.5, float("inf"), 7, -7, 10**20, True, False, "on", "1e-3", "${x}", "a: b", "012"],
)
def test_yaml_reads_back_as_the_same_value(value: object) -> None:
    omegaconf = pytest.importorskip("omegaconf")
    read = omegaconf.OmegaConf.create(f"x: {scalar(value)}\n")["x"]
    assert (type(read), read) == (type(value), value)
