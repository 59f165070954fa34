"""What Kubeflow offers to the command line. Importing it imports nothing of KFP."""

from __future__ import annotations

import sys
from typing import Any

from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.kubeflow.description import KubeflowCluster
from mlpo_kit.kubeflow.prune import find_kept_runs, forget_runs

__all__ = [
    "CLUSTER",
    "PRUNE_COMMAND",
    "VERBS",
    "compare_pipeline",
    "find_kept_runs",
    "find_manifest_problems",
    "forget_runs",
    "render_manifests",
    "run",
]

CLUSTER = KubeflowCluster
PRUNE_COMMAND = None  # a pipeline of KFP does it: `make schedule-prune`
VERBS = {
    "compile": "mlpo_kit.kubeflow.verbs.compile",
    "submit": "mlpo_kit.kubeflow.verbs.submit",
    "schedule": "mlpo_kit.kubeflow.verbs.schedule",
    "schedule-prune": "mlpo_kit.kubeflow.verbs.schedule_prune",
}


def run(options: Any) -> int:
    """Run the pipeline, or a sweep, on this machine; returns the exit code.

    `options` are the RunOptions of the command line, which is a layer above this one.
    Raises PipelineError when a stage fails, or a setting is wrong.
    """
    from mlpo_kit.kubeflow.running import run_here

    if options.more:
        print(f"error: unrecognized arguments: {' '.join(options.more)}", file=sys.stderr)
        return 2
    run_here(options.read_document(), options.use_cache, options.sweep)
    return 0


def render_manifests(settings: Any, document: dict[str, Any]) -> dict[str, list[Manifest]]:
    """Render the manifests that only Kubeflow needs, by the name of their file."""
    from mlpo_kit.kubeflow.manifests import render_own_manifests

    return render_own_manifests(settings)


def find_manifest_problems(settings: Any, document: dict[str, Any]) -> list[str]:
    """Find what is wrong with the pipelines that the cluster is given."""
    from mlpo_kit.kubeflow.compiling import find_all_problems
    from mlpo_kit.kubeflow.manifests import find_missing_gpus

    return [*find_all_problems(settings, document), *find_missing_gpus(settings)]


def compare_pipeline() -> list[str]:
    """Compare the pipeline file with PIPELINE; returns where they disagree, in words."""
    from mlpo_kit.kubeflow import compiling

    return compiling.compare_pipeline()
