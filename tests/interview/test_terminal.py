"""The interview in a real pseudo-terminal."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from datetime import date

import pexpect
import pytest
from level_rules import LAPTOP, VERTEX, write_level_rules
from support import IDS

pytestmark = pytest.mark.slow

DOWN, ENTER, CTRL_C, CTRL_D = "\x1b[B", "\r", "\x03", "\x04"
_CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]")


class Session:
    """mlpo in a terminal of 80 x 24."""

    def __init__(self, folder, *arguments):
        env = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
        self.process = pexpect.spawn(
            sys.executable,
            ["-m", "mlpo_cli", *arguments],
            cwd=str(folder),
            env={**env, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"},
            encoding="utf-8",
            dimensions=(24, 80),
            timeout=20,
        )

    def expect(self, *texts):
        for text in texts:
            self.process.expect(re.escape(text))

    def send(self, *keys):
        for key in keys:
            self.process.send(key)

    def end(self):
        """Everything that follows, without escape codes, and the exit code."""
        rest = _CODES.sub("", self.process.read())
        self.process.close()
        return rest.replace("\r\n", "\n"), self.process.exitstatus


@pytest.fixture
def start(tmp_path):
    sessions = []

    def start(*arguments):
        sessions.append(Session(tmp_path, *arguments))
        return sessions[-1]

    yield start
    for session in sessions:
        session.process.close(force=True)


@pytest.fixture(scope="module")
def laptop_rules(tmp_path_factory):
    """The option for rules with which Metaflow leads a team that must work on laptops."""
    return "--rules", str(write_level_rules(tmp_path_factory.mktemp("laptop"), **LAPTOP))


def the_four(session):
    """Five people, no Kubernetes, local development a must, GPUs on demand."""
    session.expect("Question 1 of 4.", "Asked because", "How many people")
    session.send("5", ENTER)
    session.expect("Question 2 of 4.", "Kubernetes cluster", "Not sure")
    session.send(DOWN, DOWN, ENTER)
    session.expect("Question 3 of 4.", "on a laptop")
    session.send(ENTER)
    session.expect("Question 4 of 4.", "Where do your GPUs come from")
    session.send(DOWN, DOWN, ENTER)
    session.expect("So far: Metaflow.", "could still change this", "Asked because")


def leave_the_four_open(session):
    """ "Not sure" four times: nothing for the number, for the others above "Back", the last one."""
    session.expect("How many people")
    session.send(ENTER)
    for number in (2, 3, 4):
        session.expect(f"Question {number} of 4.", "Back to the previous question")
        session.send("\x1b[A", "\x1b[A", ENTER)


def enough(session):
    """Up from the first choice wraps around to the last one."""
    session.expect("Enough questions")
    session.send("\x1b[A", ENTER)
    session.expect("Your answers")


def test_from_the_first_question_to_the_replay_command(start, tmp_path, laptop_rules):
    session = start(
        *("recommend", "--save-answers", "team.yaml", "--set", "project.name=mine"), *laptop_rules
    )
    the_four(session)
    enough(session)
    session.expect("Team size: 5")
    session.send(ENTER)
    shown, code = session.end()
    assert code == 0
    assert "Metaflow, because it fits better than " in shown
    replay = next(line.strip() for line in shown.splitlines() if line.startswith("  mlpo "))
    words = shlex.split(replay)
    again = subprocess.run(
        [sys.executable, "-m", "mlpo_cli", *words[1:]],
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert again.stdout.splitlines()[0] in shown
    saved = (tmp_path / "team.yaml").read_text(encoding="utf-8")
    assert "team_size: 5" in saved
    assert "gpu_scheduling: on_demand" in saved
    assert f'project:\n  decided_on: "{date.today().isoformat()}"\n  name: mine\n' in saved


def test_back_not_sure_and_a_number_that_will_not_do(start):
    session = start("recommend", "--format", "adr")
    session.expect("How many people")
    session.send("0", ENTER)
    session.expect("A whole number from 1")
    session.send("\x7f", ENTER)  # empty: not sure
    session.expect("Question 2 of 4.", "Back to the previous question")
    session.send("\x1b[A", ENTER)
    session.expect("Question 1 of 4.")
    session.send(ENTER)
    session.expect("Question 2 of 4.", "Back to the previous question")
    session.send(CTRL_C)
    assert session.end()[1] == 130


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_leaving_exits_130_and_writes_nothing(start, tmp_path, key):
    session = start("new", "--save-answers", "team.yaml")
    session.expect("Name of the project")
    session.send("my-project", ENTER)
    session.expect("How many people")
    session.send(key)
    shown, code = session.end()
    assert code == 130
    assert "interrupted" in shown
    assert "Traceback" not in shown
    assert list(tmp_path.iterdir()) == []


def test_the_review_takes_a_change(start, laptop_rules):
    session = start("recommend", *laptop_rules)
    the_four(session)
    enough(session)
    session.send(DOWN, ENTER)
    session.expect("you want to change it", "How many people")
    session.send("7", ENTER)
    session.expect("Team size: 7")
    session.send(ENTER)
    assert "team_size=7" in session.end()[0]


def test_declining_is_not_an_interruption(start, tmp_path):
    session = start("new", "--set", "project.name=mine", "--orchestrator", "metaflow")
    session.expect("Generate mine for Metaflow here?")
    session.send("n")
    shown, code = session.end()
    assert code == 1
    assert shown.endswith("Nothing was written.\n")
    assert "interrupted" not in shown
    assert "error" not in shown
    assert list(tmp_path.iterdir()) == []


def test_a_choice_against_the_recommendation_is_pointed_out_before_it_is_generated(start):
    session = start("new", "mine", "--orchestrator", "metaflow", "--set", "vendor_neutral=must")
    session.expect("mlpo recommends ZenML, because Metaflow cannot come first")
    session.expect("Generate mine for Metaflow here?")
    session.send("n")
    assert session.end()[1] == 1


def test_declining_the_leader_of_a_toss_up_is_no_interruption_either(
    start, tmp_path, tmp_path_factory
):
    rules = write_level_rules(tmp_path_factory.mktemp("rules"), always_toss_up=True, **VERTEX)
    vertex = ("--set", "existing_platform=vertex", "--save-answers", "a.yaml")
    session = start("new", "mine", "--rules", str(rules), *vertex)
    leave_the_four_open(session)
    session.expect("So far: Kubeflow.")
    enough(session)
    session.send(ENTER)
    session.expect("Kubeflow leads, because", "Too close to call", "Take Kubeflow anyway?")
    session.send("n")
    shown, code = session.end()
    assert code == 1
    assert shown.endswith("Nothing was written.\n")
    assert list(tmp_path.iterdir()) == []


def test_not_sure_of_anything_gives_the_default_and_says_so(start, tmp_path, laptop_rules):
    session = start("new", "mine", *laptop_rules)
    leave_the_four_open(session)
    session.expect("So far nothing is answered.", "could decide this")
    enough(session)
    session.send(ENTER)
    session.expect("because it is the default.", "Nothing was answered")
    session.expect("Generate mine for Metaflow here?")
    session.send("n")
    assert session.end()[1] == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", ["--no-input", "--json"])
def test_nothing_is_asked_where_that_was_ruled_out(start, flag):
    shown, code = start("recommend", flag).end()
    assert code == 2
    assert "no answers to decide on" in shown


SPACE, UP = " ", "\x1b[A"


@pytest.fixture
def start_governance(start, tmp_path_factory):
    """Starts an interview with rules in which governance and the budget can change the result."""
    fits = {"compliance": {"lineage": 4}, "budget": {"can_buy": 4}}
    rules = str(write_level_rules(tmp_path_factory.mktemp("rules"), zenml=fits))
    return lambda *arguments: start(*arguments, "--rules", rules)


def ask_governance(start, *arguments, besides=()):
    """Ask for the governance requirement, and for little else."""
    off = [id for id in IDS if id not in ("compliance", *besides)]
    sets = [word for id in off for word in ("--set", f"overrides.weights.{id}=0")]
    session = start("recommend", *sets, *arguments)
    session.expect("governance requirement", "Space selects several", "Enough questions")
    return session


def review(session):
    """What the review says of the governance requirement, and the rest of the output."""
    session.expect("Your answers", "Governance: ")
    session.process.expect("[^\x1b\r\n]+")
    line = session.process.after
    session.send(ENTER)
    return line, session.end()[0]


def test_several_choices_are_ticked_and_replayed(start_governance, tmp_path):
    session = ask_governance(start_governance, "--save-answers", "bank.yaml")
    session.send(DOWN, SPACE, DOWN, SPACE, DOWN, SPACE, ENTER)
    line, rest = review(session)
    assert line == "lineage + access_control + airgapped"
    assert "compliance=lineage,access_control,airgapped" in rest.replace("\n", "")
    saved = (tmp_path / "bank.yaml").read_text(encoding="utf-8")
    assert "compliance: [lineage, access_control, airgapped]\n" in saved


def test_enter_without_a_tick_takes_the_line_and_a_tick_can_be_taken_away(start_governance):
    session = ask_governance(start_governance)
    session.send(DOWN, SPACE, SPACE, DOWN, DOWN, ENTER)
    line, rest = review(session)
    assert line == "There is no internet at run time"
    assert "compliance=airgapped" in rest


def test_no_requirement_removes_the_ticks_and_a_tick_removes_it(start_governance):
    session = ask_governance(start_governance)
    session.send(DOWN, SPACE, UP, SPACE, ENTER)
    assert review(session)[0] == "None"
    session = ask_governance(start_governance)
    session.send(SPACE, DOWN, SPACE, "a", "i", DOWN, DOWN, SPACE, ENTER)
    assert "compliance=lineage,airgapped" in review(session)[1]


@pytest.mark.parametrize("ticks", [(), (SPACE, DOWN, SPACE)])
@pytest.mark.parametrize("tick_it", [(), (SPACE,)])
def test_not_sure_is_taken_whatever_is_ticked(start_governance, ticks, tick_it):
    session = ask_governance(start_governance)
    session.send(DOWN, *ticks, *[DOWN] * (2 if ticks else 3), *tick_it, ENTER)
    line, rest = review(session)
    assert line == "not sure"
    assert "compliance" not in rest.rpartition("mlpo recommend")[2]


def test_back_and_enough_are_taken_from_a_list_with_ticks(start_governance):
    session = ask_governance(start_governance, besides=["budget"])
    session.send(ENTER)
    session.expect("What may it cost?", "Back to the previous question")
    session.send(UP, UP, ENTER)
    session.expect("governance requirement", "Enough questions")
    session.send(DOWN, SPACE, UP, UP, ENTER)
    session.expect("Your answers")
    session.send(ENTER)
    shown, code = session.end()
    assert code == 0
    assert "compliance" not in shown.rpartition("mlpo recommend")[2]


def test_defaults_decide_without_a_question(start):
    shown, code = start("recommend", "--defaults").end()
    assert code == 0
    assert shown.startswith("Metaflow")


def test_new_interviews_and_its_replay_generates_the_same_tree(start, tmp_path, laptop_rules):
    session, today = start("new", *laptop_rules), date.today().isoformat()
    session.expect("Name of the project")
    session.send("my-project", ENTER)
    the_four(session)
    enough(session)
    session.send(ENTER)
    session.expect("Metaflow, because it fits better than", "stays first in", "variations")
    session.expect("Generate my-project for Metaflow here?")
    session.send("y")
    shown, code = session.end()
    assert code == 0
    record = tmp_path / "my-project" / "docs" / "adr" / "0001-orchestrator.md"
    assert f"date: {today}\n" in record.read_text(encoding="utf-8")
    start_of_replay = shown.index("  mlpo new ")
    replay = shown[start_of_replay:].replace("\n", "").strip()
    (tmp_path / "again").mkdir()
    again = subprocess.run(
        [sys.executable, "-m", "mlpo_cli", *shlex.split(replay)[1:]],
        capture_output=True, text=True, check=True, cwd=tmp_path / "again",
    )  # fmt: skip
    tree = re.search(r"tree ([0-9a-f]{64})", again.stderr)[1]
    assert f"tree {tree}" in shown
