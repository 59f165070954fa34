"""The Metaflow adapter: the base class of a project's flow, where steps run, and cleaning up.

Names are loaded on first use: the command line imports the adapter without importing Metaflow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpo_kit.metaflow.flow import PipelineFlow
    from mlpo_kit.metaflow.start import main

__all__ = ["PipelineFlow", "main"]
_MODULES = {"PipelineFlow": "flow", "main": "start"}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
