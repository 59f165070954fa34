"""`mlpo recommend` as people and scripts run it."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys

import pytest
from level_rules import VERTEX, write_level_rules
from support import EXAMPLES, mlpo

from mlpo_cli.commands.recommend import recommend
from mlpo_cli.errors import AnswersError, UserError

NONE = '{"schema_version": 1, "criteria": {"workload": "single_job"}}'
TOSS_UP = '{"schema_version": 1, "criteria": {"existing_platform": "vertex"}}'
KEYS = {
    "schema_version", "verdict", "orchestrator", "runner_up", "confidence", "scores",
    "contributions", "vetoes", "gates", "flips", "open_questions", "rules_version",
}  # fmt: skip


@pytest.mark.parametrize(
    ("example", "winner"),
    [("startup", "metaflow"), ("platform", "kubeflow"), ("multi-cloud", "zenml")],
)
def test_each_example_is_recommended_its_orchestrator(example, winner, capsys):
    assert recommend(str(EXAMPLES / f"{example}.yaml"), "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document.keys() >= KEYS
    assert (document["verdict"], document["orchestrator"]) == ("recommend", winner)
    assert document["confidence"]["label"] == "robust"
    for id, parts in document["contributions"].items():
        assert sum(parts.values()) == pytest.approx(document["scores"][id])


def test_several_choices_are_a_list_in_json_in_the_order_of_the_rules(tmp_path):
    given = ("--set", "compliance=airgapped,lineage", "--set", "team_size=8", "--explain", "--json")
    ran = mlpo("recommend", *given, cwd=tmp_path)
    document = json.loads(ran.stdout)
    both = ["lineage", "airgapped"]
    assert document["answers"]["compliance"] == both
    assert document["sources"]["compliance"]["value"] == both
    assert [c["answer"] for c in document["criteria"] if c["criterion"] == "compliance"] == [both]
    flips = [flip for flip in document["flips"] if flip["criterion"] == "compliance"]
    assert all(flip["from"] == both for flip in flips)


@pytest.mark.slow
def test_explain_writes_several_choices_as_a_file_does(tmp_path):
    ran = mlpo("recommend", "--set", "compliance=airgapped,lineage", "--explain", cwd=tmp_path)
    assert "  compliance: [lineage, airgapped] " in ran.stdout
    assert "  Governance: lineage + airgapped\n" in ran.stdout


@pytest.mark.parametrize(
    ("answers", "verdict", "code"), [(NONE, "none", 1), (TOSS_UP, "toss-up", 0)]
)
def test_the_exit_code_tells_scripts_the_verdict(tmp_path, answers, verdict, code):
    rules = str(write_level_rules(tmp_path / "rules", always_toss_up=True, **VERTEX))
    ran = mlpo(
        "recommend", "--answers", "-", "--json", "--rules", rules, cwd=tmp_path, stdin=answers
    )
    document = json.loads(ran.stdout)
    assert (ran.returncode, document["verdict"], ran.stderr) == (code, verdict, "")
    assert (document["orchestrator"] is None) == (verdict == "none")


@pytest.mark.slow
def test_the_same_answers_give_the_same_bytes_whatever_the_hash_seed(tmp_path):
    answers = str(EXAMPLES / "multi-cloud.yaml")
    for form in ("table", "json", "adr"):
        outputs = {
            mlpo(
                "recommend", "--answers", answers, "--format", form, cwd=tmp_path, PYTHONHASHSEED=s
            ).stdout
            for s in ("1", "2")
        }
        assert len(outputs) == 1
        assert "" not in outputs


def test_bad_answers_exit_2_and_show_file_line_and_fix(tmp_path):
    (tmp_path / "team.yaml").write_text("schema_version: 1\ncriteria:\n  cloud: awz\n")
    ran = mlpo("recommend", "--answers", "team.yaml", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "  team.yaml:3: cloud cannot be 'awz'\n    fix: did you mean aws?" in ran.stderr


def test_without_answers_it_says_what_to_pass():
    with pytest.raises(UserError) as caught:
        recommend(None, "table")
    assert "--answers FILE" in caught.value.fix


def test_answers_that_cannot_be_read_are_one_sentence(tmp_path):
    with pytest.raises(AnswersError):
        recommend(str(tmp_path / "none.yaml"), "table")


def test_json_and_another_format_contradict(tmp_path):
    ran = mlpo("recommend", "--json", "--format", "adr", cwd=tmp_path)
    assert ran.returncode == 2
    assert (
        "--json cannot be combined with --format adr" in json.loads(ran.stdout)["error"]["message"]
    )


@pytest.mark.slow
def test_a_pipe_gets_no_escape_codes_unless_forced(tmp_path):
    arguments = ("recommend", "--answers", str(EXAMPLES / "startup.yaml"))
    assert "\x1b" not in mlpo(*arguments, cwd=tmp_path).stdout
    assert "\x1b[" in mlpo(*arguments, cwd=tmp_path, FORCE_COLOR="1").stdout
    assert "\x1b" not in mlpo(*arguments, cwd=tmp_path, FORCE_COLOR="1", NO_COLOR="1").stdout


def _in_terminal(**env):
    """Run in a real pseudo-terminal and return what it shows."""
    ours, theirs = pty.openpty()
    base = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    arguments = ["recommend", "--answers", str(EXAMPLES / "startup.yaml")]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlpo_cli", *arguments],
        stdout=theirs,
        env={**base, "TERM": "xterm-256color", **env},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait() == 0
    return shown


@pytest.mark.slow
def test_a_terminal_gets_colour_unless_told_otherwise():
    assert b"\x1b[" in _in_terminal()
    assert b"\x1b" not in _in_terminal(NO_COLOR="1")
    assert b"\x1b" not in _in_terminal(TERM="dumb")


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    command = (
        f"{shlex.quote(sys.executable)} -m mlpo_cli recommend --format json --answers - | head -c 1"
    )
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        input=NONE.replace("single_job", "pipeline"),
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "{", "")
