"""An architecture decision record, in the form of MADR (https://adr.github.io/madr/).

The same Decision and day give the same bytes: without a day, the date is the one on which the rules
were reviewed, and the record says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlpo_cli.decision.conditions import list_choices
from mlpo_cli.decision.model import Evidence, Rules
from mlpo_cli.decision.outcome import Decision
from mlpo_cli.reports import sentences, verdict
from mlpo_cli.reports.contributions import Row, make_rows, sum_points
from mlpo_cli.reports.refusals import describe_disagreement


def render(
    rules: Rules, chosen: str | None, decision: Decision | None, decided_on: str | None = None
) -> str:
    """The record as Markdown.

    `decided_on` is the day of the decision, as 2026-11-29, None where the answers do not name it.
    `chosen` is the orchestrator that is used, None where none fits. `decision` is None when no
    criterion was answered: the record then says "not evaluated".
    """
    name = sentences.title(rules, chosen) if chosen else ""
    date = decided_on or rules.reviewed
    heading = f"Use {name} for the ML pipeline" if chosen else "Use no orchestrator"
    parts = [
        f"---\nstatus: {_status(chosen, decision)}\ndate: {date}\n---\n\n# {heading}",
        "## Context and problem statement",
        "Which orchestrator should run this team's machine learning pipeline?",
        f"The rules behind this record, in short: {rules.policy.text}",
    ]
    if decision is not None:
        parts += ["## Decision drivers", _table_answers(rules, decision)]
    titles = [orchestrator.title for orchestrator in rules.orchestrators]
    parts += ["## Considered options", _bullets(titles), "## Decision outcome"]
    parts += _list_outcome(rules, chosen, decision)
    if chosen:
        operate = _list_operated(rules, chosen, decision)
        parts += ["### Consequences", "What the team will have to operate:", _bullets(operate)]
    if decision is not None:
        parts += _list_analysis(rules, decision)
    parts += ["## More information", _describe_origin(rules, decision, decided_on)]
    # Rules are free text: none of it becomes HTML.
    return "\n\n".join(parts).replace("<", "&lt;") + "\n"


def _status(chosen: str | None, decision: Decision | None) -> str:
    """A toss-up or a "none" is a proposal until the team says otherwise."""
    follows = decision is not None and chosen == decision.orchestrator
    undecided = decision is not None and decision.verdict != "recommend"
    return "proposed" if follows and undecided else "accepted"


def _list_outcome(rules: Rules, chosen: str | None, decision: Decision | None) -> list[str]:
    """What was chosen, why, and how sure the recommendation is."""
    name = sentences.title(rules, chosen) if chosen else ""
    if decision is None:
        return [
            f"Chosen: {name}. No question about the team was answered, so the choice was not "
            "evaluated by mlpo."
        ]
    certainty = verdict.describe_certainty(rules, decision)
    if chosen is None:
        reasons = _bullets(sentences.list_fired_rules(rules, decision))
        return [f"None of the options fits. {certainty}", reasons]
    if chosen != decision.orchestrator:
        other = describe_disagreement(rules, decision, chosen)
        return [f"Chosen: {name}, by the team; {other}", _describe_advice(decision, certainty)]
    reason = verdict.explain_leader(rules, decision)
    parts = [f"Chosen: {name}, because {reason}.", certainty]
    if advice := verdict.advise(rules, decision):
        parts.append(advice)
    return parts + ([_bullets(decision.combined)] if decision.combined else [])


def _describe_advice(decision: Decision, certainty: str) -> str:
    """How sure the recommendation is that the team does not follow."""
    if decision.orchestrator is None or not decision.contributions:
        return certainty
    return f"That recommendation is {certainty[0].lower()}{certainty[1:]}"


def _list_operated(rules: Rules, chosen: str, decision: Decision | None) -> Iterable[str]:
    if decision is not None and chosen == decision.orchestrator:
        return decision.operate
    return rules.orchestrator(chosen).operate


def _list_analysis(rules: Rules, decision: Decision) -> list[str]:
    rows = make_rows(decision)
    parts = ["## Contributions", _table_rows(rules, decision, rows)]
    fired = sentences.list_fired_rules(rules, decision)
    parts += ["## Vetoes and gates", _bullets(fired or ["None applied."])]
    flips = sentences.list_flips(rules, decision.flips)
    parts += ["## What would change the result", _bullets(flips or ["No single answer would."])]
    if questions := sentences.list_open_questions(rules, decision):
        parts += ["## Questions still open that could change it", _bullets(questions)]
    if notes := sentences.list_notes(rules, decision):
        parts += ["## Notes", _bullets(notes)]
    return [*parts, "## Evidence", *_list_evidence(rules, rows)]


def _table_answers(rules: Rules, decision: Decision) -> str:
    if not decision.answers:
        return "No criterion was answered."
    lines = []
    for id, answer in decision.answers.items():
        criterion = rules.criterion(id)
        texts = [
            f"`{choice}`: {criterion.text(choice)}" if criterion.choices else str(choice)
            for choice in list_choices(answer)
        ]
        lines.append((criterion.question, "; ".join(texts)))
    return _table(("Question", "Answer"), lines)


def _table_rows(rules: Rules, decision: Decision, rows: Sequence[Row]) -> str:
    """Points of each criterion with their sum, and the score that the sum gives."""
    ids = [orchestrator.id for orchestrator in rules.orchestrators]
    titles = [sentences.title(rules, id) for id in ids]
    lines = [
        (
            sentences.label(rules, row.criterion),
            f"{float(row.weight):g}",
            *(
                f"{float(row.cells[id].points):.1f} (fit {float(row.cells[id].fit):.2g})"
                for id in ids
            ),
        )
        for row in rows
    ]
    weight = f"{float(sum(row.weight for row in rows)):g}"
    sums = ("Sum", weight, *(f"{float(sum_points(rows, id)):.1f}" for id in ids))
    scores = ("Score of 4: sum / weight", "", *(f"{float(decision.scores[id]):.2f}" for id in ids))
    header = ("Points (weight x fit)", "Weight", *titles)
    return _table(header, [*lines, sums, scores])


def _list_evidence(rules: Rules, rows: Iterable[Row]) -> list[str]:
    parts = []
    for row in rows:
        lines = [
            f"{sentences.title(rules, id)}: {_claim(item)}"
            for id, items in row.evidence.items()
            for item in items
        ]
        parts += [f"### {sentences.label(rules, row.criterion)}", _bullets(lines)]
    return parts or ["No criterion was answered."]


def _claim(item: Evidence) -> str:
    return f"{item.claim} ({item.source}; {sentences.evidence_date(item)})"


def _describe_origin(rules: Rules, decision: Decision | None, decided_on: str | None) -> str:
    text = f"Written by mlpo from rules {rules.version}. Rules reviewed on {rules.reviewed}"
    if decided_on is None:
        text += ", which is the date of this record: the answers name no day of the decision."
    else:
        text += f". Decided on {decided_on}."
    if decision is not None:
        text += (
            " Scores are weighted means of 0-4 fits over the answered criteria. How sure the "
            f"result is was simulated: {decision.confidence.draws:,} variations, each with the "
            "weights changed at random and the open answers filled in according to how common "
            "they are. The same answers always give the same variations."
        )
    return text


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )
