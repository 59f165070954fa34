"""The ZenML adapter. `mlpo_kit.zenml.steps` has a step for each stage of the project.

Names are loaded on first use: the command line imports the adapter without importing ZenML.
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
    """Load a public name from its module."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
