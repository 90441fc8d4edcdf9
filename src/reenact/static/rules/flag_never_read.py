"""An option of the command line that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import WARNING, Hit, hit
from ..options import options
from ..project import Project
from .seed_never_used import SEED, names_read

ID = "flag-never-read"
SEVERITY = WARNING
WHAT = "an option is declared and never read"
WHY = "whoever sets it believes that it changed something"
FIX = "use it where it was meant, or take it out"


def check_project(project: Project) -> Iterator[Hit]:
    for module in project.modules.values():
        unread = [option for option in options(module) if not option.read and not SEED.fullmatch(option.dest.lower())]
        if not unread or module.looks_itself_up:
            continue
        elsewhere = {name for other in project.related(module) for name in names_read(other)}
        for option in unread:
            if option.dest not in elsewhere:
                yield hit(module.path, option.node, f"the option {option.flag} is never read")


_HEAD = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--n-cpu', default=8)\n"
EXAMPLES_POSITIVE = [
    _HEAD + "a = p.parse_args()\nprint(a)\n",
    "from argparse import ArgumentParser as P\np = P()\np.add_argument('-n', '--name', dest='title')\na = p.parse_args()\n",
]
EXAMPLES_NEGATIVE = [
    _HEAD + "a = p.parse_args()\nf(a.n_cpu)\n",
    _HEAD + "a = p.parse_args()\nf(vars(a))\n",
    _HEAD + "a = p.parse_args()\nother.main(a)\n",
    _HEAD + "def parse():\n    return p.parse_args()\n",
    _HEAD + "a = p.parse_args()\nn = getattr(a, 'n_cpu')\n",
    _HEAD + "a = p.parse_args()\ndef f(o):\n    return o.n_cpu\nf(a)\n",
]
