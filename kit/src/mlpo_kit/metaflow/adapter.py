"""The Metaflow adapter for the command line. Importing this module does not import Metaflow."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mlpo_kit.cluster.manifests import FOLDER
from mlpo_kit.cluster.pods import Manifest
from mlpo_kit.cluster.workloads import PRUNE
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import BaseSettings
from mlpo_kit.metaflow import deletion, launch
from mlpo_kit.metaflow.compilation import compile_workflow, find_job_problems
from mlpo_kit.metaflow.description import MetaflowCluster
from mlpo_kit.store.files import write_json

CLUSTER = MetaflowCluster
PRUNE_COMMAND = PRUNE
VERBS = {
    name: f"mlpo_kit.metaflow.verbs.{name.replace('-', '_')}"
    for name in ("resume", "card", "workflow", "trigger", "workflow-delete", "flow")
}


def run(options: Any) -> int:  # the command line's RunOptions
    """Run the flow or its sweep; return the exit code."""
    return launch.run_flow(
        options.profile,
        options.changes,
        use_cache=options.use_cache,
        sweep=options.sweep,
        skip=options.skip,
        metaflow_options=options.extra_arguments,
    )


def find_kept_runs(settings: BaseSettings) -> Collection[str]:
    """Find the ids of the runs that are tagged `keep` in Metaflow."""
    return deletion.find_kept_runs(settings)


def delete_runs(settings: BaseSettings, run_ids: Collection[str]) -> None:
    """Delete what Metaflow stores for these runs."""
    deletion.delete_runs(settings, run_ids)


def render_manifests(settings: BaseSettings, document: dict[str, Any]) -> dict[str, list[Manifest]]:
    """Render Argo's WorkflowTemplate; for AWS Batch write step-functions.json instead."""
    compiled = compile_workflow(document)
    if settings.compute == "batch":
        write_json(find_project().root / FOLDER / "step-functions.json", compiled)
        return {}
    return {"workflow": [compiled["workflow"]]}


def find_manifest_problems(settings: BaseSettings, document: dict[str, Any]) -> list[str]:
    """Find the problems of a state machine; Argo's workflow is checked with the manifests."""
    if settings.compute != "batch":
        return []
    return find_job_problems(compile_workflow(document)["workflow"])


def compare_pipeline() -> list[str]:
    """Compare the flow with PIPELINE; return a sentence for each difference."""
    from mlpo_kit.metaflow.comparison import find_disagreements, load_flow
    from mlpo_kit.metaflow.variants import FLOW_FILE

    return [f"{FLOW_FILE}: {sentence}" for sentence in find_disagreements(load_flow())]
