"""What happened: one record per stage, and the run's summary derived from them.

Managed by mlpo. A record is written when a stage starts and again when it ends, each time
whole, so a run that was killed leaves true records too: a stage that says `running` while
nobody holds its lock is dead. Nothing else is kept; the summary can always be made again.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .store import Ref, Store
from .usage import gpu_seconds, warnings

SCHEMA_VERSION = 1
LATEST = "runs/latest.json"
STAGES = ("ingest", "preprocess", "validate", "train", "evaluate", "register", "deploy")
TRIAL = re.compile(r"train-(\d+)\.json")  # the record of a sweep's trial
KILLED = "killed: its process ended without a word"


@dataclass(frozen=True)
class Record:
    """One stage of one run. Times are seconds since the epoch."""

    run_id: str
    orchestrator: str
    stage: str
    state: str  # running | ok | failed
    started: float
    code: str  # digest of the project's code as the stage began
    ended: float | None = None
    attempt: int = 1
    settings: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Ref] = field(default_factory=dict)
    outputs: dict[str, Ref] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    cache: str = "off"  # hit | miss | off
    reason: str | None = None  # why
    key: str | None = None  # what the cache knows the stage by, where it could be computed
    taken_from: str | None = None  # the run that did it, where a resumed run did not
    schema_version: int = SCHEMA_VERSION

    @property
    def seconds(self) -> float | None:
        """How long the stage took, or None when nobody saw its end."""
        return None if self.ended is None else round(self.ended - self.started, 3)


def _key(run_id: str, stage: str) -> str:
    return f"runs/{run_id}/{stage}.json"


def write(store: Store, record: Record) -> None:
    """Write a record in one piece."""
    store.write_json(_key(record.run_id, record.stage), asdict(record))


def read(store: Store, run_id: str, stage: str) -> Record | None:
    """The record of a stage as it is true now, or None when the stage never started.

    A stage whose process died without a word reads as failed; what was damaged, as not there.
    """
    try:
        record = from_document(store.read_json(_key(run_id, stage)))
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if record.state == "running" and not store.is_running(run_id, stage, record.started):
        return replace(record, state="failed", error=KILLED)
    return record


def from_document(document: dict[str, Any]) -> Record:
    """A record as it was before `asdict`."""
    groups = {
        group: {name: Ref(**ref) for name, ref in document[group].items()}
        for group in ("inputs", "outputs")
    }
    return Record(**{**document, **groups})


def read_all(store: Store, run_id: str) -> dict[str, Record]:
    """The records of a run's stages, in their order, those that started.

    While a sweep tries, a trial that runs, or was killed, stands for `train`.
    """
    found = {stage: read(store, run_id, stage) for stage in STAGES}
    chosen = found["train"]
    if chosen is None or chosen.state == "failed":
        for trial in read_trials(store, run_id):
            if trial.state == "running" or (trial.error == KILLED and found["train"] is None):
                found["train"] = replace(trial, stage="train")
    return {stage: record for stage, record in found.items() if record is not None}


def read_trials(store: Store, run_id: str) -> list[Record]:
    """The records of the trials of a run that is a sweep, in their order."""
    named = [TRIAL.fullmatch(name) for name in store.children(f"runs/{run_id}")]
    numbers = sorted(int(match[1]) for match in named if match)
    found = [read(store, run_id, f"train-{number}") for number in numbers]
    return [record for record in found if record is not None]


def sweep_key(run_id: str) -> str:
    """The file that tells what a sweep tried and chose."""
    return f"runs/{run_id}/sweep.json"


def take_over(store: Store, origin: str, run_id: str, before: str) -> None:
    """Give a resumed run the records of the stages before `before` that it has not run itself."""
    for stage in STAGES[: STAGES.index(before)]:
        done = read(store, origin, stage)
        if done is not None and done.state == "ok" and read(store, run_id, stage) is None:
            source = done.taken_from or origin
            write(store, replace(done, run_id=run_id, taken_from=source))
            if stage == "train":
                with suppress(FileNotFoundError):
                    store.write(sweep_key(run_id), store.read(sweep_key(origin)))


def run_ids(store: Store) -> list[str]:
    """The runs that have a record."""
    return [name for name in store.children("runs") if read_all(store, name)]


def newest_run(store: Store) -> str | None:
    """The run in which a stage started last, or None in an empty store."""
    starts = {run_id: last_start(store, run_id) for run_id in store.children("runs")}
    known = {run_id: start for run_id, start in starts.items() if start is not None}
    return max(known, key=lambda run_id: known[run_id]) if known else None


def last_start(store: Store, run_id: str) -> float | None:
    """When a stage of this run started last, in seconds since the epoch; None without any."""
    found = read_all(store, run_id).values()
    return max((record.started for record in found), default=None)


def summarise(store: Store, run_id: str) -> dict[str, Any]:
    """The run's summary, the same document whichever orchestrator ran it."""
    records = read_all(store, run_id)
    values = {stage: record.values for stage, record in records.items()}
    model = records["train"].outputs.get("model") if "train" in records else None
    last = list(records.values())[-1]
    tried = read_trials(store, run_id)  # one of which is what `train` tells of
    worked = [*tried, *(r for r in records.values() if not tried or r.stage != "train")]
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "orchestrator": last.orchestrator,
        "status": run_status(records),
        "started": _iso(min(record.started for record in records.values())),
        "dataset": {"version": values.get("ingest", {}).get("version")},
        "model": {
            "digest": model.sha256 if model else None,
            "version": values.get("register", {}).get("version"),
            "alias": values.get("deploy", {}).get("alias"),
        },
        "metrics": values.get("evaluate", {}).get("metrics", {}),
        "device": values.get("train", {}).get("device"),
        "gpu_seconds": gpu_seconds(worked),
        "warnings": warnings(worked),
        "stages": [_stage_line(stage, records.get(stage)) for stage in STAGES],
    }


def run_status(records: dict[str, Record]) -> str:
    """ok, failed, running, or incomplete when it stopped between two stages."""
    states = {record.state for record in records.values()}
    for state in ("failed", "running"):
        if state in states:
            return state
    return "ok" if len(records) == len(STAGES) else "incomplete"


def _stage_line(stage: str, record: Record | None) -> dict[str, Any]:
    return {
        "name": stage,
        "status": record.state if record else "not run",
        "cache": record.cache if record else "off",
        "reason": _reason(record) if record else None,
        "seconds": record.seconds if record else None,
    }


def _reason(record: Record) -> str | None:
    if record.taken_from is not None:
        return f"taken over from run {record.taken_from}"
    return record.error or record.reason


def note(store: Store, record: Record) -> None:
    """Write a record, and `runs/latest.json` where its run is the newest."""
    write(store, record)
    # Who starts now is the newest; who ends is it unless another has started meanwhile.
    if record.state == "running" or latest_id(store) == record.run_id:
        store.write_json(LATEST, summarise(store, record.run_id))


def latest_id(store: Store) -> str | None:
    """The run that `runs/latest.json` tells of."""
    try:
        return str(store.read_json(LATEST)["run_id"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def refresh_latest(store: Store) -> dict[str, Any] | None:
    """Derive `runs/latest.json` from the newest run's records and return it."""
    run_id = newest_run(store)
    if run_id is None:
        store.delete([LATEST])
        return None
    summary = summarise(store, run_id)
    store.write_json(LATEST, summary)
    return summary


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
