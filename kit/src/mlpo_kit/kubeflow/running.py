"""Run the pipeline on this machine, without a cluster: each stage is a process of its own.

What KFP keeps of a run, references and numbers, is in `local_outputs/`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any

from mlpo_kit.config.project import PROJECT_VARIABLE, find_project
from mlpo_kit.config.sections import count_nodes
from mlpo_kit.config.settings import check_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.kubeflow.progress import Progress, find_failed_task
from mlpo_kit.runs.pipeline import load_pipeline

OUTPUTS = "local_outputs"


def run_here(document: dict[str, Any], use_cache: bool = True, sweep: str | None = None) -> None:
    """Run all stages with the settings of a document; `sweep` names the file of a sweep.

    Raises PipelineError when a stage fails, where KFP would skip one, where a profile is that of a
    cluster, or several machines are to train.
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
        raise PipelineError("this pipeline would not do what it says:\n  " + "\n  ".join(skipped))
    parameters = choose_parameters(pipeline, use_cache)
    outputs = settings.local_root / OUTPUTS
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(outputs))
    if sweep:  # KFP would wait for the trials that run, and start the next
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    try:
        with contextlib.redirect_stdout(Progress(sys.stdout)):
            pipeline(**parameters)
    except RuntimeError as error:
        raise PipelineError(find_failed_task(str(error))) from None


def choose_parameters(pipeline: Any, use_cache: bool) -> dict[str, Any]:
    """Choose the parameters of a run: whether it uses the cache, where the pipeline can be told.

    Raises PipelineError where it can't.
    """
    if use_cache:
        return {}
    if "use_cache" not in (pipeline.component_spec.inputs or {}):
        raise PipelineError(
            "--no-cache: the function in pipeline/training.py has no parameter `use_cache: bool = "
            "True` to hand on to its tasks"
        )
    return {"use_cache": False}


def prepare_environment() -> None:
    """Let the stages' processes find this project, and KFP keep quiet about itself."""
    # In its shell commands KFP replaces every `python3`, in paths too, by sys.executable, and
    # quotes nothing. A bare name that PATH leads to this environment is safe in every folder.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    sys.executable = "python3"
    root = find_project().root
    os.environ[PROJECT_VARIABLE] = str(root)
    paths = [str(root / "src"), os.environ.get("PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    logging.disable(logging.INFO)
    warnings.filterwarnings("ignore", module="kfp")


def _check_fits_this_machine(settings: Any) -> None:
    if settings.compute != "local":
        raise PipelineError(
            f"compute is {settings.compute}, so this profile is not for a run on this machine: "
            "`make submit` runs it on the cluster"
        )
    training = load_pipeline().training_stage
    if (nodes := count_nodes(settings, training)) > 1:
        raise PipelineError(
            f"{training}.nodes is {nodes}, and this is one machine: set {training}.nodes: 1 in the "
            "profile of a run here, or let a cluster do it: compute: kubernetes, and `make submit`"
        )
