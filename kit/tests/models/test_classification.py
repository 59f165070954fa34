"""The measures of a classifier are right."""

from __future__ import annotations

import numpy as np
import pytest

from mlpo_kit.models.classification import measure_classes


def test_the_measures_are_right() -> None:
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]], np.float32)
    y = np.array([0, 0, 1, 1])
    report = measure_classes(probabilities, y, ["a", "b"], bins=10)
    assert report["confusion"] == [[2, 0], [1, 1]]
    assert report["metrics"]["accuracy"] == 0.75
    assert report["per_class"][0]["precision"] == pytest.approx(2 / 3)
    assert report["per_class"][1]["recall"] == 0.5
    assert report["metrics"]["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    likelihood = np.array([0.9, 0.8, 0.7, 0.4])
    assert report["metrics"]["log_loss"] == pytest.approx(-np.log(likelihood).mean(), abs=1e-6)
    # Bins .9, .8, .7 are right and underconfident by .1, .2, .3; bin .6 is wrong and overconfident
    # by .6.
    assert report["metrics"]["calibration_error"] == pytest.approx((0.1 + 0.2 + 0.3 + 0.6) / 4)


def test_a_class_without_rows_scores_zero() -> None:
    report = measure_classes(np.eye(3, dtype=np.float32)[[0, 1]], np.array([0, 1]), list("abc"))
    assert report["per_class"][2] == {
        "class": "c",
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
        "rows": 0,
    }
    assert report["metrics"]["macro_f1"] == pytest.approx(2 / 3)
    assert report["metrics"]["log_loss"] == pytest.approx(0, abs=1e-6)
