"""The trials of a sweep as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from . import marks
from .lines import LABEL, columns, natural_width
from .quantities import duration, number, plain

_STATUS = {"completed": "finished", "failed": "failed", "running": "running"}


def trials_table(trials: Sequence[Any], rows: Mapping[str, Any], width: int) -> Text:
    """One line a trial: number, how it ended, time, loss, what it returned, its overrides, its run.

    Args:
        trials: the sweep's, in order.
        rows: those of the index, by run.
        width: columns of the terminal.
    """
    heads = ["JOB", "STATUS", "TIME", "LOSS", "RETURNED", "OVERRIDES", "RUN"]
    table = [[Text(head, style=LABEL) for head in heads]]
    for trial in trials:
        row = rows.get(trial.run or "")
        loss = row.metrics.get("loss") if row is not None else None
        status = (
            Text(trial.status, style=LABEL)
            if trial.run is None
            else marks.status(_STATUS.get(trial.status, "interrupted"))
        )
        took = duration(row.duration) if row is not None and row.duration is not None else ""
        cells = [Text(str(trial.job)), status, Text(took), Text(number(loss["last"]) if loss else "")]
        cells.append(Text(number(trial.returned) if trial.returned is not None else ""))
        table.append([*cells, Text(plain(" ".join(trial.overrides))), Text(trial.run or "", style="bold")])
    keep = [i for i in range(len(heads)) if any(row[i].plain for row in table[1:])]
    if natural_width([[row[i] for i in keep] for row in table]) > width:
        keep = [i for i in keep if heads[i] != "RUN"]  # it is the sweep's id and the number of the job
    kept = [[row[i] for i in keep] for row in table]
    right = [position for position, i in enumerate(keep) if heads[i] in ("JOB", "TIME", "LOSS", "RETURNED")]
    return Text("\n").join(columns(kept, right))
