"""Trace the pipeline function again, with the settings of a run and the cluster.

`@dsl.pipeline` calls the user's function on import, before the profile is known. So the function is
called a second time; while it runs, the tasks read the settings and the cluster from here.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from kfp import dsl

from mlpo_kit.caching.key import find_kit_version, hash_project_code
from mlpo_kit.config.settings import check_settings
from mlpo_kit.kubeflow.description import KubeflowCluster
from mlpo_kit.kubeflow.pipeline_file import name_lines
from mlpo_kit.runs.pipeline import Pipeline, load_pipeline
from mlpo_kit.search.space import Sweep
from mlpo_kit.search.sweep import Trial

PlannedSweep = tuple[dict[str, Any], Sweep, list[Trial]]  # the file's content, parsed, its trials


@dataclass
class Tracing:
    """One call of the pipeline function: its settings, and the tasks added so far."""

    pipeline: Pipeline
    profile: dict[str, Any] | None = None  # None: the call on import
    settings: Any = None
    cluster: KubeflowCluster | None = None  # None: this machine
    sweep: PlannedSweep | None = None
    by_request: bool = False  # training takes only a request, so that KFP may skip it
    tasks: dict[str, Any] = field(default_factory=dict)  # by stage
    trial: Any = None  # the task of a sweep's trials

    @functools.cached_property
    def context(self) -> dict[str, Any]:
        """Return the arguments of every task besides its inputs; see `ports.CONTEXT`."""
        on_cluster = self.cluster is not None
        return {
            # A local run's name is unique; on a cluster names repeat and ids do not.
            "run_id": dsl.PIPELINE_JOB_ID_PLACEHOLDER
            if on_cluster
            else dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
            "profile": "" if self.profile is None else json.dumps(self.profile),
            # A task compares these with its image; a local run has the same code anyway.
            "code": hash_project_code() if on_cluster else "",
            "kit": find_kit_version() if on_cluster else "",
        }


_current: ContextVar[Tracing | None] = ContextVar("tracing", default=None)


def find_tracing() -> Tracing:
    """Return the current tracing, or a new one without settings for the call on import."""
    return _current.get() or Tracing(load_pipeline())


@contextmanager
def use_tracing(tracing: Tracing) -> Iterator[None]:
    """Make this tracing the current one during a block."""
    token = _current.set(tracing)
    try:
        yield
    finally:
        _current.reset(token)


def trace_pipeline(
    kfp_pipeline: Any,
    profile: dict[str, Any],
    cluster: KubeflowCluster | None = None,
    sweep: PlannedSweep | None = None,
    by_request: bool | None = None,
) -> Any:
    """Trace the user's pipeline again with a profile's settings; return the new KFP pipeline.

    `profile` is a checked document. With a sweep, the pipeline trains once per trial and continues
    with the best. A name and a configuration that the user set in `@dsl.pipeline` are kept.
    """
    from mlpo_kit.kubeflow.placement import limit_run
    from mlpo_kit.kubeflow.sweeping import hand_over_limits

    settings = check_settings(profile)
    if by_request is None:
        by_request = cluster is not None
    tracing = Tracing(
        load_pipeline(), profile, settings, cluster, sweep, by_request=by_request and sweep is None
    )
    function = kfp_pipeline.pipeline_func

    @functools.wraps(function)
    def call_function(*args: Any, **kwargs: Any) -> Any:
        tracing.tasks.clear()
        outputs = function(*args, **kwargs)
        if tracing.sweep:
            hand_over_limits(tracing)
        return outputs

    config = kfp_pipeline.pipeline_config
    if config is None and cluster is not None:
        config = limit_run(settings, cluster)
    name = name_pipeline(kfp_pipeline, settings.project) + ("-sweep" if sweep else "")
    with use_tracing(tracing), name_lines():
        return dsl.pipeline(name=name, pipeline_config=config)(call_function)


def name_pipeline(kfp_pipeline: Any, project: str) -> str:
    """Return the pipeline's name in `@dsl.pipeline(name=...)`, or else the project's name."""
    default = kfp_pipeline.pipeline_func.__name__.replace("_", "-")
    return str(kfp_pipeline.name) if kfp_pipeline.name != default else clean_name(project)


def clean_name(text: str) -> str:
    """Make a name that KFP allows: lower case letters and digits, joined by hyphens."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")
