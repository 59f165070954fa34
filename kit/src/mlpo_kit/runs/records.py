"""Records: one per stage of a run, reliable even if the stage's process was killed.

A record is written atomically when a stage starts and again when it ends. If a record says
`running` but no process holds the stage's lock, the stage is dead. Records are the only state of a
run; its summary is derived from them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from mlpo_kit.errors import PipelineError
from mlpo_kit.store.base import Ref, Store

SCHEMA_VERSION = 2  # 1 was written by older projects, which contained the kit's sources
State = Literal[
    "running",
    "completed",
    "reused",  # the result of an earlier run
    "refused",  # by the gate: an outcome, not an error
    "preempted",  # stopped by its machine; it may resume
    "stopped",  # by a budget, a deadline or a watchdog
    "interrupted",  # by Ctrl-C, or by a signal whose sender gave no reason
    "out of memory",
    "killed",
    "failed",
]
SUCCEEDED: tuple[State, ...] = ("completed", "reused")  # there is a result to use
ENDED: tuple[State, ...] = (*SUCCEEDED, "refused")  # ended without a failure
KILLED = "its process ended without reporting an error"
OLDER = "written by an older project"  # shown for a run whose records have another schema


@dataclass(frozen=True)
class Record:
    """One stage of one run. Times are seconds since the epoch."""

    run_id: str
    orchestrator: str
    stage: str  # the name of the stage or of the trial
    state: State
    started: float
    code: str  # digest of the project's code when the stage started
    stages: tuple[str, ...] = ()  # of the pipeline that ran, in order
    ended: float | None = None
    attempt: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Ref] = field(default_factory=dict)
    outputs: dict[str, Ref] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None  # why it did not succeed
    cache: str = "off"  # hit | miss | off
    cache_reason: str | None = None
    key: str | None = None  # the cache key of the result, if it could be computed
    taken_from: str | None = None  # the run that did the work, if a resumed run took it over
    schema_version: int = SCHEMA_VERSION

    @property
    def seconds(self) -> float | None:
        """The stage's run time in seconds; None if its end was not recorded."""
        return None if self.ended is None else round(self.ended - self.started, 3)

    @property
    def is_success(self) -> bool:
        """Whether there is a result to use."""
        return self.state in SUCCEEDED

    @property
    def is_failure(self) -> bool:
        """Whether it ended with an error or was stopped; a refusal is not a failure."""
        return self.state != "running" and self.state not in ENDED


def locate_record(run_id: str, stage: str) -> str:
    """Return the key of a record in the store."""
    return f"runs/{run_id}/{stage}.json"


def locate_sweep(run_id: str) -> str:
    """Return the key of the file that holds the outcome of a sweep."""
    return f"runs/{run_id}/sweep.json"


def write_record(store: Store, record: Record) -> None:
    """Write a record atomically."""
    store.write_json(locate_record(record.run_id, record.stage), asdict(record))


def read_record(store: Store, run_id: str, stage: str) -> Record | None:
    """Read the record of a stage; None if the stage never started.

    A stage that was recorded as running but whose process is dead is returned as killed. A record
    that is damaged or was written by an older project counts as missing.
    """
    try:
        record = parse_record(store.read_json(locate_record(run_id, stage)))
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return correct_state(store, record)


def correct_state(store: Store, record: Record) -> Record:
    """Return a record as killed if it says `running`, but its process is dead."""
    is_dead = record.state == "running" and not store.is_running(
        record.run_id, record.stage, record.started
    )
    return replace(record, state="killed", reason=KILLED) if is_dead else record


def parse_record(document: dict[str, Any]) -> Record:
    """Convert a document that `asdict` made back to a record.

    Raises ValueError for another schema, and KeyError or TypeError if it is not a record.
    """
    if document["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"a record of schema {document['schema_version']}")
    groups = {
        group: {name: Ref(**ref) for name, ref in document[group].items()}
        for group in ("inputs", "outputs")
    }
    return Record(**{**document, **groups, "stages": tuple(document["stages"])})


def read_records(store: Store, run_id: str) -> dict[str, Record]:
    """Read the records of the stages that started, by name, in the pipeline's order.

    During a sweep, a trial that is running or was killed stands for the training stage.
    """
    return arrange_records(read_all(store, run_id))


def arrange_records(records: Mapping[str, Record]) -> dict[str, Record]:
    """Arrange all records of a run, trials included, as `read_records` returns them."""
    order = next((record.stages for record in records.values()), ())
    by_stage = {name: records[name] for name in order if name in records}
    for trial in find_trials(records):
        name = trial.stage.rpartition("-")[0]
        chosen = by_stage.get(name)
        is_running = trial.state == "running" and (chosen is None or chosen.is_failure)
        if is_running or (trial.state == "killed" and chosen is None):
            by_stage[name] = replace(trial, stage=name)
    return {name: by_stage[name] for name in order if name in by_stage}


def read_existing_records(store: Store, run_id: str) -> dict[str, Record]:
    """Read the records of a run's stages, by name; raises PipelineError if none can be read."""
    records = read_records(store, run_id)
    if not records:
        reason = OLDER if is_of_older_project(store, run_id) else "its records are gone or damaged"
        raise PipelineError(f"run {run_id} can't be read: {reason}")
    return records


def read_trials(store: Store, run_id: str) -> list[Record]:
    """Read the records of the trials of a sweep, in order."""
    return find_trials(read_all(store, run_id))


def find_trials(records: Mapping[str, Record]) -> list[Record]:
    """Return the records of trials, in order: those named `<stage>-<number>`."""
    numbered: dict[int, Record] = {}
    for name, record in records.items():
        match = re.fullmatch(r"(.+)-(\d+)", name)
        if match and match[1] in record.stages and name not in record.stages:
            numbered[int(match[2])] = record
    return [numbered[number] for number in sorted(numbered)]


def read_all(store: Store, run_id: str) -> dict[str, Record]:
    """Read the records of the stages and trials that started, by name, in no particular order."""
    names = [name for name in store.children(f"runs/{run_id}") if name.endswith(".json")]
    stages = [name.removesuffix(".json") for name in names]
    records = {stage: read_record(store, run_id, stage) for stage in stages}
    return {stage: record for stage, record in records.items() if record is not None}


def is_of_older_project(store: Store, run_id: str) -> bool:
    """Whether an older project, which contained the kit's sources, recorded a run.

    Such runs are not changed.
    """
    for name in store.children(f"runs/{run_id}"):
        if not name.endswith(".json"):
            continue
        with suppress(FileNotFoundError, ValueError):
            document = store.read_json(f"runs/{run_id}/{name}")
            is_record = isinstance(document, dict) and {"stage", "state"} <= document.keys()
            if is_record and document.get("schema_version") != SCHEMA_VERSION:
                return True
    return False


def take_over(
    store: Store, origin: str, run_id: str, stages: tuple[str, ...], trained: str
) -> None:
    """Copy to a resumed run the records of those `stages` of `origin` that it has not run itself.

    With the record of `trained`, the training stage, the outcome of a sweep is copied as well.
    """
    for stage in stages:
        record = read_record(store, origin, stage)
        if record is not None and record.is_success and read_record(store, run_id, stage) is None:
            source = record.taken_from or origin
            write_record(store, replace(record, run_id=run_id, taken_from=source))
            if stage == trained:
                with suppress(FileNotFoundError):
                    store.write(locate_sweep(run_id), store.read(locate_sweep(origin)))


def list_runs(store: Store) -> list[str]:
    """List the ids of the runs that have records."""
    return [name for name in store.children("runs") if read_records(store, name)]


def find_newest_run(store: Store) -> str | None:
    """Find the run whose last stage start is the latest; None if there are no runs."""
    last_starts = {run_id: find_last_start(store, run_id) for run_id in store.children("runs")}
    starts = {run_id: start for run_id, start in last_starts.items() if start is not None}
    return max(starts, key=lambda run_id: starts[run_id]) if starts else None


def find_last_start(store: Store, run_id: str) -> float | None:
    """Find the latest start of a stage of a run, in seconds since the epoch; None without any."""
    records = read_records(store, run_id).values()
    return max((record.started for record in records), default=None)
