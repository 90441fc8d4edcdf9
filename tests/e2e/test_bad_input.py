"""Bad input and broken surroundings: one clear message, the right exit code, nothing lost, never a traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from endtoend import COMMAND, blobs, environment, last_json, manifest, record, reenact, run_folder

WRITES = "from pathlib import Path\nprint(Path('in.txt').read_text())\nPath('out.txt').write_text('made')\n"


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Exactly one message, which has these words; that exit code; no traceback."""
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr, done.stderr
    assert done.stderr.count("error: ") == 1, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr
    assert done.returncode == code, done.stderr


@pytest.fixture
def recorded(project: Path) -> tuple[Path, str]:
    """A project with one finished run that has an input and an output."""
    (project / "script.py").write_text(WRITES)
    (project / "in.txt").write_text("input")
    return project, record("script.py", cwd=project)


class TestCommand:
    def test_missing_script(self, project: Path) -> None:
        (project / "train.py").write_text("pass\n")
        refused(reenact("run", "trian.py", cwd=project), 2, "there is no script trian.py", "train.py")
        assert not (project / ".reenact").exists()

    def test_name_that_means_another_run(self, project: Path) -> None:
        (project / "train.py").write_text("pass\n")
        for name in ("last", "last~2", "20260101-000000-aaaa", " last "):
            refused(
                reenact("run", "--name", name, "train.py", cwd=project), 2, "cannot be named", "choose another name"
            )
        assert not (project / ".reenact").exists()

    def test_missing_program(self, project: Path) -> None:
        refused(reenact("run", "--", "no-such-program", cwd=project), 127, "no-such-program")
        refused(reenact("run", "--", "./no-such-program", cwd=project), 127, "no-such-program")
        assert not (project / ".reenact").exists()

    def test_nothing_to_run(self, project: Path) -> None:
        refused(reenact("run", cwd=project), 2, "there is no command to run", "train.py")

    def test_missing_interpreter(self, project: Path) -> None:
        (project / "train.py").write_text("pass\n")
        done = reenact("run", "--python", "/no/such/python", "train.py", cwd=project)
        refused(done, 4, "/no/such/python")

    def test_program_that_cannot_be_executed_leaves_no_run(self, project: Path) -> None:
        (project / "bad").write_text("#!/no/such/interpreter\n")
        (project / "bad").chmod(0o755)
        refused(reenact("run", "./bad", cwd=project), 126, "./bad")
        assert last_json(reenact("ls", "--json", cwd=project).stdout) == []

    def test_syntax_error_is_shown_as_bare(self, project: Path) -> None:
        (project / "script.py").write_text("print(1)\nprint('a'\n")
        bare = subprocess.run(["python", "script.py"], cwd=project, env=environment(), capture_output=True, text=True)
        done = reenact("run", "script.py", cwd=project)
        assert (done.returncode, done.stdout) == (bare.returncode, bare.stdout) == (1, "")
        assert done.stderr.startswith(bare.stderr) and "SyntaxError" in bare.stderr
        assert [row["status"] for row in last_json(reenact("ls", "--json", cwd=project).stdout)] == ["failed"]

    @pytest.mark.parametrize(
        "words",
        [
            ("run", "--no-such-option", "train.py"),
            ("ls", "--no-such-option"),
            ("verify", "--tolerance", "much", "last"),
            ("no-such-verb",),
            ("ls", "--where", "loss <"),
            ("ls", "--limit", "0"),
        ],
        ids=" ".join,
    )
    def test_wrong_words(self, recorded: tuple[Path, str], words: tuple[str, ...]) -> None:
        refused(reenact(*words, cwd=recorded[0]), 2)

    def test_gone_folder(self, project: Path) -> None:
        gone = project / "gone"
        gone.mkdir()
        line = f'rmdir "$PWD" && exec "{sys.executable}" -m reenact ls'
        done = subprocess.run(
            ["sh", "-c", line], cwd=gone, env=environment(), capture_output=True, text=True, timeout=60
        )
        refused(done, 2, "no longer exists")


class TestReference:
    def test_no_store(self, project: Path) -> None:
        for words in (("ls",), ("show", "last"), ("verify", "last"), ("gc",), ("diff", "last", "last~1")):
            refused(reenact(*words, cwd=project), 2, "no runs have been recorded here")
        assert not (project / ".reenact").exists()

    def test_unknown_run(self, recorded: tuple[Path, str]) -> None:
        project, run = recorded
        for words in (("show", "nothing"), ("verify", "nothing"), ("diff", "last", "nothing"), ("rm", "-y", "nothing")):
            refused(reenact(*words, cwd=project), 2, "there is no run 'nothing'", run)
        refused(reenact("show", "last~1", cwd=project), 2, "last~1", "1 run is recorded")

    def test_ambiguous_run(self, recorded: tuple[Path, str]) -> None:
        project, run = recorded
        other = record("script.py", cwd=project)
        refused(reenact("show", "20", cwd=project), 2, "'20'", run, other)
        named = [record("--name", "twice", "script.py", cwd=project) for _ in range(2)]
        refused(reenact("show", "twice", cwd=project), 2, "'twice'", *named)


class TestDamage:
    def test_corrupt_journal_line(self, project: Path) -> None:
        (project / "script.py").write_text(
            "from pathlib import Path\n"
            "run, = (run for run in Path('.reenact/runs').iterdir() if not (run / 'manifest.json').exists())\n"
            "journal = run / 'journal' / 'rank0.jsonl'\n"
            "with open(journal, 'ab') as file: file.write(b'{\"e\":\\xff nonsense\\n')\n"
            "Path('out.txt').write_text('x')\n"
        )
        run = record("script.py", cwd=project)
        found = manifest(project, run)
        assert "corrupt-journal-line" in [gap["id"] for gap in found["gaps"]]
        assert [one["path"] for one in found["outputs"]] == ["out.txt"]
        assert not found["complete"]
        for words in (("show", run), ("ls",), ("verify", run)):
            done = reenact(*words, cwd=project)
            assert "Traceback" not in done.stderr and "internal error" not in done.stderr

    def test_journal_that_was_damaged_after_sealing(self, recorded: tuple[Path, str]) -> None:
        project, run = recorded
        path = run_folder(project, run) / "journal" / "rank0.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(lines[0] + b"\x00\xff{{{\n" + b"".join(lines[1:])[:-9])
        for words in (("show", run), ("ls",), ("verify", run), ("diff", run, run)):
            done = reenact(*words, cwd=project)
            assert "Traceback" not in done.stderr and "internal error" not in done.stderr, done.stderr
            assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": 1}', b"\xff\xfe"], ids=repr)
    def test_corrupt_manifest(self, recorded: tuple[Path, str], content: bytes) -> None:
        project, run = recorded
        other = record("script.py", "other", cwd=project)
        path = run_folder(project, run) / "manifest.json"
        before = len(blobs(project))
        path.write_bytes(content)
        done = reenact("ls", "--json", cwd=project)
        assert done.returncode == 0
        assert {row["id"]: row["status"] for row in last_json(done.stdout)} == {run: "unreadable", other: "finished"}
        assert run in done.stderr and "Traceback" not in done.stderr
        assert reenact("ls", cwd=project).returncode == 0
        for words in (("show", run), ("show", "--json", run), ("verify", run), ("diff", run, other)):
            refused(reenact(*words, cwd=project), 3, "manifest.json")
        done = reenact("gc", "--json", cwd=project)
        assert done.returncode == 0 and last_json(done.stdout)["blobs"] == []
        assert len(blobs(project)) == before
        assert path.read_bytes() == content
        assert reenact("verify", other, cwd=project).returncode == 0

    def test_corrupt_start_of_a_run_that_was_killed(self, recorded: tuple[Path, str]) -> None:
        project, run = recorded
        torn = run_folder(project, "20260101-000000-aaaa")
        torn.mkdir()
        (torn / "start.json").write_bytes(b'{"schema": 1, "ru')
        done = reenact("ls", "--json", cwd=project)
        assert {row["id"]: row["status"] for row in last_json(done.stdout)} == {
            run: "finished",
            torn.name: "unreadable",
        }
        refused(reenact("show", torn.name, cwd=project), 3, "start.json")
        assert (torn / "start.json").exists()

    def test_deleted_blob(self, recorded: tuple[Path, str]) -> None:
        project, run = recorded
        digest = manifest(project, run)["code"]["files"][0]["digest"]
        (project / ".reenact" / "blobs" / "sha256" / digest.partition(":")[2]).unlink()
        (project / "script.py").write_text("another\n")
        refused(reenact("verify", run, cwd=project), 3, digest, "script.py")
        assert reenact("show", run, cwd=project).returncode == 0

    def test_changed_blob(self, recorded: tuple[Path, str]) -> None:
        project, run = recorded
        digest = manifest(project, run)["code"]["files"][0]["digest"]
        blob = project / ".reenact" / "blobs" / "sha256" / digest.partition(":")[2]
        blob.chmod(0o644)
        blob.write_bytes(b"spoilt")
        refused(reenact("verify", run, cwd=project), 3, digest)

    def test_deleted_output_blob(self, recorded: tuple[Path, str]) -> None:
        project, run = recorded
        digest = manifest(project, run)["outputs"][0]["digest"]
        (project / ".reenact" / "blobs" / "sha256" / digest.partition(":")[2]).unlink()
        done = reenact("verify", "--json", run, cwd=project)
        # The digests are in the records: equal outputs need no content, and this replay stores it again.
        assert done.returncode == 0, done.stderr
        assert last_json(done.stdout)["verdict"] == "identical"

    def test_corrupt_caches(self, recorded: tuple[Path, str]) -> None:
        project, run = recorded
        store = project / ".reenact"
        for path in (store / "index.sqlite", store / "cache" / "hashes.sqlite", store / "index.json"):
            path.write_bytes(b"no database" * 300)
        (store / "cache" / "interpreters.json").write_bytes(b"{")
        done = reenact("ls", "--json", cwd=project)
        assert done.returncode == 0 and [row["id"] for row in last_json(done.stdout)] == [run]
        assert reenact("verify", run, cwd=project).returncode == 0
        assert reenact("gc", cwd=project).returncode == 0
        assert len(json.loads((store / "index.json").read_bytes())["manifests"]) == 2


class TestChanges:
    def test_changed_input(self, recorded: tuple[Path, str]) -> None:
        project, run = recorded
        before = manifest(project, run)["inputs"]
        digest = next(one["digest"] for one in before if one["path"] == "in.txt")
        (project / "in.txt").write_text("changed")
        now = subprocess.run(["sha256sum", "in.txt"], cwd=project, capture_output=True, text=True).stdout.split()[0]
        refused(reenact("verify", run, cwd=project), 3, "in.txt", digest, f"sha256:{now}", "--stored-inputs")
        assert last_json(reenact("ls", "--json", cwd=project).stdout)[0]["verdicts"] == []
        done = reenact("verify", "--json", "--stored-inputs", run, cwd=project)
        assert done.returncode == 0, done.stderr
        assert last_json(done.stdout)["verdict"] == "identical"
        assert (project / "in.txt").read_text() == "changed"

    def test_input_that_is_gone_comes_from_the_store(self, recorded: tuple[Path, str]) -> None:
        project, run = recorded
        (project / "in.txt").unlink()
        done = reenact("verify", "--json", run, cwd=project)
        assert done.returncode == 0, done.stderr
        assert not (project / "in.txt").exists()

    def test_input_that_is_gone_and_was_too_large_to_store(self, project: Path) -> None:
        (project / "script.py").write_text("print(len(open('large.bin', 'rb').read()))\nopen('o', 'w').write('x')\n")
        (project / "large.bin").write_bytes(b"x" * (2 << 20))
        run = record("script.py", cwd=project)
        digest = manifest(project, run)["inputs"][0]["digest"]
        (project / "large.bin").unlink()
        refused(reenact("verify", run, cwd=project), 3, "large.bin", digest, "missing")

    def test_another_package_version_is_told_before_the_replay(self, project: Path) -> None:
        packages = project / "site packages"
        _distribution(packages, "1.0")
        (project / "script.py").write_text(
            "import importlib.metadata, tinything\nprint('ran', importlib.metadata.version('tinything'))\n"
            "open('o', 'w').write('x')\n"
        )
        env = {"PYTHONPATH": str(packages)}
        run = record("script.py", cwd=project, env=env)
        assert "tinything" in [one["name"] for one in manifest(project, run)["environment"]["distributions"]]
        shutil.rmtree(packages)
        _distribution(packages, "2.0")
        done = reenact("verify", "--show-output", "--json", run, cwd=project, env=env)
        assert "Traceback" not in done.stderr
        assert "tinything: recorded 1.0, now 2.0" in done.stderr
        change = [one for one in last_json(done.stdout)["differences"] if one["name"] == "tinything"]
        assert [(one["recorded"], one["current"]) for one in change] == [("1.0", "2.0")]

    def test_without_the_secret_variable_it_is_told(self, project: Path) -> None:
        (project / "script.py").write_text(
            "import os\nprint(os.environ.get('API_TOKEN', '')[:0])\nopen('o', 'w').write('x')\n"
        )
        run = record("script.py", cwd=project, env={"API_TOKEN": "abcdefgh1234"})
        done = reenact("verify", run, cwd=project, env={"API_TOKEN": None})
        assert done.returncode == 0 and "API_TOKEN is not set here" in done.stderr

    def test_secret_argument_cannot_be_replayed(self, project: Path) -> None:
        (project / "script.py").write_text("open('o', 'w').write('x')\n")
        run = record("script.py", "--password=abcdefgh1234", cwd=project)
        refused(reenact("verify", run, cwd=project), 3, "--password", "environment")


def _distribution(folder: Path, version: str) -> None:
    info = folder / f"tinything-{version}.dist-info"
    info.mkdir(parents=True)
    (folder / "tinything.py").write_text(f"VERSION = {version!r}\n")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: tinything\nVersion: {version}\n")
    (info / "RECORD").write_text(f"tinything.py,,\ntinything-{version}.dist-info/METADATA,,\n")


class TestClocks:
    """A store that two machines with different clocks have written to."""

    @pytest.fixture
    def future(self, recorded: tuple[Path, str]) -> tuple[Path, str, str]:
        project, run = recorded
        other = "20991231-235959-zzzz"
        _moved(project, run, other, started="2099-12-31T23:59:59.000Z", ended="2026-01-01T00:00:00.000Z")
        return project, run, other

    def test_order_and_references(self, future: tuple[Path, str, str]) -> None:
        project, run, other = future
        done = reenact("ls", "--json", cwd=project)
        assert done.returncode == 0, done.stderr
        assert [row["id"] for row in last_json(done.stdout)] == [other, run]
        assert [row["id"] for row in last_json(reenact("ls", "--json", "--sort", "started", cwd=project).stdout)] == [
            run,
            other,
        ]
        assert reenact("path", "last", cwd=project).stdout.strip().endswith(other)
        assert reenact("path", "last~1", cwd=project).stdout.strip().endswith(run)
        for words in (("ls",), ("show", other), ("diff", run, other), ("verify", other), ("gc",), ("du",)):
            done = reenact(*words, cwd=project)
            assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr

    def test_run_of_another_machine_is_believed_to_run(self, future: tuple[Path, str, str]) -> None:
        project, run, _ = future
        other = "20991231-235958-yyyy"
        start = json.loads((run_folder(project, run) / "start.json").read_bytes())
        start.update(run=other, host="another-machine", started="2099-12-31T23:59:58.000Z")
        run_folder(project, other).mkdir()
        (run_folder(project, other) / "start.json").write_text(json.dumps(start))
        rows = {row["id"]: row for row in last_json(reenact("ls", "--json", cwd=project).stdout)}
        assert rows[other]["status"] == "running"
        assert "another-machine" in reenact("show", other, cwd=project).stdout
        assert not (run_folder(project, other) / "manifest.json").exists()
        refused(reenact("verify", other, cwd=project), 2, other)

    def test_run_from_before_a_restart_is_interrupted(self, recorded: tuple[Path, str]) -> None:
        project, run = recorded
        other = "20260101-000000-bbbb"
        start = json.loads((run_folder(project, run) / "start.json").read_bytes())
        # The process ids are alive, but of another boot they are other processes.
        start.update(run=other, boot_id="another", supervisor={"pid": os.getpid(), "start_ticks": None})
        run_folder(project, other).mkdir()
        (run_folder(project, other) / "start.json").write_text(json.dumps(start))
        rows = {row["id"]: row for row in last_json(reenact("ls", "--json", cwd=project).stdout)}
        assert rows[other]["status"] == "interrupted"
        assert manifest(project, other)["status"] == "interrupted"


def _moved(project: Path, run: str, other: str, **changes: Any) -> None:
    """A copy of a run under another id and with other times."""
    shutil.copytree(run_folder(project, run), run_folder(project, other))
    path = run_folder(project, other) / "manifest.json"
    data = json.loads(path.read_bytes())
    data.update(run=other, **changes)
    path.unlink()
    path.write_text(json.dumps(data, sort_keys=True, separators=(",", ":")))


def _namespaces() -> bool:
    try:
        return subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode == 0
    except OSError:
        return False


NAMESPACES = pytest.mark.skipif(not _namespaces(), reason="needs mount namespaces")


def inside(project: Path, mounts: str, line: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line in a mount namespace of its own, after the mounts; `$reenact` is the command, `$project` here."""
    quoted = " ".join(f'"{word}"' for word in COMMAND)
    script = f'set -e\nreenact() {{ {quoted} "$@"; }}\n{mounts}\ncd "$project"\nset +e\n{line}\n'
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script],
        env={**environment(), "project": str(project), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


READ_ONLY = 'mount --bind "$project" "$project" && mount -o remount,bind,ro "$project"'


@NAMESPACES
class TestPlace:
    def test_read_only_project(self, project: Path) -> None:
        (project / "script.py").write_text("print('ran')\n")
        done = inside(project, READ_ONLY, "reenact run script.py")
        refused(done, 2, ".reenact", "REENACT_STORE")
        assert "ran" not in done.stdout

    def test_read_only_store_can_be_read(self, recorded: tuple[Path, str]) -> None:
        project, run = recorded
        line = "reenact ls --json && reenact show last >/dev/null && reenact logs last"
        done = inside(project, READ_ONLY, line)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert json.loads(done.stdout.splitlines()[0])[0]["id"] == run
        for words in ("run script.py", "verify last", "tag last x", "gc", "rm -y last"):
            refused(inside(project, READ_ONLY, f"reenact {words}"), 2, ".reenact")
        assert last_json(reenact("ls", "--json", cwd=project).stdout)[0]["id"] == run

    def test_read_only_project_with_a_store_elsewhere(self, project: Path, tmp_path: Path) -> None:
        (project / "script.py").write_text("print('ran')\n")
        done = inside(
            project, READ_ONLY, "reenact run script.py && reenact ls --json", REENACT_STORE=str(tmp_path / "s")
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1])[0]["status"] == "finished"

    def test_no_space_to_begin(self, project: Path) -> None:
        (project / "script.py").write_text("print('ran')\n")
        mounts = (
            'mkdir -p "$project/.reenact" && mount -t tmpfs -o size=64k tmpfs "$project/.reenact"'
            ' && head -c 65536 /dev/zero >"$project/.reenact/filler" 2>/dev/null || true'
        )
        done = inside(project, mounts, "reenact run script.py")
        refused(done, 4, "no space left", ".reenact")
        assert "ran" not in done.stdout

    def test_no_space_to_seal(self, project: Path) -> None:
        """The script fills the store's disk: its output and exit code come through, and the record waits for room."""
        (project / "script.py").write_text(
            "import sys\ntry:\n    with open('.reenact/filler', 'wb', buffering=0) as file:\n"
            "        while file.write(b'x' * 4096): pass\nexcept OSError: pass\nprint('ran')\nsys.exit(7)\n"
        )
        mounts = 'mkdir -p "$project/.reenact" && mount -t tmpfs -o size=2m tmpfs "$project/.reenact"'
        line = (
            "reenact run script.py; echo code $?; reenact ls --json; echo code $?\n"
            "rm .reenact/filler; reenact ls --json; echo code $?; reenact show --json last; reenact gc >/dev/null\n"
            "find .reenact -name '*.tmp'"
        )
        done = inside(project, mounts, line)
        assert "Traceback" not in done.stderr and "internal error" not in done.stderr, done.stderr
        lines = done.stdout.splitlines()
        assert lines[:2] == ["ran", "code 7"], (done.stdout, done.stderr)
        assert "no space left" in done.stderr
        assert json.loads(lines[2])[0]["status"] == "failed"
        assert lines[3] == lines[5] == "code 0"
        assert json.loads(lines[4])[0]["status"] == "failed" and json.loads(lines[4])[0]["exit_code"] == 7
        assert "log.txt is not complete" in lines[6]
        assert len(lines) == 7
