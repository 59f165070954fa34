"""A failure is reported as one sentence with the fix, and an exit code for scripts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import inprocess_adapter
import pytest

from mlpo_kit.cli import exit_codes
from mlpo_kit.cli.__main__ import GROUPS, VERBS, main
from mlpo_kit.cli.run import choose_exit_code
from mlpo_kit.config.project import Project


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change into an empty folder that belongs to no project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLPO_KIT_PROJECT", raising=False)
    return tmp_path


NEEDS_ARGUMENTS = ("keep", "diff", "import")


@pytest.mark.parametrize("verb", [name for name in VERBS if name not in NEEDS_ARGUMENTS])
def test_outside_of_a_project_one_sentence_says_what_to_do(
    nowhere: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([verb]) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.startswith(f"error: there is no project in {nowhere} or above: ")
    assert "Change into the project, or set MLPO_KIT_PROJECT to its folder" in written.err
    assert written.err.count("\n") == 1


def test_a_package_that_is_not_there_is_named(
    toy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    pyproject = toy.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"toy"', '"toys"'))
    assert main(["plan"]) == 1
    written = capsys.readouterr()
    assert "names the package 'toys' ([tool.mlpo] package)" in written.err
    assert written.err.count("\n") == 1


@pytest.mark.parametrize("verb", ["run", "prune", "check"])
def test_an_orchestrator_that_is_unknown_is_named(
    toy: Project, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pyproject = toy.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace('"metaflow"', '"airflow"'))
    assert main([verb]) == 1
    err = capsys.readouterr().err
    words = "[tool.mlpo] orchestrator is 'airflow'; it must be one of: kubeflow, metaflow, zenml"
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("paln", "error: there is no command 'paln'; did you mean plan?"),
        ("xyz", "error: there is no command 'xyz': `mlpo-kit --help` lists the commands"),
        ("--json", "error: name a command before --json: `mlpo-kit --help` lists them"),
    ],
)
def test_an_unknown_verb_is_a_usage_error(
    nowhere: Path, argument: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([argument]) == 2
    assert capsys.readouterr().err.startswith(words)


def test_an_unknown_option_is_a_usage_error(
    toy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["table", "--jsn"])
    assert caught.value.code == 2
    assert "unrecognized arguments: --jsn" in capsys.readouterr().err


def test_an_internal_error_is_one_line_and_a_traceback_only_for_debugging(
    toy: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("nobody\nthought of it")

    monkeypatch.setattr("mlpo_kit.cli.graph.load_pipeline", fail)
    monkeypatch.delenv("MLPO_KIT_DEBUG", raising=False)
    assert main(["graph"]) == 3
    line = "internal error: ZeroDivisionError: nobody thought of it"
    assert capsys.readouterr().err == f"{line} (MLPO_KIT_DEBUG=1 shows where)\n"
    monkeypatch.setenv("MLPO_KIT_DEBUG", "1")
    assert main(["graph"]) == 3
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last)")
    assert err.endswith(f"{line}\n")


def test_an_error_in_the_adapter_is_an_internal_error(
    toy: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(options: object) -> int:
        raise LookupError("before any stage")

    inprocess_adapter.install(monkeypatch, toy)
    monkeypatch.setattr(sys.modules["mlpo_kit.metaflow.adapter"], "run", fail)
    assert main(["run"]) == 3
    assert "internal error: LookupError: before any stage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("settings.py", "\nWRONG = 1 / 0\n", "error: src/toy/settings.py:"),
        ("settings.py", "\ndef (\n", "error: src/toy/settings.py:"),
        ("pipeline.py", "\nimport numpyy\n", "error: src/toy/pipeline.py:"),
    ],
)
def test_an_error_in_the_projects_code_is_reported_with_its_file(
    toy: Project, file: str, text: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = toy.root / "src" / "toy" / file
    path.write_text(path.read_text() + text)
    assert main(["plan"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(words)
    assert err.count("\n") == 1


def test_a_package_that_is_not_installed_is_named(
    toy: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'kfp'", name="kfp")

    monkeypatch.setattr("mlpo_kit.cli.graph.load_pipeline", fail)
    assert main(["graph"]) == 1
    assert "there is no package 'kfp' in the environment of" in capsys.readouterr().err


def test_an_interrupt_writes_no_error(
    toy: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlpo_kit.cli.graph.load_pipeline", interrupt)
    assert main(["graph"]) == 130
    assert capsys.readouterr().err == ""


def summary(status: str) -> dict[str, str]:
    return {"run_id": "7", "status": status}


@pytest.mark.parametrize(
    ("code", "status", "wanted", "expected"),
    [
        (0, "completed", False, exit_codes.DONE),
        (0, "completed", True, exit_codes.DONE),
        (0, "refused", False, exit_codes.DONE),
        (0, "refused", True, exit_codes.FAILED),
        (0, None, False, exit_codes.DONE),  # it runs elsewhere, with another store
        (0, None, True, exit_codes.FAILED),
        (0, "running", True, exit_codes.FAILED),
        (0, "failed", False, exit_codes.FAILED),
        (1, "failed", False, exit_codes.FAILED),
        (1, None, False, exit_codes.FAILED),
        (-15, "killed", False, exit_codes.FAILED),
        (1, "preempted", False, exit_codes.PREEMPTED),
        (1, "interrupted", False, exit_codes.INTERRUPTED),
        (75, None, False, exit_codes.PREEMPTED),
        (2, None, False, exit_codes.USAGE),
    ],
)
def test_exit_codes_say_how_a_run_ended(
    code: int, status: str | None, wanted: bool, expected: int
) -> None:
    found = None if status is None else summary(status)
    assert choose_exit_code(code, found, wanted) == expected


HEAVY = ("torch", "mlflow", "metaflow", "kfp", "zenml", "sklearn", "pyarrow", "kubernetes")
LOADED = f"""
import sys
from mlpo_kit.cli.__main__ import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
print("loaded:", [name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["table"],
        ["runs"],
        ["diff", "1", "2"],
        ["plan", "--help"],
        ["graph"],
        ["image", "--name"],
        ["run", "--help"],
    ],
    ids=" ".join,
)
def test_starting_the_command_line_imports_no_heavy_package(
    toy: Project, arguments: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments],
        cwd=toy.root,
        env={"PYTHONPATH": f"{Path(exit_codes.__file__).parents[2]}:{toy.root / 'src'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "loaded: []", done.stdout + done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_explains_itself(
    nowhere: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([verb, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: mlpo-kit {verb} ")
    options = text.partition("options:")[2].splitlines()
    lines = [line for line in options if line.startswith("  -")]
    for number, line in enumerate(options):  # each option has a help text
        if line.startswith("  -") and "  " not in line.strip():
            assert options[number + 1].startswith("       "), line
    assert lines


def test_the_help_lists_each_verb_once(nowhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    named = [line.split()[0] for line in text.splitlines() if line.startswith("  ")]
    assert named == [name for names in GROUPS.values() for name in names]
    assert all(len(line) <= 100 for line in text.splitlines())
    assert main([]) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("table",), "there is no run in "),
        (("report",), "there is no run in "),
        (("keep", "7"), "there are no runs yet"),
        (("plan",), None),
        (("rollback",), "set MLFLOW_TRACKING_URI to the MLflow server"),
        (("serve",), "set MLFLOW_TRACKING_URI to the MLflow server"),
        (("predict",), "set MLFLOW_TRACKING_URI to the MLflow server"),
        (("prune",), "set MLFLOW_TRACKING_URI to the MLflow server"),
    ],
)
def test_only_verbs_that_use_the_registry_need_one(
    toy: Project,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str | None,
) -> None:
    inprocess_adapter.install(monkeypatch, toy)
    store = toy.root / "store"
    (toy.configs / "shared.yaml").write_text(f"compute: kubernetes\nstorage_root: {store}\n")
    code = main([*arguments, "--profile", "shared"])
    err = capsys.readouterr().err
    assert (code, err) == (0, "") if words is None else code == 1 and words in err
