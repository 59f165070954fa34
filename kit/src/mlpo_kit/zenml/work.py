"""What a step does when it runs: its stage on what it was given, and a word to ZenML about it."""

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
from mlpo_kit.zenml.model_versions import link_model_version

# What a run may change of its settings: ["train.epochs=5"]. The others are the launcher's.
Settings = list[str] | None

DOCUMENT, USE_CACHE, SWEEP = "settings", "use_cache", "sweep"  # `extra`s of a run

log = logging.getLogger(__name__)


def get_run(settings: Settings = None) -> Run:
    """Return the run that the current step belongs to, with its settings, for steps of your own.

    `settings` is the pipeline's parameter. Raises PipelineError for a setting that is wrong or was
    fixed as the run was compiled, and where the run was not started by the kit.
    """
    run = get_step_context().pipeline_run
    extra = run.config.extra
    if DOCUMENT not in extra:
        raise PipelineError(
            "nothing says which settings this run has: start it with `mlpo-kit run`, as `make run` "
            "does, or from a run that was"
        )
    return Run(
        run.name,
        "zenml",
        change_settings(extra[DOCUMENT], settings or []),
        use_cache=extra.get(USE_CACHE, True),
    )


def change_settings(document: dict[str, Any], changes: Sequence[str]) -> Any:
    """Apply what a run may change to the settings that it was compiled with.

    Raises PipelineError for a setting that is wrong, or comes too late for a compiled run.
    """
    fixed = [f"{load_pipeline().training_stage}.nodes"]
    return check_settings(apply_changes(document, changes, fixed))


def perform_stage(name: str, given: dict[str, Any]) -> list[Any]:
    """Run a stage, or take what an earlier run made of the same; returns the step's outputs.

    A stage that a refused candidate stops does nothing, and its outputs are None.
    """
    run = _enter(given)
    stage = run.pipeline[name]
    if refusal := find_refusal(run, stage):
        log.info("%s: nothing to do: %s", name, refusal)
        made: Any = None
    elif given.get("lookup", run.id) != run.id:
        # ZenML no longer has what it kept of that run; the lookup has noted what it was.
        made = read_result(run.store, stage, run.id)
    else:
        made = run_stage(run, stage, **parse_inputs(run.pipeline, stage, given))
        _tell_zenml(run, stage)
    outputs = _collect_outputs(run, stage, made)
    if name == run.pipeline.names[-1]:
        outputs.append(HTMLString(build_report_or_reason(run.store, run.id)))
    return outputs


def look_up_training(name: str, given: dict[str, Any]) -> list[Any]:
    """Find whose training is to be used: an earlier run's (or a trial of its sweep), or this one's.

    It costs no GPU to find out.
    """
    run = _enter(given)
    stage = run.pipeline[name]
    hit = reuse_result(run, stage, **parse_inputs(run.pipeline, stage, given))
    return [hit.origin if hit else run.id]


def try_trial(name: str, given: dict[str, Any]) -> list[Any]:
    """Train as one trial of the sweep says; its outcome tells of a failure, so the others go on."""
    run = _enter(given)
    stage = run.pipeline[name]
    _, trials = plan_sweep(_read_sweep(), run.settings)
    trial = trials[given["number"] - 1]
    return [
        to_jsonable_python(
            asdict(run_trial(run, trial, **parse_inputs(run.pipeline, stage, given)))
        )
    ]


def choose_best(name: str, given: dict[str, Any]) -> list[Any]:
    """Let the run go on with the best trial; raises PipelineError where all have failed."""
    run = _enter(given)
    outcomes = [parse_record(outcome) for outcome in given["outcomes"]]
    made = choose_trial(run, *plan_sweep(_read_sweep(), run.settings), outcomes)
    return _collect_outputs(run, run.pipeline[name], made)


def find_refusal(run: Run, stage: Stage[Any]) -> str | None:
    """Find why a candidate was refused before this stage; None where none was."""
    judge = find_judge(run.pipeline, before=stage.name)
    record = read_record(run.store, run.id, judge) if judge else None
    return record.reason if record is not None and record.state == "refused" else None


def _enter(given: dict[str, Any]) -> Run:
    check_kit_version(os.environ.get(VERSION_VARIABLE))
    return get_run(given["settings"])


def _read_sweep() -> dict[str, Any]:
    sweep: dict[str, Any] = get_step_context().pipeline_run.config.extra[SWEEP]
    return sweep


def _collect_outputs(run: Run, stage: Stage[Any], made: Any) -> list[Any]:
    found = []
    for output in list_outputs(run.pipeline, stage):
        value = getattr(made, output.name, None)
        is_ref = is_reference(stage.outputs[output.name])
        found.append(value if is_ref else to_jsonable_python(value))
    return found


def _tell_zenml(run: Run, stage: Stage[Any]) -> None:
    """Show in ZenML what a person looks for: metrics, tags, the version of the model."""
    shown, pipeline = run.pipeline.highlights, run.pipeline
    facts = summarize(run.store, pipeline, run.id)
    dataset, number = facts["dataset"]["version"], facts["model"]["version"]
    if shown.dataset.startswith(f"{stage.name}.") and dataset:
        _tag_run(f"dataset:{str(dataset)[:12]}")
    if pipeline.gate is not None and pipeline.gate.stage == stage.name:
        log_metadata(dict(facts["metrics"]))
    # After the gate: a model that is not good enough leaves no version in ZenML either.
    if shown.version.startswith(f"{stage.name}.") and number is not None:
        maker, _, output = shown.model.partition(".")
        model = read_records(run.store, run.id)[maker].outputs[output]
        given = [name for name, place in stage.inputs.items() if place == shown.model]
        link_model_version(
            read_setting(run.settings, pipeline.model_name),
            number,
            model,
            facts["metrics"],
            dataset,
            run.id,
            next(iter(given), None),
        )
        _tag_run(f"registered:v{number}")
    if shown.alias.startswith(f"{stage.name}.") and facts["model"]["alias"]:
        _tag_run("deployed")


def _tag_run(name: str) -> None:
    add_tags(tags=[name], run=get_step_context().pipeline_run.id)
