"""The library that the projects of mlpo stand on.

Names are loaded when they are first used, so that `import mlpo_kit` takes milliseconds.
"""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlpo_kit.config.project import Project, find_project
    from mlpo_kit.errors import IntegrityError, PipelineError
    from mlpo_kit.runs.gate import Gate, Verdict
    from mlpo_kit.runs.pipeline import Highlights, Pipeline, Stage, load_pipeline
    from mlpo_kit.runs.usage import Usage
    from mlpo_kit.runs.workspace import Run, Workspace
    from mlpo_kit.store.base import Ref

STARTED = time.time()  # seconds since the epoch: code that is newer is not what this process runs

_MODULES = {
    "Gate": "runs.gate",
    "Highlights": "runs.pipeline",
    "IntegrityError": "errors",
    "Pipeline": "runs.pipeline",
    "PipelineError": "errors",
    "Project": "config.project",
    "Ref": "store.base",
    "Run": "runs.workspace",
    "Stage": "runs.pipeline",
    "Usage": "runs.usage",
    "Verdict": "runs.gate",
    "Workspace": "runs.workspace",
    "find_project": "config.project",
    "load_pipeline": "runs.pipeline",
}
__all__ = [
    "Gate",
    "Highlights",
    "IntegrityError",
    "Pipeline",
    "PipelineError",
    "Project",
    "Ref",
    "Run",
    "Stage",
    "Usage",
    "Verdict",
    "Workspace",
    "find_project",
    "load_pipeline",
]


def __getattr__(name):  # type: ignore[no-untyped-def] # installed by Pythons without annotations
    """Load a public name from the module that holds it."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
