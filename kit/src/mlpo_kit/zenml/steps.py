"""A ZenML step for each stage of the project: `from mlpo_kit.zenml.steps import train`.

ZenML loads a step by its module and name, on this machine and in a pod. Each step is an attribute
of this module that is made on first use. The module has no other public names, so that a stage can
have any name.
"""

from typing import Any as _Any

from mlpo_kit.runs.pipeline import load_pipeline as _load_pipeline
from mlpo_kit.zenml import making as _making


def __getattr__(name: str) -> _Any:
    """Make the step of a stage; raises PipelineError if PIPELINE has no such stage."""
    if name.startswith("_"):
        raise AttributeError(name)
    step = _making.make_step(_load_pipeline(), name, __name__)
    globals()[name] = step  # ZenML needs the same object each time
    return step
