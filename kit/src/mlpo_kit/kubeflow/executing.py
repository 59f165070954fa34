"""What a task does where it runs: its stage, on what its artifacts and parameters stand for.

The components import this, and nothing that it imports may make components: in a running task
`kfp.dsl` has no `component` (kfp 2.17).
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mlpo_kit.caching.key import hash_project_code
from mlpo_kit.config.sections import count_nodes
from mlpo_kit.execution.runner import read_result, run_stage
from mlpo_kit.kubeflow.handover import (
    Given,
    check_code,
    label_messages,
    list_parameters,
    open_run,
    read_inputs,
    show_numbers,
    write_artifacts,
)
from mlpo_kit.kubeflow.ports import REPORT, REQUEST, Ports, find_ports
from mlpo_kit.kubeflow.training_request import is_done, parse_request, write_request
from mlpo_kit.runs.gate import Verdict
from mlpo_kit.runs.pipeline import Pipeline, Stage, load_pipeline
from mlpo_kit.runs.records import Record, read_record, read_records
from mlpo_kit.runs.summary import find_metrics, save_record
from mlpo_kit.runs.workspace import Run

log = logging.getLogger(__name__)


def run_task(name: str, given: Given, by_request: bool = False) -> Any:
    """Run a stage, and hand its result on; returns what its component returns."""
    pipeline = load_pipeline()
    stage = pipeline[name]
    with label_messages(stage):
        check_code(given)
        run = open_run(pipeline, given)
        ports = find_ports(pipeline, stage, by_request)
        refused = find_refused_input(run, stage)
        if refused is not None:
            log.info("not run: %s was refused", refused)
            return list_parameters(ports, None, None)
        inputs = read_inputs(pipeline, stage, given)
        result = call_stage(run, stage, inputs)
        hand_on(run, stage, ports, result, given)
        request = None
        if ports.requests is not None:
            request = _request_training(run, pipeline[ports.requests], stage, inputs, result)
        return judge(run) if ports.has_verdict else list_parameters(ports, result, request)


def run_requester(name: str, given: Given) -> Any:
    """Run the stage that also writes the request for the training."""
    return run_task(name, given, by_request=True)


def run_request(name: str, given: Given) -> Any:
    """Train as the request says, unless its run has done it."""
    pipeline = load_pipeline()
    stage = pipeline[name]
    with label_messages(stage):
        run, inputs = parse_request(pipeline, given[REQUEST])
        ports = find_ports(pipeline, stage)
        if is_done(run, stage):
            result = read_result(run.store, stage, run.id)
        else:
            result = call_stage(run, stage, inputs)
        hand_on(run, stage, ports, result, given)
        return list_parameters(ports, result, None)


def run_trial_task(name: str, given: Given) -> str:
    """Train as one trial says; returns its record as JSON, which tells of a failure too."""
    from mlpo_kit.search.sweep import Trial
    from mlpo_kit.search.trials import run_trial

    pipeline = load_pipeline()
    stage = pipeline[name]
    trial = Trial(**json.loads(given["trial"]))
    with label_messages(stage.at(trial.place)):
        check_code(given)
        run = open_run(pipeline, given)
        record = run_trial(run, trial, **read_inputs(pipeline, stage, given))
        return json.dumps(asdict(record))


def choose_task(name: str, given: Given) -> Any:
    """Let the run go on with the best trial; fail where all have failed."""
    from mlpo_kit.runs.records import parse_record
    from mlpo_kit.search.sweep import plan_sweep
    from mlpo_kit.search.trials import choose_trial

    pipeline = load_pipeline()
    stage = pipeline[name]
    with label_messages(stage):
        check_code(given)
        run = open_run(pipeline, given)
        sweep, trials = plan_sweep(json.loads(given["sweep"]), run.settings)
        records = [parse_record(json.loads(text)) for text in given["outcomes"]]
        result = choose_trial(run, sweep, trials, records)
        ports = find_ports(pipeline, stage)
        hand_on(run, stage, ports, result, given)
        return list_parameters(ports, result, None)


def call_stage(run: Run, stage: Stage[Any], inputs: dict[str, Any]) -> Any:
    """Run a stage; where several machines train, a TrainJob does it."""
    if stage.name == run.pipeline.training_stage and count_nodes(run.settings, stage.name) > 1:
        from mlpo_kit.kubeflow import trainer  # takes a second

        return run_stage(run, stage, **inputs, launch=trainer.launch_trainjob)
    return run_stage(run, stage, **inputs)


def hand_on(run: Run, stage: Stage[Any], ports: Ports, result: Any, given: Given) -> None:
    """Fill the artifacts of a task, and those that only people look at."""
    write_artifacts(ports, result, given)
    show_numbers(ports, result, stage, run, given)
    if REPORT in ports.shown:
        from mlpo_kit.reports.page import build_report_or_reason

        page = build_report_or_reason(run.store, run.id)
        Path(given[REPORT].path).write_text(page, encoding="utf-8")


def judge(run: Run) -> bool:
    """Judge the candidate; where it is refused, the record of what is behind the gate says why."""
    from mlpo_kit.models.promotion import judge_candidate

    metrics = find_metrics(read_records(run.store, run.id), run.pipeline)
    verdict = judge_candidate(run, metrics)
    if not verdict.is_passed:
        log.info("refused: %s", verdict.reason)
        record_refusal(run, verdict)
    return verdict.is_passed


def record_refusal(run: Run, verdict: Verdict) -> None:
    """Record that the stage behind the gate does not run, as the candidate was refused."""
    now = time.time()
    refused = Record(
        run_id=run.id,
        orchestrator=run.orchestrator,
        stage=find_gated_stage(run.pipeline),
        stages=run.pipeline.names,
        state="refused",
        reason=verdict.reason,
        started=now,
        ended=now,
        code=hash_project_code(),
        values={"verdict": asdict(verdict)},
    )
    save_record(run.store, run.pipeline, refused)


def find_gated_stage(pipeline: Pipeline) -> str:
    """Find the stage that the gate is in front of: the first behind it that returns a verdict."""
    if pipeline.gate is None:
        raise ValueError("PIPELINE has no gate")
    behind = pipeline.names[pipeline.names.index(pipeline.gate.stage) + 1 :]
    judged = [name for name in behind if "verdict" in pipeline[name].outputs]
    return (judged or [*behind, pipeline.gate.stage])[0]


def find_refused_input(run: Run, stage: Stage[Any]) -> str | None:
    """Find the stage that refused the candidate, where this one needs something of it."""
    for maker in {taken.partition(".")[0] for taken in stage.inputs.values()}:
        if "verdict" in run.pipeline[maker].outputs:
            record = read_record(run.store, run.id, maker)
            if record is not None and record.state == "refused":
                return maker
        if (further := find_refused_input(run, run.pipeline[maker])) is not None:
            return further
    return None


def _request_training(
    run: Run, training: Stage[Any], stage: Stage[Any], inputs: dict[str, Any], result: Any
) -> str:
    """Write the request, out of what this stage took and made."""
    by_place = {taken: inputs[name] for name, taken in stage.inputs.items()}
    by_place |= {f"{stage.name}.{output}": getattr(result, output) for output in stage.outputs}
    wanted = {name: by_place[taken] for name, taken in training.inputs.items()}
    with label_messages(training):
        return write_request(run, training, wanted)
