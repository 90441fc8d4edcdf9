"""What packages an image can take: the Python of its base, the wheels' tags that it knows, the markers of a lock."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import EXIT_USAGE, ReenactError

LOOK = """
import json, os, platform, sys, sysconfig
libc = platform.libc_ver()
print(json.dumps(dict(version=platform.python_version(), machine=platform.machine(), libc=list(libc),
    implementation=sys.implementation.name, abi=sysconfig.get_config_var("SOABI"), executable=os.path.realpath(sys.executable),
    named=sys.executable, abiflags=getattr(sys, "abiflags", ""), markers=dict(
        os_name=os.name, sys_platform=sys.platform, platform_machine=platform.machine(),
        platform_python_implementation=platform.python_implementation(), platform_system=platform.system(),
        platform_release="", platform_version="", implementation_name=sys.implementation.name,
        python_version="%d.%d" % sys.version_info[:2], python_full_version=platform.python_version(),
        implementation_version=platform.python_version()))))
"""
"""Runs in the base; prints what `Target.read` takes."""

_LEGACY = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}


@dataclass(frozen=True)
class Target:
    """The Python of a base image.

    Attributes:
        version: ``3.11.7``.
        machine: ``x86_64``, ``aarch64``.
        glibc: ``(2, 36)``; None where the base has another C library.
        implementation: ``cpython``.
        abiflags: ``t`` of a free-threaded Python.
        executable: its program, links followed.
        markers: the environment that markers of a lock are about (PEP 508).
    """

    version: str
    machine: str
    glibc: tuple[int, int] | None
    implementation: str
    abiflags: str
    executable: str
    markers: Mapping[str, str]

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Target:
        """Out of what `LOOK` printed."""
        name, version = ([*told.get("libc", ()), "", ""])[:2]
        parts = re.findall(r"\d+", version)[:2]
        glibc = (int(parts[0]), int(parts[1])) if name == "glibc" and len(parts) == 2 else None
        return cls(
            told["version"],
            told["machine"],
            glibc,
            told["implementation"],
            told.get("abiflags") or "",
            told["executable"],
            told["markers"],
        )

    @property
    def minor(self) -> str:
        return ".".join(self.version.split(".")[:2])

    def platforms(self) -> list[str]:
        """Platform tags of wheels that it can load, the best first (PEP 600, PEP 656)."""
        found = []
        if self.glibc is not None:
            for minor in range(self.glibc[1], 4, -1):
                found.append(f"manylinux_{self.glibc[0]}_{minor}_{self.machine}")
                if (self.glibc[0], minor) in _LEGACY:
                    found.append(f"{_LEGACY[(self.glibc[0], minor)]}_{self.machine}")
        else:
            found += [f"musllinux_1_{minor}_{self.machine}" for minor in range(5, 0, -1)]
        return [*found, f"linux_{self.machine}"]

    def tags(self) -> list[str]:
        """All tags of wheels that it takes, the best first (PEP 425)."""
        major, minor = (int(part) for part in self.minor.split("."))
        short = f"{major}{minor}"
        platforms = self.platforms()
        found = []
        if self.implementation == "cpython":
            abis = [f"cp{short}{self.abiflags}", *([] if self.abiflags else ["abi3"]), "none"]
            found += [f"cp{short}-{abi}-{platform}" for abi in abis for platform in platforms]
            if not self.abiflags:
                for older in range(minor - 1, 1, -1):
                    found += [f"cp{major}{older}-abi3-{platform}" for platform in platforms]
        pythons = [f"py{short}", f"py{major}", *(f"py{major}{older}" for older in range(minor - 1, -1, -1))]
        found += [f"{python}-none-{platform}" for python in pythons for platform in platforms]
        found += [f"cp{short}-none-any"] if self.implementation == "cpython" else []
        return found + [f"{python}-none-any" for python in pythons]


def wheel_tags(name: str) -> list[str]:
    """The tags in a wheel's file name; none where it is no wheel's."""
    parts = name.removesuffix(".whl").split("-")
    if not name.endswith(".whl") or len(parts) not in (5, 6):
        return []
    pythons, abis, platforms = (part.split(".") for part in parts[-3:])
    return [f"{python}-{abi}-{platform}" for python in pythons for abi in abis for platform in platforms]


def applies(marker: str, target: Target, groups: tuple[str, ...] = ()) -> bool:
    """Whether a marker of a lock (PEP 508, with PEP 751's ``extras`` and ``dependency_groups``) holds for a target.

    Raises:
        ReenactError: ``bad-lock``: it is none.
    """
    try:
        # Markers are written as Python writes conditions, but for ~= and ===.
        text = re.sub(r"([\w.]+|'[^']*'|\"[^\"]*\")\s*(~=|===)\s*('[^']*'|\"[^\"]*\")", r"(\1) in ('\2', \3)", marker)
        return bool(_value(ast.parse(text, mode="eval").body, target, groups))
    except (SyntaxError, ValueError, KeyError, IndexError):
        raise ReenactError(
            "bad-lock", f"the lock has a marker that cannot be read: {marker}", exit_code=EXIT_USAGE
        ) from None


def _value(node: ast.expr, target: Target, groups: tuple[str, ...]) -> Any:
    if isinstance(node, ast.BoolOp):
        values = [_value(part, target, groups) for part in node.values]
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        if node.id in ("extras", "extra"):
            return ()
        return groups if node.id == "dependency_groups" else target.markers[node.id]
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right, op = node.left, node.comparators[0], node.ops[0]
        if isinstance(right, ast.Tuple):
            relation, wanted = (_value(part, target, groups) for part in right.elts)
            return _compare(str(_value(left, target, groups)), relation, wanted)
        a, b = _value(left, target, groups), _value(right, target, groups)
        if isinstance(op, (ast.In, ast.NotIn)):
            return (a in b) == isinstance(op, ast.In)
        relation = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}[type(op)]
        versions = any(isinstance(part, ast.Name) and "version" in part.id for part in (left, right))
        if versions and isinstance(right, ast.Name):
            relation = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(relation, relation)
            a, b = b, a
        return _compare(a, relation, b) if versions else {"==": a == b, "!=": a != b}.get(relation, False)
    raise ValueError(ast.dump(node))


def _numbers(version: str) -> tuple[int, ...]:
    found = [int(part) for part in re.findall(r"\d+", re.split(r"[a-z+-]", version.strip(), maxsplit=1)[0])]
    return tuple(found + [0] * (4 - len(found)))


def _compare(version: str, relation: str, wanted: str) -> bool:
    a, b = _numbers(version), _numbers(wanted)
    if wanted.strip().endswith(".*"):
        depth = len(re.findall(r"\d+", wanted))
        return (a[:depth] == b[:depth]) == (relation == "==")
    if relation == "~=":
        depth = len(re.findall(r"\d+", wanted)) - 1
        return a >= b and a[:depth] == b[:depth]
    return {"==": a == b, "===": version == wanted, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[
        relation
    ]


def satisfies(version: str, specifier: str) -> bool:
    """Whether a version of Python is among those of ``requires-python``."""
    for clause in filter(None, (part.strip() for part in specifier.split(","))):
        found = re.fullmatch(r"(~=|===?|!=|<=?|>=?)\s*(\S+)", clause)
        if found and not _compare(version, found[1], found[2]):
            return False
    return True
