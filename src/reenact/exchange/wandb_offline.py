"""Runs out of the files that W&B leaves in its offline mode: ``wandb/offline-run-*/run-*.wandb``.

The file is a log in the form of LevelDB's: after 7 bytes of a header, blocks of 32 KiB with pieces of records, each with CRC, length and kind. A record is a
message of W&B's own protocol, which its package reads.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..errors import EXIT_MISSING, ReenactError
from .writer import Foreign, Point, nothing

_BLOCK = 32768
_HEAD = 7
_MAGIC = b":W&B"
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def runs(folder: Path) -> Iterator[Foreign]:
    """Each ``.wandb`` file below.

    Raises:
        ReenactError: ``nothing-to-import``; ``no-wandb`` (exit code 4).
    """
    try:
        from wandb.proto import wandb_internal_pb2 as protocol
    except ImportError:
        raise ReenactError(
            "no-wandb",
            "W&B, whose protocol these files are in, is not installed beside reenact",
            fix="pip install wandb",
            exit_code=EXIT_MISSING,
        ) from None
    files = sorted(folder.rglob("*.wandb")) if folder.is_dir() else [folder]
    if not files:
        raise nothing("offline run of W&B", str(folder), "a folder with offline-run-*/*.wandb in it")
    for file in files:
        yield _run(file, protocol)


def _run(file: Path, protocol: Any) -> Foreign:
    rows: list[tuple[dict[str, Any], int | None]] = []
    config: dict[str, Any] = {}
    info: Any = None
    code: int | None = None
    for data in records(file):
        try:
            record = protocol.Record.FromString(data)
        except Exception:  # protobuf's own error, which lies elsewhere in every version
            break
        kind = record.WhichOneof("record_type")
        if kind == "run":
            info = record.run
            _update(config, record.run.config)
        elif kind == "config":
            _update(config, record.config)
        elif kind == "history":
            row = {_key(item): _value(item.value_json) for item in record.history.item}
            rows.append((row, record.history.step.num if record.history.HasField("step") else None))
        elif kind == "exit":
            code = record.exit.exit_code
    if info is None:
        raise ReenactError(
            "not-wandb", f"{file} does not tell of a run: it is damaged, or no file of W&B's", valid="a .wandb file"
        )
    config.pop("_wandb", None)
    began = info.start_time.seconds + info.start_time.nanos / 1e9
    last = max((row["_timestamp"] for row, _ in rows if isinstance(row.get("_timestamp"), (int, float))), default=None)
    metadata = _object(file.parent / "files" / "wandb-metadata.json")
    log = file.parent / "files" / "output.log"
    return Foreign(
        source="wandb-offline",
        id=info.run_id,
        place=str(file),
        started=datetime.fromtimestamp(began, timezone.utc),
        ended=datetime.fromtimestamp(last, timezone.utc) if last is not None and last >= began else None,
        # Without a word of how it ended it was killed.
        status="interrupted" if code is None else "finished" if code == 0 else "failed",
        name=info.display_name or info.run_id,
        experiment=info.project or None,
        tags=list(info.tags),
        note=info.notes or None,
        params=config,
        points=_points(rows, began),
        argv=[str(word) for word in [metadata.get("program"), *(metadata.get("args") or [])] if word],
        log=log if log.exists() else None,
        more={"group": info.run_group or None, "job_type": info.job_type or None},
    )


def _points(rows: list[tuple[dict[str, Any], int | None]], began: float) -> Iterator[Point]:
    for row, told in rows:
        step = row.get("_step", told)
        time = row.get("_timestamp")
        for name, value in row.items():
            if not name.startswith("_") and isinstance(value, (int, float)) and not isinstance(value, bool):
                at = float(time) - began if isinstance(time, (int, float)) else None
                yield Point(name, int(step) if isinstance(step, (int, float)) else None, float(value), at)


def _key(item: Any) -> str:
    return item.key or ".".join(item.nested_key)


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    # A NaN is a word in W&B's JSON.
    return (
        {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}.get(value, value)
        if isinstance(value, str)
        else value
    )


def _update(config: dict[str, Any], told: Any) -> None:
    for item in told.update:
        config[item.key or ".".join(item.nested_key)] = _value(item.value_json)
    for item in told.remove:
        config.pop(item.key or ".".join(item.nested_key), None)


def _object(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def records(file: Path) -> Iterator[bytes]:
    """The records of a file; of one that was cut off those that are whole.

    Raises:
        ReenactError: ``not-wandb``.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ReenactError("not-wandb", f"cannot read {file}: {error.strerror}", valid="a .wandb file") from None
    if data[:4] != _MAGIC:
        raise ReenactError("not-wandb", f"{file} is no file of W&B's offline mode", valid="a .wandb file")
    at, piece = _HEAD, b""
    while at + _HEAD <= len(data):
        left = _BLOCK - at % _BLOCK
        if left < _HEAD:
            at += left  # the rest of a block is empty
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        if kind == 0 and length == 0:
            return
        body = data[at + _HEAD : at + _HEAD + length]
        if len(body) < length or kind not in (_FULL, _FIRST, _MIDDLE, _LAST):
            return
        at += _HEAD + length
        piece = body if kind in (_FULL, _FIRST) else piece + body
        if kind in (_FULL, _LAST):
            yield piece
            piece = b""
