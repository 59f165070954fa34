"""Build the part of the JSON Schema of rules files that describes policy.yaml."""

from __future__ import annotations

from mlpo_cli.decision.model import Rules
from mlpo_cli.rules import shapes
from mlpo_cli.rules.parse import CONCERNS
from mlpo_cli.rules.shapes import (
    TEXT,
    Schema,
    describe,
    list_of,
    mapping,
    nullable,
    number,
    reference,
    whole,
    words,
)

_SHARE = number(0, 1)
_CONDITION = reference("condition")


def policy_properties(rules: Rules, shipped: Rules) -> dict[str, Schema]:
    """Describe each key of policy.yaml, for layers over the rules `shipped`."""
    orchestrators = [o.id for o in rules.orchestrators]
    gate = {
        "orchestrator": {"enum": orchestrators},
        "when": _CONDITION,
        "may_win_if_any": nullable(list_of(_CONDITION)),
        "may_win_if_vetoed": words(orchestrators, [None]),
        "message": TEXT,
    }
    veto = {
        "orchestrators": words(orchestrators, ["all", None]),
        "when": shapes.not_only_exceptions(_CONDITION),
        "message": TEXT,
    }
    note = {
        "when_any": list_of(shapes.not_only_exceptions(_CONDITION), 1),
        "message": TEXT,
        "at_most": {"enum": ["leaning", None]},
    }
    combined = {"id": shapes.ID, "winner": {"enum": orchestrators}, "when": _CONDITION}
    tie_break = {"order": words(orchestrators, [None]), "margin": number(0, 10)}
    return {
        "policy": describe(TEXT, "The policy in one sentence, as reports print it."),
        "vetoes": describe(
            shapes.entries(
                veto, [v.id for v in shipped.policy.vetoes], ["orchestrators", "when", "message"]
            ),
            "A veto takes orchestrators out, whatever their scores.",
        ),
        "gates": describe(
            shapes.entries(gate, [g.id for g in shipped.policy.gates], ["orchestrator", "message"]),
            "A gate keeps an orchestrator from coming first unless one of its conditions holds.",
        ),
        "notes": describe(
            shapes.entries(note, [n.id for n in shipped.policy.notes], ["when_any", "message"]),
            "A note in recommendations for teams that meet one of the conditions.",
        ),
        "tie_break": describe(
            nullable(mapping(tie_break)),
            "Points within `margin` of the best are a tie; the first in `order` wins it.",
        ),
        "confidence": describe(nullable(_confidence()), "How the confidence is simulated."),
        "combined_outcomes": describe(
            nullable(list_of(shapes.droppable(mapping({**combined, "message": TEXT}, ["id"])))),
            "Advice to use two orchestrators together.",
        ),
    }


def _confidence() -> Schema:
    shares = {"robust": _SHARE, "leaning": _SHARE}
    return mapping(
        {
            "draws": whole(1, 100_000),
            "seed": whole(0, 10**9),
            "weight_noise_cv": number(0.01, 2),
            "labels": nullable(mapping(shares)),
            "unknown": nullable(mapping(dict.fromkeys(CONCERNS, _SHARE))),
            "robust_needs_answers": whole(0, 100),
        }
    )
