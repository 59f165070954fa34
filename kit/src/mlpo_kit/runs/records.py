"""What happened: one record per stage of a run, true also where its process was killed.

A record is written when a stage starts and again when it ends, each time whole: a stage that says
`running` while nobody holds its lock is dead. Nothing else is kept; a run's summary is derived.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from mlpo_kit.store.base import Ref, Store

SCHEMA_VERSION = 2  # 1 was written by projects that held the kit's sources
State = Literal[
    "running",
    "completed",
    "reused",  # the result of an earlier run
    "refused",  # by the gate: an outcome
    "preempted",  # told to stop by its machine; it may go on
    "stopped",  # by a budget, a deadline or a watchdog
    "interrupted",  # by a person
    "out of memory",
    "killed",
    "failed",
]
SUCCEEDED: tuple[State, ...] = ("completed", "reused")  # there is a result to use
ENDED: tuple[State, ...] = (*SUCCEEDED, "refused")  # as the pipeline meant it to
KILLED = "its process ended without a word"
OLDER = "written by an older project"  # what a run reads as whose records are of another schema


@dataclass(frozen=True)
class Record:
    """One stage of one run. Times are seconds since the epoch."""

    run_id: str
    orchestrator: str
    stage: str  # its name, or that of a trial
    state: State
    started: float
    code: str  # digest of the project's code as the stage began
    stages: tuple[str, ...] = ()  # of the pipeline that ran, in their order
    ended: float | None = None
    attempt: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Ref] = field(default_factory=dict)
    outputs: dict[str, Ref] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None  # why it ended so, where it did not succeed
    cache: str = "off"  # hit | miss | off
    cache_reason: str | None = None
    key: str | None = None  # the cache key of the work, where it could be computed
    taken_from: str | None = None  # the run that did it, where a resumed run did not
    schema_version: int = SCHEMA_VERSION

    @property
    def seconds(self) -> float | None:
        """How long the stage took, in seconds; None where nobody saw its end."""
        return None if self.ended is None else round(self.ended - self.started, 3)

    @property
    def is_success(self) -> bool:
        """Whether there is a result to use."""
        return self.state in SUCCEEDED

    @property
    def is_failure(self) -> bool:
        """Whether it ended otherwise than the pipeline meant it to."""
        return self.state != "running" and self.state not in ENDED


def locate_record(run_id: str, stage: str) -> str:
    """Return the key of a record in the store."""
    return f"runs/{run_id}/{stage}.json"


def locate_sweep(run_id: str) -> str:
    """Return the key of the file that tells what a sweep tried and chose."""
    return f"runs/{run_id}/sweep.json"


def write_record(store: Store, record: Record) -> None:
    """Write a record in one piece."""
    store.write_json(locate_record(record.run_id, record.stage), asdict(record))


def read_record(store: Store, run_id: str, stage: str) -> Record | None:
    """Read the record of a stage as it is true now; None where the stage never started.

    A stage whose process died without a word reads as killed. What was damaged, or written by an
    older project, reads as not there.
    """
    try:
        record = parse_record(store.read_json(locate_record(run_id, stage)))
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if record.state == "running" and not store.is_running(run_id, stage, record.started):
        return replace(record, state="killed", reason=KILLED)
    return record


def parse_record(document: dict[str, Any]) -> Record:
    """Turn what `asdict` made of a record into the record again.

    Raises ValueError for another schema, KeyError or TypeError for what is no record.
    """
    if document["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"a record of schema {document['schema_version']}")
    groups = {
        group: {name: Ref(**ref) for name, ref in document[group].items()}
        for group in ("inputs", "outputs")
    }
    return Record(**{**document, **groups, "stages": tuple(document["stages"])})


def read_records(store: Store, run_id: str) -> dict[str, Record]:
    """Read the records of a run's stages by name, in the pipeline's order, those that started.

    While a sweep tries, a trial that runs, or was killed, stands for the stage that it tries.
    """
    records = _read_all(store, run_id)
    order = next((record.stages for record in records.values()), ())
    found = {name: records[name] for name in order if name in records}
    for trial in find_trials(records):
        name = trial.stage.rpartition("-")[0]
        chosen = found.get(name)
        runs = trial.state == "running" and (chosen is None or chosen.is_failure)
        if runs or (trial.state == "killed" and chosen is None):
            found[name] = replace(trial, stage=name)
    return {name: found[name] for name in order if name in found}


def read_trials(store: Store, run_id: str) -> list[Record]:
    """Read the records of the trials of a run that is a sweep, in their order."""
    return find_trials(_read_all(store, run_id))


def find_trials(records: dict[str, Record]) -> list[Record]:
    """Pick the trials out of a run's records: those called as a stage is, and a number."""
    numbered: dict[int, Record] = {}
    for name, record in records.items():
        match = re.fullmatch(r"(.+)-(\d+)", name)
        if match and match[1] in record.stages and name not in record.stages:
            numbered[int(match[2])] = record
    return [numbered[number] for number in sorted(numbered)]


def _read_all(store: Store, run_id: str) -> dict[str, Record]:
    names = [name for name in store.children(f"runs/{run_id}") if name.endswith(".json")]
    stages = [name.removesuffix(".json") for name in names]
    records = {stage: read_record(store, run_id, stage) for stage in stages}
    return {stage: record for stage, record in records.items() if record is not None}


def is_of_older_project(store: Store, run_id: str) -> bool:
    """Whether a run was recorded by a project that held the kit's sources: it is left alone."""
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
    """Give a resumed run the records of those of `stages` that it has not run itself.

    With that of `trained`, the stage that a sweep tries, comes what the sweep found.
    """
    for stage in stages:
        done = read_record(store, origin, stage)
        if done is not None and done.is_success and read_record(store, run_id, stage) is None:
            source = done.taken_from or origin
            write_record(store, replace(done, run_id=run_id, taken_from=source))
            if stage == trained:
                with suppress(FileNotFoundError):
                    store.write(locate_sweep(run_id), store.read(locate_sweep(origin)))


def list_runs(store: Store) -> list[str]:
    """List the ids of the runs that have a record."""
    return [name for name in store.children("runs") if read_records(store, name)]


def find_newest_run(store: Store) -> str | None:
    """Find the run in which a stage started last; None in an empty store."""
    starts = {run_id: find_last_start(store, run_id) for run_id in store.children("runs")}
    known = {run_id: start for run_id, start in starts.items() if start is not None}
    return max(known, key=lambda run_id: known[run_id]) if known else None


def find_last_start(store: Store, run_id: str) -> float | None:
    """Find when a stage of this run started last, in seconds since the epoch."""
    records = read_records(store, run_id).values()
    return max((record.started for record in records), default=None)
