"""Names and sentences that more than one report uses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mlpo_cli.decision.conditions import Answer, list_choices
from mlpo_cli.decision.model import Evidence, Rules
from mlpo_cli.decision.outcome import Decision, FiredGate, FiredVeto, Flip, Need

NOT_SURE = "not sure"


def title(rules: Rules, orchestrator: str) -> str:
    """The name of an orchestrator."""
    return rules.orchestrator(orchestrator).title


def label(rules: Rules, criterion: str) -> str:
    """The short name of a criterion."""
    return rules.criterion(criterion).label


def answer(rules: Rules, criterion: str, value: Answer | None) -> str:
    """An answer by the ids of its choices: `lineage + airgapped`."""
    return NOT_SURE if value is None else " + ".join(map(str, list_choices(value)))


def answer_text(rules: Rules, criterion: str, value: Answer | None) -> str:
    """An answer in words, several choices with `; ` between them."""
    if value is None:
        return NOT_SURE
    return "; ".join(rules.criterion(criterion).text(choice) for choice in list_choices(value))


def labelled_answer(rules: Rules, criterion: str, value: Answer | None) -> str:
    """The name of a criterion with the answer: `GPUs: on_demand`."""
    return f"{label(rules, criterion)}: {answer(rules, criterion, value)}"


def short_answer(rules: Rules, criterion: str, value: Answer, width: int) -> str:
    """As `labelled_answer`, in `width` characters at most: too many choices are only counted."""
    texts = [answer(rules, criterion, value)]
    if isinstance(value, tuple):
        texts += [f"{value[0]} + {len(value) - 1} more", f"{len(value)} choices"]
    names = [f"{label(rules, criterion)}: {text}" for text in texts]
    return next((name for name in names if len(name) <= width), names[-1])[:width]


def evidence_date(item: Evidence) -> str:
    """The date and version of a claim, and the failed check where the source no longer has it."""
    text = f"{item.date}, {item.version}"
    if item.checked and item.checked.result == "not found":
        text += f"; checked {item.checked.date}: not found"
    return text


def join(words: Sequence[str], last: str) -> str:
    """Words as a list in a sentence: `join(["a", "b", "c"], "or")` is `a, b or c`."""
    *others, final = words
    return f"{', '.join(others)} {last} {final}" if others else final


def percent(share: float) -> str:
    """A share of 1 in whole percent; only a full one is 100%."""
    return "over 99%" if 0.995 <= share < 1 else f"{share:.0%}"


def describe_need(rules: Rules, need: Need) -> str:
    """What a rule asks for: `Kubernetes today is production (your answer: not sure)`."""
    current = answer(rules, need.criterion, need.given)
    return f"{label(rules, need.criterion)} is {join(need.answers, 'or')} (your answer: {current})"


def describe_veto(rules: Rules, veto: FiredVeto) -> str:
    """What a veto says, and which open answers would lift it."""
    text = f"{title(rules, veto.orchestrator)} is ruled out: {veto.message}"
    if veto.lifted_by:
        ways = [describe_need(rules, need) for need in veto.lifted_by]
        text += f" That changes if {join(ways, 'or')}."
    return text


def describe_gate(rules: Rules, gate: FiredGate) -> str:
    """What a gate says, and what is missing to open it."""
    name = title(rules, gate.orchestrator)
    if gate.overruled:
        state = f"{name} may come first only because nothing else is left"
    elif gate.decisive:
        state = f"{name} would come first on points, but a rule stops it"
    else:
        state = f"{name} cannot come first"
    text = f"{state}: {gate.message}"
    if gate.missing:
        needs = [describe_need(rules, need) for need in gate.missing]
        text += f" That changes if {join(needs, 'and')}."
    return text


def list_fired_rules(rules: Rules, decision: Decision) -> list[str]:
    """Every veto and gate that fired, one line each. A veto on all of them is one line."""
    lines: dict[str, None] = {}
    for veto in decision.vetoes:
        line = veto.message if _hits_all(decision, veto) else describe_veto(rules, veto)
        lines[line] = None
    for gate in decision.gates:
        lines[describe_gate(rules, gate)] = None
    return list(lines)


def find_veto_on_all(decision: Decision) -> FiredVeto | None:
    """The first veto that rules out every orchestrator."""
    return next((veto for veto in decision.vetoes if _hits_all(decision, veto)), None)


def _hits_all(decision: Decision, veto: FiredVeto) -> bool:
    return sum(other.id == veto.id for other in decision.vetoes) == len(decision.scores)


def list_flips(rules: Rules, flips: Iterable[Flip]) -> list[str]:
    """One line per criterion and new leader: `GPUs: with tpu, ZenML comes first`."""
    spans: dict[tuple[str, str | None], list[str]] = {}
    for flip in flips:
        span = answer(rules, flip.criterion, flip.to)
        if flip.upto != flip.to:
            is_open = flip.upto == rules.criterion(flip.criterion).maximum
            span += " or more" if is_open else f" to {flip.upto}"
        spans.setdefault((flip.criterion, flip.winner), []).append(span)
    return [
        f"{label(rules, criterion)}: with {join(answers, 'or')}, "
        + (f"{title(rules, leader)} comes first" if leader else "none of them fits")
        for (criterion, leader), answers in spans.items()
    ]


def describe_leaders(rules: Rules, leaders: Sequence[str | None]) -> str:
    """What an answer could do: `put ZenML first or rule out all of them`."""
    names = [title(rules, id) for id in leaders if id]
    parts = [f"put {join(names, 'or')} first"] if names else []
    return join([*parts, "rule out all of them"] if None in leaders else parts, "or")


def list_open_questions(rules: Rules, decision: Decision) -> list[str]:
    """The questions without an answer that could still change the result, as they are asked."""
    return [rules.criterion(question.criterion).question for question in decision.open_questions]


def list_notes(rules: Rules, decision: Decision) -> list[str]:
    """What a reader must know besides, switched-off criteria included."""
    off = ", ".join(label(rules, id) for id in decision.switched_off)
    return [*decision.notes, *([f"Switched off by weight 0: {off}."] if off else [])]


def shorten(lines: Sequence[str], limit: int, rest: str) -> list[str]:
    """The first lines, and how many are left out; `rest` says where they are."""
    if len(lines) <= limit:
        return list(lines)
    return [*lines[: limit - 1], f"and {len(lines) - limit + 1} more ({rest})"]
