"""A version that a Dockerfile pins, and another file too."""

from __future__ import annotations

from collections.abc import Iterator

from ..finding import ERROR, NOTE, Hit
from ..project import Project
from ..requirements import DOCKERFILES, LISTS, Requirement, pinned_in_dockerfile, read

ID = "version-pinned-twice"
SEVERITY = NOTE
WHAT = "a Dockerfile pins a version that another file pins too"
WHY = "one of the two will be changed alone, and the image then differs from the environment"
FIX = "let the Dockerfile install from the requirements file or the lock"


def check_project(project: Project) -> Iterator[Hit]:
    """`error` where the two versions differ already."""
    listed: dict[str, Requirement] = {}
    for path in project.others(LISTS):
        for one in read(path):
            if one.exact:
                listed.setdefault(one.name, one)
    for path in project.others(DOCKERFILES):
        for pin in pinned_in_dockerfile(path):
            other = listed.get(pin.name)
            if other is None:
                continue
            same = other.version.replace(" ", "") == pin.version
            what = f"{pin.name}{pin.version} here, {other.version} in {project.shown(other.path)}, line {other.line}"
            yield Hit(project.shown(path), pin.line, 1, what, pin.line, None if same else ERROR)


EXAMPLES_POSITIVE = [
    {
        "a.py": "",
        "Dockerfile": "FROM python:3.11.4\nRUN pip install torch==2.0.0\n",
        "requirements.txt": "torch==2.1.0\n",
    },
    {"a.py": "", "docker.Dockerfile": "RUN pip install -q \\\n  numpy==1.0\n", "requirements.txt": "numpy==1.0\n"},
]
EXAMPLES_NEGATIVE = [
    {"a.py": "", "Dockerfile": "RUN pip install -r requirements.txt\n", "requirements.txt": "torch==2.1.0\n"},
    {"a.py": "", "Dockerfile": "RUN pip install torch==2.0.0\n", "requirements.txt": "numpy==1.0\n"},
]
