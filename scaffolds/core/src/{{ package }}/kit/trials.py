"""Try the trials of a sweep, and go on with the best: what an orchestrator's layer calls.

Managed by mlpo. A trial is the train stage in a place of its own in the run, with the cache
entries of `train`. The best becomes what the run has trained.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from ..stages import TRAIN, Trained
from . import records
from .errors import PipelineError
from .fingerprint import code_digest
from .records import Record
from .runner import result_of, run_stage
from .space import Sweep, apply
from .store import Ref
from .sweep import Trial, pick
from .workspace import Run

log = logging.getLogger(__name__)


def attempt(run: Run, trial: Trial, splits: Ref) -> Record:
    """Train with the settings of a trial; returns the record, which tells of a failure too.

    So one bad trial costs no other one. Only what stops the whole run is raised.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    log.info("trial %d: %s", trial.number, trial)
    other = replace(run, settings=apply(run.settings, trial.changes))
    try:
        run_stage(other, replace(TRAIN, place=trial.place), splits=splits)
    except PipelineError as error:
        log.info("trial %d failed: %s", trial.number, error)
    except Exception:  # a defect, or no memory left: its traceback is of use
        log.exception("trial %d failed", trial.number)
    except BaseException as error:
        stopped = f"stopped in {trial.place}: {error!r}"
        records.note(run.store, _failed(run, stopped))
        raise
    record = records.read(run.store, run.id, trial.place)
    if record is None:
        raise PipelineError(f"the record of {trial.place} can't be read: is the store whole?")
    return record


def choose(run: Run, sweep: Sweep, trials: Sequence[Trial], outcomes: Iterable[Record]) -> Trained:
    """Make the best trial the run's `train`, and keep what the sweep has found.

    Raises PipelineError with the reason of each where all have failed.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    store = run.store
    if run.resumes is not None:
        with store.guard():
            records.take_over(store, run.resumes, run.id, before=TRAIN.name)
    known = {record.stage: record for record in outcomes}
    for trial in trials:  # one that died under its orchestrator hands on nothing
        record = known.get(trial.place) or records.read(store, run.id, trial.place)
        known[trial.place] = record or replace(_failed(run, records.KILLED), stage=trial.place)
    done = {t.number: known[t.place] for t in trials if known[t.place].state == "ok"}
    if any(sweep.metric not in record.values for record in done.values()):
        raise PipelineError(f"train returns no {sweep.metric} (Trained, in stages/__init__.py)")
    best = pick(sweep.metric, {number: record.values for number, record in done.items()})
    store.write_json(
        records.sweep_key(run.id),
        {
            "schema_version": 1,
            "run_id": run.id,
            "search": sweep.search,
            "seed": sweep.seed,
            "metric": sweep.metric,
            "space": sweep.space,
            "trials": [_line(trial, known[trial.place]) for trial in trials],
            "chosen": None if best is None else trials[best - 1].place,
        },
    )
    if best is None:
        reasons = [f"\n  {t.place} ({t}): {known[t.place].error}" for t in trials]
        error = "every trial failed:" + "".join(reasons)
        records.note(store, _failed(run, error))
        raise PipelineError(error)
    reason = f"best of {len(trials)} trials: {done[best].stage}"
    if done[best].cache == "hit":
        reason += f", {done[best].reason}"
    log.info(reason)
    chosen = replace(done[best], run_id=run.id, stage=TRAIN.name, reason=reason)
    records.note(store, chosen)
    return result_of(store, TRAIN, run.id)


def _failed(run: Run, error: str) -> Record:
    """The record of a `train` that came to nothing."""
    now = time.time()
    return Record(
        run_id=run.id,
        orchestrator=run.orchestrator,
        stage=TRAIN.name,
        state="failed",
        started=now,
        ended=now,
        code=code_digest(),
        error=error,
    )


def _line(trial: Trial, record: Record) -> dict[str, Any]:
    """What is kept of a trial besides its record, which a resumed run has not."""
    return {
        "name": trial.place,
        "changes": dict(trial.changes),
        "state": record.state,
        "cache": record.cache,
        "seconds": record.seconds,
        "values": record.values,
        "error": record.error,
    }
