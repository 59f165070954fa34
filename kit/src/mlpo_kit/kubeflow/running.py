"""Run the pipeline on this machine with KFP's local runner: each stage is a separate process.

KFP stores a run's references and numbers in `local_outputs/`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

from mlpo_kit.config.project import PROJECT_VARIABLE, find_project
from mlpo_kit.config.sections import count_nodes
from mlpo_kit.config.settings import check_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.kubeflow.processes import end_tasks_together
from mlpo_kit.kubeflow.progress import Progress, find_failed_task
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.store import open_store

OUTPUTS = "local_outputs"


def run_here(document: dict[str, Any], use_cache: bool = True, sweep: str | None = None) -> None:
    """Run all stages with the settings in `document`; `sweep` names a sweep file.

    Raises PipelineError if a stage fails, if KFP would skip a stage, or if the profile is for a
    cluster or for several machines, and KeyboardInterrupt if the run was interrupted.
    """
    settings = check_settings(document)
    _check_fits_this_machine(settings)
    prepare_environment()
    from google.protobuf import json_format
    from kfp import local

    from mlpo_kit.kubeflow.pipeline_file import load_pipeline_file
    from mlpo_kit.kubeflow.sweeping import plan_named_sweep
    from mlpo_kit.kubeflow.tracing import trace_pipeline
    from mlpo_kit.kubeflow.traps import find_skipped_conditions

    planned = plan_named_sweep(sweep, settings)
    pipeline = trace_pipeline(load_pipeline_file(), document, sweep=planned)
    spec = json_format.MessageToDict(pipeline.pipeline_spec)
    if skipped := list(find_skipped_conditions(spec)):
        raise PipelineError("KFP would skip a part of this pipeline:\n  " + "\n  ".join(skipped))
    parameters = choose_parameters(pipeline, use_cache)
    outputs = settings.local_root / OUTPUTS
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(outputs))
    with end_tasks_together(open_store(settings), load_pipeline()) as children:
        try:
            with contextlib.redirect_stdout(Progress(sys.stdout)):
                pipeline(**parameters)
        except RuntimeError as error:
            if not children.is_interrupted:
                raise PipelineError(find_failed_task(str(error))) from None
        if children.is_interrupted:
            raise KeyboardInterrupt


def choose_parameters(pipeline: Any, use_cache: bool) -> dict[str, Any]:
    """Return the parameters of a run: `use_cache` if it is false, else none.

    Raises PipelineError if the pipeline has no such parameter.
    """
    if use_cache:
        return {}
    if "use_cache" not in (pipeline.component_spec.inputs or {}):
        raise PipelineError(
            "--no-cache: give the function in pipeline/training.py a parameter `use_cache: bool = "
            "True`, and pass it to the tasks"
        )
    return {"use_cache": False}


def prepare_environment() -> None:
    """Set the environment so that the stages' processes find the project, and silence KFP."""
    # In its shell commands KFP replaces every `python3`, also in paths, by sys.executable, without
    # quotes. A bare name, which PATH resolves to this environment, works in every folder.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    sys.executable = "python3"
    project = find_project()
    os.environ[PROJECT_VARIABLE] = str(project.root)
    paths = [str(project.source / "src"), os.environ.get("PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    logging.disable(logging.INFO)
    warnings.filterwarnings("ignore", module="kfp")


def _check_fits_this_machine(settings: Any) -> None:
    if settings.compute != "local":
        raise PipelineError(
            f"compute is {settings.compute}, so this profile is not for a run on this machine: "
            "run it on the cluster with `make submit`"
        )
    training = load_pipeline().training_stage
    if (nodes := count_nodes(settings, training)) > 1:
        raise PipelineError(
            f"{training}.nodes is {nodes}, but this is one machine: set {training}.nodes: 1 in the "
            "profile, or run it on a cluster: set compute: kubernetes, and use `make submit`"
        )
