"""What can still become of conditions, vetoes and gates while some answers are open.

Three-valued: a thing may turn out true, false, or either. Open answers are taken one by one, so
"either" may be too cautious where two conditions read the same answer; a settled value is certain.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product
from typing import NamedTuple

from mlpo_cli.decision.conditions import Answers, Condition, has_any
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.policy_model import Gate, Veto


class May(NamedTuple):
    """Whether something can still turn out true, and whether it can turn out false."""

    be_true: bool
    be_false: bool

    @property
    def settled(self) -> bool:
        """Whether only one of the two is left."""
        return self.be_true != self.be_false


EITHER = May(True, True)


def certain(value: bool) -> May:
    """Something that is known already."""
    return May(value, not value)


def every(parts: Iterable[May]) -> May:
    """The conjunction; of nothing it is true."""
    parts = list(parts)
    return May(all(p.be_true for p in parts), any(p.be_false for p in parts))


def some(parts: Iterable[May]) -> May:
    """The disjunction; of nothing it is false."""
    parts = list(parts)
    return May(any(p.be_true for p in parts), all(p.be_false for p in parts))


class Outlook:
    """The candidates as the open criteria may leave them.

    `answers` holds only criteria that are in force; `open_ids` are those in force and unanswered.
    """

    def __init__(self, rules: Rules, answers: Answers, open_ids: frozenset[str]) -> None:
        self._rules, self._answers, self.open_ids = rules, answers, open_ids
        everyone = {o.id for o in rules.orchestrators}
        self.total = [v for v in rules.policy.vetoes if everyone.issubset(v.orchestrators)]
        self._partial = [v for v in rules.policy.vetoes if v not in self.total]

    def holds(self, condition: Condition) -> May:
        """Whether the condition can still hold."""
        met = [
            EITHER if id in self.open_ids else certain(has_any(self._answers.get(id), fitting))
            for id, fitting in condition.met.items()
        ]
        spared = [
            EITHER
            if id in self.open_ids
            else certain(not has_any(self._answers.get(id), exceptions))
            for id, exceptions in condition.unless.items()
        ]
        return every(met + spared)

    def vetoed(self, id: str) -> May:
        """Whether a veto that does not hit everyone can take this orchestrator out."""
        return some(self.holds(veto.when) for veto in self._vetoes_on(id))

    def shut(self, id: str) -> May:
        """Whether a gate can keep this orchestrator from winning."""
        return some(self._is_shut(gate) for gate in self._gates_on(id))

    def _is_shut(self, gate: Gate) -> May:
        opened = [self.holds(condition) for condition in gate.any_of]
        if gate.vetoed:
            opened.append(every(self.vetoed(id) for id in gate.vetoed))
        by_any = some(opened)
        return every([self.holds(gate.when), May(by_any.be_false, by_any.be_true)])

    def fields(self) -> frozenset[frozenset[str]]:
        """Every set of candidates that is still possible, and what any two have in common."""
        options = []
        for orchestrator in self._rules.orchestrators:
            out, shut = self.vetoed(orchestrator.id), self.shut(orchestrator.id)
            states = [(orchestrator.id, "out")] * out.be_true
            states += [(orchestrator.id, "shut")] * (out.be_false and shut.be_true)
            states += [(orchestrator.id, "free")] * (out.be_false and shut.be_false)
            options.append(states)
        found = set()
        for combination in product(*options):
            free = frozenset(id for id, state in combination if state == "free")
            found.add(free or frozenset(id for id, state in combination if state == "shut"))
        return frozenset(a & b for a in found for b in found) - {frozenset()}

    def deciders(self, id: str) -> frozenset[str]:
        """The open questions that decide whether this orchestrator is a candidate."""
        conditions = [veto.when for veto in self._vetoes_on(id)]
        for gate in self._gates_on(id):
            conditions += [gate.when, *gate.any_of]
            conditions += [veto.when for other in gate.vetoed for veto in self._vetoes_on(other)]
        if self.vetoed(id).settled and self.shut(id).settled:
            return frozenset()
        return self.open_in(conditions)

    def open_in(self, conditions: Iterable[Condition]) -> frozenset[str]:
        """The open questions in those conditions that are not settled."""
        undecided = (c.criteria for c in conditions if not self.holds(c).settled)
        return self.open_ids.intersection(frozenset().union(*undecided))

    def _vetoes_on(self, id: str) -> list[Veto]:
        return [veto for veto in self._partial if id in veto.orchestrators]

    def _gates_on(self, id: str) -> list[Gate]:
        return [gate for gate in self._rules.policy.gates if gate.orchestrator == id]
