"""What was decided, why, and how sure that is: the sentences that a report starts with."""

from __future__ import annotations

from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.outcome import Decision, FiredGate, FiredVeto
from mlpo_cli.decision.policy import find_best, list_in_tie_break_order
from mlpo_cli.reports.contributions import make_rows
from mlpo_cli.reports.sentences import answer, find_veto_on_all, join, label, percent, title

_MOST_REASONS = 3


def name_result(rules: Rules, decision: Decision) -> str:
    """The result in a few words: `Metaflow`, `Kubeflow leads` in a toss-up."""
    if decision.orchestrator is None:
        return "None of these fits"
    name = title(rules, decision.orchestrator)
    return f"{name} leads" if decision.verdict == "toss-up" else name


def write_headline(rules: Rules, decision: Decision) -> str:
    """The result and its reason: `Metaflow, because it fits better than ZenML on GPUs (tpu).`"""
    name = name_result(rules, decision)
    if decision.orchestrator is None:
        return f"{name}. {explain_none(decision)}"
    return f"{name}, because {explain_leader(rules, decision)}."


def write_reason(rules: Rules, decision: Decision) -> str:
    """The reason alone, as a sentence to stand below the result."""
    if decision.orchestrator is None:
        return explain_none(decision)
    return f"Because {explain_leader(rules, decision)}."


def explain_none(decision: Decision) -> str:
    """Why no orchestrator fits, in a sentence or two."""
    veto = find_veto_on_all(decision)
    if veto is None:
        return "Each of them is ruled out, for a reason of its own."
    return f"{veto.message.rstrip('.')}."


def explain_leader(rules: Rules, decision: Decision, other: str | None = None) -> str:
    """Why the leader comes first, as a clause: `it fits better than ZenML on GPUs (tpu)`.

    `other` is the orchestrator to compare it with: the runner-up if left out. Raises ValueError
    where none fits.
    """
    leader, rival = decision.orchestrator, other or decision.runner_up
    if leader is None:
        raise ValueError("no orchestrator leads")
    if not decision.contributions and other is None:
        return "it is the default"
    barred = _rules_against(decision).get(other) if other else _find_barred(rules, decision)
    if barred is not None:
        return _explain_barred(rules, barred, would_lead=other is None)
    if rival is None:
        return "it is the only one that is not ruled out"
    return _compare(rules, decision, leader, rival)


def _rules_against(decision: Decision) -> dict[str, FiredVeto | FiredGate]:
    """The veto or else the gate that keeps each orchestrator from coming first."""
    gates = {gate.orchestrator: gate for gate in decision.gates if not gate.overruled}
    return {**gates, **{veto.orchestrator: veto for veto in reversed(decision.vetoes)}}


def _find_barred(rules: Rules, decision: Decision) -> FiredVeto | FiredGate | None:
    """The veto or gate without which another orchestrator would come first."""
    barred = _rules_against(decision)
    field = [
        id for id in list_in_tie_break_order(rules) if id == decision.orchestrator or id in barred
    ]
    return barred.get(find_best(field, decision.points, rules.policy.margin) or "")


def _explain_barred(rules: Rules, barred: FiredVeto | FiredGate, would_lead: bool) -> str:
    is_veto = isinstance(barred, FiredVeto)
    if would_lead:
        state = (
            f"would come first on points, but {'is ruled out' if is_veto else 'a rule stops it'}"
        )
    else:
        state = "is ruled out" if is_veto else "cannot come first"
    return f"{title(rules, barred.orchestrator)} {state}: {barred.message.rstrip('.')}"


def _compare(rules: Rules, decision: Decision, leader: str, rival: str) -> str:
    """The criteria that count most for the leader, or how a tie was broken."""
    name = title(rules, rival)
    gap = decision.points[leader] - decision.points[rival]
    if gap <= 0:
        same = "the same" if gap == 0 else "almost the same"
        return f"it has {same} points as {name}, and the rules prefer it in a tie"
    gaps = {
        row.criterion: row.cells[leader].points - row.cells[rival].points
        for row in make_rows(decision)
    }
    ahead = sorted((id for id in gaps if gaps[id] > 0), key=lambda id: -gaps[id])
    reasons = [
        f"{label(rules, id)} ({answer(rules, id, decision.answers[id])})"
        for id in ahead[:_MOST_REASONS]
    ]
    return f"it fits better than {name} on {join(reasons, 'and')}"


def describe_certainty(rules: Rules, decision: Decision) -> str:
    """How sure the result is, and in how many variations of the simulation it is the same."""
    sure, varied = decision.confidence, _describe_variations(rules, decision)
    share = f"{percent(sure.share)} of {varied}"
    if decision.orchestrator is None:
        certain = _is_certain(decision)
        how = "no open answer can change it" if certain else f"none fits in {share}"
        return f"{_name_what_decides(decision)}, not points: {how}."
    leader = title(rules, decision.orchestrator)
    if not decision.contributions:
        return (
            f"Nothing was answered, so this says nothing about the team. {leader} comes first in "
            f"{percent(sure.share)} of {sure.draws:,} variations of the weights and of "
            "typical answers."
        )
    if sure.label == "robust":
        return f"Sure: {leader} stays first in {share}."
    if sure.label == "leaning":
        has_few_answers = sure.share >= rules.policy.confidence.robust
        but = ", but few questions are answered" if has_few_answers else ""
        return f"Fairly sure: {leader} stays first in {share}{but}."
    favourite = decision.confidence.favourite or decision.orchestrator
    if favourite == decision.orchestrator:
        return f"Too close to call: {leader} stays first in only {share}."
    return (
        f"Too close to call: in {varied}, {title(rules, favourite)} comes first more often "
        f"({percent(sure.shares[favourite])}) than {leader} ({percent(sure.share)})."
    )


def _describe_variations(rules: Rules, decision: Decision) -> str:
    """What is varied: the open answers only where there are some."""
    counted = len(decision.contributions) + len(decision.switched_off)
    open_too = " and of the open answers" if counted < len(rules.criteria) else ""
    return f"{decision.confidence.draws:,} variations of the weights{open_too}"


def _name_what_decides(decision: Decision) -> str:
    return "A rule decides this" if find_veto_on_all(decision) else "Rules decide this"


def _is_certain(decision: Decision) -> bool:
    """Whether each orchestrator is ruled out by a veto that no open answer lifts."""
    return {veto.orchestrator for veto in decision.vetoes if not veto.lifted_by} == set(
        decision.scores
    )


def advise(rules: Rules, decision: Decision) -> str:
    """What to do about a toss-up; empty where it is none."""
    if decision.verdict != "toss-up" or decision.orchestrator is None:
        return ""
    favourite = decision.confidence.favourite or decision.orchestrator
    other = decision.runner_up if favourite == decision.orchestrator else favourite
    if other is None:
        return "Answer more of the questions before you commit."
    names = f"{title(rules, decision.orchestrator)} and {title(rules, other)}"
    return f"Try {names} for two days each before you commit."


def summarize(rules: Rules, decision: Decision) -> str:
    """Result and certainty in one short sentence, for the end of a long report."""
    name, sure = name_result(rules, decision), decision.confidence
    if decision.orchestrator is None:
        return f"{name}. {_name_what_decides(decision)}, not points."
    if not decision.contributions:
        return f"{name}: the default, because nothing was answered."
    labels = {"robust": "sure", "leaning": "fairly sure", "toss-up": "too close to call"}
    text = f"{name}: {labels[sure.label]}, first in {percent(sure.share)} of variations"
    favourite = decision.confidence.favourite or decision.orchestrator
    if sure.label == "toss-up" and favourite != decision.orchestrator:
        text += f", {title(rules, favourite)} in {percent(sure.shares[favourite])}"
    return f"{text}."
