"""Secrets in command lines never reach the journal; and the quick look for them misses none that the slow one finds."""

from __future__ import annotations

import pytest
from probed import Recorder, journal, of_kind

from reenact.probe.argv import without_secrets
from reenact.probe.redact import REDACTED, redact_argv

LONG = "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"
SECRET = [
    ["--password", "hunter2"],
    ["--password=hunter2"],
    ["db.passwd=hunter2"],
    ["--passphrase", "x y"],
    ["--db-pass", "hunter2"],
    ["--ROOT_PW=hunter2"],
    ["+api_key=abc"],
    ["--accountKey", "abc"],
    ["--hf-token", "abc"],
    ["--client_secret=abc"],
    ["--credentials", "abc"],
    ["--cookie=abc"],
    ["--http-auth", "me:abc"],
    ["--pat", LONG],
    ["--salt", LONG],
    ["--sig", LONG],
    ["--dsn", LONG],
    ["--path-pat", LONG],
    ["x", "ghp_" + LONG],
    ["github_pat_" + LONG],
    ["glpat-" + LONG],
    ["glcbt-" + LONG],
    ["AKIA" + "ABCDEFGH12345678"],
    ["sk-proj-" + LONG],
    ["sk_live_" + LONG],
    ["rk_test_" + LONG],
    ["nvapi-" + LONG],
    ["gsk_" + LONG],
    ["r8_" + LONG],
    ["AIza" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r"],
    ["wandb_v1_" + LONG],
    ["hf_" + LONG],
    ["xoxb-" + LONG],
    ["hooks.slack.com/services/" + LONG],
    ["ya29." + LONG],
    ["pypi-" + LONG],
    ["npm_" + LONG],
    ["dckr_pat_" + LONG],
    ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc"],
    ["-H", "Authorization: Bearer " + LONG],
    ["Authorization: Basic " + LONG],
    ["postgres://me:hunter2@host/db"],
    ["-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----"],
]


@pytest.mark.parametrize("words", SECRET, ids=lambda words: words[-1][:24])
def test_secrets_are_taken_out(words: list[str]) -> None:
    assert without_secrets(words) == redact_argv(words)[0]
    assert REDACTED in "".join(without_secrets(words))


def test_other_words_stay() -> None:
    words = ["train.py", "--data-path", "/data/x", "--lr=1e-3", "--patch-size", "16", "--sigma", "2", "☃", ""]
    assert without_secrets(words) == words


def test_journal_names_no_secret_of_the_program_or_its_child(recorder: Recorder) -> None:
    recorder.script(
        "import subprocess, sys\nassert sys.argv[2] == 'hunter1'\n"
        "subprocess.run([sys.executable, '-c', 'import sys; assert sys.argv[1]', '--token=hunter2'], check=True)\n"
    )
    ran, run_dir = recorder.probed("script.py", "--password", "hunter1")
    assert ran.code == 0
    assert of_kind(journal(run_dir), "child")[0]["argv"][-1] == f"--token={REDACTED}"
    assert of_kind(journal(run_dir), "start")[0]["orig_argv"][-1] == REDACTED
    for path in (run_dir / "journal").iterdir():
        assert b"hunter" not in path.read_bytes()
