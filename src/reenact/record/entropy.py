"""What a manifest tells of entropy: the seeds, and how much was drawn. The bytes themselves stay in the journals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from . import layout
from .schema import Entropy, HashSeed, Seed, Start


def summarise_entropy(run_dir: Path, start: Start, journals: dict[str, list[dict[str, Any]]]) -> Entropy:
    """Gather the entropy events of all processes.

    ``unseeded`` names the libraries whose generator's start state was recorded and which code never seeded, and
    those that were seeded with nothing or from the clock.

    Args:
        run_dir: the run folder.
        start: its start.json.
        journals: events by process.
    """
    seeds: list[Seed] = []
    draws = states = 0
    seeded: set[str] = set()
    open_ended: set[str] = set()
    keepers: list[str] = []
    for process, events in journals.items():
        before = len(seeds), draws, states
        for event in events:
            kind = event["e"]
            if kind == "seed":
                seed = Seed(
                    lib=str(event.get("lib")),
                    fn=str(event.get("fn")),
                    value=event.get("value"),
                    site=event.get("site"),
                    origin=str(event.get("origin", "code")),
                    process=process,
                )
                if seed.origin == "library":
                    continue  # a library's own, while it is imported or of a DataLoader's worker: it is in the journal
                seeds.append(seed)
                if seed.origin == "code":
                    seeded.add(seed.lib)
                elif seed.origin in ("none", "clock"):
                    open_ended.add(seed.lib)
            elif kind == "draw":
                draws += 1
            elif kind == "state":
                states += 1
                if str(event.get("what")).startswith("job."):
                    continue  # what a job found, whoever seeded it
                open_ended.add(str(event.get("what")).split(".")[0])
        if (len(seeds), draws, states) != before:
            keepers.append(process)
    return Entropy(
        hash_seed=hash_seed(run_dir, start),
        seeds=seeds,
        draws=draws,
        states=states,
        unseeded=sorted(open_ended - seeded),
        journal=sorted(keepers),
    )


def hash_seed(run_dir: Path, start: Start) -> HashSeed | None:
    """PYTHONHASHSEED of a run: from start.json, else the user's variable, else what probe.json says we chose."""
    if start.hash_seed is not None:
        return start.hash_seed
    own = start.env.get("PYTHONHASHSEED")
    if own and own != "random":
        return HashSeed(own, False)
    try:
        chosen = json.loads((run_dir / layout.PROBE).read_bytes()).get("hash_seed")
    except (OSError, ValueError, AttributeError):
        return None
    return HashSeed(str(chosen), True) if chosen is not None else None
