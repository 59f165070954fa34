"""Promote the version."""

from __future__ import annotations

from mlpo_kit import Ref, Workspace
from mlpo_kit.models.promotion import promote_version

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
    promote_version(work.run, version)
    return Deployed("champion", version)
