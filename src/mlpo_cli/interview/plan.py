"""Which question to ask next, and why: the product's own four, then what can still matter."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mlpo_cli.decision import flips, policy, questions
from mlpo_cli.decision.conditions import Answers
from mlpo_cli.decision.model import Criterion, Rules
from mlpo_cli.decision.outcome import OpenQuestion
from mlpo_cli.decision.score import Weights
from mlpo_cli.reports.sentences import describe_leaders, title

CORE = 4


@dataclass(frozen=True)
class Question:
    """What to ask, why, and what the result is so far: the text of `progress`.

    `optional` questions come after the first four; the user may stop there.
    """

    criterion: Criterion
    why: str
    progress: str
    optional: bool


def next_question(
    rules: Rules, weights: Weights, answers: Answers, unsure: Collection[str] = ()
) -> Question | None:
    """The next question, None when no open one can change the result.

    `weights` are those in force. `unsure` holds the ids that were answered with "not sure": they
    stay open, and are not asked again.
    """
    core = [c for c in rules.criteria[:CORE] if c.id in weights]
    for position, criterion in enumerate(core, 1):
        if criterion.id not in answers and criterion.id not in unsure:
            why = f"it is one of the {len(core)} questions that decide most"
            return Question(criterion, why, f"Question {position} of {len(core)}.", optional=False)
    to_ask = {id: weight for id, weight in weights.items() if id not in unsure}
    known = {id: answer for id, answer in answers.items() if id in to_ask}
    changes = flips.find_possible_flips(rules, known, to_ask)
    left = questions.find_open_questions(rules, known, to_ask, changes)
    if not left:
        return None
    criterion = rules.criterion(left[0].criterion)
    why = _explain(rules, left[0])
    return Question(criterion, why, _describe_progress(rules, known, to_ask, left), optional=True)


def _describe_progress(
    rules: Rules, known: Answers, weights: Weights, left: Sequence[OpenQuestion]
) -> str:
    """The leader so far, and how many questions are left. Without an answer nobody leads."""
    more = f"{len(left)} more question{'s' if len(left) > 1 else ''} could"
    if not known:
        return f"So far nothing is answered. {more} decide this."
    leader = policy.find_leader(rules, known, weights)
    return f"So far: {title(rules, leader) if leader else 'none fits'}. {more} still change this."


def _explain(rules: Rules, question: OpenQuestion) -> str:
    """Why a question is asked, as a clause."""
    if not question.alone:
        return "together with other answers it could change the result"
    return f"the answer could {describe_leaders(rules, question.alone)}"
