"""The adapter of Metaflow: what a project's flow stands on, where its steps run, what cleans up.

Names are loaded when they are first used: the command line asks the adapter without Metaflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpo_kit.metaflow.flow import PipelineFlow
    from mlpo_kit.metaflow.start import main

__all__ = ["PipelineFlow", "main"]
_MODULES = {"PipelineFlow": "flow", "main": "start"}


def __getattr__(name: str) -> Any:
    """Load a public name from the module that holds it."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
