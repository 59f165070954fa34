"""The work of a running step: run its stage, and report the result to ZenML."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pydantic_core import to_jsonable_python
from zenml import add_tags, get_step_context, log_metadata
from zenml.types import HTMLString

from mlpo_kit.cluster.image import VERSION_VARIABLE, check_kit_version
from mlpo_kit.config.settings import check_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inputs import parse_inputs
from mlpo_kit.execution.runner import read_result, reuse_result, run_stage
from mlpo_kit.reports.page import build_report_or_reason
from mlpo_kit.runs.changes import apply_changes
from mlpo_kit.runs.pipeline import Stage, is_reference, load_pipeline, read_setting
from mlpo_kit.runs.records import parse_record, read_record, read_records
from mlpo_kit.runs.summary import summarize
from mlpo_kit.runs.workspace import Run
from mlpo_kit.search.sweep import plan_sweep
from mlpo_kit.search.trials import choose_trial, run_trial
from mlpo_kit.zenml.interface import find_judge, list_outputs
from mlpo_kit.zenml.interrupts import check_not_stopped
from mlpo_kit.zenml.model_versions import link_model_version

# The pipeline's parameter: changes of a run's settings, such as ["train.epochs=5"].
Settings = list[str] | None

DOCUMENT, USE_CACHE, SWEEP = "settings", "use_cache", "sweep"  # keys in `extra` of a run

log = logging.getLogger(__name__)


def get_run(settings: Settings = None) -> Run:
    """Return the run that the current step belongs to, with its settings, for your own steps.

    `settings` is the pipeline's parameter. Raises PipelineError for a setting that is wrong or was
    fixed when the run was compiled, and if the run was not started by the kit.
    """
    run = get_step_context().pipeline_run
    extra = run.config.extra
    if DOCUMENT not in extra:
        raise PipelineError(
            "this run has no settings: start it with `make run` or `mlpo-kit run`, or from a run "
            "that was started so"
        )
    return Run(
        run.name,
        "zenml",
        change_settings(extra[DOCUMENT], settings or []),
        use_cache=extra.get(USE_CACHE, True),
    )


def change_settings(document: dict[str, Any], changes: Sequence[str]) -> Any:
    """Apply the changes of a run to the settings that it was compiled with.

    Raises PipelineError for a setting that is wrong or was fixed when the run was compiled.
    """
    fixed = [f"{load_pipeline().training_stage}.nodes"]
    return check_settings(apply_changes(document, changes, fixed))


def perform_stage(name: str, inputs: dict[str, Any]) -> list[Any]:
    """Run a stage or reuse an earlier result, and return the step's outputs.

    If an earlier stage refused the candidate, the stage does not run and its outputs are None.
    """
    run = _open_run(inputs)
    stage = run.pipeline[name]
    if refusal := find_refusal(run, stage):
        log.info("%s: nothing to do: %s", name, refusal)
        result: Any = None
    elif inputs.get("lookup", run.id) != run.id:
        # ZenML's cache no longer has that run's outputs, but the lookup has recorded the result.
        result = read_result(run.store, stage, run.id)
    else:
        result = run_stage(run, stage, **parse_inputs(run.pipeline, stage, inputs))
        _report_to_zenml(run, stage)
    outputs = _collect_outputs(run, stage, result)
    if name == run.pipeline.names[-1]:
        outputs.append(HTMLString(build_report_or_reason(run.store, run.id)))
    return outputs


def look_up_training(name: str, inputs: dict[str, Any]) -> list[Any]:
    """Find the run whose training result to use: an earlier run (or its trial), or this run.

    This step needs no GPU.
    """
    run = _open_run(inputs)
    stage = run.pipeline[name]
    hit = reuse_result(run, stage, **parse_inputs(run.pipeline, stage, inputs))
    return [hit.origin if hit else run.id]


def try_trial(name: str, inputs: dict[str, Any]) -> list[Any]:
    """Train with one trial's settings; a failure is part of the outcome, so other trials continue.

    Returns the trial's record as a JSON document.
    """
    run = _open_run(inputs)
    stage = run.pipeline[name]
    _, trials = plan_sweep(_read_sweep(), run.settings)
    trial = trials[inputs["number"] - 1]
    record = run_trial(run, trial, **parse_inputs(run.pipeline, stage, inputs))
    return [to_jsonable_python(asdict(record))]


def choose_best(name: str, inputs: dict[str, Any]) -> list[Any]:
    """Continue the run with the best trial; raises PipelineError if all trials failed."""
    run = _open_run(inputs)
    outcomes = [parse_record(outcome) for outcome in inputs["outcomes"]]
    result = choose_trial(run, *plan_sweep(_read_sweep(), run.settings), outcomes)
    return _collect_outputs(run, run.pipeline[name], result)


def find_refusal(run: Run, stage: Stage[Any]) -> str | None:
    """Return why an earlier stage refused the candidate; None if none did."""
    judge = find_judge(run.pipeline, before=stage.name)
    record = read_record(run.store, run.id, judge) if judge else None
    return record.reason if record is not None and record.state == "refused" else None


def _open_run(inputs: dict[str, Any]) -> Run:
    check_not_stopped()
    check_kit_version(os.environ.get(VERSION_VARIABLE))
    return get_run(inputs["settings"])


def _read_sweep() -> dict[str, Any]:
    sweep: dict[str, Any] = get_step_context().pipeline_run.config.extra[SWEEP]
    return sweep


def _collect_outputs(run: Run, stage: Stage[Any], result: Any) -> list[Any]:
    values = []
    for output in list_outputs(run.pipeline, stage):
        value = getattr(result, output.name, None)
        is_ref = is_reference(stage.outputs[output.name])
        values.append(value if is_ref else to_jsonable_python(value))
    return values


def _report_to_zenml(run: Run, stage: Stage[Any]) -> None:
    """Add metrics, tags and the model version to ZenML's records."""
    highlights, pipeline = run.pipeline.highlights, run.pipeline
    facts = summarize(run.store, pipeline, run.id)
    dataset, number = facts["dataset"]["version"], facts["model"]["version"]
    if highlights.dataset.startswith(f"{stage.name}.") and dataset:
        _tag_run(f"dataset:{str(dataset)[:12]}")
    if pipeline.gate is not None and pipeline.gate.stage == stage.name:
        log_metadata(dict(facts["metrics"]))
    # After the gate, so a refused model gets no version in ZenML either.
    if highlights.version.startswith(f"{stage.name}.") and number is not None:
        producer, _, output = highlights.model.partition(".")
        model = read_records(run.store, run.id)[producer].outputs[output]
        model_inputs = [name for name, place in stage.inputs.items() if place == highlights.model]
        link_model_version(
            read_setting(run.settings, pipeline.model_name),
            number,
            model,
            facts["metrics"],
            dataset,
            run.id,
            next(iter(model_inputs), None),
        )
        _tag_run(f"registered:v{number}")
    if highlights.alias.startswith(f"{stage.name}.") and facts["model"]["alias"]:
        _tag_run("deployed")


def _tag_run(name: str) -> None:
    add_tags(tags=[name], run=get_step_context().pipeline_run.id)
