"""A candidate becomes the champion only if the served model predicts what it did offline."""

from __future__ import annotations

import numpy as np
import pytest
from scaffold import MakeRun

from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.models.client import Client
from mlpo_kit.models.promotion import compare_predictions
from mlpo_kit.models.registry import open_registry
from mlpo_kit.runs.summary import LATEST, summarize


def test_predictions_are_compared_number_by_number() -> None:
    offline = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert compare_predictions(offline, offline, 1e-3) == 0
    assert compare_predictions(offline + 5e-4, offline, 1e-3) == pytest.approx(5e-4)
    with pytest.raises(PipelineError, match=r"1 of 2 rows by more than 0\.001, row 1 most"):
        compare_predictions(offline, offline + np.array([[0, 0], [0, 0.1]]), 1e-3)
    with pytest.raises(PipelineError, match="2 of 2 rows"):
        compare_predictions(np.full((2, 2), np.nan), offline, 1e-3)
    words = r"answers with shape \(1, 2\), the evaluation with \(2, 2\)"
    with pytest.raises(PipelineError, match=words):
        compare_predictions(offline[:1], offline, 1e-3)
    assert compare_predictions(np.array([1.0, 2.0]), np.array([1.0, 2.5]), 1) == 0.5  # a regression


@pytest.mark.slow
def test_a_served_model_that_differs_is_not_deployed(
    make_project_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make_project_run("1")
    run_pipeline(first)
    summary = summarize(first.store, first.pipeline, first.id)
    assert summary == first.store.read_json(LATEST)
    assert summary["metrics"]["accuracy"] > 0.9
    before = open_registry(first.settings).champion()
    assert before is not None
    assert before.model.sha256 == summary["model"]["digest"]

    served = Client.predict

    def predict(self: Client, rows: object) -> dict[str, list[list[float]]]:
        answers = served(self, rows)
        return {**answers, "probabilities": [row[::-1] for row in answers["probabilities"]]}

    monkeypatch.setattr(Client, "predict", predict)
    second = make_project_run("2", train={"seed": 8}, register={"max_regression": 1})
    with pytest.raises(PipelineError, match="differs from the evaluation"):
        run_pipeline(second)
    assert open_registry(second.settings).champion() == before


@pytest.mark.slow
def test_a_changed_payload_is_noticed(make_project_run: MakeRun) -> None:
    run = make_project_run(train={"epochs": 1})
    model = run_pipeline(run, last="train")["train"].model
    weights = run.store.open(model)
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(PipelineError, match="was changed"):
        run.store.open(model)
