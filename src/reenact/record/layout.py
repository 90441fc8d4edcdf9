"""Names of the files and folders of a run, in one place; ``docs/record.md`` says what each holds."""

from __future__ import annotations

START = "start.json"
PROCESS = "process.json"
PROBE = "probe.json"
END = "end.json"
MANIFEST = "manifest.json"
LABELS = "labels.json"
ENVIRONMENT = "environment.json"
SOURCE = "source.json"
COLLECTED = "collected.jsonl"
LOG = "log.txt"
PATCH = "code.patch"
PYLOCK = "pylock.toml"
FREEZE = "freeze.txt"
JOURNAL = "journal"
TRACE = "trace"
METRICS = "metrics"
MEDIA = "media"
VERDICTS = "verdicts"
PRE = "pre"
CONFIG = "config"
SEAL_LOCK = "seal.lock"
CONSTANTS = "constants.json"
EDITED = "edited"
CONTAINER = "container.json"
IMPORTED = "imported.json"

FILES = (
    START,
    PROCESS,
    PROBE,
    END,
    MANIFEST,
    LABELS,
    ENVIRONMENT,
    SOURCE,
    COLLECTED,
    LOG,
    PATCH,
    PYLOCK,
    FREEZE,
    SEAL_LOCK,
    CONSTANTS,
    CONTAINER,
    IMPORTED,
)
FOLDERS = (JOURNAL, TRACE, METRICS, MEDIA, VERDICTS, PRE, CONFIG, EDITED)
