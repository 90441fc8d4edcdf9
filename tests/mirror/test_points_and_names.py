"""Rules that must hold for whatever a program logs: no two points are one to MLflow, no two names share a key."""

from __future__ import annotations

import math
from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reenact.errors import ReenactError
from reenact.mirror.names import Keys, text
from reenact.mirror.settings import Settings, absolute, read_settings, shown
from reenact.mirror.stamps import Stamps
from reenact.record.series import Series

FEW = st.sampled_from([0.0, -0.0, 0.5, math.nan, math.inf, -math.inf, 1.7976931348623157e308])
ROWS = st.lists(st.tuples(st.integers(-2, 3), FEW, st.sampled_from([0.0, 0.0004, 0.001, 0.002, math.nan])), max_size=40)


def series(rows: list[tuple[int, float, float]]) -> Series:
    columns = list(zip(*rows)) or [(), (), ()]
    return Series("x", array("q", columns[0]), array("d", columns[1]), array("d", columns[2]))


@given(ROWS, st.integers(0, 40))
@settings(max_examples=400, deadline=None)
def test_points_differ_and_are_the_same_wherever_one_begins(rows: list[tuple[int, float, float]], start: int) -> None:
    one = series(rows)
    every = list(Stamps(1000).points(one, 0, len(one)))
    assert [(point.step, str(point.value)) for point in every] == [(step, str(value)) for step, value, _ in rows]
    assert len({point.kept() for point in every}) == len(rows)
    for point, (_, _, seconds) in zip(every, rows):
        plain = 1000 + (0 if math.isnan(seconds) else int(1000 * seconds))
        assert plain <= point.time <= plain + len(rows)
    assert [point.kept() for point in Stamps(1000).points(one, start, len(one))] == [p.kept() for p in every[start:]]
    # In pieces, as while it grows.
    stamps, pieces = Stamps(1000), []
    for at in range(len(one)):
        pieces += stamps.points(one, at, at + 1)
    assert [point.kept() for point in pieces] == [point.kept() for point in every]


def test_points_that_differ_anyway_keep_their_times() -> None:
    one = series([(i, 0.5, i / 10) for i in range(20)])
    assert [point.time for point in Stamps(0).points(one, 0, 20)] == [int(1000 * (i / 10)) for i in range(20)]


@given(st.lists(st.text(max_size=300), unique=True, max_size=12))
@settings(max_examples=300, deadline=None)
def test_names_have_keys_of_their_own_that_mlflow_takes(names: list[str]) -> None:
    validation = pytest.importorskip("mlflow.utils.validation")
    keys = Keys()
    found = [keys.key(name) for name in names]
    assert len(set(found)) == len(names)
    for name, key in zip(names, found):
        validation._validate_metric(key, 1.0, 1, 1)
        validation._validate_param(key, "v")
        assert Keys().key(name) == key, "the same in every run"
        assert keys.key(name) == key


def test_a_name_that_is_as_another_one_is_changed() -> None:
    taken = Keys().key("acc@5")
    keys = Keys()
    assert keys.key(taken) == taken and keys.key("acc@5") != taken


@pytest.mark.parametrize(
    ("value", "told"), [(None, "null"), (True, "true"), (0.1, "0.1"), ("ü", "ü"), ({"a": "ü"}, '{"a": "ü"}')]
)
def test_values_as_text(value: object, told: str) -> None:
    assert text(value, 100) == told


def test_text_that_no_database_takes() -> None:
    assert text("a\0b\udc80", 100) == "a\\x00b\\udc80" and text("x" * 11, 10) == "x" * 9 + "…"


def test_addresses() -> None:
    folder = Path("/project")
    assert absolute("sqlite:///a/b.db", folder) == "sqlite:////project/a/b.db"
    assert absolute("sqlite:////a.db", folder) == "sqlite:////a.db"
    assert absolute("http://host:1", folder) == "http://host:1"
    assert shown("postgresql://me:p@ss@host/db").startswith("postgresql://me:…@") and "p@ss" not in shown(
        "postgresql://me:p@ss@host/db"
    )


def test_settings_of_two_files(tmp_path: Path) -> None:
    assert read_settings(tmp_path) == Settings()
    (tmp_path / "pyproject.toml").write_text('[tool.reenact.mirror.mlflow]\nuri = "sqlite:///x.db"\nwait = 3\n')
    (tmp_path / "reenact.toml").write_text("[mirror.mlflow]\nlive = true\n")
    found = read_settings(tmp_path)
    assert (found.uri, found.wait, found.live) == (f"sqlite:///{tmp_path}/x.db", 3, True)
    (tmp_path / "reenact.toml").write_text("not toml")
    with pytest.raises(ReenactError):
        read_settings(tmp_path)
