"""Generated projects, used as their README says: set up, run, served, broken and mended."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request
from pathlib import Path

import pytest
from environments import ROOT, environment
from projects import MAXIMAL, MINIMAL, Project, bare_environment, compare_defaults, generate, new

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
NOTEBOOK = ROOT / "docs" / "examples" / "look-at-a-model.ipynb"
QUICK = "ARGS=--set train.epochs=3"


@pytest.fixture(scope="module")
def green(tmp_path_factory) -> Project:
    """A minimal project on a path with a space, run once with its defaults."""
    project = generate(tmp_path_factory.mktemp("a folder"), *MINIMAL)
    project.borrow_environment(environment("metaflow", tmp_path_factory))
    project.make("run")
    return project


@pytest.fixture
def fresh(green, tmp_path) -> Project:
    """A project of its own, without runs, that borrows the environment of the green one."""
    project = generate(tmp_path, *MINIMAL)
    project.borrow_environment(green.path / ".venv")
    return project


def test_the_defaults_reach_the_accuracy_that_we_promise(green, tmp_path_factory):
    latest = green.latest()
    compare_defaults(latest, tmp_path_factory)
    assert latest["status"] == "completed"
    assert latest["metrics"]["accuracy"] >= 0.97
    assert latest["model"]["version"] == 1
    assert latest["model"]["alias"] == "champion"
    assert green.states() == dict.fromkeys(green.states(), "completed")


@pytest.mark.full
def test_one_command_generates_a_project_sets_it_up_and_runs_it(tmp_path):
    document = new(tmp_path, *MINIMAL, "--orchestrator", "metaflow", "--run")
    assert document["run"] == Project(Path(document["path"])).latest()
    assert document["run"]["status"] == "completed"


def test_the_summary_document_has_the_published_shape(green):
    latest = green.latest()
    assert latest["schema_version"] == 2
    assert latest["orchestrator"] == "metaflow"
    assert re.fullmatch("[0-9a-f]{64}", latest["dataset"]["version"])
    assert re.fullmatch("[0-9a-f]{64}", latest["model"]["digest"])
    assert latest["device"].startswith("cpu")
    for stage in latest["stages"]:
        assert set(stage) == {"name", "status", "cache", "reason", "seconds"}


def test_the_report_is_one_file_that_needs_no_network(green):
    said = green.make("report").stdout
    page = (green.path / "report.html").read_text()
    assert str(green.path / "report.html") in said
    assert green.latest()["run_id"] in page
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "url(" not in page


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine to open the report in")
def test_the_report_opens_in_a_real_browser_without_a_network(green, tmp_path):
    green.make("report")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    offline = ["--disable-quic", "--host-resolver-rules=MAP * ~NOTFOUND"]
    picture = tmp_path / "report.png"
    subprocess.run(
        [
            *(*command, *quiet, *offline, f"--user-data-dir={tmp_path / 'profile'}"),
            *("--window-size=1200,2300", f"--screenshot={picture}"),
            (green.path / "report.html").as_uri(),
        ],
        capture_output=True,
        check=True,
        timeout=120,
    )
    # A page that failed to render is a few kilobytes of one colour.
    assert picture.stat().st_size > 100_000


def test_predictions_come_from_the_served_champion(green):
    said = green.make("predict").stdout
    assert "version 1 at http://127.0.0.1:" in said
    assert len(re.findall(r"^  \d \(\d+\.\d%\), the truth is \d$", said, re.MULTILINE)) == 5


def test_serve_answers_over_http_until_it_is_stopped(green):
    command = ["make", "serve", "PORT=0"]
    with subprocess.Popen(
        command,
        cwd=green.path,
        env=bare_environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        try:
            line = server.stdout.readline()
            url = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
            with urllib.request.urlopen(f"{url}/health", timeout=30) as answer:
                health = json.load(answer)
            assert health["version"] == 1
            assert health["digest"] == green.latest()["model"]["digest"]
        finally:
            os.killpg(server.pid, signal.SIGINT)


def run_python(project: Project, *arguments: str) -> str:
    """Run the project's Python in a folder below the project's, as a notebook there would."""
    folder = project.path / "notebooks"
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [project.path / ".venv" / "bin" / "python", *arguments],
        cwd=folder,
        env={**bare_environment(), "PYTHONPATH": str(project.path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.full  # kit/tests/notebook covers most of it
def test_the_example_notebook_and_the_lines_of_the_readme_run(green):
    said = run_python(green, str(ROOT / "tests" / "run_notebook.py"), str(NOTEBOOK))
    assert said.startswith("version 1 of run ")
    assert {"<b>loss</b>", "<b>accuracy</b>"} <= set(re.findall("<b>.*?</b>", said))  # the curves
    wrong = int(re.search(r"(\d+) of \d+ predictions are wrong", said)[1])
    assert len(re.findall(r"^row \d+: \d \(\d+\.\d%\), but it is \d$", said, re.M)) == min(wrong, 3)
    assert "@@" in said
    (lines,) = re.findall(
        r"^```python\n(.*?)^```$", (green.path / "README.md").read_text(), re.S | re.M
    )
    assert "'accuracy': 0.9" in run_python(green, "-c", lines)


def test_the_example_notebook_is_saved_without_output():
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [(cell["outputs"], cell["execution_count"]) for cell in code] == [([], None)] * len(code)


@pytest.mark.full  # kit/tests/handover covers most of it
def test_a_champion_goes_to_a_clone_as_one_file(green, fresh):
    predict = (
        "import mlpo_kit; model = mlpo_kit.open_model();"
        "rows = [[[[8.0] * 8] * 8]] * 3; print(model.predict(rows)['probabilities'])"
    )
    said = green.make("export", f"ARGS=--to {fresh.path}/handed-over.zip").stdout
    digest = re.search("SHA-256 ([0-9a-f]{64})", said)[1]
    assert digest in fresh.make("import", "FILE=handed-over.zip", "PROMOTE=1").stdout
    assert fresh.champion() == 1
    assert fresh.latest()["run_id"] == f"{green.latest()['run_id']}-imported"
    assert fresh.latest()["metrics"] == green.latest()["metrics"]
    assert run_python(fresh, "-c", predict) == run_python(green, "-c", predict)
    assert "an imported run has no data" in fresh.make("predict", check=False).stderr
    assert "one of the last 10" in fresh.make("prune").stdout
    fresh.make("run")  # trains the same model: it stays version 1
    assert fresh.champion() == 1


def test_there_is_nothing_to_roll_back_to_yet(green):
    done = green.make("rollback", check=False)
    assert done.returncode != 0
    assert "no champion before version 1" in done.stderr
    assert "Traceback" not in done.stderr


def test_style_and_types_of_a_minimal_project_pass(green):
    green.make("lint")


@pytest.mark.full  # the kit's recipes run them, in projects that were changed
def test_its_own_tests_pass(green):
    green.make("test")


@pytest.mark.full
def test_a_second_run_from_scratch_gives_the_same_model(green, fresh):
    fresh.make("run")
    assert fresh.latest()["model"] == green.latest()["model"]
    assert fresh.latest()["metrics"] == green.latest()["metrics"]


@pytest.mark.full
def test_rollback_and_what_stops_a_run_leave_a_champion_that_is_true(fresh):
    """One story, for each chapter needs the champion of the one before."""
    fresh.make("run", QUICK)
    fresh.make("run", "ARGS=--set train.epochs=4")
    assert fresh.champion() == 2
    assert "version 1 again" in fresh.make("rollback").stdout
    assert fresh.champion() == 1

    fresh.edit("configs/base.yaml", "min_accuracy: 0.85", "min_accuracy: 0.999")
    refused = fresh.make("run", "ARGS=--set train.epochs=2")
    assert "register refused: accuracy" in refused.stdout
    assert "Traceback" not in refused.stdout + refused.stderr
    assert fresh.latest()["status"] == fresh.states()["register"] == "refused"
    assert fresh.states()["deploy"] == "not run"
    assert fresh.champion() == 1
    fresh.edit("configs/base.yaml", "min_accuracy: 0.999", "min_accuracy: 0.85")

    # In the function that only the server calls.
    fresh.edit(
        "src/my_project/model.py",
        "model(torch.from_numpy(x)).softmax(1)",
        "model(-torch.from_numpy(x)).softmax(1)",
    )
    stopped = fresh.make("run", "ARGS=--set train.epochs=5", check=False)
    assert stopped.returncode != 0
    assert "deploy failed: the served model differs from the evaluation" in stopped.stdout
    assert fresh.states()["register"] == "completed"
    assert fresh.states()["deploy"] == "failed"
    assert fresh.champion() == 1

    fresh.kill_in_training()
    page = fresh.make("report")
    assert fresh.latest()["run_id"] in page.stdout
    assert fresh.latest()["status"] == fresh.states()["train"] == "killed"
    assert fresh.states()["validate"] in ("completed", "reused")
    assert "killed" in (fresh.path / "report.html").read_text()
    assert fresh.champion() == 1


@pytest.mark.full
def test_bad_data_stops_the_run_before_anything_trains(fresh):
    fresh.edit(
        "configs/base.yaml", "  source: digits", "  source: table\n  path: data/rows.parquet"
    )
    fresh.make("sample-data")
    python = fresh.path / ".venv" / "bin" / "python"
    spoil = """
import pyarrow
from pyarrow import parquet

table = parquet.read_table("data/rows.parquet")
column = table.column_names.index("pixel_9")
values = [None, *table["pixel_9"].to_pylist()[1:]]
table = table.set_column(column, "pixel_9", pyarrow.array(values))
parquet.write_table(table, "data/rows.parquet")
"""
    subprocess.run([python, "-c", spoil], cwd=fresh.path, check=True)
    stopped = fresh.make("run", check=False)
    assert stopped.returncode != 0
    assert "validate failed: the data is not fit to train on" in stopped.stdout
    assert "1 missing or infinite values in 1 rows, first in columns [9]" in stopped.stdout
    assert fresh.states()["train"] == "not run"


@pytest.mark.full
def test_your_data_and_your_model_as_the_readme_says(fresh):
    fresh.edit(
        "src/my_project/data.py",
        "SOURCES: dict",
        '''def load_blobs(settings: IngestSettings) -> Dataset:
    """Two clouds of points."""
    from sklearn.datasets import make_blobs

    x, y = make_blobs(1000, centers=[(0, 0), (3, 3)], random_state=0)
    return Dataset(x.astype(np.float32), y.astype(np.int64), ("low", "high"))


SOURCES: dict''',
    )
    fresh.edit(
        "src/my_project/data.py",
        '    "table": load_table,',
        '    "table": load_table,\n    "blobs": load_blobs,',
    )
    fresh.edit(
        "src/my_project/settings.py", '"images", "table"] = ', '"images", "table", "blobs"] = '
    )
    fresh.edit("configs/base.yaml", "  source: digits", "  source: blobs")
    fresh.edit(
        "src/my_project/model.py",
        "    return _convolutions(spec) if len(spec.input_shape) == 3 else _layers(spec)",
        "    return nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, len(spec.classes)))",
    )
    fresh.make("run")
    assert fresh.latest()["status"] == "completed"
    assert fresh.latest()["metrics"]["accuracy"] > 0.95
    fresh.make("lint")


@pytest.mark.full
def test_a_maximal_project_works_with_pictures(tmp_path):
    project = generate(tmp_path, *MAXIMAL)
    project.make("setup")
    missing = project.make("run", check=False)
    assert missing.returncode != 0
    assert "make sample-data" in missing.stdout
    project.make("sample-data")
    project.edit("configs/base.yaml", "image_size: 32", "image_size: 16")
    project.make("run", "ARGS=--set train.epochs=4")
    assert project.latest()["metrics"]["accuracy"] > 0.9
    project.make("lint")
    # The others run with Metaflow's minimal project, and with every two options in test-full.
    project.make("test", 'ARGS=-m "not slow"')

    def pins() -> set[str]:
        text = (project.path / "requirements.lock").read_text()
        return set(re.findall(r"^\S+==\S+", text, re.MULTILINE))

    before = pins()
    project.edit("pyproject.toml", '"numpy>=2",', '"numpy>=2",\n    "humanize>=4",')
    project.make("lock")
    assert before <= pins()
    assert {pin.split("==")[0] for pin in pins() - before} == {"humanize"}
    python = project.path / ".venv" / "bin" / "python"
    subprocess.run([python, "-c", "import humanize"], check=True)
