from __future__ import annotations

import json

import pytest
from storemaker import Project, alive

A, B, C = "20260101-000001-aaaa", "20260101-000002-abbb", "20260101-000003-cccc"
KEYS = {
    *("id", "name", "experiment", "tags", "status", "exit_code", "started", "params", "metrics"),
    *("recipe", "result", "complete", "verdicts"),
}


def ids(project: Project, *words: str) -> list[str]:
    result = project.cli("ls", "--json", *words)
    assert result.code == 0, result.err
    return [row["id"] for row in result.json]


def test_json_has_the_documented_keys(three: Project) -> None:
    rows = three.cli("ls", "--json").json
    assert [row["id"] for row in rows] == [C, B, A]
    assert all(set(row) == KEYS for row in rows)
    last = rows[2]
    assert (last["name"], last["tags"], last["status"], last["exit_code"]) == ("base", ["good"], "finished", 0)
    assert last["params"]["lr"] == 0.1 and last["metrics"]["loss"]["last"] == pytest.approx(0.3)
    assert last["recipe"].startswith("sha256:") and last["verdicts"] == []


def test_json_is_valid_where_a_loss_is_nan(three: Project) -> None:
    assert three.cli("ls", "--json").json[0]["metrics"]["loss"]["last"] == "nan"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--where", "loss<0.2"], [B]),
        (["--where", "lr=0.1 and status=failed"], [C]),
        (["--tag", "good"], [A]),
        (["--tag", "good", "--tag", "other"], []),
        (["--experiment", "mnist"], [B]),
        (["--sort", "loss"], [B, A, C]),
        (["--sort", "-lr", "--limit", "1"], [B]),
        (["--limit", "2"], [C, B]),
    ],
)
def test_filters_and_sorting(three: Project, words: list[str], expected: list[str]) -> None:
    assert ids(three, *words) == expected


def test_replays_are_listed_only_with_all(three: Project) -> None:
    three.add("20260101-000004-dddd", replay_of=A)
    assert "20260101-000004-dddd" not in ids(three)
    assert "20260101-000004-dddd" in ids(three, "--all")
    assert f"replay of {A}" in three.cli("ls", "--all").out


def test_bad_query_says_where_and_what_is_valid(three: Project) -> None:
    result = three.cli("ls", "--where", "loss <")
    assert result.code == 2
    assert "character" in result.err and "valid:" in result.err
    assert result.out == ""


def test_sorting_by_what_no_run_has(three: Project) -> None:
    result = three.cli("ls", "--sort", "acc")
    assert result.code == 2
    assert "'acc'" in result.err and "loss" in result.err


def test_table_is_readable_at_80_columns_and_keeps_ids(three: Project) -> None:
    result = three.cli("ls")
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert all(run in result.out for run in (A, B, C))
    assert "\x1b" not in result.out
    assert "✗ failed (3)" in result.out and "1m02s" in result.out
    assert "train.py --lr 0.1" in result.out and "/env/bin" not in result.out
    assert "lr=0.2" in result.out and "momentum" not in result.out


def test_a_wide_terminal_gets_one_line_a_run(three: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    lines = three.cli("ls").out.splitlines()
    assert len(lines) == 4
    assert "lr=0.2" in next(line for line in lines if B in line)


def test_a_long_command_is_shortened_and_the_id_is_not(project: Project) -> None:
    argv = ["/env/bin/python3", "train.py", *(f"--option-{n}=value" for n in range(40))]
    project.add(A, argv=argv, name="a rather long name of a run that goes on")
    out = project.cli("ls").out
    assert A in out and "…" in out
    assert all(len(line) <= 100 for line in out.splitlines())


def test_the_metric_sorted_by_is_shown(three: Project) -> None:
    (three.folder(A) / "manifest.json").unlink()
    (three.folder(A) / "metrics" / "rank0.jsonl").write_text(json.dumps({"n": "acc", "s": 0, "v": 0.75}) + "\n")
    three.store.seal(A)
    out = three.cli("ls", "--sort", "-acc").out
    assert "ACC" in out and "0.75" in out


def test_one_corrupt_manifest_does_not_hide_the_others(three: Project) -> None:
    (three.folder(B) / "manifest.json").write_text('{"schema": 1, "run"')
    result = three.cli("ls")
    assert result.code == 0
    assert all(run in result.out for run in (A, B, C))
    assert "? unreadable" in result.out
    assert B in result.err and "manifest.json" in result.err
    assert three.cli("ls", "--json").json[1]["status"] == "unreadable"


def test_an_interrupted_run_is_sealed_and_shown(project: Project) -> None:
    project.begin(A, b"some output")
    assert "◌ interrupted" in project.cli("ls").out
    assert (project.folder(A) / "manifest.json").exists()


def test_a_running_run(project: Project) -> None:
    project.begin(A, supervisor=alive())
    assert "● running" in project.cli("ls").out
    assert not (project.folder(A) / "manifest.json").exists()


def test_a_run_on_another_host_is_said_to_be_believed(project: Project) -> None:
    project.begin(A, host="elsewhere")
    assert "on elsewhere, which cannot be asked from here" in project.cli("ls").out


def test_gaps_are_told(project: Project) -> None:
    project.begin(A)
    assert "! gaps" in project.cli("ls").out


def test_nothing_to_list(project: Project, three: Project) -> None:
    result = three.cli("ls", "--where", "loss<-5")
    assert (result.code, result.out) == (0, "") and "no run matches" in result.err


def test_an_empty_store(project: Project) -> None:
    result = project.cli("ls")
    assert (result.code, result.out) == (0, "") and "reenact run" in result.err
    assert project.cli("ls", "--json").json == []


def test_names_cannot_command_the_terminal(project: Project) -> None:
    project.add(A, name="evil\x1b[31m\nname", argv=["python", "x\x1b]0;t\x07.py"])
    out = project.cli("ls").out + project.cli("show", "last").out
    assert "\x1b" not in out and "\x07" not in out
    assert "\\x1b" in out


def test_comparing_what_no_run_has(three: Project) -> None:
    result = three.cli("ls", "--where", "los > 3 and lr=0.1")
    assert result.code == 2 and result.out == ""
    assert "'los'" in result.err and "did you mean loss" in result.err
    assert three.cli("ls", "--where", "loss.min < 100 and not lr=7").code == 0
