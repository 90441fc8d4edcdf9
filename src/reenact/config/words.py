"""Whether a program looks at the words of its command line: with a parser, with Hydra, or at ``sys.argv`` itself."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from .sources import Source

PARSERS = frozenset(
    """
    argparse optparse getopt click typer absl fire jsonargparse docopt docopt_ng tap simple_parsing pyrallis tyro plac clize
    configargparse gflags sacred draccus cyclopts defopt hydra hydra_zen gin ml_collections streamlit pytest unittest
    fabric invoke luigi ConfigSpace datargs argh begins nubia cleo cliff
    """.split()  # noqa: SIM905
)
"""Packages that parse a command line."""

NAMES = frozenset({"HfArgumentParser", "LightningCLI", "OmegaConf.from_cli", "from_cli", "parse_known_args"})
"""Parsers of packages that do other things too."""


def reads_words(sources: Sequence[Source]) -> str | None:
    """What the program looks at its command line with (``argparse``, ``sys.argv``); None when it never does."""
    for source in sources:
        for node in ast.walk(source.tree):
            found = _reads(node)
            if found is not None:
                return found
    return None


def _reads(node: ast.AST) -> str | None:
    if isinstance(node, ast.Import):
        return next((found for alias in node.names if (found := _parser(alias.name))), None)
    if isinstance(node, ast.ImportFrom):
        names = {alias.name for alias in node.names}
        if node.module == "sys" and names & {"argv", "orig_argv", "*"}:
            return "sys.argv"
        if names & NAMES:
            return min(names & NAMES)
        return _parser(node.module) if node.module and not node.level else None
    if isinstance(node, ast.Attribute):
        if node.attr in ("argv", "orig_argv"):
            return "sys.argv"
        return node.attr if node.attr in NAMES else None
    if isinstance(node, ast.Constant) and node.value in ("argv", "orig_argv", "/proc/self/cmdline"):
        return "sys.argv"
    return None


def _parser(module: str) -> str | None:
    top = module.split(".")[0]
    return top if top in PARSERS else None
