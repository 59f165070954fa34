"""The Kubeflow adapter for the command line. Importing this module does not import KFP."""

from __future__ import annotations

import sys
from typing import Any

from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.kubeflow.description import KubeflowCluster
from mlpo_kit.kubeflow.prune import delete_runs, find_kept_runs

__all__ = [
    "CLUSTER",
    "PRUNE_COMMAND",
    "VERBS",
    "compare_pipeline",
    "delete_runs",
    "find_kept_runs",
    "find_manifest_problems",
    "render_manifests",
    "run",
]

CLUSTER = KubeflowCluster
PRUNE_COMMAND = None  # a KFP pipeline prunes: `make schedule-prune`
VERBS = {
    "compile": "mlpo_kit.kubeflow.verbs.compile",
    "submit": "mlpo_kit.kubeflow.verbs.submit",
    "schedule": "mlpo_kit.kubeflow.verbs.schedule",
    "schedule-prune": "mlpo_kit.kubeflow.verbs.schedule_prune",
}


def run(options: Any) -> int:
    """Run the pipeline or a sweep on this machine; return the exit code.

    `options` are the command line's RunOptions; that layer is above this one, so the type is not
    imported. Raises PipelineError if a stage fails or a setting is wrong.
    """
    from mlpo_kit.kubeflow.running import run_here

    if options.extra_arguments:
        print(
            f"error: unrecognized arguments: {' '.join(options.extra_arguments)}", file=sys.stderr
        )
        return 2
    run_here(options.read_document(), options.use_cache, options.sweep)
    return 0


def render_manifests(settings: Any, document: dict[str, Any]) -> dict[str, list[Manifest]]:
    """Render the manifests that only Kubeflow needs, by file name."""
    from mlpo_kit.kubeflow.manifests import render_own_manifests

    return render_own_manifests(settings)


def find_manifest_problems(settings: Any, document: dict[str, Any]) -> list[str]:
    """Find the problems of the compiled pipelines and of the GPUs that they request."""
    from mlpo_kit.kubeflow.compiling import find_all_problems
    from mlpo_kit.kubeflow.manifests import find_missing_gpus

    return [*find_all_problems(settings, document), *find_missing_gpus(settings)]


def compare_pipeline() -> list[str]:
    """Compare the pipeline file with PIPELINE; return a sentence for each difference."""
    from mlpo_kit.kubeflow import compiling, pipeline_file

    return [f"{pipeline_file.FILE}: {sentence}" for sentence in compiling.compare_pipeline()]
