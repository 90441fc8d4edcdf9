"""The base image that is made of this machine's Python."""

import json
import os
import sys

import pytest

from reenact.environment.images.hostbase import host_base
from reenact.environment.interpreter import probe_interpreter

CODE = """
import bz2, ctypes, hashlib, json, lzma, os, pwd, sqlite3, ssl, subprocess, sys, tempfile, venv
print(json.dumps(dict(version=sys.version, prefix=sys.prefix, tmp=oct(os.stat("/tmp").st_mode & 0o7777),
    me=pwd.getpwuid(0).pw_name, shell=subprocess.check_output("id -u; cat /etc/nsswitch.conf | head -1", shell=True, text=True),
    encoding=sys.stdout.encoding, path=sys.path)))
"""


def inside(engine, image, *words):
    return engine.call("run", "--rm", "--network", "none", image.name, *words).stdout


def test_it_is_the_same_interpreter_and_works(docker, base_image):
    told = json.loads(inside(docker, base_image, "python3", "-c", CODE))
    assert told["version"] == sys.version
    assert told["prefix"] == "/usr/local" and told["tmp"] == "0o1777" and told["me"] == "root"
    assert told["shell"].splitlines() == ["0", "passwd: files"]
    assert told["encoding"] == "utf-8"
    assert base_image.size < 150e6


def test_made_twice_it_has_the_same_id(docker, base_image, python):
    """A second tag keeps the image for the other tests; without its own tag it is made anew."""
    docker.call("tag", base_image.name, "reenact-test-kept:base")
    try:
        docker.call("image", "rm", base_image.name)
        again = host_base(docker, python)
        assert again.id == base_image.id and again.diff_ids == base_image.diff_ids
    finally:
        docker.call("image", "rm", "reenact-test-kept:base")


def test_podman_gives_it_the_same_id(podman, base_image, python):
    found = host_base(podman, python)
    assert found.id == base_image.id and found.diff_ids == base_image.diff_ids


@pytest.mark.skipif(not os.access("/usr/bin/python3", os.X_OK), reason="the system has no Python")
def test_of_the_systems_python(docker):
    """Whose standard library lies elsewhere, and which the system's packager has changed."""
    about = probe_interpreter("/usr/bin/python3", {"PATH": "/usr/bin:/bin"})
    image = host_base(docker, about)
    told = json.loads(inside(docker, image, "python3", "-c", CODE))
    assert told["version"].split()[0] == about["version"]
