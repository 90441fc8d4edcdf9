from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reenact.record.command import main_script
from reenact.record.params.command_line import argv_params
from reenact.record.params.optimizer import hyper_params
from reenact.record.schema import ProcessInfo, Start


@pytest.mark.parametrize(
    ("argv", "params"),
    [
        (["--lr", "1e-3", "--batch-size=64"], {"lr": 1e-3, "batch_size": 64}),
        (["--amp", "--name", "x", "--seed", "-1"], {"amp": True, "name": "x", "seed": -1}),
        (
            ["model.width=3", "+opt=adam", "flag=True", "empty="],
            {"model.width": 3, "opt": "adam", "flag": True, "empty": ""},
        ),
        (["--standalone", "train.py", "--x=1_0"], {"standalone": True, "x": "1_0"}),
        (["--debug", "lr=0.5"], {"debug": True, "lr": 0.5}),
        (["nan=nan", "data.csv", "-v", "a==b"], {"nan": "nan", "a": "=b"}),
    ],
)
def test_argv_params(argv: list[str], params: dict[str, Any]) -> None:
    assert argv_params(argv) == params


def test_hyper_params() -> None:
    groups = [{"lr": 0.1, "betas": [0.9, 0.999], "fused": None}, {"lr": 0.01, "betas": [0.9, 0.999]}]
    assert hyper_params(groups) == {"lr": 0.1, "betas": [0.9, 0.999], "lr.1": 0.01}
    assert hyper_params(None) == {}


def _start(tmp_path: Path, kind: Any, *argv: str) -> Start:
    place = str(tmp_path)
    return Start(
        run="r", argv=list(argv), kind=kind, root=place, cwd=place, started="", host="h", supervisor=ProcessInfo(1)
    )


def test_main_script(tmp_path: Path) -> None:
    script = tmp_path / "my train.py"
    script.write_text("")
    for flags in ([], ["-u"], ["-W", "ignore"], ["-X", "dev", "-O"]):
        assert main_script(_start(tmp_path, "script", "python", *flags, "my train.py", "x.py")) == str(script)
    assert main_script(_start(tmp_path, "script", "python", "none.py")) is None
    assert main_script(_start(tmp_path, "module", "python", "-m", "my train.py")) is None
    assert main_script(_start(tmp_path, "command", "bash", "my train.py")) is None
