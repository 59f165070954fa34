"""Serve the new model for a check of its predictions, then make it the champion."""

from __future__ import annotations

import numpy as np
from mlpo_kit import Ref, Workspace
from mlpo_kit.models.client import serving
from mlpo_kit.models.promotion import compare_predictions, connect_registry
from mlpo_kit.store.arrays import map_arrays
from mlpo_kit.training.splits import open_splits

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
    """Promote a registered version whose predictions over HTTP are those of the evaluation.

    Raises PipelineError if a served prediction differs; the old champion then stays.
    """
    rows = slice(settings.rows)
    with serving(work.open(model), work.path("server.log"), settings.startup_seconds) as server:
        registry = connect_registry(work.run)  # takes seconds, in which the server starts
        opened, _ = open_splits(work.open(dataset), work.open(splits))
        samples = opened["test"].read_samples(rows)
        served = np.asarray(server.predict(samples)["probabilities"], np.float32)
    offline = map_arrays(work.open(predictions))["probabilities"][rows]
    largest = compare_predictions(served, offline, settings.tolerance)
    registry.promote(version)
    return Deployed("champion", version, len(served), largest)
