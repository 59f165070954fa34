"""Open a model: predict with it, and see where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlpo_kit.config.settings import BaseSettings, load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.models.champion import CHAMPION
from mlpo_kit.models.choosing import find_run_of_version, find_version, is_number, open_weights
from mlpo_kit.models.predictor import Predictions, Predictor, load_predictor
from mlpo_kit.models.registry import Version
from mlpo_kit.notebook.runs import OpenedRun, open_run
from mlpo_kit.runs.pipeline import load_pipeline
from mlpo_kit.store import open_store

BATCH = 256  # rows to predict at once


def open_model(which: str | int = CHAMPION, *, profile: str = "local") -> OpenedModel:
    """Open a model of the project that contains the working folder.

    which: `champion`, the number of a version, or the id of a run that trained a model
    profile: the settings that name store and registry, a file of configs/

    Raises PipelineError if there is no such model, or its weights are gone.
    """
    settings = load_settings(profile)
    if which == CHAMPION or is_number(settings, which):
        return _open_version(settings, find_version(settings, which), profile)
    run, highlights = open_run(str(which), profile=profile), load_pipeline().highlights
    number = run.find(highlights.version)
    if number is not None:
        return _open_version(settings, find_version(settings, int(number)), profile, run)
    weights = run.find(highlights.model)
    if weights is None:
        raise PipelineError(f"run {run.id} trained no model: its status is {run.status}")
    return OpenedModel(None, run.metrics, weights, load_predictor(weights), run)


def _open_version(
    settings: BaseSettings, version: Version, profile: str, run: OpenedRun | None = None
) -> OpenedModel:
    """Open a registered version; without records of its run it has only the gate's metric."""
    store = open_store(settings)
    weights = open_weights(store, version)
    metrics: Mapping[str, float] = {version.metric: version.value}
    reason = ""
    try:
        run = run or open_run(find_run_of_version(store, version), profile=profile)
        metrics = {**metrics, **run.metrics}
    except PipelineError as error:
        reason = str(error)
    return OpenedModel(version.number, metrics, weights, load_predictor(weights), run, reason)


@dataclass(frozen=True)
class OpenedModel:
    """A model that can predict, and the run that it comes from."""

    version: int | None  # its number in the registry; None if it is not registered
    metrics: Mapping[str, float]  # on the test split of its run
    weights: Path  # the verified file
    predictor: Predictor  # the project's: `describe()` and `predict(rows)`
    _run: OpenedRun | None = field(default=None, repr=False)
    _reason: str = field(default="", repr=False)  # why there is no run

    @property
    def run(self) -> OpenedRun:
        """The run that registered it; raises PipelineError if its records are gone."""
        if self._run is None:
            raise PipelineError(self._reason)
        return self._run

    def predict(self, rows: Any) -> Predictions:
        """Predict raw samples [n, ...], an array or a list; returns lists of n values, by name.

        The predictions are those that the server answers with: `labels` and `probabilities` of a
        classifier. Raises ValueError for samples that the model can't use.
        """
        rows = rows.to_numpy() if hasattr(rows, "to_numpy") else rows
        predictions: Predictions = {}
        for begin in range(0, max(len(rows), 1), BATCH):
            part = rows[begin : begin + BATCH]
            part = part.tolist() if hasattr(part, "tolist") else list(part)
            for name, values in self.predictor.predict(part).items():
                predictions.setdefault(name, []).extend(values)
        return predictions
