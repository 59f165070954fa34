"""Run the trials of a sweep and continue with the best; called by the orchestrator adapters.

A trial is the training stage under another name in the run; it shares the cache entries of that
stage. The best trial becomes the run's training result.
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
from mlpo_kit.execution.tracking import track_run, wait_for_end
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
    """Train with the settings of a trial; returns its record, also if the trial failed.

    `inputs` are those of the training stage. A failed trial does not stop the others: this raises
    only what stops the whole run, and PipelineError if the record can't be read.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    log.info("trial %d: %s", trial.number, trial)
    changed_run = replace(run, settings=apply_changes(run.settings, trial.changes))
    try:
        run_stage(changed_run, run.pipeline[trial.stage].recorded_as(trial.record_name), **inputs)
    except PipelineError as error:
        log.info("trial %d failed: %s", trial.number, error)
    except Exception:  # a bug, or out of memory: the traceback helps
        log.exception("trial %d failed", trial.number)
    except BaseException as error:
        record = read_record(run.store, run.id, trial.record_name)
        state = record.state if record is not None and record.is_failure else "failed"
        stopped = _make_failure(run, f"stopped in {trial.record_name}: {error!r}", state)
        save_record(run.store, run.pipeline, stopped)
        wait_for_end(run)
        raise
    record = read_record(run.store, run.id, trial.record_name)
    if record is None:
        raise PipelineError(
            f"the record of {trial.record_name} can't be read: is the store damaged?"
        )
    return record


def choose_trial(
    run: Run, sweep: Sweep, trials: Sequence[Trial], outcomes: Iterable[Record]
) -> Any:
    """Make the best trial the result of the run's training stage, and save the sweep's outcome.

    Raises PipelineError with the reason for each trial if all failed.
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    store, pipeline = run.store, run.pipeline
    stage = pipeline[pipeline.training_stage]
    track_run(run)
    if run.resumes is not None:
        with store.guard():
            earlier = pipeline.names[: pipeline.names.index(stage.name)]
            take_over(store, run.resumes, run.id, earlier, stage.name)
    records = {record.stage: record for record in outcomes}
    for trial in trials:  # the orchestrator passes no outcome of a trial that was killed
        record = records.get(trial.record_name) or read_record(store, run.id, trial.record_name)
        records[trial.record_name] = record or replace(
            _make_failure(run, KILLED), stage=trial.record_name
        )
    done = {t.number: records[t.record_name] for t in trials if records[t.record_name].is_success}
    metrics = {number: read_metric(sweep.metric, record.values) for number, record in done.items()}
    best = pick_best(sweep, {n: value for n, value in metrics.items() if value is not None})
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
            "trials": [_describe_trial(trial, records[trial.record_name]) for trial in trials],
            "chosen": None if best is None else trials[best - 1].record_name,
        },
    )
    if best is None:
        no_metric = f"it returned no number {sweep.metric}"
        reasons = [
            f"\n  {t.record_name} ({t}): {records[t.record_name].reason or no_metric}"
            for t in trials
        ]
        error = "every trial failed:" + "".join(reasons)
        save_record(store, pipeline, _make_failure(run, error))
        wait_for_end(run)
        raise PipelineError(error)
    reason = f"best of {len(trials)} trials: {done[best].stage}"
    if done[best].cache == "hit":
        reason += f", {done[best].cache_reason}"
    log.info(reason)
    chosen = replace(done[best], run_id=run.id, stage=stage.name, cache_reason=reason)
    save_record(store, pipeline, chosen)
    return read_result(store, stage, run.id)


def _make_failure(run: Run, reason: str, state: State = "failed") -> Record:
    """Make the record of a training stage whose sweep failed."""
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
    """Describe a trial for the sweep's file: a resumed run does not have the trial's record."""
    return {
        "name": trial.record_name,
        "changes": dict(trial.changes),
        "state": record.state,
        "cache": record.cache,
        "seconds": record.seconds,
        "values": record.values,
        "error": record.reason,
    }
