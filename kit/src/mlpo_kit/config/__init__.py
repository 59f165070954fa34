"""Settings: profiles, sections, and the project they belong to.

Names are loaded on first use: pydantic takes a tenth of a second, which finding the project need
not wait for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpo_kit.config.project import Project, find_project
    from mlpo_kit.config.sections import (
        OPERATIONAL,
        BelowOne,
        CachingSettings,
        Device,
        ProcessSettings,
        Resources,
        RetentionSettings,
        Share,
        TrainingSettings,
        section,
    )
    from mlpo_kit.config.settings import BaseSettings, load_settings

_MODULES = {
    "BaseSettings": "settings",
    "Project": "project",
    "find_project": "project",
    "load_settings": "settings",
}  # the other names are in `sections`
__all__ = [
    "OPERATIONAL",
    "BaseSettings",
    "BelowOne",
    "CachingSettings",
    "Device",
    "ProcessSettings",
    "Project",
    "Resources",
    "RetentionSettings",
    "Share",
    "TrainingSettings",
    "find_project",
    "load_settings",
    "section",
]


def __getattr__(name: str) -> Any:
    """Load a public name from the module that defines it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES.get(name, 'sections')}"), name)
