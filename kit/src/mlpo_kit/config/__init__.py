"""Settings: profiles, sections, and the project they belong to."""

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
