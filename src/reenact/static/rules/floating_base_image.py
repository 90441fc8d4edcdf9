"""A base image whose name stands for another image tomorrow."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..finding import WARNING, Hit
from ..project import Project
from ..requirements import DOCKERFILES, dockerfile

ID = "floating-base-image"
SEVERITY = WARNING
WHAT = "a base image has no tag, or `latest`"
WHY = "the name stands for another image next month: another Python, other system libraries"
FIX = "name a version, best with its digest: image:tag@sha256:…"


def check_project(project: Project) -> Iterator[Hit]:
    for path in project.others(DOCKERFILES):
        arguments: dict[str, str] = {}
        stages: set[str] = {"scratch"}
        for line, text in dockerfile(path):
            given = re.match(r"\s*ARG\s+(\w+)=[\"']?([^\s\"']+)", text, re.I)
            if given:
                arguments[given.group(1)] = given.group(2)
            match = re.match(r"\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", text, re.I)
            if not match:
                continue
            image = _filled(match.group(1), arguments)
            if match.group(2):
                stages.add(match.group(2).lower())
            last = image.rpartition("/")[2]
            if image.lower() in stages or "@" in image or "$" in image:
                continue
            if ":" not in last or last.endswith(":latest"):
                yield Hit(project.shown(path), line, 1, f"{image} is another image from time to time", line)


def _filled(image: str, arguments: dict[str, str]) -> str:
    """An image's name with the defaults of ARG in it."""
    return re.sub(r"\$\{?(\w+)\}?", lambda found: arguments.get(found.group(1), found.group(0)), image)


EXAMPLES_POSITIVE = [
    {"a.py": "", "Dockerfile": "FROM python\n"},
    {"a.py": "", "Dockerfile": "ARG TAG=latest\nFROM pytorch/pytorch:${TAG}\n"},
    {"a.py": "", "Dockerfile": "FROM host:5000/team/image AS base\n"},
]
EXAMPLES_NEGATIVE = [
    {"a.py": "", "Dockerfile": "FROM python:3.11.4-slim\n"},
    {"a.py": "", "Dockerfile": "FROM python@sha256:abc\n"},
    {"a.py": "", "Dockerfile": "FROM python:3.11 AS base\nFROM base\n"},
    {"a.py": "", "Dockerfile": "ARG TAG\nFROM image:${TAG}\n"},
    {"a.py": "", "Dockerfile": "# FROM python\nFROM scratch\n"},
]
