"""Which question to ask next, and why: the product's own four, then what can still matter."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mlpo_cli.decision import flips, policy, questions
from mlpo_cli.decision.model import Answers, Criterion, Rules
from mlpo_cli.decision.outcome import OpenQuestion
from mlpo_cli.decision.score import Weights
from mlpo_cli.reports import words

CORE = 4


@dataclass(frozen=True)
class Question:
    """What to ask, why, and how things stand: the text of `progress`.

    `optional` questions come after the four; who has had enough may stop there.
    """

    criterion: Criterion
    why: str
    progress: str
    optional: bool


def next_question(
    rules: Rules, weights: Weights, answers: Answers, unsure: Collection[str] = ()
) -> Question | None:
    """The next question, None when no open one can change the answer.

    `weights` are those in force. `unsure` holds the ids that were answered with "not sure": they
    stay unknown, and are not asked again.
    """
    core = [c for c in rules.criteria[:CORE] if c.id in weights]
    for position, criterion in enumerate(core, 1):
        if criterion.id not in answers and criterion.id not in unsure:
            why = f"it is one of the {len(core)} questions that decide most"
            return Question(criterion, why, f"Question {position} of {len(core)}.", optional=False)
    askable = {id: weight for id, weight in weights.items() if id not in unsure}
    known = {id: answer for id, answer in answers.items() if id in askable}
    changes = flips.possible(rules, known, askable)
    left = questions.find(rules, known, askable, changes)
    if not left:
        return None
    now = words.title(rules, policy.leader(rules, known, askable))
    plural = "s" if len(left) > 1 else ""
    progress = f"So far: {now}. {len(left)} more question{plural} could still change this."
    criterion = rules.criterion(left[0].criterion)
    return Question(criterion, _why(rules, left[0], now), progress, optional=True)


def _why(rules: Rules, question: OpenQuestion, now: str) -> str:
    if not question.alone:
        return f"together with other answers it can still change {now}"
    others = " or ".join(words.title(rules, id) for id in question.alone)
    return f"your answer alone can turn {now} into {others}"
