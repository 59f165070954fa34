"""From the first question to the review: back, enough, not sure, contradictions and changes."""

from __future__ import annotations

from level_rules import load_level_rules
from support import IDS, RULES

from mlpo_cli.interview.flow import Move, run

CORE = [("team_size", 5), ("existing_kubernetes", "none"), ("local_dev_need", "must"),
        ("gpu_scheduling", "on_demand")]  # fmt: skip


class Script:
    """Answers in order, and remembers which questions there were."""

    def __init__(self, *answers, changes=()):
        self.answers, self.changes = list(answers), list(changes)
        self.asked, self.refused, self.reviews, self.firsts = [], [], [], []

    def ask(self, question, is_first):
        self.asked.append(question.criterion.id)
        self.firsts.append(is_first)
        return self.answers.pop(0)

    def refuse(self, message):
        self.refused.append(message)

    def review(self, entries):
        self.reviews.append({e.criterion.id: (e.answer, e.can_change) for e in entries})
        return self.changes.pop(0) if self.changes else None


def ask(script, fixed=None, review=True, rules=RULES):
    return run(rules, fixed or {}, {}, script, review)


def test_several_choices_are_one_answer():
    both = ("lineage", "airgapped")
    script = Script(changes=["compliance"])
    script.ask = lambda question, is_first: both if question.criterion.id == "compliance" else None
    rules = load_level_rules(zenml={"compliance": {"lineage": 4}})  # can change the result
    assert ask(script, dict(CORE), rules=rules)["compliance"] == both
    assert [review["compliance"] for review in script.reviews] == [(both, True)] * 2


def test_the_four_then_enough():
    script = Script(5, "none", "must", "on_demand", Move.ENOUGH)
    assert ask(script) == dict(CORE)
    assert script.asked[:4] == IDS[:4]
    assert len(script.asked) == 5


def test_what_was_set_before_is_not_asked_and_cannot_be_changed():
    script = Script("none", "must", "on_demand", Move.ENOUGH)
    assert "team_size" not in ask(script, {"team_size": 5})
    assert script.reviews[0]["team_size"] == (5, False)
    assert script.reviews[0]["local_dev_need"] == ("must", True)


def test_back_asks_the_question_before_again_and_drops_its_answer():
    script = Script(5, "production", Move.BACK, "none", "must", "on_demand", Move.ENOUGH)
    assert ask(script) == dict(CORE)
    assert script.asked[:4] == [
        "team_size", "existing_kubernetes", "local_dev_need", "existing_kubernetes"
    ]  # fmt: skip
    assert script.firsts[:2] == [True, False]


def test_not_sure_is_kept_and_not_asked_again():
    script = Script(*[None] * len(IDS))
    answers = ask(script)
    assert set(answers.values()) == {None}
    assert len(script.asked) == len(set(script.asked))


def test_a_contradiction_is_refused_and_the_question_asked_again():
    script = Script()
    script.ask = lambda question, is_first: (
        script.asked.append(question.criterion.id),
        "kubeflow"
        if question.criterion.id == "existing_platform" and not script.refused
        else Move.ENOUGH
        if script.refused
        else None,
    )[1]
    answers = ask(script, dict(CORE))
    assert "existing_platform" in script.asked
    assert script.refused and "cannot both be true" in script.refused[0]
    assert "existing_platform" not in answers
    assert script.asked.count("existing_platform") == 2


def test_the_review_changes_an_answer_and_asks_what_that_makes_matter():
    script = Script(5, "none", "must", "on_demand", Move.ENOUGH, 50, changes=["team_size"])
    assert ask(script)["team_size"] == 50
    assert len(script.reviews) == 2


def test_leaving_the_change_keeps_the_answer():
    script = Script(5, "none", "must", "on_demand", Move.ENOUGH, Move.BACK, changes=["team_size"])
    assert ask(script)["team_size"] == 5


def test_without_a_review_it_ends_after_the_questions():
    script = Script(5, "none", "must", "on_demand", Move.ENOUGH)
    ask(script, review=False)
    assert script.reviews == []
