"""The work of a running task: read its inputs, run its stage, hand on the result.

The components import this module when they run. Nothing that it imports may make components: in a
running task `kfp.dsl` has no `component` (kfp 2.17).
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
from mlpo_kit.execution.tracking import wait_for_end
from mlpo_kit.kubeflow.handover import (
    Arguments,
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


def run_task(name: str, arguments: Arguments, by_request: bool = False) -> Any:
    """Run a stage and hand on its result; return the component's return value."""
    pipeline = load_pipeline()
    stage = pipeline[name]
    with label_messages(stage):
        check_code(arguments)
        run = open_run(pipeline, arguments)
        ports = find_ports(pipeline, stage, by_request)
        refused = find_refused_input(run, stage)
        if refused is not None:
            log.info("not run: %s was refused", refused)
            return list_parameters(ports, None, None)
        inputs = read_inputs(pipeline, stage, arguments)
        result = call_stage(run, stage, inputs)
        hand_on(run, stage, ports, result, arguments)
        request = None
        if ports.requests is not None:
            request = _request_training(run, pipeline[ports.requests], stage, inputs, result)
        return judge(run) if ports.has_verdict else list_parameters(ports, result, request)


def run_requester(name: str, arguments: Arguments) -> Any:
    """Run the stage that also writes the training request."""
    return run_task(name, arguments, by_request=True)


def run_request(name: str, arguments: Arguments) -> Any:
    """Train as the request says, or read the result if the request's run has trained already."""
    pipeline = load_pipeline()
    stage = pipeline[name]
    with label_messages(stage):
        run, inputs = parse_request(pipeline, arguments[REQUEST])
        ports = find_ports(pipeline, stage)
        if is_done(run, stage):
            result = read_result(run.store, stage, run.id)
        else:
            result = call_stage(run, stage, inputs)
        hand_on(run, stage, ports, result, arguments)
        return list_parameters(ports, result, None)


def run_trial_task(name: str, arguments: Arguments) -> str:
    """Train with the settings of one trial; return its record as JSON, also after a failure."""
    from mlpo_kit.search.sweep import Trial
    from mlpo_kit.search.trials import run_trial

    pipeline = load_pipeline()
    stage = pipeline[name]
    trial = Trial(**json.loads(arguments["trial"]))
    with label_messages(stage.recorded_as(trial.record_name)):
        check_code(arguments)
        run = open_run(pipeline, arguments)
        record = run_trial(run, trial, **read_inputs(pipeline, stage, arguments))
        return json.dumps(asdict(record))


def choose_task(name: str, arguments: Arguments) -> Any:
    """Continue the run with the best trial; raises PipelineError if all trials failed."""
    from mlpo_kit.runs.records import parse_record
    from mlpo_kit.search.sweep import plan_sweep
    from mlpo_kit.search.trials import choose_trial

    pipeline = load_pipeline()
    stage = pipeline[name]
    with label_messages(stage):
        check_code(arguments)
        run = open_run(pipeline, arguments)
        sweep, trials = plan_sweep(json.loads(arguments["sweep"]), run.settings)
        records = [parse_record(json.loads(text)) for text in arguments["outcomes"]]
        result = choose_trial(run, sweep, trials, records)
        ports = find_ports(pipeline, stage)
        hand_on(run, stage, ports, result, arguments)
        return list_parameters(ports, result, None)


def call_stage(run: Run, stage: Stage[Any], inputs: dict[str, Any]) -> Any:
    """Run a stage; if several machines train, run it in a TrainJob."""
    if stage.name == run.pipeline.training_stage and count_nodes(run.settings, stage.name) > 1:
        from mlpo_kit.kubeflow import trainer  # the import takes a second

        return run_stage(run, stage, **inputs, launch=trainer.launch_trainjob)
    return run_stage(run, stage, **inputs)


def hand_on(run: Run, stage: Stage[Any], ports: Ports, result: Any, arguments: Arguments) -> None:
    """Fill a task's output artifacts, and the artifacts that KFP's pages show."""
    write_artifacts(ports, result, arguments)
    show_numbers(ports, result, stage, run, arguments)
    if REPORT in ports.shown:
        from mlpo_kit.reports.page import build_report_or_reason

        page = build_report_or_reason(run.store, run.id)
        Path(arguments[REPORT].path).write_text(page, encoding="utf-8")


def judge(run: Run) -> bool:
    """Judge the candidate; if it is refused, record the reason for the stage behind the gate."""
    from mlpo_kit.models.promotion import judge_candidate

    metrics = find_metrics(read_records(run.store, run.id), run.pipeline)
    verdict = judge_candidate(run, metrics)
    if not verdict.is_passed:
        log.info("refused: %s", verdict.reason)
        record_refusal(run, verdict)
    return verdict.is_passed


def record_refusal(run: Run, verdict: Verdict) -> None:
    """Record that the stage behind the gate does not run because the candidate was refused."""
    now = time.time()
    record = Record(
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
    save_record(run.store, run.pipeline, record)
    wait_for_end(run)


def find_gated_stage(pipeline: Pipeline) -> str:
    """Find the stage that the gate guards: the first stage after it that returns a verdict."""
    if pipeline.gate is None:
        raise ValueError("PIPELINE has no gate")
    later = pipeline.names[pipeline.names.index(pipeline.gate.stage) + 1 :]
    with_verdict = [name for name in later if "verdict" in pipeline[name].outputs]
    return (with_verdict or [*later, pipeline.gate.stage])[0]


def find_refused_input(run: Run, stage: Stage[Any]) -> str | None:
    """Find the stage that refused the candidate, if this stage depends on it."""
    for producer in {source.partition(".")[0] for source in stage.inputs.values()}:
        if "verdict" in run.pipeline[producer].outputs:
            record = read_record(run.store, run.id, producer)
            if record is not None and record.state == "refused":
                return producer
        if (refused := find_refused_input(run, run.pipeline[producer])) is not None:
            return refused
    return None


def _request_training(
    run: Run, training: Stage[Any], stage: Stage[Any], inputs: dict[str, Any], result: Any
) -> str:
    """Write the training request from the inputs and outputs of the stage before it."""
    values = {source: inputs[name] for name, source in stage.inputs.items()}
    values |= {f"{stage.name}.{output}": getattr(result, output) for output in stage.outputs}
    training_inputs = {name: values[source] for name, source in training.inputs.items()}
    with label_messages(training):
        return write_request(run, training, training_inputs)
