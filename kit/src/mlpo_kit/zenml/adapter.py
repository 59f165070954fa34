"""What ZenML's part of the kit offers to the command line. Importing it imports no ZenML."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlpo_kit.cluster.description import Cluster
from mlpo_kit.cluster.workloads import PRUNE
from mlpo_kit.zenml.cluster import ZenmlCluster

if TYPE_CHECKING:
    from mlpo_kit.cluster.pods import Manifest

CLUSTER: type[Cluster] = ZenmlCluster
PRUNE_COMMAND: Sequence[str] | None = PRUNE
VERBS: Mapping[str, str] = {
    "submit": "mlpo_kit.zenml.submit",
    "dashboard": "mlpo_kit.zenml.dashboard",
    "stacks": "mlpo_kit.zenml.stacks",
}


def run(options: Any) -> int:
    """Run the pipeline, or a sweep; returns 0, or 2 for unknown arguments.

    `options` are the `RunOptions` of the command line, the layer above.
    """
    from mlpo_kit.zenml.launch import make_request, run_request

    if options.more:
        unknown = " ".join(options.more)
        print(
            f"error: unknown arguments: {unknown}; other settings: --set train.epochs=5",
            file=sys.stderr,
        )
        return 2
    request = make_request(
        options.profile,
        options.changes,
        use_cache=options.use_cache,
        sweep=options.sweep,
        skip=options.skip,
    )
    run_request(request)
    return 0


def find_kept_runs(settings: Any) -> Collection[str]:
    """Find the runs that are tagged `keep` in ZenML."""
    from mlpo_kit.zenml.prune import find_kept_runs

    return find_kept_runs(settings)


def forget_runs(settings: Any, run_ids: Collection[str]) -> None:
    """Delete what ZenML keeps of runs; it may be told of the same run twice."""
    from mlpo_kit.zenml.prune import forget_runs

    forget_runs(settings, run_ids)


def render_manifests(settings: Any, document: dict[str, Any]) -> dict[str, list[Manifest]]:
    """Render the jobs of the steps as ZenML makes them, and what lets it make them."""
    from mlpo_kit.zenml.manifests import render_manifests

    return render_manifests(settings, document)


def find_manifest_problems(settings: Any, document: dict[str, Any]) -> list[str]:
    """Find nothing: what is wrong with a run configuration stops the rendering."""
    return []


def compare_pipeline() -> list[str]:
    """Compare pipeline/training.py with PIPELINE; returns where they disagree, in words."""
    from mlpo_kit.zenml.compare import compare_pipeline

    return compare_pipeline()
