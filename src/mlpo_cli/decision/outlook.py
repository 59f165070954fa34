"""Find what conditions, vetoes and gates can still become while some answers are open.

Each of them can still turn out true, false, or either. They are combined as if they were
independent, so if two conditions read the same answer, the result may be "either" for something
that is already settled. A settled result is always right.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

from mlpo_cli.decision.conditions import Answers, Condition, has_any
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.policy_model import Gate, Veto


class Possibility(NamedTuple):
    """Whether something can still turn out true, and whether it can turn out false."""

    can_be_true: bool
    can_be_false: bool

    @property
    def is_settled(self) -> bool:
        """Whether it can only be true, or only be false."""
        return self.can_be_true != self.can_be_false


EITHER = Possibility(True, True)


def settle(value: bool) -> Possibility:
    """Make the possibility of something that is certain."""
    return Possibility(value, not value)


def combine_and(parts: Iterable[Possibility]) -> Possibility:
    """Combine parts that must all be true. Without parts the result is true."""
    parts = list(parts)
    return Possibility(all(p.can_be_true for p in parts), any(p.can_be_false for p in parts))


def combine_or(parts: Iterable[Possibility]) -> Possibility:
    """Combine parts of which one must be true. Without parts the result is false."""
    parts = list(parts)
    return Possibility(any(p.can_be_true for p in parts), all(p.can_be_false for p in parts))


class Outlook:
    """What the open questions can still do to the candidates.

    `answers` holds only criteria that are not switched off; `open_ids` are the others of these,
    the unanswered ones. `vetoes_on_all` are the vetoes that take every orchestrator out.
    """

    def __init__(self, rules: Rules, answers: Answers, open_ids: frozenset[str]) -> None:
        self._rules, self._answers, self.open_ids = rules, answers, open_ids
        ids = {o.id for o in rules.orchestrators}
        self.vetoes_on_all = [v for v in rules.policy.vetoes if ids.issubset(v.orchestrators)]
        self._vetoes_on_some = [v for v in rules.policy.vetoes if v not in self.vetoes_on_all]

    def check_condition(self, condition: Condition) -> Possibility:
        """Find whether the condition can still hold."""
        met = [
            EITHER if id in self.open_ids else settle(has_any(self._answers.get(id), accepted))
            for id, accepted in condition.met.items()
        ]
        not_excepted = [
            EITHER
            if id in self.open_ids
            else settle(not has_any(self._answers.get(id), exceptions))
            for id, exceptions in condition.unless.items()
        ]
        return combine_and(met + not_excepted)

    def check_vetoes(self, id: str) -> Possibility:
        """Find whether a veto on this orchestrator, but not on all, can still fire."""
        return combine_or(self.check_condition(veto.when) for veto in self._list_vetoes(id))

    def check_gates(self, id: str) -> Possibility:
        """Find whether a gate can keep this orchestrator from winning."""
        return combine_or(self._check_closed(gate) for gate in self._list_gates(id))

    def _check_closed(self, gate: Gate) -> Possibility:
        openings = [self.check_condition(condition) for condition in gate.any_of]
        if gate.vetoed:
            openings.append(combine_and(self.check_vetoes(id) for id in gate.vetoed))
        opens = combine_or(openings)
        stays_closed = Possibility(opens.can_be_false, opens.can_be_true)
        return combine_and([self.check_condition(gate.when), stays_closed])

    def find_candidate_sets(self) -> frozenset[frozenset[str]]:
        """Find every set of candidates that is still possible, and the overlap of any two."""
        states_per_orchestrator = []
        for orchestrator in self._rules.orchestrators:
            id = orchestrator.id
            vetoed, gated = self.check_vetoes(id), self.check_gates(id)
            states = []
            if vetoed.can_be_true:
                states.append((id, "vetoed"))
            if vetoed.can_be_false and gated.can_be_true:
                states.append((id, "gated"))
            if vetoed.can_be_false and gated.can_be_false:
                states.append((id, "free"))
            states_per_orchestrator.append(states)
        possible = set()
        for combination in product(*states_per_orchestrator):
            free = frozenset(id for id, state in combination if state == "free")
            gated_ids = frozenset(id for id, state in combination if state == "gated")
            possible.add(free or gated_ids)
        return frozenset(a & b for a in possible for b in possible) - {frozenset()}

    def find_candidacy_questions(self, id: str) -> frozenset[str]:
        """Find the open questions that decide whether this orchestrator is a candidate."""
        if self.check_vetoes(id).is_settled and self.check_gates(id).is_settled:
            return frozenset()
        conditions = [veto.when for veto in self._list_vetoes(id)]
        for gate in self._list_gates(id):
            conditions += [gate.when, *gate.any_of]
            conditions += [veto.when for other in gate.vetoed for veto in self._list_vetoes(other)]
        return self.find_open_questions(conditions)

    def find_open_questions(self, conditions: Iterable[Condition]) -> frozenset[str]:
        """Find the open questions in those of the conditions that are not settled."""
        undecided = (c.criteria for c in conditions if not self.check_condition(c).is_settled)
        return self.open_ids.intersection(frozenset().union(*undecided))

    def _list_vetoes(self, id: str) -> list[Veto]:
        return [veto for veto in self._vetoes_on_some if id in veto.orchestrators]

    def _list_gates(self, id: str) -> list[Gate]:
        return [gate for gate in self._rules.policy.gates if gate.orchestrator == id]
