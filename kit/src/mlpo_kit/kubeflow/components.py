"""One KFP component for each stage of PIPELINE, under the stage's name.

    from mlpo_kit.kubeflow.components import ingest, train

    data = ingest(settings=settings)
    trained = train(settings=settings, dataset=data.outputs["dataset"]).set_retry(1)

Call each with the stage's inputs in PIPELINE and, optionally, `settings` (the changes of a run) and
`use_cache`; it returns a KFP task. This module has no other public names, so that a stage can have
any name.
"""

from __future__ import annotations

from functools import partial as _partial
from typing import Any as _Any

from mlpo_kit.kubeflow import tasks as _tasks
from mlpo_kit.runs.pipeline import load_pipeline as _load_pipeline


def __getattr__(name: str) -> _Any:
    """Make the component of a stage; raises PipelineError if PIPELINE has no such stage."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _partial(_tasks.add_task, _load_pipeline()[name].name)
