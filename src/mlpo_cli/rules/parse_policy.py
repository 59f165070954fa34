"""Parse policy.yaml: from YAML nodes to the engine's model."""

from __future__ import annotations

from fractions import Fraction

from mlpo_cli.decision.policy_model import (
    CombinedOutcome,
    ConfidencePolicy,
    Gate,
    Policy,
    PolicyNote,
    Veto,
)
from mlpo_cli.rules.node import Node
from mlpo_cli.rules.parse import CONCERNS, Criteria, condition, identifier


def policy(node: Node, criteria: Criteria, orchestrators: tuple[str, ...]) -> Policy:
    """The whole of policy.yaml."""
    node.keys(
        "schema_version", "reviewed", "policy", "vetoes", "gates", "tie_break", "confidence",
        "combined_outcomes", "notes",
    )  # fmt: skip
    tie = node.get("tie_break")
    tie.keys("order", "margin")
    return Policy(
        text=node.get("policy").text(),
        vetoes=tuple(_veto(n, criteria, orchestrators) for n in node.get("vetoes").entries()),
        gates=tuple(_gate(n, criteria, orchestrators) for n in node.get("gates").entries()),
        order=tie.get("order").words(orchestrators),
        margin=Fraction(str(tie.get("margin").number(0, 10))),
        confidence=_confidence(node.get("confidence")),
        combined=tuple(
            _combined(n, criteria, orchestrators) for n in node.get("combined_outcomes").entries()
        ),
        notes=tuple(_policy_note(n, criteria) for n in node.get("notes").entries()),
    )


def _veto(node: Node, criteria: Criteria, orchestrators: tuple[str, ...]) -> Veto:
    node.keys("id", "orchestrators", "when", "message")
    hit = node.get("orchestrators")
    when = condition(node.get("when"), criteria)
    if not when.met:
        node.problem("a veto needs a condition", "add `when:` with at least one criterion")
    return Veto(
        id=identifier(node.get("id")),
        orchestrators=orchestrators if hit.value == "all" else hit.words(orchestrators),
        when=when,
        message=node.get("message").text(),
    )


def _gate(node: Node, criteria: Criteria, orchestrators: tuple[str, ...]) -> Gate:
    node.keys("id", "orchestrator", "when", "may_win_if_any", "may_win_if_vetoed", "message")
    vetoed = node.get("may_win_if_vetoed")
    return Gate(
        id=identifier(node.get("id")),
        orchestrator=node.get("orchestrator").one_of(orchestrators),
        when=condition(node.get("when"), criteria),
        any_of=tuple(condition(n, criteria) for n in node.get("may_win_if_any").entries()),
        vetoed=() if vetoed.value is None else vetoed.words(orchestrators),
        message=node.get("message").text(),
    )


def _confidence(node: Node) -> ConfidencePolicy:
    node.keys("draws", "seed", "weight_noise_cv", "labels", "unknown", "robust_needs_answers")
    labels, unknown = node.get("labels"), node.get("unknown")
    labels.keys("robust", "leaning")
    unknown.keys(*CONCERNS)
    return ConfidencePolicy(
        draws=node.get("draws").whole(1, 100_000),
        seed=node.get("seed").whole(0, 10**9),
        cv=node.get("weight_noise_cv").number(0.01, 2),
        robust=labels.get("robust").number(0, 1),
        leaning=labels.get("leaning").number(0, 1),
        unknown={key: unknown.get(key).number(0, 1) for key in CONCERNS},
        robust_needs_answers=node.get("robust_needs_answers").whole(0, 100),
    )


def _policy_note(node: Node, criteria: Criteria) -> PolicyNote:
    node.keys("id", "when_any", "message", "at_most")
    conditions = tuple(condition(n, criteria) for n in node.get("when_any").entries())
    if not all(one.met for one in conditions) or not conditions:
        node.problem("a note needs conditions", "add `when_any:` with a list of them")
    limited = node.get("at_most").value is not None
    if limited:
        node.get("at_most").one_of(("leaning",))
    return PolicyNote(identifier(node.get("id")), conditions, node.get("message").text(), limited)


def _combined(node: Node, criteria: Criteria, orchestrators: tuple[str, ...]) -> CombinedOutcome:
    node.keys("id", "winner", "when", "message")
    return CombinedOutcome(
        winner=node.get("winner").one_of(orchestrators),
        when=condition(node.get("when"), criteria),
        message=node.get("message").text(),
    )
