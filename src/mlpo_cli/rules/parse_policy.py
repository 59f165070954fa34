"""Parse policy.yaml into the model of the decision engine."""

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
from mlpo_cli.rules.parse import CONCERNS, Criteria, parse_condition, parse_id


def parse_policy(node: Node, criteria: Criteria, orchestrators: tuple[str, ...]) -> Policy:
    """Parse all of policy.yaml. `orchestrators` are the ids of all orchestrators."""
    node.check_keys(
        "schema_version", "reviewed", "policy", "vetoes", "gates", "tie_break", "confidence",
        "combined_outcomes", "notes",
    )  # fmt: skip
    tie_break = node.get("tie_break")
    tie_break.check_keys("order", "margin")
    return Policy(
        text=node.get("policy").read_text(),
        vetoes=tuple(
            _parse_veto(n, criteria, orchestrators) for n in node.get("vetoes").list_entries()
        ),
        gates=tuple(
            _parse_gate(n, criteria, orchestrators) for n in node.get("gates").list_entries()
        ),
        order=tie_break.get("order").read_words(orchestrators),
        margin=Fraction(str(tie_break.get("margin").read_number(0, 10))),
        confidence=_parse_confidence(node.get("confidence")),
        combined=tuple(
            _parse_combined(n, criteria, orchestrators)
            for n in node.get("combined_outcomes").list_entries()
        ),
        notes=tuple(_parse_note(n, criteria) for n in node.get("notes").list_entries()),
    )


def _parse_veto(node: Node, criteria: Criteria, orchestrators: tuple[str, ...]) -> Veto:
    node.check_keys("id", "orchestrators", "when", "message")
    vetoed = node.get("orchestrators")
    when = parse_condition(node.get("when"), criteria)
    if not when.met:
        node.add_problem("a veto needs a condition", "add `when:` with at least one criterion")
    return Veto(
        id=parse_id(node.get("id")),
        orchestrators=orchestrators if vetoed.value == "all" else vetoed.read_words(orchestrators),
        when=when,
        message=node.get("message").read_text(),
    )


def _parse_gate(node: Node, criteria: Criteria, orchestrators: tuple[str, ...]) -> Gate:
    node.check_keys("id", "orchestrator", "when", "may_win_if_any", "may_win_if_vetoed", "message")
    vetoed = node.get("may_win_if_vetoed")
    return Gate(
        id=parse_id(node.get("id")),
        orchestrator=node.get("orchestrator").read_word(orchestrators),
        when=parse_condition(node.get("when"), criteria),
        any_of=tuple(
            parse_condition(n, criteria) for n in node.get("may_win_if_any").list_entries()
        ),
        vetoed=() if vetoed.value is None else vetoed.read_words(orchestrators),
        message=node.get("message").read_text(),
    )


def _parse_confidence(node: Node) -> ConfidencePolicy:
    node.check_keys("draws", "seed", "weight_noise_cv", "labels", "unknown", "robust_needs_answers")
    labels, unknown = node.get("labels"), node.get("unknown")
    labels.check_keys("robust", "leaning")
    unknown.check_keys(*CONCERNS)
    return ConfidencePolicy(
        draws=node.get("draws").read_whole(1, 100_000),
        seed=node.get("seed").read_whole(0, 10**9),
        cv=node.get("weight_noise_cv").read_number(0.01, 2),
        robust=labels.get("robust").read_number(0, 1),
        leaning=labels.get("leaning").read_number(0, 1),
        unknown={key: unknown.get(key).read_number(0, 1) for key in CONCERNS},
        robust_needs_answers=node.get("robust_needs_answers").read_whole(0, 100),
    )


def _parse_note(node: Node, criteria: Criteria) -> PolicyNote:
    node.check_keys("id", "when_any", "message", "at_most")
    conditions = tuple(parse_condition(n, criteria) for n in node.get("when_any").list_entries())
    if not conditions or not all(condition.met for condition in conditions):
        node.add_problem("a note needs conditions", "add `when_any:` with a list of them")
    leaning_at_most = node.get("at_most").value is not None
    if leaning_at_most:
        node.get("at_most").read_word(("leaning",))
    return PolicyNote(
        id=parse_id(node.get("id")),
        any_of=conditions,
        message=node.get("message").read_text(),
        leaning_at_most=leaning_at_most,
    )


def _parse_combined(
    node: Node, criteria: Criteria, orchestrators: tuple[str, ...]
) -> CombinedOutcome:
    node.check_keys("id", "winner", "when", "message")
    return CombinedOutcome(
        winner=node.get("winner").read_word(orchestrators),
        when=parse_condition(node.get("when"), criteria),
        message=node.get("message").read_text(),
    )
