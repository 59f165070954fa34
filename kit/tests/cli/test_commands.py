"""Each verb on the small project: its answer on stdout, its messages on stderr, its exit code."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import inprocess_adapter
import pytest
from conftest import forget_toy

from mlpo_kit.cli.__main__ import main
from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import load_settings
from mlpo_kit.store import open_store

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(
    toy: Project,
    registry: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """Runs a command in the small project; returns its exit code, stdout and stderr."""
    inprocess_adapter.install(monkeypatch, toy)

    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(arguments))
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


def read(answer: tuple[int, str, str], code: int = 0) -> Any:
    """Parse stdout, which holds one JSON document and nothing else."""
    assert answer[0] == code, answer
    return json.loads(answer[1])


@pytest.mark.slow
def test_a_run_ends_with_its_table(call: Call) -> None:
    code, out, _ = call("run")
    assert code == 0
    assert ": completed" in out
    assert "champion" in out
    summary = read(call("table", "--json"))
    assert (summary["status"], summary["model"]["version"]) == ("completed", 1)
    assert call("table")[1] in out


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["run", "sweep", "plan"])
def test_run_sweep_and_plan_take_the_same_changes(call: Call, verb: str) -> None:
    code, _, err = call(verb, "--set", "train.epochs=none")
    assert code == 1
    assert "train.epochs: Input should be a valid integer" in err
    assert "Traceback" not in err
    assert call(verb, "--set", "train.epochs=2", "--set", "ingest.rows=50")[0] == 0
    if verb != "plan":
        store = open_store(load_settings())
        (run_id,) = [name for name in store.children("runs") if name != "latest.json"]
        assert store.read_json(f"runs/{run_id}/train.json")["settings"]["epochs"] == 2
        assert store.read_json(f"runs/{run_id}/ingest.json")["settings"]["rows"] == 50


@pytest.mark.slow
def test_options_reach_the_adapter(call: Call) -> None:
    call("run", "--no-cache", "--skip", "store", "--profile", "local", "--set", "train.epochs=2")
    (options,) = inprocess_adapter.OPTIONS
    assert (options.use_cache, options.skip, options.changes) == (
        False,
        ("store",),
        ("train.epochs=2",),
    )
    code, out, err = call("run", "--frobnicate", "7")
    assert (code, out, err) == (1, "", "error: there are no such options: --frobnicate 7\n")


@pytest.mark.slow
def test_a_sweep_ends_with_its_trials(call: Call) -> None:
    code, out, _ = call("sweep")
    assert code == 0
    assert "*  train-2  0.003" in out
    assert call("sweep", "--sweep", "many")[0] == 1


@pytest.mark.slow
def test_run_json_prints_one_document(call: Call) -> None:
    answer = call("run", "--json")
    document = read(answer)
    assert (document["status"], document["sweep"]) == ("completed", None)
    assert "error" not in document
    assert f"run {document['run_id']} (inprocess): completed" in answer[2]
    assert read(call("table", "--json")) == document

    document = read(call("sweep", "--json"))
    assert document["sweep"]["chosen"] == "train-2"
    assert len(document["sweep"]["trials"]) == 3


@pytest.mark.slow
def test_run_json_prints_one_document_when_the_run_fails(call: Call) -> None:
    answer = call("run", "--json", "--set", "train.fail=true")
    document = read(answer, code=1)
    assert document["status"] == "failed"
    assert "Traceback" in answer[2]
    refuse = ("--set", "register.min_accuracy=0.9999")
    assert read(call("run", "--json", *refuse))["status"] == "refused"
    assert read(call("run", "--json", "--require-promotion", *refuse), code=1)["run_id"]
    answer = call("run", "--json", "--set", "validate.min_rows=1000")
    document = read(answer, code=1)
    assert document["status"] == "failed"
    assert f"error: {document['error']}\n" in answer[2]
    answer = call("run", "--json", "--frobnicate")
    words = "there are no such options: --frobnicate"
    assert read(answer, code=1) == {"schema_version": 1, "run_id": None, "error": words}
    assert answer[2] == f"error: {words}\n"
    document = read(call("sweep", "--json", "--set", "train.epochs=none"), code=1)
    assert "train.epochs: Input should be a valid integer" in document["error"]


@pytest.mark.slow
def test_a_plan_says_what_a_run_would_do(call: Call) -> None:
    document = read(call("plan", "--json"))
    assert [step["verdict"] for step in document["stages"]] == ["run"] * 7
    call("run")
    document = read(call("plan", "--json"))
    assert [step["verdict"] for step in document["stages"][:5]] == ["hit"] * 5
    assert "  train " in call("plan", "--set", "train.epochs=2")[1]


@pytest.mark.slow
def test_a_refused_candidate_is_an_outcome_unless_promotion_is_required(call: Call) -> None:
    refuse = ("--set", "register.min_accuracy=0.9999")
    code, out, _ = call("run", *refuse)
    assert code == 0
    assert ": refused" in out
    code, _, err = call("run", "--require-promotion", *refuse)
    assert code == 1
    assert "is refused, but --require-promotion requires a promoted model" in err
    assert call("run", "--require-promotion")[0] == 0


@pytest.mark.slow
def test_an_error_in_a_stage_is_not_an_internal_error(call: Call) -> None:
    code, out, err = call("run", "--set", "train.fail=true")
    assert code == 1
    assert ": failed" in out
    assert "the training has a defect" in out
    assert "internal error" not in err
    assert "Traceback" in err  # for the author of the stage


@pytest.mark.slow
@pytest.mark.parametrize(("state", "code"), [("preempted", 75), ("interrupted", 130)])
def test_the_exit_code_says_that_a_run_was_preempted_or_interrupted(
    call: Call, monkeypatch: pytest.MonkeyPatch, state: str, code: int
) -> None:
    def stop(options: Any) -> int:
        inprocess_adapter.run(options)
        store = open_store(options.load_settings())
        (run_id,) = [name for name in store.children("runs") if name != "latest.json"]
        key = f"runs/{run_id}/deploy.json"
        store.write_json(key, {**store.read_json(key), "state": state, "reason": "told to"})
        return 1

    from mlpo_kit.cli.adapter import load_adapter

    monkeypatch.setattr(load_adapter(), "run", stop)
    assert call("run")[0] == code


@pytest.mark.slow
def test_weights_that_are_gone_are_brought_back_by_the_command_that_is_named(
    call: Call, toy: Project
) -> None:
    call("run")
    first = run_id = read(call("table", "--json"))["run_id"]
    weights = toy.root / "runs" / run_id / "train" / "model.json"
    for verb, damage in (
        ("serve", Path.unlink),
        ("predict", lambda path: path.write_text("{}")),
    ):
        damage(weights)
        code, out, err = call(verb)
        assert (code, out) == (1, "")
        assert err.startswith("error: the weights of version 1 are gone or were changed (store://")
        assert "train/model.json" in err
        assert (
            "`make run` trains them again if code, data and settings are those of run "
            f"{first}, `mlpo-kit import`"
        ) in err
        assert read(call("run", "--json"))["model"]["version"] == 1
        run_id = read(call("table", "--json"))["run_id"]
        weights = toy.root / "runs" / run_id / "train" / "model.json"
        assert weights.exists()


@pytest.mark.slow
def test_prune_shows_and_applies(call: Call) -> None:
    changes = ["--set", "retention.auto=false", "--set", "ingest.rows=50"]
    call("run", *changes)
    call("run")
    plan = read(call("prune", "--json"))
    assert (plan["applied"], len(plan["runs"])) == (False, 2)
    code, out, _ = call("prune")
    assert code == 0
    assert "to prune: nothing" in out
    newest = plan["runs"][-1]["run_id"]
    assert read(call("keep", newest, "--json")) == {
        "schema_version": 1,
        "run_id": newest,
        "is_kept": True,
    }
    assert "marked keep" in call("prune")[1]
    assert "as long as the policy says" in call("keep", newest, "--undo")[1]
    code, _, err = call("keep", "none")
    assert code == 1
    assert err.startswith("error: there is no run 'none'")
    assert read(call("keep", newest[-6:], "--json"))["run_id"] == newest


@pytest.mark.slow
def test_a_run_prunes_after_it_ends(call: Call, toy: Project) -> None:
    profile = toy.configs / "local.yaml"
    strict = "{keep_last: 1, keep_days: 2.0e-8, keep_failed_days: 1.0e-9, keep_versions: 1}"
    profile.write_text(f"retention: {strict}\ncaching: {{max_age_days: 1.0e-8}}\n")
    for rows in (50, 60, 70):
        code, out, _ = call("run", "--set", f"ingest.rows={rows}")
        assert code == 0
    assert "\npruned: 1 run" in out
    assert len(inprocess_adapter.DELETED) == 2
    assert read(call("prune", "--apply", "--json"))["applied"] is True


@pytest.mark.slow
def test_verbs_with_an_answer_print_one_document(
    call: Call, toy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpo_kit.reports.page.build_report", lambda store, run_id: run_id)
    call("run", "--set", "train.epochs=2")
    call("run")
    assert read(call("graph", "--json"))["package"] == "toy"
    inputs = "dataset = preprocess.dataset, splits = preprocess.splits"
    assert f"  train       {inputs}" in call("graph")[1]
    report = read(call("report", "--json"))
    assert report["path"] == str(toy.root / "report.html")
    assert (toy.root / "report.html").read_text() == report["run_id"]
    assert read(call("rollback", "--json"))["champion"]["number"] == 1
    assert "has no champion before version 1" in call("rollback")[2]
    assert read(call("check", "--json")) == {"schema_version": 1, "problems": []}
    assert call("check")[1] == "the pipeline file, settings, cluster and locks match\n"
    image = read(call("image", "--name", "--json"))["image"]
    assert image.startswith("registry.example.org/team/toy:")


def test_check_lists_the_differences(call: Call) -> None:
    inprocess_adapter.PROBLEMS.append("train takes other inputs")
    assert read(call("check", "--json"), code=1)["problems"] == ["train takes other inputs"]
    code, out, err = call("check")
    assert (code, out) == (1, "")
    assert err == "error: the parts of this project do not match:\n  train takes other inputs\n"


def test_check_lists_the_problems_of_all_parts_in_one_pass(call: Call, toy: Project) -> None:
    inprocess_adapter.PROBLEMS.append("train takes other inputs")
    (toy.configs / "gpu.yaml").write_text("train: {epoch: 1}\n")
    shutil.copytree(render_to(toy, call), toy.root / "deploy" / "manifests")
    description = toy.root / "deploy" / "cluster.yaml"
    description.write_text(description.read_text() + "replicas: 3\nqeue: a\n")
    (toy.root / "requirements.lock").write_text("")
    problems = read(call("check", "--json"), code=1)["problems"]
    assert [problem.partition(" ")[0] for problem in problems] == [
        "train",  # of the adapter
        "configs/gpu.yaml:1:",
        "deploy/cluster.yaml:4:",  # no manifests can be rendered from it, so none are compared
        *["pyproject.toml:"] * 3,
    ]
    description.write_text(description.read_text().replace("qeue: a\n", ""))
    (toy.configs / "gpu.yaml").unlink()
    problems = read(call("check", "--json"), code=1)["problems"]
    assert problems[1].partition(":")[0] == "deploy/manifests/serving.yaml"
    assert len(problems) == 5
    profile = toy.configs / "cluster.yaml"
    profile.write_text(profile.read_text().replace("deploy:", "depoy:"))
    problems = read(call("check", "--json"), code=1)["problems"]
    assert problems[1].startswith(
        "configs/cluster.yaml:12: resources.depoy: there is no such stage"
    )
    assert len(problems) == 5  # nothing about manifests that this profile would give


def test_check_goes_on_after_an_error_in_the_projects_code(
    call: Call, toy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLPO_KIT_DEBUG", "1")
    (toy.root / "src" / "toy" / "settings.py").write_text("\nundefined\n")
    forget_toy()
    (toy.root / "requirements.lock").write_text("")
    answer = call("check", "--json")
    problems = read(answer, code=1)["problems"]
    assert problems[0] == "src/toy/settings.py:2: NameError: name 'undefined' is not defined"
    assert len(problems) == 4
    assert "Traceback" in answer[2]


def test_an_error_of_the_kit_is_no_problem_of_the_project(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlpo_kit.cli.check.CHECKS", (lambda: 1 // 0,))
    code, _, err = call("check")
    assert (code, err.partition(" (")[0]) == (
        3,
        "internal error: ZeroDivisionError: integer division or modulo by zero",
    )


def render_to(toy: Project, call: Call) -> Path:
    """Write the manifests; returns their folder."""
    assert call("manifests")[0] == 0
    return toy.root / "build" / "manifests"


def test_with_json_an_error_is_a_document(call: Call) -> None:
    answer = call("table", "--json")
    assert read(answer, code=1) == {
        "schema_version": 1,
        "error": "there is no run in . yet: `make run` starts one",
    }
    assert answer[2] == "error: there is no run in . yet: `make run` starts one\n"


def test_the_orchestrators_own_verbs_are_listed_and_run(call: Call) -> None:
    assert call("greet", "you")[1] == "hello you\n"
    out = call("--help")[1]
    assert "Metaflow only:\n  greet" in out
