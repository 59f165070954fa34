"""Parse criteria.yaml and the files in orchestrators/ into the model of the decision engine."""

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


def parse_criterion(node: Node) -> Criterion:
    """Parse one entry of `criteria` in criteria.yaml, all but `priors_when`."""
    node.check_keys(
        "id", "label", "weight", "concerns", "type", "min", "max", "question", "help", "choices",
        "several", "indifferent", "prior", "priors_when",
    )  # fmt: skip
    is_number = node.get("type").value is not None
    choices = {} if is_number else _parse_choices(node.get("choices"))
    if is_number:
        node.get("type").read_word(("integer",))
    elif not choices:
        node.add_problem("a criterion needs choices, or type: integer with min and max")
    indifferent = frozenset(
        item.read_word(choices) for item in node.get("indifferent").list_entries()
    )
    several = node.get("several").read_flag()
    if several and len(choices.keys() - indifferent) < 2:
        node.get("several").add_problem(
            "an answer cannot have several choices here",
            "remove `several`, or define two choices that are not indifferent",
        )
    return Criterion(
        id=_parse_criterion_id(node.get("id")),
        label=node.get("label").read_text(),
        question=node.get("question").read_text(),
        help=node.get("help").read_text(optional=True),
        weight=node.get("weight").read_whole(0, 100),
        concerns=node.get("concerns").read_word(CONCERNS),
        prior=_parse_prior(node.get("prior"), choices),
        choices=choices,
        several=several,
        indifferent=indifferent,
        minimum=node.get("min").read_whole(0, 10**9) if is_number else 0,
        maximum=node.get("max").read_whole(0, 10**9) if is_number else 0,
    )


def add_conditional_priors(node: Node, criterion: Criterion, criteria: Criteria) -> Criterion:
    """Parse `priors_when`. Returns the criterion with these priors.

    The conditions name other criteria, so all criteria must have been parsed before.
    """
    priors = []
    for entry in node.get("priors_when").list_entries():
        entry.check_keys("when", "prior")
        when = parse_condition(entry.get("when"), criteria)
        if not when.met:
            entry.add_problem("a prior for some teams needs a condition", "add `when:`")
        if criterion.id in when.criteria:
            entry.add_problem(f"the prior of {criterion.id} reads its own answer", "remove it")
        priors.append(ConditionalPrior(when, _parse_prior(entry.get("prior"), criterion.choices)))
    return replace(criterion, priors_when=tuple(priors))


def parse_id(node: Node) -> str:
    """Parse an id: lower case letters, digits, '-' and '_'."""
    text = node.read_text()
    if text and not _ID.fullmatch(text):
        node.add_problem(
            f"{text!r} is not a valid id", "use lower case letters, digits, '-' and '_'"
        )
    return text


def _parse_criterion_id(node: Node) -> str:
    """Parse an id without '-', because it is also the name of an environment variable."""
    id = parse_id(node)
    if "-" in id:
        fix = f"write {id.replace('-', '_')}: no shell can set a variable with '-' in its name"
        node.add_problem(f"the id of a criterion cannot be {id!r}", fix)
    return id


def _parse_choices(node: Node) -> dict[str, str]:
    choices = {str(key): text.read_text() for key, text in node.list_items()}
    for key in choices:
        if not _CHOICE.fullmatch(key):
            what = f"{key!r} is not a valid id of a choice"
            node.add_problem(what, "use lower case letters, digits, '-' and '_'")
    return choices


def _parse_prior(node: Node, choices: Mapping[str, str]) -> Prior:
    prior: dict[Single, float] = {}
    for key, share in node.list_items():
        if choices:
            share.read_word(choices, key)
        elif type(key) is not int:
            share.add_problem(f"{key!r} is not a whole number", "write a number, without quotes")
        prior[key] = share.read_number(0, 1)
    if abs(sum(prior.values()) - 1) > 1e-9:
        node.add_problem("the prior must add up to 1")
    return prior


def parse_orchestrator(node: Node, criteria: Criteria) -> Orchestrator:
    """Parse one file in orchestrators/."""
    node.check_keys(
        "schema_version", "reviewed", "id", "title", "version", "best_for", "operate", "criteria",
        "adjustments",
    )  # fmt: skip
    rows = {}
    for id, row in node.get("criteria").list_items():
        row.read_word(criteria, id)
        row.check_keys("brief", "scores", "points", "evidence")
        if id in criteria:
            scores = _parse_scores(row, row.get("scores"), criteria[id], complete=True)
            brief = row.get("brief").read_text(optional=True)
            rows[id] = Row(scores, parse_evidence(row.get("evidence")), brief)
    for id in criteria:
        if id not in rows:
            node.get("criteria").add_problem(f"there is no row for {id}", "score each criterion")
    return Orchestrator(
        id=parse_id(node.get("id")),
        title=node.get("title").read_text(),
        version=node.get("version").read_text(),
        operate=tuple(item.read_text() for item in node.get("operate").list_entries()),
        rows=rows,
        best_for=node.get("best_for").read_text(optional=True),
        adjustments=tuple(
            _parse_adjustment(n, criteria) for n in node.get("adjustments").list_entries()
        ),
    )


def _parse_scores(row: Node, cells: Node, criterion: Criterion, complete: bool) -> Scores:
    """Parse `cells`, or `points` in `row` for a number. If `complete`, no choice may be missing."""
    if not criterion.choices:
        points = []
        for point in row.get("points").list_entries():
            pair = point.list_entries()
            if len(pair) != 2:
                point.add_problem("a point must be [number, score]")
                continue
            points.append((pair[0].read_whole(0, 10**9), pair[1].read_whole(0, MAX_SCORE)))
        if not points or sorted({x for x, _ in points}) != [x for x, _ in points]:
            row.add_problem("points must be a list of [number, score] with rising numbers")
        return Scores(points=tuple(points))
    fits = {}
    for choice, cell in cells.list_items():
        cell.read_word(criterion.choices, choice)
        fits[choice] = cell.read_whole(0, MAX_SCORE)
    missing = [choice for choice in criterion.choices if choice not in fits]
    if complete and missing:
        row.add_problem(f"no score for {', '.join(missing)}", "score every choice from 0 to 4")
    return Scores(cells=fits)


def _parse_adjustment(node: Node, criteria: Criteria) -> Adjustment:
    node.check_keys("id", "when", "why", "set", "operate", "evidence")
    scores = {}
    for id, cells in node.get("set").list_items():
        cells.read_word(criteria, id)
        if id in criteria:
            scores[id] = _parse_scores(cells, cells, criteria[id], complete=False)
    lines = tuple(item.read_text() for item in node.get("operate").list_entries())
    return Adjustment(
        when=parse_condition(node.get("when"), criteria),
        why=node.get("why").read_text(),
        scores=scores,
        evidence=parse_evidence(node.get("evidence")),
        operate=lines or None,
    )


def parse_evidence(node: Node) -> tuple[Evidence, ...]:
    """Parse a list of claims with their sources and dates. An empty list is a problem."""
    entries = node.list_entries()
    if not entries:
        node.add_problem("there is no evidence", "give a claim, its source, date and version")
    evidence = []
    for entry in entries:
        entry.check_keys("claim", "source", "date", "version", "checked")
        evidence.append(
            Evidence(
                claim=entry.get("claim").read_text(),
                source=entry.get("source").read_text(),
                date=parse_date(entry.get("date")),
                version=entry.get("version").read_text(),
                checked=_parse_check(entry.get("checked")),
            )
        )
    return tuple(evidence)


def _parse_check(node: Node) -> Check | None:
    if node.value is None:
        return None
    node.check_keys("date", "result")
    return Check(parse_date(node.get("date")), node.get("result").read_word(CHECK_RESULTS))


def parse_date(node: Node) -> str:
    """Parse a date, YYYY-MM-DD."""
    text = node.read_text()
    if text and not _DATE.fullmatch(text):
        node.add_problem(f"{text!r} is not a date", "write YYYY-MM-DD")
    return text


def parse_condition(node: Node, criteria: Criteria) -> Condition:
    """Parse a mapping of criterion id, or id_not for exceptions, to one answer or a list."""
    met: dict[str, frozenset[str]] = {}
    unless: dict[str, frozenset[str]] = {}
    with_choices = {id: c for id, c in criteria.items() if c.choices}
    for key, answers in node.list_items():
        id = str(key).removesuffix("_not") if key not in criteria else str(key)
        answers.read_word(with_choices, id)
        if id in with_choices:
            part = met if id == key else unless
            part[id] = frozenset(answers.read_words(criteria[id].choices))
    return Condition(met, unless)


def parse_contradiction(node: Node, criteria: Criteria) -> Contradiction:
    """Parse one entry of `contradictions` in criteria.yaml."""
    node.check_keys("id", "when", "message")
    when = parse_condition(node.get("when"), criteria)
    if not when.met:
        node.add_problem("a contradiction needs a condition", "add `when:` with two criteria")
    return Contradiction(parse_id(node.get("id")), when, node.get("message").read_text())
