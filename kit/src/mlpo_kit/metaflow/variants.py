"""The forms of a project's flow: as it is written, as a sweep, for several machines, straight on.

One file holds the flow. A variable says which form its process is to take, here and in a pod.
Nothing in this module needs Metaflow.
"""

from __future__ import annotations

import ast
import os
from pathlib import Path

from mlpo_kit.config.project import find_project
from mlpo_kit.config.sections import count_nodes
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.errors import PipelineError, suggest
from mlpo_kit.runs.pipeline import load_pipeline

VARIANT = "MLPO_KIT_VARIANT"  # names the form
PLAIN, SWEEP, NODES, STRAIGHT = "plain", "sweep", "nodes", "straight"
VARIANTS = (PLAIN, SWEEP, NODES, STRAIGHT)
TRIAL_STEP, WORKER_STEP = "trial", "train_node"  # hold the GPUs, in the place of `train`
FLOW_FILE = "pipeline/flow.py"


def check_variant(name: str) -> str:
    """Return the name of a variant; raises PipelineError where there is none of that name."""
    if name in VARIANTS:
        return name
    raise PipelineError(
        f"there is no variant {name!r} of a flow{suggest(name, VARIANTS)} ({VARIANT} is one of: "
        f"{', '.join(VARIANTS)})"
    )


def choose_variant(
    settings: BaseSettings, wanted: str | None = None, compiles: bool = False
) -> str:
    """Choose the form of the flow: the wanted one, else what the settings say.

    With `compiles` it is for a workflow: Step Functions know no choice between two steps. Raises
    PipelineError where the form can't run there.
    """
    training = load_pipeline().training_stage
    several = count_nodes(settings, training) > 1
    chosen = check_variant(wanted or os.environ.get(VARIANT) or (NODES if several else PLAIN))
    if compiles and settings.compute == "batch":
        if chosen == NODES:
            raise PipelineError(
                f"Step Functions start no machines together: with {training}.nodes above 1 it runs "
                "on AWS Batch with `make run`"
            )
        return STRAIGHT if chosen == PLAIN else chosen
    return chosen


def name_flow(flow: str, variant: str) -> str:
    """Name the flow of a variant, as Metaflow keeps its runs: TrainFlow, SweepFlow, NodesFlow."""
    return flow if variant == PLAIN else f"{variant.capitalize()}Flow"


def find_flow_name() -> str:
    """Find how the project's flow is called: what its file starts with `main(...)`."""
    path = find_project().root / FLOW_FILE
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError) as error:
        raise PipelineError(f"{path} can't be read: {error}") from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "main" and node.args:
            return ast.unparse(node.args[0])
    raise PipelineError(f"{path} starts no flow: its last line is main(TrainFlow)")


def list_flow_names() -> list[str]:
    """List the names under which Metaflow keeps the runs of this project."""
    flow = find_flow_name()
    return [name_flow(flow, variant) for variant in VARIANTS]


def find_newest_variant() -> str | None:
    """Find the form of the run that was started last from here; None where there was none."""
    project = find_project().root
    places = [folder / ".metaflow" for folder in (project, *project.parents)]
    root = next(filter(Path.is_dir, places), None)  # as Metaflow looks for it
    if root is None:
        return None
    started: dict[str, float] = {}
    flow = find_flow_name()
    for variant in VARIANTS:
        latest = root / name_flow(flow, variant) / "latest_run"  # Metaflow resumes this one, too
        if latest.is_file():
            started[variant] = latest.stat().st_mtime
    return max(started, key=lambda variant: started[variant]) if started else None
