"""Which interpreter is found, and what it says."""

import json
import os
import subprocess
import sys

import pytest

from reenact.environment.interpreter import find_python, from_start_event, probe_interpreter
from reenact.errors import ReenactError


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def counted(tmp_path):
    """An interpreter in a folder of its own, and a function that says how often it was started."""
    log = tmp_path / "starts.txt"
    site = tmp_path / "startup"
    site.mkdir()
    (site / "sitecustomize.py").write_text(f"open({str(log)!r}, 'a').write('x')\nprint('noise')\n")
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site), "HOME": str(tmp_path)}
    return env, lambda: len(log.read_text()) if log.exists() else 0


def test_python_before_python3(tmp_path):
    three = program(tmp_path / "a" / "python3", "#!/bin/sh\n")
    plain = program(tmp_path / "b" / "python", "#!/bin/sh\n")
    assert find_python({"PATH": f"{tmp_path}/a:{tmp_path}/b"}) == plain
    assert find_python({"PATH": f"{tmp_path}/a"}) == three


def test_the_knob_wins(tmp_path):
    named = program(tmp_path / "my python", "#!/bin/sh\n")
    program(tmp_path / "b" / "python", "#!/bin/sh\n")
    other = program(tmp_path / "b" / "python3.9", "#!/bin/sh\n")
    path = f"{tmp_path}/b"
    assert find_python({"PATH": path, "REENACT_PYTHON": named}) == named
    assert find_python({"PATH": path, "REENACT_PYTHON": "python3.9"}) == other
    with pytest.raises(ReenactError) as caught:
        find_python({"PATH": path, "REENACT_PYTHON": str(tmp_path / "absent")})
    assert caught.value.exit_code == 4 and "REENACT_PYTHON" in caught.value.what


def test_no_python(tmp_path):
    with pytest.raises(ReenactError) as caught:
        find_python({"PATH": str(tmp_path)})
    assert (caught.value.slug, caught.value.exit_code) == ("no-python", 4)


def test_probe_tells_this_interpreter():
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    told = probe_interpreter(sys.executable, env)
    assert told["version"] == ".".join(map(str, sys.version_info[:3]))
    assert told["implementation"] == sys.implementation.name
    assert (told["prefix"], told["base_prefix"]) == (sys.prefix, sys.base_prefix)
    assert told["site_packages"] and all(os.path.isdir(folder) for folder in told["site_packages"])
    assert "" not in told["path"] and os.getcwd() not in told["path"]
    assert told["flags"]["optimize"] == 0
    assert json.loads(json.dumps(told)) == told


def test_probe_is_cached_until_something_changes(tmp_path, counted):
    env, starts = counted
    cache = str(tmp_path / "new" / "interpreters.json")
    first = probe_interpreter(sys.executable, env, cache)
    assert probe_interpreter(sys.executable, env, cache) == first
    assert starts() == 1
    extra = tmp_path / "extra"
    extra.mkdir()
    wider = {**env, "PYTHONPATH": env["PYTHONPATH"] + os.pathsep + str(extra)}
    assert str(extra) in probe_interpreter(sys.executable, wider, cache)["path"]
    assert starts() == 2
    # A .pth file put into a folder of sys.path can lengthen it.
    (extra / "added.pth").write_text("")
    os.utime(extra, ns=(1, 1))
    probe_interpreter(sys.executable, wider, cache)
    assert starts() == 3
    probe_interpreter(sys.executable, env, cache)
    assert starts() == 3
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["interpreters.json"]


def test_a_broken_or_unwritable_cache_is_no_failure(tmp_path, counted):
    env, starts = counted
    cache = tmp_path / "cache.json"
    cache.write_text("{torn")
    told = probe_interpreter(sys.executable, env, str(cache))
    assert probe_interpreter(sys.executable, env, str(cache)) == told and starts() == 1
    assert probe_interpreter(sys.executable, env, str(cache / "below" / "a-file")) == told


def test_a_shim_is_asked_every_time(tmp_path, counted):
    env, starts = counted
    shim = program(tmp_path / "shims" / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    cache = str(tmp_path / "cache.json")
    assert probe_interpreter(shim, env, cache) == probe_interpreter(shim, env, cache)
    assert starts() == 2


def test_the_probe_of_reenact_is_not_started(tmp_path):
    site = tmp_path / "startup"
    site.mkdir()
    code = "import os, sys\nif 'REENACT_PROBE' in os.environ: sys.exit('probe on')\n"
    (site / "sitecustomize.py").write_text(code)
    env = {"PYTHONPATH": str(site), "REENACT_PROBE": "/x", "PATH": os.environ["PATH"]}
    assert probe_interpreter(sys.executable, env)["version"]


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 3\n", "#!/bin/sh\necho hello\n"])
def test_no_interpreter_at_all(tmp_path, text):
    with pytest.raises(ReenactError) as caught:
        probe_interpreter(program(tmp_path / "python", text), {})
    assert (caught.value.slug, caught.value.exit_code) == ("bad-python", 4)


def test_start_event_gives_the_same_as_asking():
    """An event made by the interpreter itself, as the probe writes it."""
    code = (
        "import json, sys; print(json.dumps(dict(e='start', version=sys.version, path=sys.path,"
        " implementation=sys.implementation.name, executable=sys.executable, prefix=sys.prefix,"
        " base_prefix=sys.base_prefix, flags={'optimize': sys.flags.optimize})))"
    )
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    told = from_start_event(json.loads(done.stdout))
    asked = probe_interpreter(sys.executable, env)
    assert set(told) == set(asked)
    same = set(asked) - {"flags", "abi", "libc"}
    assert {key: told[key] for key in same} == {key: asked[key] for key in same}
    assert from_start_event({"version": "3.12.1"})["version"] == "3.12.1"
    assert from_start_event({})["version"] is None
