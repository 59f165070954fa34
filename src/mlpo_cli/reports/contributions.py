"""What each answer adds for each orchestrator. Every report is made from these rows.

Terminal, HTML, JSON and decision record show the same numbers because none of them computes any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mlpo_cli.decision.conditions import Answer, Exact
from mlpo_cli.decision.model import Evidence
from mlpo_cli.decision.outcome import Contribution, Decision


@dataclass(frozen=True)
class Cell:
    """What one answer adds for one orchestrator.

    `fit` is 0-4, `points` are weight x fit, and `score_part` is what they add to the score, so
    that an orchestrator's parts sum to its score. `width` is the length of the bar, from 0 to 1:
    the points as a share of the most points in any cell. `leads` is true for the leader, and for
    nobody where none fits.
    """

    fit: Exact
    points: Exact
    score_part: Exact
    width: float
    leads: bool


@dataclass(frozen=True)
class Row:
    """One answered criterion, with a cell and the evidence by orchestrator id."""

    criterion: str
    answer: Answer
    weight: Exact
    cells: Mapping[str, Cell]
    evidence: Mapping[str, tuple[Evidence, ...]]


def make_rows(decision: Decision) -> tuple[Row, ...]:
    """A row for each answered criterion that counts, in the order of the rules."""
    widest = max(
        (c.weight * fit for c in decision.contributions for fit in c.fit.values()), default=0
    )
    return tuple(_make_row(decision, c, widest) for c in decision.contributions)


def _make_row(decision: Decision, contribution: Contribution, widest: Exact) -> Row:
    cells = {}
    for id, fit in contribution.fit.items():
        points = contribution.weight * fit
        width = float(points) / float(widest) if widest else 0.0
        leads = id == decision.orchestrator
        cells[id] = Cell(fit, points, contribution.score_parts[id], width, leads)
    return Row(
        contribution.criterion,
        contribution.answer,
        contribution.weight,
        cells,
        contribution.evidence,
    )


def sort_by_gap(rows: Iterable[Row], first: str | None, second: str | None) -> list[Row]:
    """The rows in which the points of two orchestrators differ most first.

    Where there are no two to compare, the order stays.
    """
    if first is None or second is None:
        return list(rows)

    def gap(row: Row) -> float:
        return abs(float(row.cells[first].points - row.cells[second].points))

    return sorted(rows, key=gap, reverse=True)


def sum_points(rows: Iterable[Row], orchestrator: str) -> Exact:
    """The points of an orchestrator over these rows."""
    return sum(row.cells[orchestrator].points for row in rows)
