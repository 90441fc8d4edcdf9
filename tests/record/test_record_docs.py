"""docs/record.md says what the schema says: every file, every struct, every field, in order, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from reenact.record import labels, layout, schema, verdicts

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "record.md").read_text(encoding="utf-8")
STRUCTS = {
    name: struct
    for module in (schema, labels, verdicts)
    for name, struct in vars(module).items()
    if isinstance(struct, type) and issubclass(struct, msgspec.Struct) and struct is not msgspec.Struct
}


def _rows(section: str) -> list[str]:
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


def _section(heading: str) -> str:
    match = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert match, f"docs/record.md has no {heading!r}"
    return match[1]


@pytest.mark.parametrize("name", STRUCTS)
def test_every_field_is_documented(name: str) -> None:
    fields = [field.encode_name for field in msgspec.structs.fields(STRUCTS[name])]
    assert _rows(_section(f"### {name}")) == fields


def test_no_struct_is_documented_that_is_not_there() -> None:
    assert set(re.findall(r"^### (\w+)$", TEXT, re.MULTILINE)) == set(STRUCTS)


def test_every_file_is_documented() -> None:
    assert set(_rows(_section("## Files"))) == {*layout.FILES, *layout.FOLDERS}


def test_every_gap_that_is_made_here_is_documented() -> None:
    folder = ROOT / "src" / "reenact" / "record"
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    made = set(re.findall(r'Gap\("([a-z-]+)"', source)) | set(
        re.findall(r'"((?:input|environment|source)-[a-z-]+)"', source)
    )
    documented = set(_rows(_section("## Gaps that sealing finds"))) - {"redacted-NAME"}
    assert made and made == documented
