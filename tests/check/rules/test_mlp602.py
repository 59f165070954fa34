"""MLP602: which numbers are metrics that nobody measured."""

from __future__ import annotations

import pytest
from checking import find

HEAD = "import mlflow\nfrom zenml import log_metadata, step\n"


@pytest.mark.parametrize(
    "line",
    [
        "mlflow.log_metric('val_loss', 0.3)",
        "mlflow.log_metric(key='accuracy', value=0.3)",
        "mlflow.log_metrics({'epoch': 3, 'f1_score': 0.8})",
        "log_metadata(metadata={'test accuracy': 0.9})",
        "model.metadata['auc'] = 0.7",
        "A = 0.7\nmodel.metadata['auc'] = A",
    ],
)
def test_a_number_in_the_code_is_reported(line):
    assert [finding.rule for finding in find(HEAD + line)] == ["MLP602"]


@pytest.mark.parametrize(
    "line",
    [
        "mlflow.log_metric('accuracy', score)",
        "mlflow.log_metric('accuracy', 0)",
        "mlflow.log_metric('accuracy', True)",
        "mlflow.log_metric('loss', 1e999)",
        "mlflow.log_metric('epochs', 10)",
        "mlflow.log_metric('accelerators', 2)",
        "mlflow.log_param('accuracy', 0.9)",
        "log_metadata({'rows': 1797})",
        "model.metadata['framework'] = 3",
        "model.notes['accuracy'] = 0.7",
        "A = 0.7\nA = measure()\nmodel.metadata['auc'] = A",
    ],
)
def test_what_is_measured_or_no_metric_is_not(line):
    assert find(HEAD + line) == []
