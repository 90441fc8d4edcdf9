"""Runs in MLflow: params, metrics, tags, inputs, outputs, models; while they go on or afterwards, each point exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..errors import ReenactError
from ..record import layout
from ..record.journal import job_of
from ..record.labels import read_labels
from ..record.schema import Manifest, load_manifest, load_start
from ..record.sofar import params_so_far
from ..record.trials import trial_id
from ..store.project import Store
from . import progress as states
from . import tags
from .files import Extra, log_files
from .inputs import datasets
from .models import log_models
from .names import LONGEST_PARAM, LONGEST_TAG, Keys, text
from .points import Points
from .progress import Progress, ProgressFile
from .settings import Settings, shown
from .times import milliseconds
from .tracker import RUN, Tracker, batches, by_bytes

DONE = "reenact.mirrored"
"""Tag of a copy that is whole: the result of the run."""

_PARENT = "mlflow.parentRunId"
_STATUS = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}


@dataclass(frozen=True)
class Copied:
    """What became of one run: ``run`` is ours, ``mlflow`` its copy's id; ``fresh`` is false where nothing was to be done."""

    run: str
    mlflow: str
    fresh: bool
    points: int


@dataclass(frozen=True)
class Job:
    """A job of a sweep that goes on: ``parent`` is the id of the sweep's copy."""

    sweep: str
    number: int
    parent: str


class Copy:
    """The copy of one run, which is carried on with every `step`.

    Args:
        store: whose run.
        run: its id.
        tracker: where to.
        settings: how.
        extras: files besides those of the record; see `files.Extra`.
        job: of a sweep that goes on: the copy is that of a trial, which has no folder of its own yet.
    """

    def __init__(
        self,
        store: Store,
        run: str,
        tracker: Tracker,
        settings: Settings,
        extras: tuple[Extra, ...] = (),
        job: Job | None = None,
    ) -> None:
        self.run = run
        self._job = job
        self.file = ProgressFile(store.folder / "cache", tracker.uri, run)
        self.progress = self.file.read() or Progress(run, trying=None)
        self._store = store
        self._tracker = tracker
        self._settings = settings
        self._extras = extras
        self._folder = store.run_dir(run if job is None else job.sweep)
        self._start = load_start(self._folder / layout.START)
        self._began = milliseconds(self._start.started)
        self._attached = False
        self._there: dict[str, str] = {}
        number = job.number if job is not None else None
        self._points = Points(self._folder, store, number, self._began, tracker, self.file)
        self._params = Keys()
        self._journal_size = -1
        self.fresh = False
        """Something was to be done in the last step."""

    def step(self) -> bool:
        """Send what is new; true once the run is sealed and all of it is there.

        Raises:
            ReenactError: what was sent stays, and the next step goes on.
        """
        sealed = self._sealed()
        try:
            if not self._attached:
                self._attach(sealed)
            if sealed is not None and self._there.get(DONE) == sealed.result:
                self._refresh(sealed)
                self._note(states.DONE)
                self.fresh = False
                return True
            self.fresh = True
            self._note(states.SENDING)
            self._send_points(sealed)
            self._send_params(sealed)
            if sealed is None:
                self._note(states.SENDING)
                return False
            self._describe(sealed)
        except ReenactError as error:
            self._attached = False
            self._points.failed()
            self._note(states.UNREACHED if error.slug == "no-tracking-server" else states.REFUSED, error.what)
            raise
        self._note(states.DONE)
        return True

    def origin(self) -> str | None:
        """The run of this very server that this one was imported from; None for any other run."""
        told = (sealed.imported or {}) if (sealed := self._sealed()) is not None else {}
        return (
            str(told["id"]) if (told.get("from"), told.get("place")) == ("mlflow", shown(self._tracker.uri)) else None
        )

    def _sealed(self) -> Manifest | None:
        if self._job is not None:
            return None
        path = self._folder / layout.MANIFEST
        return load_manifest(path) if path.exists() else None

    def _note(self, state: str, detail: str = "") -> None:
        if (self.progress.state, self.progress.detail) != (state, detail):
            self.progress.state, self.progress.detail = state, detail
            self.file.write(self.progress)

    # Which run of MLflow's it is.

    def _attach(self, sealed: Manifest | None) -> None:
        """Find the copy, or begin one. Where it was lost (its database was removed), it is begun anew."""
        found = self._tracker.get(self.progress.mlflow, self.run) if self.progress.mlflow else None
        if found is None:
            copies = self._copies()
            if copies:
                found = copies[0]
                self.progress = Progress(self.run, found.info.run_id, trying=None)
            else:
                found = self._begin(sealed)
                self.progress = Progress(self.run, found.info.run_id)
            self.file.write(self.progress)
        self._there = dict(found.data.tags)
        self._attached = True
        self.progress.params.update(found.data.params)

    def _begin(self, sealed: Manifest | None) -> Any:
        experiment = self._experiment()
        told = {RUN: self.run, **tags.of_labels(self._folder)}
        parent = self._parent(sealed)
        if parent:
            told[_PARENT] = parent
        if self._start.user:
            told["mlflow.user"] = text(self._start.user, LONGEST_TAG)
        started = milliseconds(sealed.started) if sealed is not None else self._began
        self._tracker.ask(lambda client: client.create_run(experiment, started, told, self._name(sealed)))
        # A request whose answer was lost, or that was worked on late, has made one, too: the first counts for everybody.
        copies = self._copies()
        for other in copies[1:]:
            self._delete(other.info.run_id)
        return copies[0]

    def _experiment(self) -> str:
        name = self._start.experiment or self._settings.experiment or self._store.root.name
        return self._tracker.experiment(name)

    def _copies(self, run: str | None = None) -> list[Any]:
        return self._tracker.find(run or self.run, self._experiment())

    def _delete(self, mlflow: str) -> None:
        self._tracker.ask(lambda client: client.delete_run(mlflow))

    def _name(self, sealed: Manifest | None) -> str:
        # The start.json of a trial is its sweep's, name and all.
        if self._job is not None:
            return text(f"{self._start.name}.{self._job.number}" if self._start.name else self.run, LONGEST_TAG)
        own = sealed is None or sealed.trial_of is None or (self._folder / layout.LABELS).exists()
        name = read_labels(self._folder).name if own else sealed.name if sealed is not None else None
        return text(name or self.run, LONGEST_TAG)

    def _again(self) -> None:
        """Begin another copy: something that was sent early has turned out to be called otherwise, and MLflow takes nothing back."""
        self._delete(self.progress.mlflow)
        self.progress = Progress(self.run)
        self.file.write(self.progress)
        self._params = Keys()
        self._points.restart()
        self._attach(self._sealed())

    def _parent(self, sealed: Manifest | None) -> str | None:
        if self._job is not None:
            return self._job.parent
        if sealed is None or sealed.trial_of is None:
            return None
        sweeps = self._copies(sealed.trial_of.run)
        return sweeps[0].info.run_id if sweeps else None

    def _send_points(self, sealed: Manifest | None) -> None:
        if self._points.read(self.progress, sealed is not None):
            self._again()
        self._points.send(self.progress)
        self._set_tags(tags.of_names("metric", self._points.keys))

    # Params.

    def _send_params(self, sealed: Manifest | None) -> None:
        from mlflow.entities import Param

        values = sealed.params if sealed is not None else self._early()
        wanted = {self._params.key(name): text(value, LONGEST_PARAM) for name, value in values.items()}
        there = self.progress.params
        if sealed is not None and any(there.get(key, value) != value for key, value in wanted.items()):
            self._again()
            self._send_points(sealed)
            there = self.progress.params
        params = [Param(key, value) for key, value in wanted.items() if key not in there]
        for batch in by_bytes(iter(params), lambda one: 2 * len(ascii(one.value)) + len(one.key)):
            self._tracker.ask(partial(_log_params, self.progress.mlflow, batch))
            there.update({one.key: one.value for one in batch})
        self._set_tags(tags.of_names("param", self._params))

    def _early(self) -> dict[str, Any]:
        """The params so far, once the program has got as far as its first metric: what it does with its command line is known then."""
        size = sum(path.stat().st_size for path in (self._folder / layout.JOURNAL).glob("*.jsonl"))
        if size == self._journal_size or not any(not name.startswith("system/") for name in self.progress.sent):
            return {}
        self._journal_size = size
        return params_so_far(self._folder, self._start, None if self._job is None else self._job.number)

    # What is known at the end.

    def _describe(self, sealed: Manifest) -> None:
        self._set_tags(tags.of_sealed(self._folder, sealed))
        found = datasets(sealed)
        for some in batches(iter(found), 100):
            self._tracker.ask(partial(_log_inputs, self.progress.mlflow, some))
        if self._settings.artifacts:
            log_files(self._tracker, self._store, sealed, self.progress.mlflow, self._extras)
            log_models(self._tracker, self._store, sealed, self.progress.mlflow)
        ended = milliseconds(sealed.ended) if sealed.ended else None
        status = _STATUS.get(sealed.status, "FAILED")
        self._tracker.ask(lambda client: client.set_terminated(self.progress.mlflow, status, ended))
        # A request that was given up may have been worked on all the same, and have made a second copy.
        for other in self._copies():
            if other.info.run_id != self.progress.mlflow:
                self._delete(other.info.run_id)
        self._set_tags({DONE: sealed.result})

    def _refresh(self, sealed: Manifest) -> None:
        """What may change of a run that is over: its verdict, its labels, its sweep being there."""
        labels = tags.of_labels(self._folder)
        wanted = {tags.VERDICT: tags.verdict(self._folder), **labels}
        parent = self._parent(sealed) if sealed.trial_of is not None and _PARENT not in self._there else None
        if parent:
            wanted[_PARENT] = parent
        self._set_tags(wanted)
        gone = [tag for tag in self._there if tag.startswith("tag.") and tag not in labels]
        gone += [tags.NOTE] if tags.NOTE in self._there and tags.NOTE not in labels else []
        for tag in gone:
            self._tracker.ask(partial(_delete_tag, self.progress.mlflow, tag))
            del self._there[tag]
        name = self._name(sealed)
        if self._there.get("mlflow.runName", name) != name:
            self._tracker.ask(lambda client: client.update_run(self.progress.mlflow, name=name))

    def _set_tags(self, wanted: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        told = [RunTag(name, text(value, LONGEST_TAG)) for name, value in wanted.items()]
        told = [tag for tag in told if tag.value and self._there.get(tag.key) != tag.value]
        for some in by_bytes(iter(told), lambda one: 2 * len(ascii(one.value)) + len(one.key)):
            self._tracker.ask(partial(_log_tags, self.progress.mlflow, some))
            self._there.update({tag.key: tag.value for tag in some})


def _log_params(mlflow: str, params: list[Any], client: Any) -> None:
    client.log_batch(mlflow, params=params)


def _log_tags(mlflow: str, tags: list[Any], client: Any) -> None:
    client.log_batch(mlflow, tags=tags)


def _log_inputs(mlflow: str, datasets: Sequence[Any], client: Any) -> None:
    client.log_inputs(mlflow, list(datasets))


def _delete_tag(mlflow: str, tag: str, client: Any) -> None:
    client.delete_tag(mlflow, tag)


class Mirror:
    """Copies of runs in one tracking server, or in its files.

    Args:
        store: whose runs.
        settings: where to, and how; its ``uri`` is set (see `settings.with_uri`).
        extras: files besides those of the record.

    Raises:
        ReenactError: ``no-mlflow`` (exit code 4).
    """

    def __init__(self, store: Store, settings: Settings, extras: tuple[Extra, ...] = ()) -> None:
        assert settings.uri is not None
        self.uri = settings.uri
        self._store = store
        self._settings = settings
        self._extras = extras
        self._tracker = Tracker(settings.uri, store.folder)

    def begin(self, run: str) -> Copy:
        """The copy of a run, to be carried on while it goes on."""
        return Copy(self._store, run, self._tracker, self._settings, self._extras)

    def begin_job(self, sweep: Copy, number: int) -> Copy:
        """The copy of a trial whose sweep goes on; `copy` ends it once the sweep is sealed."""
        job = Job(sweep.run, number, sweep.progress.mlflow)
        return Copy(self._store, trial_id(sweep.run, number), self._tracker, self._settings, self._extras, job)

    def copy(self, run: str) -> Copied:
        """Copy a run as it stands, or go on with its copy.

        Raises:
            ReenactError: ``no-tracking-server`` (exit code 4), ``being-mirrored``, or what MLflow says. Nothing is lost: the same again goes on.
        """
        copy = self.begin(run)
        origin = copy.origin()
        if origin is not None:
            return Copied(run, origin, False, 0)
        with copy.file.held() as mine:
            if not mine:
                raise ReenactError(
                    "being-mirrored",
                    f"another process copies {run} at the moment",
                    fix="wait until it is done",
                    exit_code=1,
                )
            copy = self.begin(run)
            before = copy.progress.points
            copy.step()
            return Copied(run, copy.progress.mlflow, copy.fresh, copy.progress.points - before)


def jobs_of(store: Store, run: str) -> list[int]:
    """The jobs of a sweep that have logged something so far; none of any other run."""
    found = {job_of(path.stem) for path in (store.run_dir(run) / layout.METRICS).glob("job*.*")}
    found |= {job_of(path.stem) for path in (store.run_dir(run) / layout.TRACE).glob("job*.trace")}
    return sorted(number for number in found if number is not None)


def trials_of(store: Store, run: str) -> list[str]:
    """The trials of a run that is a sweep, once it is sealed."""
    path = store.run_dir(run) / layout.MANIFEST
    if not path.exists():
        return []
    return [
        trial.run for trial in load_manifest(path).trials if trial.run is not None and store.run_dir(trial.run).exists()
    ]
