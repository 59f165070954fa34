"""Sentences that more than one report says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlpo_cli.decision.model import Answer, Evidence, Rules, choices_of
from mlpo_cli.decision.outcome import Decision, FiredGate, FiredVeto, Flip, Need

TOSS_UP_ADVICE = "Too close to call: spike both for two days before you commit."


def title(rules: Rules, orchestrator: str | None) -> str:
    """The name of an orchestrator, or what is said where none fits."""
    return rules.orchestrator(orchestrator).title if orchestrator else "none of them"


def label(rules: Rules, criterion: str) -> str:
    """The short name of a criterion."""
    return rules.criterion(criterion).label


def answer(rules: Rules, criterion: str, given: Answer | None) -> str:
    """An answer by the ids of its choices: `lineage + airgapped`, "not sure" for none."""
    return "not sure" if given is None else " + ".join(map(str, choices_of(given)))


def evidence_date(item: Evidence) -> str:
    """The date and version of a claim, and the failed check where the source no longer has it."""
    text = f"{item.date}, {item.version}"
    if item.checked and item.checked.result == "not found":
        text += f"; checked {item.checked.date}: not found"
    return text


def confidence(decision: Decision) -> str:
    """The label and the share of draws."""
    sure = decision.confidence
    return f"{sure.label}, {sure.share:.0%} of {sure.draws:,} draws"


def toss_up(rules: Rules, decision: Decision) -> str:
    """What to do about a toss-up, and whom the draws favour where it is not the leader."""
    shares = decision.confidence.shares
    favourite = max(shares, key=lambda id: shares[id])
    leader = decision.orchestrator
    if leader is None or shares[favourite] <= shares[leader]:
        return TOSS_UP_ADVICE
    return (
        f"{TOSS_UP_ADVICE} {title(rules, leader)} leads on the answers given, but in the draws "
        f"{title(rules, favourite)} wins more often ({shares[favourite]:.0%})."
    )


def need(rules: Rules, wanted: Need) -> str:
    """What a rule asks for: `Kubernetes today = production (you: not sure)`."""
    choices = " or ".join(wanted.answers)
    given = answer(rules, wanted.criterion, wanted.given)
    return f"{label(rules, wanted.criterion)} = {choices} (you: {given})"


def veto(rules: Rules, fired: FiredVeto) -> str:
    """What a veto says, and which open answer would lift it."""
    text = f"{title(rules, fired.orchestrator)} is out: {fired.message}"
    if fired.lifted_by:
        ways = "; ".join(need(rules, wanted) for wanted in fired.lifted_by)
        text += f" Lifted by {ways}."
    return text


def gate(rules: Rules, fired: FiredGate) -> str:
    """What a gate says, and what is missing to open it."""
    name = title(rules, fired.orchestrator)
    if fired.overruled:
        state = f"{name} is behind a gate that had to open"
    elif fired.decisive:
        state = f"{name} would lead on points but may not win"
    else:
        state = f"{name} may not win"
    text = f"{state}: {fired.message}"
    if fired.missing:
        text += f" Missing: {'; '.join(need(rules, wanted) for wanted in fired.missing)}."
    return text


def flips(rules: Rules, changes: Iterable[Flip]) -> list[str]:
    """One line per criterion and winner: `GPUs: tpu gives ZenML`."""
    grouped: dict[tuple[str, str | None], list[str]] = {}
    for change in changes:
        span = answer(rules, change.criterion, change.to)
        if change.upto != change.to:
            last = change.upto == rules.criterion(change.criterion).maximum
            span = f"{change.to} or more" if last else f"{change.to} to {change.upto}"
        grouped.setdefault((change.criterion, change.winner), []).append(span)
    return [
        f"{label(rules, criterion)}: {' or '.join(spans)} gives {title(rules, winner)}"
        for (criterion, winner), spans in grouped.items()
    ]


def and_more(lines: Sequence[str], limit: int, hint: str) -> list[str]:
    """The first lines, and how many more there are."""
    if len(lines) <= limit:
        return list(lines)
    return [*lines[: limit - 1], f"and {len(lines) - limit + 1} more ({hint})"]


def rulings(rules: Rules, decision: Decision) -> list[str]:
    """Every veto and gate that fired, one line each; a veto on all of them is said once."""
    lines: dict[str, None] = {}
    for fired in decision.vetoes:
        everyone = sum(other.id == fired.id for other in decision.vetoes) == len(decision.scores)
        lines[fired.message if everyone else veto(rules, fired)] = None
    for shut in decision.gates:
        lines[gate(rules, shut)] = None
    return list(lines)


def notes(rules: Rules, decision: Decision) -> list[str]:
    """What a reader must know besides, switched-off criteria included."""
    off = ", ".join(label(rules, id) for id in decision.switched_off)
    return [*decision.notes, *([f"Switched off by weight 0: {off}."] if off else [])]


def because(rules: Rules, decision: Decision, other: str | None = None) -> str:
    """Why the leader leads, in one clause: against `other`, or else against the runner-up.

    A veto or gate on `other` comes first; otherwise the criteria that add most to the gap.
    """
    winner, rival = decision.orchestrator, other or decision.runner_up
    for fired in decision.vetoes:
        if winner is None or fired.orchestrator == rival:
            return _clause(fired.message)
    for shut in decision.gates:
        if shut.orchestrator == rival and not shut.overruled:
            return _clause(shut.message)
    if winner is None or rival is None or not decision.contributions:
        return _clause(rules.policy.text)
    gaps = {c.criterion: c.points[winner] - c.points[rival] for c in decision.contributions}
    telling = sorted((id for id in gaps if gaps[id] > 0), key=lambda id: -gaps[id])[:3]
    if not telling:
        return f"it ties with {title(rules, rival)} and comes first in the policy"
    said = ", ".join(
        f"{label(rules, id)} ({answer(rules, id, decision.answers[id])})" for id in telling
    )
    return f"it fits better on: {said}"


def _clause(message: str) -> str:
    return message.rstrip(".")
