"""Small made-up rules, so that no test of an algorithm knows a score that mlpo ships.

Alder is light, Birch needs a cluster and is earned by sharing it, Cedar fits many places.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import RULES

from mlpo_cli import rules
from mlpo_cli.decision.model import Rules

HEAD = {"schema_version": 1, "reviewed": "2026-01-02"}
CHECKED = {"date": "2026-01-02", "result": "confirmed"}
EVIDENCE = [
    {
        "claim": "Made up.", "source": "a test", "date": "2026-01-01", "version": "1",
        "checked": CHECKED,
    }
]  # fmt: skip


def criterion(id: str, weight: int, choices: dict[str, str], **more: Any) -> dict[str, Any]:
    """An entry of criteria.yaml whose answers are equally common."""
    prior = {choice: 1 / len(choices) for choice in choices}
    texts = {"label": id.title(), "question": f"Which {id}?", "concerns": "every_team"}
    return {"id": id, "weight": weight, "choices": choices, "prior": prior, **texts, **more}


CRITERIA = [
    {
        "id": "people", "label": "People", "question": "How many?", "weight": 2, "type": "integer",
        "min": 1, "max": 1000, "concerns": "every_team", "prior": {2: 0.4, 20: 0.4, 90: 0.2},
    },
    criterion("cluster", 3, {"running": "Yes", "planned": "Soon", "none": "No"}),
    criterion(
        "laptop", 3, {"must": "Yes", "nice": "Helpful", "never": "No"}, indifferent=["never"]
    ),
    criterion(
        "sharing", 2, {"alone": "One team", "some": "A few", "strict": "Isolated teams"},
        priors_when=[{"when": {"place": "rack"}, "prior": {"some": 0.5, "strict": 0.5}}],
    ),
    criterion(
        "place", 1, {"desk": "A machine", "service": "A service", "many": "Several", "rack": "Ours"}
    ),
    criterion(
        "work", 1, {"pipeline": "Steps", "script": "One script"},
        concerns="some_teams", indifferent=["pipeline"], prior={"pipeline": 0.95, "script": 0.05},
    ),
]  # fmt: skip
CONTRADICTIONS = [
    {
        "id": "rack-without-cluster",
        "when": {"cluster": "none", "place": "rack"},
        "message": "The rack is a cluster.",
    }
]
POLICY = {
    "policy": "Alder for most teams.",
    "vetoes": [
        {
            "id": "birch-needs-a-cluster",
            "orchestrators": ["birch"],
            "when": {"cluster": "none", "place_not": ["service"]},
            "message": "Birch needs a cluster.",
        },
        {
            "id": "script",
            "orchestrators": "all",
            "when": {"work": "script"},
            "message": "A script needs none of them.",
        },
    ],
    "gates": [
        {
            "id": "birch-is-earned",
            "orchestrator": "birch",
            "may_win_if_any": [{"cluster": "running", "sharing": "strict"}, {"place": "service"}],
            "message": "Birch must be earned.",
        },
        {
            "id": "cedar-for-many-places",
            "orchestrator": "alder",
            "when": {"place": "many"},
            "may_win_if_vetoed": ["cedar"],
            "message": "Cedar is made for many places.",
        },
    ],
    "notes": [
        {
            "id": "nobody-knows-racks",
            "when_any": [{"place": "rack", "laptop": "must"}],
            "message": "Racks are rare.",
            "at_most": "leaning",
        }
    ],
    "tie_break": {"order": ["alder", "cedar", "birch"], "margin": 0.01},
    "confidence": {
        "draws": 500,
        "seed": 1,
        "weight_noise_cv": 0.5,
        "labels": {"robust": 0.85, "leaning": 0.6},
        "unknown": {"every_team": 1.0, "some_teams": 0.5},
        "robust_needs_answers": 3,
    },
    "combined_outcomes": [
        {"id": "alder-on-birch", "winner": "alder", "when": {"place": "rack"}, "message": "Both."}
    ],
}
SCORES: dict[str, dict[str, Any]] = {
    "alder": {
        "people": [[1, 4], [20, 4], [60, 1]],
        "cluster": {"running": 3, "planned": 3, "none": 4},
        "laptop": {"must": 4, "nice": 4, "never": 3},
        "sharing": {"alone": 4, "some": 2, "strict": 1},
        "place": {"desk": 4, "service": 2, "many": 2, "rack": 3},
        "work": {"pipeline": 3, "script": 3},
    },
    "birch": {
        "people": [[1, 1], [20, 2], [60, 4]],
        "cluster": {"running": 4, "planned": 2, "none": 0},
        "laptop": {"must": 1, "nice": 2, "never": 3},
        "sharing": {"alone": 2, "some": 3, "strict": 4},
        "place": {"desk": 1, "service": 4, "many": 3, "rack": 4},
        "work": {"pipeline": 3, "script": 3},
    },
    "cedar": {
        "people": [[1, 3], [20, 3], [60, 2]],
        "cluster": {"running": 3, "planned": 3, "none": 3},
        "laptop": {"must": 3, "nice": 3, "never": 3},
        "sharing": {"alone": 3, "some": 3, "strict": 2},
        "place": {"desk": 3, "service": 3, "many": 4, "rack": 2},
        "work": {"pipeline": 3, "script": 3},
    },
}
ADJUSTMENT = {
    "id": "service-has-the-cluster",
    "when": {"place": "service"},
    "why": "The service runs the cluster.",
    "set": {"cluster": {"running": 3, "planned": 3, "none": 3}, "people": {"points": [[1, 3]]}},
    "operate": ["Nothing."],
    "evidence": EVIDENCE,
}


def _row(scores: Any) -> dict[str, Any]:
    return {"points" if isinstance(scores, list) else "scores": scores, "evidence": EVIDENCE}


def _orchestrator(id: str) -> dict[str, Any]:
    """One file of orchestrators/; Birch has an adjustment."""
    return {
        **HEAD,
        "id": id,
        "title": id.title(),
        "version": "1.0",
        "best_for": f"Friends of {id}",
        "operate": [f"A pot for {id}."],
        "criteria": {criterion: _row(scores) for criterion, scores in SCORES[id].items()},
        "adjustments": [ADJUSTMENT] if id == "birch" else [],
    }


DOCUMENTS: dict[str, Any] = {
    "criteria.yaml": {**HEAD, "criteria": CRITERIA, "contradictions": CONTRADICTIONS},
    "policy.yaml": {**HEAD, **POLICY},
    **{f"orchestrators/{id}.yaml": _orchestrator(id) for id in SCORES},
}


class _Dumper(yaml.CSafeDumper):
    """Writes what is there twice twice: the loader takes no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def write_documents(documents: dict[str, Any], folder: Path) -> Path:
    """Write rules files into a folder, and return it."""
    for name, document in documents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.dump(document, Dumper=_Dumper, sort_keys=False), encoding="utf-8")
    return folder


def load_documents(documents: dict[str, Any], layer: dict[str, Any] | None = None) -> Rules:
    """Load rules files, with a layer over them. Raises RulesError."""
    with tempfile.TemporaryDirectory() as folder:
        base = write_documents(documents, Path(folder) / "base")
        over = write_documents(layer, Path(folder) / "layer") if layer is not None else None
        return rules.load(base, over)


SMALL = load_documents(DOCUMENTS)
SMALL_WEIGHTS = {c.id: c.weight for c in SMALL.criteria}
# For what must hold whatever the rules say: `make test-full` tests it with the shipped ones too.
with_any_rules = pytest.mark.parametrize(
    "rules",
    [SMALL, pytest.param(RULES, marks=[pytest.mark.slow, pytest.mark.full])],
    ids=["small", "shipped"],
)
