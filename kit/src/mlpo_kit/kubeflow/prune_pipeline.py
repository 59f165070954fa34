"""The prune pipeline: one task, without a GPU, that prunes a profile's store."""

import json
from typing import Any

from kfp import dsl, kubernetes

from mlpo_kit.cluster.workloads import PRUNE_REQUEST
from mlpo_kit.config.settings import check_settings
from mlpo_kit.kubeflow.description import KubeflowCluster
from mlpo_kit.kubeflow.generate import make_component
from mlpo_kit.kubeflow.placement import HOUR, let_call_kfp, limit_run, place_task
from mlpo_kit.kubeflow.tracing import clean_name

# No `from __future__ import annotations` here: KFP reads the types of the component.


@make_component
def prune(profile: str) -> None:
    """Delete what the retention policy says, and print what stays and why."""
    from mlpo_kit.kubeflow.prune import prune_profile

    prune_profile(profile)


def make_prune_pipeline(document: dict[str, Any], cluster: KubeflowCluster) -> Any:
    """Make the prune pipeline for the settings in `document`, a profile that was read."""
    settings = check_settings(document)

    def delete_old_runs() -> None:
        """Delete what the retention policy says."""
        task = prune(profile=json.dumps(document)).set_caching_options(False)
        place_task(task, settings, cluster, PRUNE_REQUEST)
        let_call_kfp(task, cluster)
        kubernetes.set_timeout(task, HOUR)

    name = f"{clean_name(settings.project)}-prune"
    return dsl.pipeline(name=name, pipeline_config=limit_run(settings, cluster))(delete_old_runs)
