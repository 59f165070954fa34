"""`mlpo-kit ui` shows MLflow's UI, from packages of its own, and leaves the registry as it is."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from mlpo_kit.cli.__main__ import main
from mlpo_kit.config.project import Project
from mlpo_kit.models import ui_environment
from mlpo_kit.models.tracking import connect
from mlpo_kit.models.ui_environment import FOLDER

NOWHERE = "http://127.0.0.1:9/simple"


def read_schema(database: Path) -> list[tuple[str, ...]]:
    """Read the revision and the tables of a registry."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        return [*connection.execute("SELECT version_num FROM alembic_version"), *tables]


def test_the_address_of_a_server_is_printed_without_its_password(
    toy: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example.com:5000/team")
    assert main(["ui", "--no-browser"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("MLflow's UI: https://mlflow.example.com:5000/team (")
    assert "secret" not in out


def test_before_the_first_run_the_ui_has_nothing_to_show(
    toy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ui"]) == 1
    assert "nothing was tracked in" in capsys.readouterr().err
    assert not (toy.root / FOLDER).exists()


def test_a_damaged_registry_is_reported_and_left_as_it_is(
    toy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    database = toy.root / "registry" / "mlflow.db"
    database.parent.mkdir()
    for content in (b"", b"no database" * 1000):
        database.write_bytes(content)
        assert main(["ui", "--port", "0"]) == 1
        assert f"{database} is not a readable MLflow database" in capsys.readouterr().err
        assert database.read_bytes() == content


def test_a_taken_port_is_reported_before_anything_is_installed(
    toy: Project, registry: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["ui", "--port", str(port)]) == 1
    assert f"port {port} is taken by" in capsys.readouterr().err
    assert not (toy.root / FOLDER).exists()


def test_the_ui_of_another_mlflow_is_refused(
    toy: Project,
    registry: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(ui_environment, "LOCK", tmp_path / "lock")
    (tmp_path / "lock").write_text("mlflow==4.0.0 \\\n    --hash=sha256:0\n")
    assert main(["ui", "--port", "0"]) == 1
    assert "MLflow 4.0.0, but the project has mlflow-skinny 3." in capsys.readouterr().err


@pytest.mark.slow
def test_without_a_package_index_the_first_use_fails_with_a_sentence(
    toy: Project,
    registry: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in (
        ("UV_DEFAULT_INDEX", NOWHERE),
        ("UV_CACHE_DIR", str(tmp_path / "cache")),
        ("UV_HTTP_RETRIES", "0"),
    ):
        monkeypatch.setenv(name, value)
    assert main(["ui", "--port", "0"]) == 1
    *_, sentence = capsys.readouterr().err.splitlines()
    assert "error: MLflow's UI could not be installed: " in sentence
    assert "127.0.0.1:9" in sentence
    assert [path.name for path in (toy.root / FOLDER).iterdir()] == [".lock"]


@pytest.fixture
def ui(toy: Project, registry: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The UI of a registry with one tracked run, in a process, and its address."""
    client = connect(toy.root / "registry")
    location = (toy.root / "registry" / "artifacts").as_uri()
    experiment = client.create_experiment("toy", artifact_location=location)
    client.create_run(experiment, run_name="the run", tags={"mlpo.run": "1"})
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    paths = [str(toy.root / "src"), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlpo_kit.cli", "ui", "--port", str(port), "--no-browser"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process, f"http://127.0.0.1:{port}"
    process.kill()
    process.communicate()
    shutil.rmtree(toy.root / FOLDER, ignore_errors=True)  # 0.6 GB


@pytest.mark.full
@pytest.mark.slow
def test_the_ui_lists_the_tracked_runs_and_ctrl_c_ends_it(
    ui: tuple[subprocess.Popen[str], str], toy: Project
) -> None:
    process, url = ui
    before = read_schema(toy.root / "registry" / "mlflow.db")
    files = {path.name for path in toy.root.iterdir()} - {FOLDER}
    assert process.stdout is not None
    assert f" {url} " in process.stdout.readline(), process.communicate()

    page = requests.get(url, timeout=60)
    assert page.ok
    assert "MLflow" in page.text
    api = f"{url}/api/2.0/mlflow"
    answer = requests.post(f"{api}/experiments/search", json={"max_results": 10}, timeout=60)
    experiments = {each["name"]: each["experiment_id"] for each in answer.json()["experiments"]}
    query = {"experiment_ids": [experiments["toy"]], "max_results": 10}
    runs = requests.post(f"{api}/runs/search", json=query, timeout=60).json()["runs"]
    assert [run["info"]["run_name"] for run in runs] == ["the run"]

    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 0
    assert messages.endswith("stopped\n")
    assert "Traceback" not in messages
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=5)
    assert read_schema(toy.root / "registry" / "mlflow.db") == before
    assert {path.name for path in toy.root.iterdir()} - {FOLDER} == files
    assert connect(toy.root / "registry").get_experiment_by_name("toy") is not None
