"""The pipeline on ZenML. `mlpo_kit.zenml.steps` has a step for each stage of the project.

Names are loaded when they are first used: what the command line needs loads no ZenML.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpo_kit.zenml.hooks import note_failure
    from mlpo_kit.zenml.launch import main
    from mlpo_kit.zenml.materializers import RefMaterializer
    from mlpo_kit.zenml.work import Settings, get_run

_MODULES = {
    "RefMaterializer": "materializers",
    "Settings": "work",
    "get_run": "work",
    "main": "launch",
    "note_failure": "hooks",
}
__all__ = ["RefMaterializer", "Settings", "get_run", "main", "note_failure"]


def __getattr__(name: str) -> Any:
    """Load a public name from the module that holds it."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
