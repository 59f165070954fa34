"""A ZenML step for each stage of the project: `from mlpo_kit.zenml.steps import train`.

ZenML loads a step by its module and name, here and in a pod. Here both find it: as an attribute
that is made when it is asked for. No other name may be in the way of a stage's.
"""

from typing import Any as _Any

from mlpo_kit.runs.pipeline import load_pipeline as _load_pipeline
from mlpo_kit.zenml import making as _making


def __getattr__(name: str) -> _Any:
    """Make the step of a stage; raises PipelineError where PIPELINE has no stage of that name."""
    if name.startswith("_"):
        raise AttributeError(name)
    step = _making.make_step(_load_pipeline(), name, __name__)
    globals()[name] = step  # ZenML wants the same each time
    return step
