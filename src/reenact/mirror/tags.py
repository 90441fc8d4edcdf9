"""What MLflow's tags say of a run."""

from __future__ import annotations

from pathlib import Path

from ..record.labels import read_labels
from ..record.schema import Manifest
from ..record.verdicts import read_verdicts
from .names import LONGEST_TAG, Keys, text

NOTE = "mlflow.note.content"

VERDICT = "reenact.verdict"
"""Tag: the last verdict on the run."""


def of_sealed(folder: Path, sealed: Manifest) -> dict[str, str]:
    """What is known once a run is sealed."""
    git = sealed.code.git
    told = {
        "reenact.recipe": sealed.recipe,
        "reenact.result": sealed.result,
        "reenact.complete": str(sealed.complete).lower(),
        "reenact.exit_code": "" if sealed.exit_code is None else str(sealed.exit_code),
        "reenact.gaps": ", ".join(sorted({gap.id for gap in sealed.gaps})),
        "reenact.dirty": str(git.dirty).lower() if git is not None else "",
        "reenact.host": sealed.command.host,
        "reenact.image": str((sealed.container or {}).get("name") or ""),
        VERDICT: verdict(folder),
        "mlflow.source.name": " ".join(sealed.command.argv),
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": (git.commit if git is not None else None) or "",
        "mlflow.source.git.branch": (git.branch if git is not None else None) or "",
        **of_labels(folder),
    }
    return {name: value for name, value in told.items() if value}


def of_labels(folder: Path) -> dict[str, str]:
    """Tags and note as they are now."""
    labels = read_labels(folder)
    keys = Keys()
    found = {f"tag.{keys.key(tag)}"[-250:]: "true" for tag in labels.tags}
    if labels.note:
        found[NOTE] = text(labels.note, LONGEST_TAG)
    return found


def of_names(kind: str, keys: Keys) -> dict[str, str]:
    """The names that MLflow would not have taken, by the keys that stand for them; ``kind`` is ``metric`` or ``param``."""
    return {f"reenact.{kind}.{key[-230:]}": name for key, name in keys.renamed().items()}


def verdict(folder: Path) -> str:
    """The last verdict on a run; empty without one."""
    found = read_verdicts(folder)
    return found[-1].verdict if found else ""
