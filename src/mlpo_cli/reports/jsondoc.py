"""A Decision as a JSON document. Scripts depend on its keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlpo_cli.decision.conditions import Exact
from mlpo_cli.decision.model import Evidence
from mlpo_cli.decision.outcome import Decision, FiredGate, FiredVeto, Flip, Need
from mlpo_cli.reports.contributions import Row, make_rows

SCHEMA_VERSION = 1


def dumps(document: Mapping[str, Any]) -> str:
    """The document as text: ASCII, indented, the same bytes for the same content."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def decision_document(decision: Decision) -> dict[str, Any]:
    """The document of `mlpo recommend --format json`.

    For each orchestrator the values of `contributions` sum to its score, the weighted mean of
    the 0-4 fits. The `points` of a criterion are its weight times the fit.
    """
    rows = make_rows(decision)
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": decision.verdict,
        "orchestrator": decision.orchestrator,
        "runner_up": decision.runner_up,
        "confidence": {
            "label": decision.confidence.label,
            "favourite": decision.confidence.favourite,
            "share": decision.confidence.share,
            "draws": decision.confidence.draws,
            "shares": dict(decision.confidence.shares),
        },
        "scores": _floats(decision.scores),
        "contributions": {
            id: {row.criterion: float(row.cells[id].score_part) for row in rows}
            for id in decision.scores
        },
        "criteria": [_criterion(row) for row in rows],
        "vetoes": [_veto(fired) for fired in decision.vetoes],
        "gates": [_gate(fired) for fired in decision.gates],
        "flips": [_flip(flip) for flip in decision.flips],
        "open_questions": [
            {"criterion": question.criterion, "alone_gives": list(question.alone)}
            for question in decision.open_questions
        ],
        "combined": list(decision.combined),
        "operate": list(decision.operate),
        "notes": list(decision.notes),
        "answers": dict(decision.answers),
        "switched_off": list(decision.switched_off),
        "rules_version": decision.rules_version,
        "reviewed": decision.reviewed,
    }


def _floats(values: Mapping[str, Exact]) -> dict[str, float]:
    return {id: float(value) for id, value in values.items()}


def _criterion(row: Row) -> dict[str, Any]:
    return {
        "criterion": row.criterion,
        "answer": row.answer,
        "weight": float(row.weight),
        "fit": {id: float(cell.fit) for id, cell in row.cells.items()},
        "points": {id: float(cell.points) for id, cell in row.cells.items()},
        "evidence": {id: [evidence(item) for item in items] for id, items in row.evidence.items()},
    }


def evidence(item: Evidence) -> dict[str, Any]:
    """A claim with its source, date and version, and its last check (null without one)."""
    check = item.checked
    return {
        "claim": item.claim,
        "source": item.source,
        "date": item.date,
        "version": item.version,
        "checked": {"date": check.date, "result": check.result} if check else None,
    }


def _need(need: Need) -> dict[str, Any]:
    return {"criterion": need.criterion, "answers": list(need.answers), "given": need.given}


def _veto(fired: FiredVeto) -> dict[str, Any]:
    return {
        "id": fired.id,
        "orchestrator": fired.orchestrator,
        "message": fired.message,
        "lifted_by": [_need(need) for need in fired.lifted_by],
    }


def _gate(fired: FiredGate) -> dict[str, Any]:
    return {
        "id": fired.id,
        "orchestrator": fired.orchestrator,
        "message": fired.message,
        "missing": [_need(need) for need in fired.missing],
        "decisive": fired.decisive,
        "overruled": fired.overruled,
    }


def _flip(flip: Flip) -> dict[str, Any]:
    return {
        "criterion": flip.criterion,
        "from": flip.given,
        "to": flip.to,
        "upto": flip.upto,
        "orchestrator": flip.winner,
    }
