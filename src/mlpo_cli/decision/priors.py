"""How common each answer to an open question is, given the answers of this team.

Used for the confidence only, never for a score.
"""

from __future__ import annotations

from mlpo_cli.decision.conditions import Answers
from mlpo_cli.decision.model import Criterion, Prior, Rules


def prior_for(rules: Rules, criterion: Criterion, answers: Answers) -> Prior:
    """The share of teams that would give each answer to `criterion`, among those like this one.

    Only the answers that are given count, not those drawn for other open questions: otherwise the
    draws of one criterion would change with those of another. Of several conditional priors that
    apply the last one counts. Answers that the given ones rule out are left out.
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
