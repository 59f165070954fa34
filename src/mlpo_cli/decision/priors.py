"""Find how common each answer to an open question is among teams with the same other answers.

Used for the confidence only, never for a score.
"""

from __future__ import annotations

from mlpo_cli.decision.conditions import Answers
from mlpo_cli.decision.model import Criterion, Prior, Rules


def choose_prior(rules: Rules, criterion: Criterion, answers: Answers) -> Prior:
    """Return the share of teams that give each answer to `criterion`, among teams like this one.

    Only the team's own answers count, not those drawn for other open questions: otherwise the draws
    of one criterion would depend on those of another. If several conditional priors apply, the last
    one counts. Answers that would contradict `answers` are removed.
    """
    prior = criterion.prior
    for conditional in criterion.priors_when:
        if conditional.when.holds(answers):
            prior = conditional.prior
    possible = {
        answer: share
        for answer, share in prior.items()
        if share and not rules.contradicted({**answers, criterion.id: answer})
    }
    total = sum(possible.values())
    if not total or len(possible) == len(prior):
        return prior
    return {answer: share / total for answer, share in possible.items()}
