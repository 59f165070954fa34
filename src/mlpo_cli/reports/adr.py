"""An architecture decision record, in the form of MADR (https://adr.github.io/madr/).

The same Decision gives the same bytes: the date is the one on which the rules were reviewed.
"""

from __future__ import annotations

from collections.abc import Iterable

from mlpo_cli.decision.model import Evidence, Rules, choices_of
from mlpo_cli.decision.outcome import Decision
from mlpo_cli.reports import words


def render(rules: Rules, chosen: str | None, decision: Decision | None) -> str:
    """The record as Markdown.

    `chosen` is the orchestrator that is used, None where none fits. `decision` is None when no
    criterion was answered: the record then says "not evaluated".
    """
    heading = (
        f"Use {words.title(rules, chosen)} for the ML pipeline" if chosen else "Use no orchestrator"
    )
    parts = [
        f"---\nstatus: {_status(chosen, decision)}\ndate: {rules.reviewed}\n---\n\n# {heading}",
        "## Context and problem statement",
        "Which orchestrator should run this team's machine learning pipeline?",
        f"The policy behind this record: {rules.policy.text}",
    ]
    if decision is not None:
        parts += ["## Decision drivers", _answers(rules, decision)]
    titles = [orchestrator.title for orchestrator in rules.orchestrators]
    parts += ["## Considered options", _bullets(titles), "## Decision outcome"]
    parts += _outcome(rules, chosen, decision)
    if chosen:
        operate = rules.orchestrator(chosen).operate
        parts += ["### Consequences", "What the team will have to operate:", _bullets(operate)]
    if decision is not None:
        parts += _analysis(rules, decision)
    parts += ["## More information", _origin(rules, decision)]
    # Rules are free text: none of it becomes HTML.
    return "\n\n".join(parts).replace("<", "&lt;") + "\n"


def _status(chosen: str | None, decision: Decision | None) -> str:
    """A toss-up or a "none" is a proposal until the team says otherwise."""
    follows = decision is not None and chosen == decision.orchestrator
    undecided = decision is not None and decision.verdict != "recommend"
    return "proposed" if follows and undecided else "accepted"


def _outcome(rules: Rules, chosen: str | None, decision: Decision | None) -> list[str]:
    name = words.title(rules, chosen)
    if decision is None:
        return [f"Chosen: {name}, by the team. The criteria were not evaluated by mlpo."]
    if chosen != decision.orchestrator:
        said = words.title(rules, decision.orchestrator)
        reason = words.because(rules, decision, chosen)
        return [
            f"Chosen: {name}, by the team; mlpo would have said {said} because {reason}.",
            f"Confidence in {said}: {words.confidence(decision)}.",
        ]
    if chosen is None:
        reasons = _bullets(words.rulings(rules, decision))
        return ["None of the options fits.", reasons]
    parts = [
        f"Chosen: {name}, because {words.because(rules, decision)}.",
        f"Confidence: {words.confidence(decision)}.",
    ]
    if decision.verdict == "toss-up":
        parts.append(words.toss_up(rules, decision))
    return parts + ([_bullets(decision.combined)] if decision.combined else [])


def _analysis(rules: Rules, decision: Decision) -> list[str]:
    parts = ["## Contributions", _contributions(rules, decision)]
    rulings = words.rulings(rules, decision)
    parts += ["## Vetoes and gates", _bullets(rulings or ["None fired."])]
    flips = words.flips(rules, decision.flips)
    parts += ["## What would change the answer", _bullets(flips or ["No single answer would."])]
    if decision.open_questions:
        asked = [rules.criterion(q.criterion).question for q in decision.open_questions]
        parts += ["## Questions still open that could change it", _bullets(asked)]
    if notes := words.notes(rules, decision):
        parts += ["## Notes", _bullets(notes)]
    return [*parts, "## Evidence", *_evidence(rules, decision)]


def _answers(rules: Rules, decision: Decision) -> str:
    if not decision.answers:
        return "No criterion was answered."
    rows = []
    for id, answer in decision.answers.items():
        criterion = rules.criterion(id)
        texts = [
            f"`{choice}`: {criterion.text(choice)}" if criterion.choices else str(choice)
            for choice in choices_of(answer)
        ]
        rows.append((criterion.question, "; ".join(texts)))
    return _table(("Question", "Answer"), rows)


def _contributions(rules: Rules, decision: Decision) -> str:
    """Points of the weighted mean, so that each column sums to its score out of 4."""
    ids = [orchestrator.id for orchestrator in rules.orchestrators]
    titles = [words.title(rules, id) for id in ids]
    rows = [
        (
            words.label(rules, c.criterion),
            f"{float(c.weight):g}",
            *(f"{float(c.points[id]):.3f} (fit {float(c.fit[id]):.2g})" for id in ids),
        )
        for c in decision.contributions
    ]
    total = ("Score of 4", "", *(f"{float(decision.scores[id]):.3f}" for id in ids))
    return _table(("Criterion", "Weight", *titles), [*rows, total])


def _evidence(rules: Rules, decision: Decision) -> list[str]:
    parts = []
    for contribution in decision.contributions:
        lines = [
            f"{words.title(rules, id)}: {_claim(item)}"
            for id, items in contribution.evidence.items()
            for item in items
        ]
        parts += [f"### {words.label(rules, contribution.criterion)}", _bullets(lines)]
    return parts or ["No criterion was answered."]


def _claim(item: Evidence) -> str:
    return f"{item.claim} ({item.source}; {words.evidence_date(item)})"


def _origin(rules: Rules, decision: Decision | None) -> str:
    text = f"Written by mlpo from rules {rules.version}, reviewed {rules.reviewed}."
    if decision is not None:
        text += (
            " Scores are weighted means of 0-4 fits over the answered criteria; confidence is the"
            f" share of {decision.confidence.draws:,} seeded draws with noisy weights and unknown"
            " answers drawn from priors."
        )
    return text


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines
    )
