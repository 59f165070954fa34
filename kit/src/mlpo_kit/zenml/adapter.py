"""The ZenML adapter for the command line. Importing this module does not import ZenML."""

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
    """Run the pipeline or a sweep; return 0, or 2 for unknown arguments.

    `options` are the command line's RunOptions; that layer is above this one, so the type is not
    imported.
    """
    from mlpo_kit.zenml.launch import make_request, run_request

    if options.extra_arguments:
        unknown = " ".join(options.extra_arguments)
        print(
            f"error: unknown arguments: {unknown}; to change a setting: --set train.epochs=5",
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


def delete_runs(settings: Any, run_ids: Collection[str]) -> None:
    """Delete what ZenML stores for these runs; a run that is deleted already is no error."""
    from mlpo_kit.zenml.prune import delete_runs

    delete_runs(settings, run_ids)


def render_manifests(settings: Any, document: dict[str, Any]) -> dict[str, list[Manifest]]:
    """Render the jobs of the steps as ZenML creates them, and the role that it needs for that."""
    from mlpo_kit.zenml.manifests import render_manifests

    return render_manifests(settings, document)


def find_manifest_problems(settings: Any, document: dict[str, Any]) -> list[str]:
    """Return no problems: an error in the run configuration already stops the rendering."""
    return []


def compare_pipeline() -> list[str]:
    """Compare pipeline/training.py with PIPELINE; return a sentence for each difference."""
    from mlpo_kit.zenml.compare import compare_pipeline

    return compare_pipeline()
