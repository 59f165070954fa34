"""The variants of a project's flow: plain, sweep, several machines, and without choices.

The project has one file with the plain flow. An environment variable tells the process, on this
machine or in a pod, which variant to make of it. Nothing in this module needs Metaflow.
"""

from __future__ import annotations

import ast
import json
import os
from contextlib import suppress
from pathlib import Path

from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import count_nodes
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError, suggest
from mlpo_kit.runs.pipeline import load_pipeline

VARIANT = "MLPO_KIT_VARIANT"  # the environment variable that names the variant
PLAIN, SWEEP, NODES, STRAIGHT = "plain", "sweep", "nodes", "straight"
VARIANTS = (PLAIN, SWEEP, NODES, STRAIGHT)
TRIAL_STEP, WORKER_STEP = "trial", "train_node"  # these steps get the GPUs, not `train`
FLOW_FILE = "pipeline/flow.py"


def check_variant(name: str) -> str:
    """Return the name of a variant; raises PipelineError if there is no such variant."""
    if name in VARIANTS:
        return name
    raise PipelineError(
        f"there is no variant {name!r} of a flow{suggest(name, VARIANTS)} ({VARIANT} is one of: "
        f"{', '.join(VARIANTS)})"
    )


def choose_variant(
    settings: BaseSettings, wanted: str | None = None, compiles: bool = False
) -> str:
    """Choose the variant of the flow: the wanted one, else the one that the settings need.

    `compiles` is true for a workflow: Step Functions can't choose between two steps. Raises
    PipelineError if the variant can't run there.
    """
    training = load_pipeline().training_stage
    default = NODES if count_nodes(settings, training) > 1 else PLAIN
    variant = check_variant(wanted or os.environ.get(VARIANT) or default)
    if compiles and settings.compute == "batch":
        if variant == NODES:
            raise PipelineError(
                f"Step Functions can't start several machines together: with {training}.nodes "
                "above 1, run on AWS Batch with `make run`"
            )
        return STRAIGHT if variant == PLAIN else variant
    return variant


def name_flow(flow: str, variant: str) -> str:
    """Name a variant's flow, under which Metaflow stores its runs: TrainFlow, SweepFlow, ..."""
    return flow if variant == PLAIN else f"{variant.capitalize()}Flow"


def find_flow_name() -> str:
    """Find the name of the project's flow: the argument of `main(...)` in its file."""
    path = find_project().source / FLOW_FILE
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError) as error:
        raise PipelineError(f"{FLOW_FILE} can't be read: {error}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "main" and node.args:
            return ast.unparse(node.args[0])
    raise PipelineError(f"{FLOW_FILE} starts no flow: add main(TrainFlow) as its last line")


def list_flow_names() -> list[str]:
    """List the flow names under which Metaflow stores the runs of this project."""
    flow = find_flow_name()
    return [name_flow(flow, variant) for variant in VARIANTS]


def find_newest_variant() -> str | None:
    """Find the variant of the last run started on this machine; None if there was none."""
    root = _find_local_root()
    if root is None:
        return None
    started: dict[str, float] = {}
    flow = find_flow_name()
    for variant in VARIANTS:
        latest = root / name_flow(flow, variant) / "latest_run"  # the run that Metaflow resumes
        if latest.is_file():
            started[variant] = latest.stat().st_mtime
    return max(started, key=lambda variant: started[variant]) if started else None


def find_kill_signal(run_id: str) -> int | None:
    """Find the signal that killed a task of a run on this machine; None if none was killed.

    Metaflow 2.19 writes the exit code of each attempt of a task into `<attempt>.runtime`.
    """
    root = _find_local_root()
    files = [] if root is None else sorted(root.glob(f"*/{run_id}/*/*/*.runtime"))
    for file in reversed(files):
        with suppress(OSError, ValueError, KeyError, TypeError):
            if (code := json.loads(file.read_text())["return_code"]) < 0:
                return -int(code)
    return None


def _find_local_root() -> Path | None:
    """Find the folder where Metaflow keeps the runs of this machine; None without any."""
    project = find_project().root
    folders = [folder / ".metaflow" for folder in (project, *project.parents)]
    return next(filter(Path.is_dir, folders), None)  # in Metaflow's order
