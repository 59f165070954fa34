"""Each way to end has its exit code and its message; a traceback is never one of them."""

from __future__ import annotations

import errno
import json
import platform
import sys

import pytest
import typer
from support import mlpo

from mlpo_cli import __version__
from mlpo_cli.errors import (
    AnswersError,
    ExitCode,
    NegativeFinding,
    Problem,
    TargetError,
    UserError,
    run_guarded,
)


def ending(error):
    def command():
        raise error

    return command


PROBLEMS = [Problem("team.yaml:3", "unknown key 'x'", "remove it"), Problem("--ci", "no")]


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UserError("x"), 2),
        (AnswersError(PROBLEMS), 2),
        (TargetError("x"), 2),
        (NegativeFinding("x"), 1),
        (typer.BadParameter("x"), 2),
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (RuntimeError("x"), 3),
        (OSError(errno.ENOSPC, "No space left on device", "/big"), 2),
        (OSError(errno.EIO, "I/O error"), 3),
    ],
)
def test_each_ending_has_its_exit_code_and_no_traceback(error, code, capsys):
    assert run_guarded(ending(error), []) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err
    assert "Traceback" not in captured.err


def test_what_a_command_returns_is_the_exit_code():
    assert run_guarded(lambda: ExitCode.NEGATIVE, []) == 1
    assert run_guarded(lambda: None, []) == 0


def test_all_problems_are_shown_with_place_and_fix(capsys):
    run_guarded(ending(AnswersError(PROBLEMS)), [])
    assert capsys.readouterr().err == (
        "error: the answers cannot be used\n"
        "  team.yaml:3: unknown key 'x'\n"
        "    fix: remove it\n"
        "  --ci: no\n"
    )


@pytest.mark.parametrize("arguments", [["--json"], ["--format", "json"], ["--format=json"]])
def test_whoever_asked_for_json_gets_the_error_in_json(arguments, capsys):
    run_guarded(ending(AnswersError(PROBLEMS)), ["recommend", *arguments])
    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out) == {
        "schema_version": 1,
        "error": {
            "kind": "answers",
            "message": "the answers cannot be used",
            "fix": "",
            "problems": [
                {"where": "team.yaml:3", "what": "unknown key 'x'", "fix": "remove it"},
                {"where": "--ci", "what": "no", "fix": ""},
            ],
            "exit_code": 2,
        },
    }


def test_a_bug_leaves_a_crash_log_with_what_a_report_needs(state, capsys, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "s3cret")
    arguments = ["recommend", "--set", "cloud=a b", "bytes-\udcff"]
    assert run_guarded(ending(RuntimeError("boom")), arguments) == 3
    log = state / "mlpo" / "crash.log"
    message = capsys.readouterr().err
    assert f"crash log: {log}\n" in message
    assert "report it to the repository that you installed mlpo from" in message
    text = log.read_text(encoding="utf-8")
    assert text.startswith(f"mlpo {__version__}\npython {sys.version.splitlines()[0]}")
    assert f"\nplatform {platform.platform()}\n" in text
    assert "\ncommand mlpo recommend --set 'cloud=a b' 'bytes-\\udcff'\n" in text
    assert "\nRuntimeError: boom\n" in text
    assert "s3cret" not in text


def test_a_bug_in_json_names_the_crash_log(state, capsys):
    run_guarded(ending(RuntimeError("boom")), ["--json"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["kind"], error["exit_code"]) == ("internal", 3)
    assert error["crash_log"] == str(state / "mlpo" / "crash.log")
    assert "report it" in error["fix"]


def test_a_bug_without_a_place_for_a_log_is_still_one_message(state, capsys, monkeypatch):
    (state / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(state / "file"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(state / "file"))
    run_guarded(ending(RuntimeError("\x1b[31mboom")), [])
    message = capsys.readouterr().err
    assert message.startswith("error: mlpo failed: RuntimeError: \\x1b[31mboom\n  fix: ")
    assert "crash log" not in message
    run_guarded(ending(RuntimeError("boom")), ["--json"])
    assert json.loads(capsys.readouterr().out)["error"]["crash_log"] is None


def test_a_crash_log_falls_back_to_a_temporary_folder(state, monkeypatch, tmp_path, capsys):
    (state / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(state / "file"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "other"))
    run_guarded(ending(RuntimeError("boom")), [])
    assert (tmp_path / "other" / "mlpo" / "crash.log").exists()
    assert "other" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        ([], "mlpo --help"),
        (["new", "a", "b"], "mlpo --help"),
        (["hello"], "use one of: recommend, "),
        (["recomend"], "did you mean recommend?"),
        (["recommend", "--nope"], "mlpo recommend --help lists the options"),
        (["recommend", "--formt", "json"], "did you mean --format?"),
        (["--versoin"], "did you mean --version?"),
        (["recommend", "--format", "xml"], "use one of: table, json, adr, html"),
        (["recommend", "--format", "htm"], "did you mean html?"),
        (["compare", "--format", "markdwn"], "did you mean markdown?"),
    ],
)
def test_wrong_usage_exits_2_with_one_message_and_the_fix(tmp_path, arguments, fix):
    ran = mlpo(*arguments, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("error: ")
    assert f"\n  fix: {fix}" in ran.stderr
    error = json.loads(mlpo(*arguments, "--json", cwd=tmp_path).stdout)["error"]
    assert (error["kind"], error["exit_code"]) == ("usage", 2)
    assert error["fix"].startswith(fix)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        (["new", "x", "--orchestrator", "kubflow"], "did you mean kubeflow?"),
        (["new", "x", "--orchestrator", "metaflow", "--ci", "githb"], "did you mean github?"),
        (["recommend", "--set", "project.ci=githb"], "did you mean github?"),
        (["recommend", "--set", "cloud=azur"], "did you mean azure?"),
        (["recommend", "--set", "clod=aws"], "did you mean cloud?"),
    ],
)
def test_a_typo_in_a_value_is_answered_with_the_closest_one(tmp_path, arguments, fix):
    ran = mlpo(*arguments, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"\n    fix: {fix}" in ran.stderr
    (problem,) = json.loads(mlpo(*arguments, "--json", cwd=tmp_path).stdout)["error"]["problems"]
    assert problem["fix"].startswith(fix)


def test_of_very_many_problems_the_first_hundred_are_shown_and_the_rest_counted(capsys):
    error = AnswersError([Problem(f"f:{n}", "no") for n in range(1_250)])
    run_guarded(ending(error), [])
    shown = capsys.readouterr().err
    assert "f:99: no" in shown
    assert "f:100: no" not in shown
    assert shown.endswith("  and 1,150 more\n")
    run_guarded(ending(error), ["--json"])
    document = json.loads(capsys.readouterr().out)["error"]
    assert (len(document["problems"]), document["more_problems"]) == (100, 1_150)


def test_of_many_files_in_the_way_a_terminal_shows_five_and_scripts_get_all(capsys):
    files = [Problem(f"file-{n}", "exists already") for n in range(49)]
    error = TargetError("they are in the way", "move them away", files)
    run_guarded(ending(error), [])
    lines = capsys.readouterr().err.splitlines()
    assert lines[5:] == [
        "  file-4: exists already",
        "  and 44 more",
        "  fix: move them away",
    ]
    run_guarded(ending(error), ["--json"])
    assert len(json.loads(capsys.readouterr().out)["error"]["problems"]) == 49
