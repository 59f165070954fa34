"""The pipeline in real local runs of KFP: each task is a process."""

from __future__ import annotations

import json
import re

import pytest
from kfp_project import KUBEFLOW, STAGES, RunFolder, read_error

from mlpo_kit.cli.__main__ import main
from mlpo_kit.config.project import Project

pytestmark = pytest.mark.slow

# As `mlpo-kit run`, but as on a cluster: by request, and with KFP's own cache for the training.
WITH_KFPS_CACHE = """
import functools, sys
from kfp import local
from mlpo_kit.cli.__main__ import main
from mlpo_kit.kubeflow import tracing
local.init = functools.partial(local.init, enable_caching=True)
tracing.trace_pipeline = functools.partial(tracing.trace_pipeline, by_request=True)
sys.exit(main(["run", *sys.argv[1:]]))
"""


@pytest.fixture(scope="module")
def green(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A project with a completed run; its path needs quotes in a shell."""
    folder = RunFolder(tmp_path_factory.mktemp("a python3 $folder"))
    done = folder.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "KFP" not in done.stdout + done.stderr
    assert "executor_input" not in done.stdout
    return folder


def test_an_open_gate_registers_and_deploys(green: RunFolder) -> None:
    summary = green.read_latest()
    assert summary["status"] == "completed"
    assert summary["orchestrator"] == "kubeflow"
    assert [stage["status"] for stage in summary["stages"]] == ["completed"] * 7
    assert green.read_caches() == "miss miss miss miss miss"
    assert green.list_tasks() == set(STAGES)
    assert (summary["model"]["version"], summary["model"]["alias"]) == (1, "champion")


def test_artifacts_carry_references_and_metrics(green: RunFolder) -> None:
    summary = green.read_latest()
    model = green.read_metadata("train", "model")
    assert model["sha256"] == summary["model"]["digest"]
    assert model["uri"] == f"store://runs/{summary['run_id']}/train/model.json"
    assert green.read_metadata("evaluate", "metrics") == summary["metrics"]
    assert green.read_metadata("train", "metrics")["best_epoch"] == 3
    # Payloads are in the store; what KFP keeps is references and the report.
    files = [path for path in green.find_outputs().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 200_000


@pytest.mark.full
def test_unchanged_stages_are_reused(green: RunFolder) -> None:
    """After one training by request, KFP's cache starts no training task, so no GPU."""
    seen = []
    for started in (set(STAGES), set(STAGES) - {"train"}):
        done = green.run(python=("-c", WITH_KFPS_CACHE), train={"seed": 8})
        assert done.returncode == 0, done.stdout + done.stderr
        assert green.list_tasks() == started
        seen.append(green.read_latest())
    first, newest = seen
    assert green.read_caches() == "hit hit hit hit hit"
    assert newest["run_id"] != first["run_id"]
    for part in ("dataset", "model", "metrics", "device"):
        assert newest[part] == first[part]
    # What KFP shows is right, too.
    assert green.read_metadata("evaluate", "metrics") == first["metrics"]


@pytest.mark.full
def test_cached_stages_are_reused_after_a_prune(green: RunFolder) -> None:
    done = green.run(retention={"keep_last": 1, "max_gib": 1e-6})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "pruned: " in done.stdout
    newest = green.read_latest()["run_id"]
    left = (green.root / "local_outputs").glob("[!.]*")
    assert [path.name for path in left] == [newest]
    done = green.run()
    assert green.read_caches() == "hit hit hit hit hit"
    assert green.read_latest()["model"]["version"] == 1


def test_training_is_tried_once_more_and_a_defect_shows_where_it_is(green: RunFolder) -> None:
    done = green.run(train={"fail": True})
    assert done.returncode == 1
    assert done.stdout.count("RuntimeError: the training has a defect") == 2
    # KFP runs the component from a file of its own; the kit and the project are next.
    assert re.search(
        r'ephemeral_component.py", line \d+, in train\n'
        r'    return run_task\("train", locals\(\)\)\n(?s:.*)stages/train.py", line \d+, in fit\n',
        done.stdout,
    ), done.stdout
    assert "error: the task train failed; its messages are above" in done.stderr
    assert "Traceback" not in done.stderr
    run_id = green.read_latest()["run_id"]
    record = json.loads((green.root / "runs" / run_id / "train.json").read_text())
    assert record["attempt"] == 2
    states = green.read_states()
    assert (states["train"], states["evaluate"]) == ("failed", "not run")


def test_a_shut_gate_is_an_outcome_of_a_run_that_completes(green: RunFolder) -> None:
    done = green.run("--json", "--no-cache", "--set", "register.min_accuracy=0.99")
    assert done.returncode == 0, done.stderr
    assert "register refused: accuracy 0.9667 is below register.min_accuracy (0.99)" in done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout) == {**green.read_latest(), "sweep": None}
    assert green.read_caches() == "off off off off off"
    assert green.list_tasks() == set(STAGES[:5])
    assert green.read_latest()["status"] == "refused"
    states = green.read_states()
    assert (states["register"], states["deploy"]) == ("refused", "not run")


@pytest.mark.full
def test_a_model_worse_than_the_champion_is_refused_by_the_same_gate(green: RunFolder) -> None:
    done = green.run(
        train={"learning_rate": 0.03}, register={"min_accuracy": 0, "max_regression": 0}
    )
    assert done.returncode == 0, done.stderr
    assert "register refused: accuracy 0.6967 is worse than the champion's 0.9667" in done.stdout
    assert green.list_tasks() == set(STAGES[:5])
    assert green.read_states()["deploy"] == "not run"


@pytest.mark.full
def test_without_a_condition_the_stages_behind_a_refusal_do_nothing(green: RunFolder) -> None:
    """Without the condition, `register` judges, and the stages that need it do not run."""
    path = green.root / "pipeline" / "training.py"
    text = path.read_text()
    condition = re.search(r"    with dsl.If.*\n", text)
    assert condition
    path.write_text(text.replace(condition[0], "    if True:\n"))
    try:
        done = green.run("--set", "register.min_accuracy=0.99")
    finally:
        path.write_text(text)
    assert done.returncode == 0, done.stdout + done.stderr
    assert green.list_tasks() == set(STAGES)
    states = green.read_states()
    assert (states["register"], states["deploy"]) == ("refused", "not run")


def test_bad_data_stops_the_run_at_validate(green: RunFolder) -> None:
    done = green.run("--json", "--set", "validate.min_rows=1000")
    assert done.returncode == 1
    assert "validate    failed: there are 80 rows; at least 1000 are wanted" in done.stderr
    assert "Traceback" not in done.stderr
    document = json.loads(done.stdout)
    assert f"error: {document.pop('error')}\n" in done.stderr
    assert document == {**green.read_latest(), "sweep": None}
    assert green.list_tasks() == {"ingest", "preprocess", "validate"}
    states = green.read_states()
    assert (states["validate"], states["train"]) == ("failed", "not run")


def test_the_pipeline_file_is_a_program_of_its_own(green: RunFolder) -> None:
    python = ("pipeline/training.py",)
    done = green.run("--set", f"ingest.version={'f' * 64}", python=python)
    assert done.returncode == 1
    assert "asks for the data ffffffffffff" in done.stdout


def test_a_run_parameter_is_the_same_list_and_what_is_fixed_is_refused_by_name(
    green: RunFolder,
) -> None:
    """As a user enters it to start a run in KFP's UI."""
    path = green.root / "pipeline" / "training.py"
    text = path.read_text()
    for value, code, words in (
        ("train.epochs=2 'validate.min_rows=3'", 0, ""),
        ('["train.nodes=2", "train.seed=1"]', 1, "train.nodes: fixed when the pipeline was"),
    ):
        path.write_text(text.replace('settings: str = ""', f"settings: str = {value!r}"))
        done = green.run()
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        if code:
            assert words in done.stdout
        else:
            history = green.root / "runs" / green.read_latest()["run_id"] / "train"
            assert len((history / "history.jsonl").read_text().splitlines()) == 2
    path.write_text(text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "train.epoch=3"], "train.epoch: there is no such setting; did you mean epochs?"),
        (["--set", "train.epochs=0", "--set", "train.learning_rate=-1"], "train.learning_rate"),
        (["--set", "train.nodes=2"], "error: train.nodes is 2, but this is one machine"),
        (["--profile", "cluster"], "compute is kubernetes, so this profile is not for a run"),
        (["--profile", "nowhere"], "there is no profile 'nowhere'"),
    ],
)
@KUBEFLOW
def test_a_bad_setting_stops_the_run_before_it_starts(
    toy: Project, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in read_error(capsys, "run", *arguments)
    assert not (toy.root / "runs").exists()


def test_a_gate_that_kfp_would_skip_is_refused(green: RunFolder) -> None:
    """KFP's local runner treats a condition on a named output as false, and succeeds."""
    path = green.root / "pipeline" / "training.py"
    text = path.read_text()
    path.write_text(
        text.replace('evaluated.outputs["Output"] == True', 'ingested.outputs["version"] == "1"')
    )
    done = green.run()
    path.write_text(text)
    assert done.returncode == 1
    assert "its condition reads a named output" in done.stderr


def test_help_names_the_verbs_of_kubeflow(
    green: RunFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(green.root)
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    for verb in ("compile", "submit", "schedule", "schedule-prune"):
        assert verb in printed.split()


@KUBEFLOW
def test_an_unknown_option_is_a_usage_error(
    toy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--epochs", "3"]) == 2
    assert "unrecognized arguments: --epochs 3" in capsys.readouterr().err
    assert not (toy.root / "runs").exists()
