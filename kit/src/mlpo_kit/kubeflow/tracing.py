"""Trace a pipeline file again, for the settings and the place that are known by then.

`@dsl.pipeline` calls the user's function as the file is imported, before a profile is known. So it
is called again, and the tasks look up here which run they belong to.
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

PlannedSweep = tuple[dict[str, Any], Sweep, list[Trial]]  # its file, what it means, its trials


@dataclass
class Tracing:
    """One pass over a pipeline: for whom, and the tasks so far."""

    pipeline: Pipeline
    profile: dict[str, Any] | None = None  # None: as the file is imported
    settings: Any = None
    cluster: KubeflowCluster | None = None  # None: this machine
    sweep: PlannedSweep | None = None
    by_request: bool = False  # the training is asked for by a request, so that KFP may skip it
    tasks: dict[str, Any] = field(default_factory=dict)  # by stage
    trial: Any = None  # the task of a sweep's trials

    @functools.cached_property
    def context(self) -> dict[str, Any]:
        """What every task is told besides its inputs."""
        # A name is enough here; on a cluster names repeat and ids do not.
        there = self.cluster is not None
        return {
            "run_id": dsl.PIPELINE_JOB_ID_PLACEHOLDER
            if there
            else dsl.PIPELINE_JOB_NAME_PLACEHOLDER,
            "profile": "" if self.profile is None else json.dumps(self.profile),
            # Compared where a task runs in an image; here it is the same code.
            "code": hash_project_code() if there else "",
            "kit": find_kit_version() if there else "",
        }


_current: ContextVar[Tracing | None] = ContextVar("tracing", default=None)


def find_tracing() -> Tracing:
    """Find the pass that is under way; outside of one, that of an import."""
    return _current.get() or Tracing(load_pipeline())


@contextmanager
def use_tracing(tracing: Tracing) -> Iterator[None]:
    """Make a pass the current one."""
    token = _current.set(tracing)
    try:
        yield
    finally:
        _current.reset(token)


def trace_pipeline(
    drawn: Any,
    profile: dict[str, Any],
    cluster: KubeflowCluster | None = None,
    sweep: PlannedSweep | None = None,
    by_request: bool | None = None,
) -> Any:
    """Trace what `@dsl.pipeline` made of the user's function, for a profile's settings.

    `profile` is a document that was checked. With a sweep it trains once per trial, and goes on
    with the best. The name and the configuration that the user gave the pipeline are kept.
    """
    from mlpo_kit.kubeflow.placement import limit_run
    from mlpo_kit.kubeflow.sweeping import hand_over_limits

    settings = check_settings(profile)
    asks = (cluster is not None) if by_request is None else by_request
    tracing = Tracing(
        load_pipeline(), profile, settings, cluster, sweep, by_request=asks and sweep is None
    )
    function = drawn.pipeline_func

    @functools.wraps(function)
    def draw(*inputs: Any, **named: Any) -> Any:
        tracing.tasks.clear()
        outputs = function(*inputs, **named)
        if tracing.sweep:
            hand_over_limits(tracing)
        return outputs

    config = drawn.pipeline_config
    if config is None and cluster is not None:
        config = limit_run(settings, cluster)
    name = name_pipeline(drawn, settings.project) + ("-sweep" if sweep else "")
    with use_tracing(tracing), name_lines():
        return dsl.pipeline(name=name, pipeline_config=config)(draw)


def name_pipeline(drawn: Any, project: str) -> str:
    """Name a pipeline: as the user did in `@dsl.pipeline(name=...)`, else after the project."""
    default = drawn.pipeline_func.__name__.replace("_", "-")
    return str(drawn.name) if drawn.name != default else clean_name(project)


def clean_name(text: str) -> str:
    """Make a name as KFP allows it: lower case letters and digits, with hyphens between."""
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")
