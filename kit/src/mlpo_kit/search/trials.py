"""Try the trials of a sweep, and go on with the best: what an orchestrator's layer calls.

A trial is the stage that learns in a place of its own in the run, with the cache entries of that
stage. The best becomes what the run has trained.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from mlpo_kit.caching.key import hash_project_code
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.runner import read_result, run_stage
from mlpo_kit.runs.records import (
    KILLED,
    SCHEMA_VERSION,
    Record,
    State,
    locate_sweep,
    read_record,
    take_over,
)
from mlpo_kit.runs.summary import save_record
from mlpo_kit.runs.workspace import Run
from mlpo_kit.search.space import Sweep, apply_changes
from mlpo_kit.search.sweep import Trial, pick_best, read_metric

log = logging.getLogger(__name__)


def run_trial(run: Run, trial: Trial, **inputs: Any) -> Record:
    """Train with the settings of a trial; returns the record, which tells of a failure too.

    `inputs` are those of the stage that learns. One bad trial costs no other one: only what stops
    the whole run is raised, and PipelineError where the store has lost the record.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    log.info("trial %d: %s", trial.number, trial)
    other = replace(run, settings=apply_changes(run.settings, trial.changes))
    try:
        run_stage(other, run.pipeline[trial.stage].at(trial.place), **inputs)
    except PipelineError as error:
        log.info("trial %d failed: %s", trial.number, error)
    except Exception:  # a defect, or no memory left: its traceback is of use
        log.exception("trial %d failed", trial.number)
    except BaseException as error:
        record = read_record(run.store, run.id, trial.place)
        state = record.state if record is not None and record.is_failure else "failed"
        stopped = _make_failure(run, f"stopped in {trial.place}: {error!r}", state)
        save_record(run.store, run.pipeline, stopped)
        raise
    record = read_record(run.store, run.id, trial.place)
    if record is None:
        raise PipelineError(f"the record of {trial.place} can't be read: is the store whole?")
    return record


def choose_trial(
    run: Run, sweep: Sweep, trials: Sequence[Trial], outcomes: Iterable[Record]
) -> Any:
    """Make the best trial the run's result of the stage that learns, and save what the sweep found.

    Raises PipelineError with the reason of each where all have failed.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    store, pipeline = run.store, run.pipeline
    stage = pipeline[pipeline.training_stage]
    if run.resumes is not None:
        with store.guard():
            earlier = pipeline.names[: pipeline.names.index(stage.name)]
            take_over(store, run.resumes, run.id, earlier, stage.name)
    known = {record.stage: record for record in outcomes}
    for trial in trials:  # one that died under its orchestrator hands on nothing
        record = known.get(trial.place) or read_record(store, run.id, trial.place)
        known[trial.place] = record or replace(_make_failure(run, KILLED), stage=trial.place)
    done = {t.number: known[t.place] for t in trials if known[t.place].is_success}
    found = {number: read_metric(sweep.metric, record.values) for number, record in done.items()}
    best = pick_best(sweep, {n: value for n, value in found.items() if value is not None})
    store.write_json(
        locate_sweep(run.id),
        {
            "schema_version": SCHEMA_VERSION,
            "run_id": run.id,
            "search": sweep.search,
            "seed": sweep.seed,
            "metric": sweep.metric,
            "best": "highest" if sweep.takes_highest else "lowest",
            "space": sweep.space,
            "trials": [_describe_trial(trial, known[trial.place]) for trial in trials],
            "chosen": None if best is None else trials[best - 1].place,
        },
    )
    if best is None:
        nothing = f"it returned no number {sweep.metric}"
        reasons = [f"\n  {t.place} ({t}): {known[t.place].reason or nothing}" for t in trials]
        error = "every trial failed:" + "".join(reasons)
        save_record(store, pipeline, _make_failure(run, error))
        raise PipelineError(error)
    reason = f"best of {len(trials)} trials: {done[best].stage}"
    if done[best].cache == "hit":
        reason += f", {done[best].cache_reason}"
    log.info(reason)
    chosen = replace(done[best], run_id=run.id, stage=stage.name, cache_reason=reason)
    save_record(store, pipeline, chosen)
    return read_result(store, stage, run.id)


def _make_failure(run: Run, reason: str, state: State = "failed") -> Record:
    """The record of a sweep that came to nothing."""
    now = time.time()
    return Record(
        run_id=run.id,
        orchestrator=run.orchestrator,
        stage=run.pipeline.training_stage,
        stages=run.pipeline.names,
        state=state,
        started=now,
        ended=now,
        code=hash_project_code(),
        reason=reason,
    )


def _describe_trial(trial: Trial, record: Record) -> dict[str, Any]:
    """What is kept of a trial besides its record, which a resumed run has not."""
    return {
        "name": trial.place,
        "changes": dict(trial.changes),
        "state": record.state,
        "cache": record.cache,
        "seconds": record.seconds,
        "values": record.values,
        "error": record.reason,
    }
