"""A tracking run holds the whole history of a training, however long it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpo_kit.models.tracking import Lineage, connect, log_run

EPOCHS = 300  # with six columns 1,800 metrics; MLflow takes 1,000 at a time


@pytest.mark.slow
def test_a_run_logs_the_whole_history_and_the_test_metrics(tmp_path: Path) -> None:
    columns = ("train_loss", "val_loss", "val_accuracy", "learning_rate", "seconds", "rate")
    history = [
        {"epoch": epoch, **dict.fromkeys(columns, epoch / 7)} for epoch in range(1, EPOCHS + 1)
    ]
    params = {f"train.setting_{number}": number for number in range(150)}
    metrics = {"accuracy": 0.9, "log_loss": 0.1}
    lineage = Lineage("1", "data", "code", params, metrics, history)
    page = tmp_path / "report.html"
    page.write_text("<p>the page</p>")
    client = connect(tmp_path / "registry")

    run_id = log_run(client, "toy", tmp_path / "registry", lineage, [page])

    run = client.get_run(run_id)
    assert run.data.metrics["test_accuracy"] == 0.9
    assert run.data.metrics["test_log_loss"] == 0.1
    assert run.data.params == {name: str(value) for name, value in params.items()}
    assert run.info.status == "FINISHED"
    assert [file.path for file in client.list_artifacts(run_id)] == ["report.html"]
    for name in columns:
        points = client.get_metric_history(run_id, name)
        assert [point.step for point in points] == list(range(1, EPOCHS + 1))
        assert points[-1].value == EPOCHS / 7
