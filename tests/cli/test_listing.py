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


def test_runs_that_are_going_on_are_listed_as_a_table(project: Project) -> None:
    project.add(A)
    project.begin(B, supervisor=alive())
    lines = project.cli("ps").out.splitlines()
    assert lines[0].startswith("RUN") and lines[1].startswith(B) and A not in "".join(lines)


def give_params(project: Project, run: str, params: dict[str, object]) -> None:
    manifest = project.folder(run) / "manifest.json"
    data = json.loads(manifest.read_text())
    data["params"] = params
    manifest.write_text(json.dumps(data))


def test_params_that_were_chosen_come_first(three: Project) -> None:
    settings = {"amsgrad": False, "betas": [0.9, 0.99], "optimizer.eps": 1e-8}
    give_params(three, A, {**settings, "extra": 1, "few": 1, "lr": 0.1, "momentum": 0.9})
    give_params(three, B, {"amsgrad": True, "few": 1, "lr": 0.2, "momentum": 0.5})
    give_params(three, C, {**settings, "betas": [0.8, 0.9], "few": 2, "lr": 0.3, "momentum": 0.9})
    from reenact.report.tables import differing_params

    params = [row["params"] for row in three.cli("ls", "--json").json]
    names = ["lr", "few", "momentum", "extra", "amsgrad", "betas", "optimizer.eps"]
    assert differing_params(params) == names
    heads = three.cli("ls", "--best", "loss").out.splitlines()[0].split()
    assert "lr" in heads and "amsgrad" not in heads


@pytest.mark.parametrize("columns", ["80", "200"])
def test_params_are_cut_between_pairs(three: Project, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    for run, lr in ((A, 0.1), (B, 0.2), (C, 0.3)):
        give_params(three, run, {"lr": lr, **{f"option{n}": f"value-{lr}-{n}" for n in range(6)}})
    (line,) = (one for one in three.cli("ls").out.splitlines() if "lr=0.2" in one)
    told, more = line[line.index("lr=0.2") :].split(" … +")
    pairs = told.split()
    assert pairs[1:] == [f"option{n}=value-0.2-{n}" for n in range(len(pairs) - 1)]
    assert len(pairs) + int(more) == 7


def test_a_pair_that_is_too_long_is_cut_inside() -> None:
    from reenact.report.tables import param_pairs

    assert param_pairs({"name": "x" * 90, "lr": 1}, ["name", "lr"], 30) == "name=xxxxxxxxxxx…xxxxxxxx … +1"


def test_where_an_imported_run_came_from_is_no_word_of_a_shell(project: Project) -> None:
    project.add(A, argv=["(tensorboard)"])
    project.add(B, argv=["train.py", "(x)"])
    out = project.cli("ls").out
    assert "(tensorboard)" in out and "'(tensorboard)'" not in out and "train.py '(x)'" in out


def test_none_is_written_as_python_does(three: Project) -> None:
    give_params(three, A, {"data_dir": None})
    give_params(three, B, {"data_dir": "none"})
    out = three.cli("ls").out
    assert "data_dir=None" in out and "data_dir=none" in out
    assert "None" in three.cli("ls", "--columns", "data_dir").out
    assert "None" in three.cli("ls", "--group-by", "data_dir").out
    assert "None" in three.cli("compare", A, B).out


@pytest.fixture
def scored(project: Project) -> Project:
    """Four runs with a loss and an accuracy; B's is the best though its last is not."""
    project.add(A, lr=0.1, losses=(0.9, 0.3), tags=["x"], metrics={"acc": [0.5, 0.6], "pages": [3]})
    project.add(B, lr=0.1, losses=(0.2, 0.5), tags=["x", "y"], metrics={"acc": [0.9, 0.1]}, experiment="e")
    project.add(C, lr=0.2, losses=(0.9, float("nan")), metrics={"acc": ["NaN", 0.7]}, experiment="e")
    project.add("20260101-000004-dddd", lr=0.2, losses=())
    return project


def test_chosen_columns(scored: Project) -> None:
    lines = [line.split() for line in scored.cli("ls", "--columns", "acc,loss.min", "--columns", "lr").out.splitlines()]
    assert lines[0] == ["RUN", "acc", "loss.min", "lr"]
    assert lines[1] == ["20260101-000004-dddd", "0.2"]
    assert lines[2:] == [[C, "0.7", "0.9", "0.2"], [B, "0.1", "0.2", "0.1"], [A, "0.6", "0.3", "0.1"]]
    out = scored.cli("ls", "--columns", "experiment,tags,status,started,acc.best").out
    assert "e " in out and "x y" in out and "2026-01-01 00:00:02" in out and "0.9" in out


def test_a_column_that_no_run_has(scored: Project) -> None:
    result = scored.cli("ls", "--columns", "acc,los.min")
    assert (result.code, result.out) == (2, "") and "'los.min'" in result.err
    # One that only runs have which are not shown, is empty.
    assert scored.cli("ls", "--columns", "pages", "--limit", "1").code == 0


def test_a_name_with_a_comma_is_a_column(project: Project) -> None:
    project.add(A, metrics={"a,b": [1.5], "c\nd": [2.5]})
    out = project.cli("ls", "--columns", "a,b", "--columns", "c\nd").out
    assert out.splitlines()[0].split() == ["RUN", "a,b", "c\\nd"] and "1.5" in out and "2.5" in out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--best", "acc"], [B, C, A, "20260101-000004-dddd"]),
        (["--best", "loss"], [B, A, C, "20260101-000004-dddd"]),
        (["--best", "acc", "--min"], [B, A, C, "20260101-000004-dddd"]),
        (["--best", "pages", "--max", "--limit", "1"], [A]),
    ],
)
def test_the_best_first(scored: Project, words: list[str], expected: list[str]) -> None:
    assert ids(scored, *words) == expected
    assert scored.cli("ls", *words).out.splitlines()[1].startswith(expected[0])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--best", "pages"], "--min or --max"),
        (["--max"], "go with --best"),
        (["--best", "acc", "--sort", "acc"], "give one"),
        (["--best", "nope_acc"], "no run here has a metric 'nope_acc'"),
        (["--group-by", "nope"], "no run here has a param 'nope'"),
        (["--where", "acc.nope>0"], "no run here has 'acc.nope' to compare"),
        (["--sort", "time"], "did you mean duration?"),
    ],
)
def test_options_that_do_not_go(scored: Project, words: list[str], told: str) -> None:
    result = scored.cli("ls", *words)
    assert (result.code, result.out) == (2, "") and told in result.err


def test_curves_in_a_line(scored: Project) -> None:
    lines = scored.cli("ls", "--columns", "acc", "--spark").out.splitlines()
    assert lines[0].endswith("acc curve")
    assert lines[4].endswith("▁█") and lines[3].endswith("█▁")
    assert lines[1] == "20260101-000004-dddd"
    assert "loss curve" in scored.cli("ls", "--spark").out


def test_curves_are_read_of_the_runs_shown_only(scored: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from reenact.record import series

    read: list[str] = []
    real = series.read
    monkeypatch.setattr(series, "read", lambda folder, *rest: read.append(folder.name) or real(folder, *rest))
    scored.cli("ls", "--columns", "acc", "--limit", "2")
    assert read == []
    scored.cli("ls", "--spark", "--limit", "2")
    assert len(read) == 2


def test_groups(scored: Project) -> None:
    groups = scored.cli("ls", "--group-by", "lr", "--columns", "acc,loss", "--json").json
    assert [(group["key"], group["value"], group["count"]) for group in groups] == [("lr", 0.1, 2), ("lr", 0.2, 2)]
    first = groups[0]["metrics"]["acc"]
    assert first["mean"] == pytest.approx(0.35) and first["std"] == pytest.approx(0.3535533905932738)
    assert (first["best"], first["best_run"], first["count"]) == (0.6, A, 2)
    # A NaN is no part of a mean.
    assert groups[1]["metrics"]["loss"] == {"count": 0, "mean": None, "std": None, "best": None, "best_run": None}
    out = scored.cli("ls", "--group-by", "lr", "--columns", "acc").out.splitlines()
    assert out[0].split() == ["lr", "RUNS", "acc", "BEST", "RUN"]
    assert out[1].split() == ["0.1", "2", "0.35", "±", "0.35", "0.6", A]
    assert "0.7 (1 of 2)" in out[2]


@pytest.mark.parametrize(
    ("key", "expected"), [("tag", [("x", 2), ("y", 1), (None, 2)]), ("experiment", [("e", 2), (None, 2)])]
)
def test_groups_by_what_not_all_have(scored: Project, key: str, expected: list[tuple[str | None, int]]) -> None:
    groups = scored.cli("ls", "--group-by", key, "--json").json
    assert [(group["value"], group["count"]) for group in groups] == expected
    assert "(none)" in scored.cli("ls", "--group-by", key).out


def test_groups_with_the_best_first(scored: Project) -> None:
    groups = scored.cli("ls", "--group-by", "lr", "--best", "acc", "--json").json
    assert [(group["value"], group["metrics"]["acc.max"]["best"]) for group in groups] == [(0.1, 0.9), (0.2, 0.7)]
    groups = scored.cli("ls", "--group-by", "lr", "--best", "acc", "--min", "--json").json
    assert [(group["value"], group["metrics"]["acc.min"]["best"]) for group in groups] == [(0.1, 0.1), (0.2, 0.7)]


def test_the_best_can_be_asked_for(scored: Project) -> None:
    assert ids(scored, "--where", "acc.best > 0.65") == [C, B]
    assert ids(scored, "--where", "loss.best < 0.25") == [B]
    assert ids(scored, "--sort", "-acc.best", "--limit", "2") == [B, C]


def test_columns_that_nobody_chose_fit_the_terminal(scored: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = scored.folder(A) / "manifest.json"
    data = json.loads(manifest.read_text())
    data["params"].update({f"a-rather-long-param-{n}": "x" * 10 for n in range(4)})
    manifest.write_text(json.dumps(data))
    assert max(map(len, scored.cli("ls", "--best", "acc", "--spark").out.splitlines())) <= 80
    monkeypatch.setenv("COLUMNS", "300")
    assert "a-rather-long-param-2" in scored.cli("ls", "--best", "acc").out


@pytest.mark.parametrize("columns", ["80", "200"])
def test_very_many_runs_are_printed_while_they_are_read(
    scored: Project, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    from reenact.cli import listing
    from reenact.report import longtable

    monkeypatch.setenv("COLUMNS", columns)
    scored.add("20260101-000005-eeee", replay_of=A, name="a rather long name \u4e2d\u6587", exit_code=137)
    words = ("ls", "--all", "--sort", "-acc")
    table = scored.cli(*words).out.splitlines()
    monkeypatch.setattr(listing, "_LONG", 1)
    monkeypatch.setattr(longtable, "AT_ONCE", 2)
    lines = scored.cli(*words).out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("2026")] == [
        line.split()[0] for line in table if line.startswith("2026")
    ]
    assert lines[0].split()[:6] == ["RUN", "AGE", "STATUS", "TIME", "LOSS", "ACC"]
    whole = "\n".join(lines)
    assert f"  replay of {A}" in lines and "\u4e2d\u6587" in whole and "failed (137)" in whole and "0.7" in whole
    assert whole.count("train.py") == 5 and all(len(line) <= int(columns) + 30 for line in lines)
    assert scored.cli("ls", "--json").json == json.loads(scored.cli("ls", "--json").out)
    missing = scored.cli("ls", "--sort", "nope")
    assert missing.code == 2 and "'nope'" in missing.err
