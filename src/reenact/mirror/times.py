"""Times of a record as MLflow has them."""

from __future__ import annotations

from datetime import datetime


def milliseconds(time: str) -> int:
    """An ISO time as milliseconds since 1970."""
    return round(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() * 1000)
