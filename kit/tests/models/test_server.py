"""The server answers, refuses bad rows with a reason, and its failure to start is reported."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
import torch
from scaffold import MakeRun

from mlpo_kit.config import Project
from mlpo_kit.errors import PipelineError
from mlpo_kit.models.client import serving
from mlpo_kit.models.predict import format_predictions, predict_test_rows
from mlpo_kit.models.predictor import ClassPredictor
from mlpo_kit.models.registry import open_registry

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 16), (5,)])
def test_the_server_predicts_as_the_model_does_and_refuses_with_a_reason(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    from pets.model import Classifier, ModelSpec, load, save

    torch.manual_seed(0)
    spec = ModelSpec(shape, ("a", "b", "c"), width=8, blocks=(1, 1), dropout=0.1)
    save(Classifier(spec), tmp_path / "model.safetensors")
    x = torch.rand(4, *shape)
    with torch.inference_mode():
        expected = load(tmp_path / "model.safetensors")(x).softmax(1).numpy()

    with serving(tmp_path / "model.safetensors", tmp_path / "log", 60) as server:
        answers = server.predict(x.numpy())
        assert np.asarray(answers["probabilities"]) == pytest.approx(expected, abs=1e-5)
        assert answers["labels"] == ["abc"[number] for number in expected.argmax(1)]
        for rows, reason in (
            ([[1, 2]], "a row must have the shape"),
            ([["x"]], "rows must be numbers"),
            ([], "at least 1 item"),
        ):
            answer = requests.post(f"{server.url}/predict", json={"rows": rows}, timeout=10)
            assert answer.status_code == 422
            assert reason in answer.text
        with pytest.raises(PipelineError, match=r"422 .*a row must have the shape"):
            server.predict([[1, 2]])
        health = requests.get(f"{server.url}/health", timeout=10).json()
        assert health["classes"] == ["a", "b", "c"]


def test_a_model_without_classes_can_be_served(
    toy: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.pathsep.join([str(toy.root / "src"), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    (tmp_path / "model.json").write_text(json.dumps({"factor": 2}))
    with serving(tmp_path / "model.json", tmp_path / "log", 60) as server:
        assert server.predict([1, 2]) == {"values": [2, 4]}
        health = requests.get(f"{server.url}/health", timeout=10).json()
        assert health["factor"] == 2
        with pytest.raises(PipelineError, match="rows must be numbers"):
            server.predict(["one"])


@pytest.mark.usefixtures("project")
def test_a_server_that_stops_is_reported_with_its_output(tmp_path: Path) -> None:
    with (
        pytest.raises(PipelineError, match="the model server stopped"),
        serving(tmp_path / "missing.safetensors", tmp_path / "log", 60) as server,
    ):
        server.predict([1])


def test_the_champion_predicts_test_rows(make_project_run: MakeRun) -> None:
    from mlpo_kit.execution.inprocess import run_pipeline

    run = make_project_run()
    run_pipeline(run)
    champion = open_registry(run.settings).champion()
    assert champion is not None
    document = predict_test_rows(run.store, champion.number, run.store.open(champion.model), 5)
    assert len(document["predictions"]["labels"]) == len(document["truth"]) == 5
    assert len(set(document["truth"])) == 5
    assert "the truth is " in format_predictions(document)


def test_a_classifier_refuses_rows_that_are_not_numbers() -> None:
    def classify(x: np.ndarray) -> Any:
        return np.tile([0.25, 0.75], (len(x), 1))

    predictor = ClassPredictor(classify, ["no", "yes"], (2,))
    assert predictor.predict([[1, 2]]) == {"labels": ["yes"], "probabilities": [[0.25, 0.75]]}
    for rows, reason in (
        ([[1, float("nan")]], "finite"),
        ([[1, 2], [1]], "all rows must have one shape"),
        ([[1, 2, 3]], r"a row must have the shape \(2,\)"),
    ):
        with pytest.raises(ValueError, match=reason):
            predictor.predict(rows)
