"""The files of ``conf/``: the values of today, in groups, as YAML that reads back as the same Python values."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

HEAD = "# Values of {script} as they were written in its code.\n"

LOGGING = """
hydra:
  job_logging:
    # What the script printed goes to stdout as it did, and to the job's log file with time and level.
    formatters:
      plain:
        format: "%(message)s"
    handlers:
      stdout:
        class: logging.StreamHandler
        formatter: plain
        stream: ext://sys.stdout
      console:
        formatter: plain
        level: WARNING
        stream: ext://sys.stderr
    loggers:
      __main__:
        level: INFO
        handlers: [stdout]
"""


@dataclass(frozen=True)
class Value:
    """One value of the config: the group that it is in, its name, today's value, where it was."""

    group: str
    name: str
    value: Any
    where: str = ""


def conf_files(
    values: Sequence[Value], seed: int | None, logs: bool, script: str, typed: bool = False
) -> dict[str, str]:
    """Path below ``conf/`` -> text.

    Args:
        values: of the groups ``model`` and ``training``.
        seed: the value of ``seed``, or None where the script seeds itself or draws nothing.
        logs: prints became logging.
        script: the script's name, for the comments.
        typed: the app has a schema, which comes first.
    """
    groups = sorted({value.group for value in values})
    files = {}
    lines = ["defaults:", *(["  - schema"] if typed else [])]
    lines += [f"  - {group}: default" for group in groups]
    lines += ["  - experiment: exp1", "  - _self_", ""]
    if seed is not None:
        lines += [f"seed: {seed}", ""]
    text = "\n".join(lines)
    files["config.yaml"] = text.rstrip("\n") + "\n" + (LOGGING if logs else "")
    for group in groups:
        files[f"{group}/default.yaml"] = HEAD.format(script=script) + _mapping(
            [value for value in values if value.group == group], ""
        )
    body = "".join(f"{group}:\n" + _mapping([v for v in values if v.group == group], "  ") for group in groups)
    head = "# @package _global_\n# Copy it to exp2.yaml, change values, and run with experiment=exp2.\n"
    files["experiment/exp1.yaml"] = head + (body or "{}\n")
    return files


def _mapping(values: Sequence[Value], indent: str) -> str:
    return "".join(f"{indent}{value.name}: {scalar(value.value)}\n" for value in values)


def scalar(value: Any) -> str:
    """YAML of a number, string, bool or None that OmegaConf reads back as the same value and type.

    Raises:
        TypeError: another type.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, str):
        # An interpolation of OmegaConf's would be resolved.
        return json.dumps(value.replace("${", "\\${"), ensure_ascii=False)
    raise TypeError(f"{type(value).__name__} has no YAML here")


def _float(value: float) -> str:
    if math.isnan(value):
        return ".nan"
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    text = repr(value)
    # YAML 1.1 reads 1e-05 as a string.
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else text
