"""Promote the version."""

from __future__ import annotations

from mlpo_kit import Ref, Workspace
from mlpo_kit.models.promotion import connect_registry

from ..settings import DeploySettings
from . import Deployed


def deploy(
    settings: DeploySettings,
    work: Workspace,
    model: Ref,
    dataset: Ref,
    splits: Ref,
    predictions: Ref,
    version: int,
) -> Deployed:
    """Make it the champion."""
    work.open(model)
    connect_registry(work.run).promote(version)
    return Deployed("champion", version)
