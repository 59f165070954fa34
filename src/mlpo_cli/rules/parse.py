"""Parse criteria.yaml and the files of orchestrators/: from YAML nodes to the engine's model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from mlpo_cli.decision.conditions import Condition, Single
from mlpo_cli.decision.model import (
    Adjustment,
    Check,
    ConditionalPrior,
    Contradiction,
    Criterion,
    Evidence,
    Orchestrator,
    Prior,
    Row,
    Scores,
)
from mlpo_cli.rules.node import Node

CONCERNS = ("every_team", "some_teams")
MAX_SCORE = 4
CHECK_RESULTS = ("confirmed", "corrected", "not found")
_DATE = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_ID = re.compile(r"[a-z][a-z0-9_-]*")
_CHOICE = re.compile(r"[a-z0-9][a-z0-9_-]*")

Criteria = Mapping[str, Criterion]


def criterion(node: Node) -> Criterion:
    """One entry of criteria.yaml, without the priors that read other criteria (`priors_when`)."""
    node.keys(
        "id", "label", "weight", "concerns", "type", "min", "max", "question", "help", "choices",
        "several", "indifferent", "prior", "priors_when",
    )  # fmt: skip
    numeric = node.get("type").value is not None
    choices = {} if numeric else _choices(node.get("choices"))
    if numeric:
        node.get("type").one_of(("integer",))
    elif not choices:
        node.problem("a criterion needs choices, or type: integer with min and max")
    indifferent = frozenset(item.one_of(choices) for item in node.get("indifferent").entries())
    several = node.get("several").flag()
    if several and len(choices.keys() - indifferent) < 2:
        node.get("several").problem(
            "several choices cannot be given here",
            "drop `several`, or have two choices that are not indifferent",
        )
    return Criterion(
        id=_criterion_id(node.get("id")),
        label=node.get("label").text(),
        question=node.get("question").text(),
        help=node.get("help").text(optional=True),
        weight=node.get("weight").whole(0, 100),
        concerns=node.get("concerns").one_of(CONCERNS),
        prior=_prior(node.get("prior"), choices),
        choices=choices,
        several=several,
        indifferent=indifferent,
        minimum=node.get("min").whole(0, 10**9) if numeric else 0,
        maximum=node.get("max").whole(0, 10**9) if numeric else 0,
    )


def priors_when(node: Node, criterion: Criterion, criteria: Criteria) -> Criterion:
    """The criterion with its priors for teams that gave certain other answers."""
    found = []
    for entry in node.get("priors_when").entries():
        entry.keys("when", "prior")
        when = condition(entry.get("when"), criteria)
        if not when.met:
            entry.problem("a prior for some teams needs a condition", "add `when:`")
        if criterion.id in when.criteria:
            entry.problem(f"the prior of {criterion.id} reads its own answer", "drop it")
        found.append(ConditionalPrior(when, _prior(entry.get("prior"), criterion.choices)))
    return replace(criterion, priors_when=tuple(found))


def identifier(node: Node) -> str:
    """An id: lower case letters, digits, '-' and '_'."""
    text = node.text()
    if text and not _ID.fullmatch(text):
        node.problem(f"{text!r} is not an id", "use lower case letters, digits, '-' and '_'")
    return text


def _criterion_id(node: Node) -> str:
    """An id without '-': it becomes the name of an environment variable."""
    id = identifier(node)
    if "-" in id:
        fix = f"write {id.replace('-', '_')}: no shell can set a variable with '-' in its name"
        node.problem(f"a criterion's id cannot be {id!r}", fix)
    return id


def _choices(node: Node) -> dict[str, str]:
    choices = {str(key): text.text() for key, text in node.items()}
    for key in choices:
        if not _CHOICE.fullmatch(key):
            what = f"{key!r} is not the name of a choice"
            node.problem(what, "use lower case letters, digits, '-' and '_'")
    return choices


def _prior(node: Node, choices: Mapping[str, str]) -> Prior:
    prior: dict[Single, float] = {}
    for key, share in node.items():
        if choices:
            share.one_of(choices, key)
        elif type(key) is not int:
            share.problem(f"{key!r} is not a whole number", "write a number, without quotes")
        prior[key] = share.number(0, 1)
    if abs(sum(prior.values()) - 1) > 1e-9:
        node.problem("the prior must add up to 1")
    return prior


def orchestrator(node: Node, criteria: Criteria) -> Orchestrator:
    """One file of orchestrators/."""
    node.keys(
        "schema_version", "reviewed", "id", "title", "version", "best_for", "operate", "criteria",
        "adjustments",
    )  # fmt: skip
    rows = {}
    for id, row in node.get("criteria").items():
        row.one_of(criteria, id)
        row.keys("brief", "scores", "points", "evidence")
        if id in criteria:
            scores = _scores(row, row.get("scores"), criteria[id], complete=True)
            brief = row.get("brief").text(optional=True)
            rows[id] = Row(scores, evidence(row.get("evidence")), brief)
    for id in criteria:
        if id not in rows:
            node.get("criteria").problem(f"there is no row for {id}", "score each criterion")
    return Orchestrator(
        id=identifier(node.get("id")),
        title=node.get("title").text(),
        version=node.get("version").text(),
        operate=tuple(item.text() for item in node.get("operate").entries()),
        rows=rows,
        best_for=node.get("best_for").text(optional=True),
        adjustments=tuple(_adjustment(n, criteria) for n in node.get("adjustments").entries()),
    )


def _scores(row: Node, cells: Node, criterion: Criterion, complete: bool) -> Scores:
    if not criterion.choices:
        points = []
        for point in row.get("points").entries():
            pair = point.entries()
            if len(pair) != 2:
                point.problem("a point is [number, score]")
                continue
            points.append((pair[0].whole(0, 10**9), pair[1].whole(0, MAX_SCORE)))
        if not points or sorted({x for x, _ in points}) != [x for x, _ in points]:
            row.problem("points must be a list of [number, score] with rising numbers")
        return Scores(points=tuple(points))
    found = {}
    for choice, cell in cells.items():
        cell.one_of(criterion.choices, choice)
        found[choice] = cell.whole(0, MAX_SCORE)
    missing = [choice for choice in criterion.choices if choice not in found]
    if complete and missing:
        row.problem(f"no score for {', '.join(missing)}", "score every choice from 0 to 4")
    return Scores(cells=found)


def _adjustment(node: Node, criteria: Criteria) -> Adjustment:
    node.keys("id", "when", "why", "set", "operate", "evidence")
    scores = {}
    for id, cells in node.get("set").items():
        cells.one_of(criteria, id)
        if id in criteria:
            scores[id] = _scores(cells, cells, criteria[id], complete=False)
    lines = tuple(item.text() for item in node.get("operate").entries())
    return Adjustment(
        when=condition(node.get("when"), criteria),
        why=node.get("why").text(),
        scores=scores,
        evidence=evidence(node.get("evidence")),
        operate=lines or None,
    )


def evidence(node: Node) -> tuple[Evidence, ...]:
    """A list of dated claims; an empty one is a problem."""
    entries = node.entries()
    if not entries:
        node.problem("there is no evidence", "give a claim, its source, date and version")
    found = []
    for entry in entries:
        entry.keys("claim", "source", "date", "version", "checked")
        found.append(
            Evidence(
                claim=entry.get("claim").text(),
                source=entry.get("source").text(),
                date=date(entry.get("date")),
                version=entry.get("version").text(),
                checked=_check(entry.get("checked")),
            )
        )
    return tuple(found)


def _check(node: Node) -> Check | None:
    if node.value is None:
        return None
    node.keys("date", "result")
    return Check(date(node.get("date")), node.get("result").one_of(CHECK_RESULTS))


def date(node: Node) -> str:
    """A date as YYYY-MM-DD."""
    text = node.text()
    if text and not _DATE.fullmatch(text):
        node.problem(f"{text!r} is not a date", "write YYYY-MM-DD")
    return text


def condition(node: Node, criteria: Criteria) -> Condition:
    """A mapping of criterion (or criterion_not) to one answer or a list of answers."""
    met: dict[str, frozenset[str]] = {}
    unless: dict[str, frozenset[str]] = {}
    with_choices = {id: c for id, c in criteria.items() if c.choices}
    for key, answers in node.items():
        id = str(key).removesuffix("_not") if key not in criteria else str(key)
        answers.one_of(with_choices, id)
        if id in with_choices:
            into = met if id == key else unless
            into[id] = frozenset(answers.words(criteria[id].choices))
    return Condition(met, unless)


def contradiction(node: Node, criteria: Criteria) -> Contradiction:
    """One entry of `contradictions` in criteria.yaml."""
    node.keys("id", "when", "message")
    when = condition(node.get("when"), criteria)
    if not when.met:
        node.problem("a contradiction needs a condition", "add `when:` with two criteria")
    return Contradiction(identifier(node.get("id")), when, node.get("message").text())
