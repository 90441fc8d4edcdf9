"""``[tool.reenact.mirror.mlflow]`` of pyproject.toml, or ``[mirror.mlflow]`` of reenact.toml; then variables, then flags."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ..errors import ReenactError
from ..store.project import Store

DATABASE = "mlflow.db"
"""In the store: where runs are copied to if nothing else is named."""

_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class Settings:
    """How runs are copied into MLflow.

    Attributes:
        uri: the tracking server or database; None for the one in the store.
        experiment: the experiment of runs that name none; None for the name of the project's folder.
        live: copy every run while it goes on, without being asked.
        artifacts: with outputs, manifest and log.
        wait: seconds that ``run`` waits at its end for the copy to be whole.
        patience: seconds after the end of a run for which a server that is down is asked again.
    """

    uri: str | None = None
    experiment: str | None = None
    live: bool = False
    artifacts: bool = True
    wait: float = 30.0
    patience: float = 600.0


def read_settings(root: Path) -> Settings:
    """What the project's files say; reenact.toml wins.

    Raises:
        ReenactError: ``bad-setting``.
    """
    found = Settings()
    for name, path in (
        ("pyproject.toml", ("tool", "reenact", "mirror", "mlflow")),
        ("reenact.toml", ("mirror", "mlflow")),
    ):
        table = _table(root / name, path)
        if table:
            found = _taken(found, table, f"[{'.'.join(path)}] of {name}", root)
    return found


def _table(file: Path, path: tuple[str, ...]) -> dict[str, Any]:
    if not file.exists():
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        data: Any = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if file.name == "pyproject.toml":
            return {}  # other tools say what is wrong with it
        raise ReenactError("bad-setting", f"cannot read {file.name}: {error}") from None
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def _taken(found: Settings, table: dict[str, Any], where: str, root: Path) -> Settings:
    known = [field.name for field in fields(Settings)]
    for name in table:
        if name not in known:
            raise ReenactError("bad-setting", f"{where} has {name!r}, which is not known", valid=", ".join(known))
    try:
        settings = msgspec.convert({**asdict(found), **table}, Settings)
    except msgspec.ValidationError as error:
        raise ReenactError("bad-setting", f"{where}: {error}") from None
    return replace(settings, uri=absolute(settings.uri, root)) if settings.uri else settings


def with_uri(settings: Settings, uri: str | None, store: Store) -> Settings:
    """The settings with the address to use: the one given, else MLFLOW_TRACKING_URI, else theirs, else the file in the store."""
    cwd = Path.cwd()
    given = uri or os.environ.get("MLFLOW_TRACKING_URI")
    chosen = absolute(given, cwd) if given else settings.uri
    return replace(settings, uri=chosen or _SQLITE + str(store.folder / DATABASE))


def absolute(uri: str, folder: Path) -> str:
    """The address, which is the same from whatever folder it is used."""
    if uri.startswith(_SQLITE):
        path = uri[len(_SQLITE) :]
        return uri if path.startswith("/") or not path or ":memory:" in path else _SQLITE + str(folder / path)
    if "://" in uri or uri.startswith("databricks") or uri.startswith("file:"):
        return uri
    return str(folder / uri)


def shown(uri: str) -> str:
    """The address as it may be told: without a password."""
    try:
        parts = urlsplit(uri)
        if parts.password:
            return uri.replace(f":{parts.password}@", ":…@", 1)
    except ValueError:
        pass
    return uri
