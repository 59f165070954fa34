"""A pipeline of one task, without a GPU, that prunes the store of a profile."""

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
    """Delete what the retention policy gives up, and say what stays and why."""
    from mlpo_kit.kubeflow.prune import prune_profile

    prune_profile(profile)


def make_prune_pipeline(document: dict[str, Any], cluster: KubeflowCluster) -> Any:
    """Make the pipeline that prunes, for settings that were read and checked."""
    settings = check_settings(document)

    def delete_old_runs() -> None:
        """Delete what the retention policy gives up."""
        task = prune(profile=json.dumps(document)).set_caching_options(False)
        place_task(task, settings, cluster, PRUNE_REQUEST)
        let_call_kfp(task, cluster)
        kubernetes.set_timeout(task, HOUR)

    name = f"{clean_name(settings.project)}-prune"
    return dsl.pipeline(name=name, pipeline_config=limit_run(settings, cluster))(delete_old_runs)
