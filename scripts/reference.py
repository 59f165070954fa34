"""The parts of the reference in docs/, from the code and the rules. Used by docs.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import typer

from mlpo_cli import rules as rule_files
from mlpo_cli.answers.fields import ENVIRONMENT, Field, describe
from mlpo_cli.answers.kinds import Choice, Number, Text, Whole
from mlpo_cli.answers.several import Several
from mlpo_cli.cli import app
from mlpo_cli.decision.model import Condition, Rules
from mlpo_cli.decision.policy import in_order
from mlpo_cli.errors import ExitCode
from mlpo_cli.resources import rules_dir
from mlpo_cli.scaffold import available

EXIT_CODES = {
    "OK": "done: a recommendation, a toss-up, a project, or what was asked for",
    "NEGATIVE": "it ran, and the finding is negative: nothing fits, a toss-up that `new` may not "
    "settle, a run or a commit that failed",
    "USAGE": "the command line, the answers or the rules can't be used, or something is in the "
    "way; nothing was written",
    "INTERNAL": "a defect in mlpo: one line, and where the crash log is",
    "INTERRUPTED": "interrupted with Ctrl-C",
}
# Beside one variable for each answer.
VARIABLES = {
    "NO_COLOR": "set to anything: no colour",
    "FORCE_COLOR": "set to anything: colour in a pipe and in a file too",
    "TERM": "`dumb`: no colour, and no questions",
    "XDG_STATE_HOME": "where `mlpo/crash.log` is written; `~/.local/state` if not set",
}


def verbs() -> list[str]:
    """The commands, in the order of `mlpo --help`."""
    return list(getattr(typer.main.get_command(app), "commands", {}))


def exit_codes() -> str:
    """The exit codes as a section."""
    rows = [(str(code.value), EXIT_CODES[code.name]) for code in ExitCode]
    return "## Exit codes\n\n" + table(("code", "meaning"), rows)


def variables() -> str:
    """The environment variables as a section."""
    each = (
        f"one answer, as in `{ENVIRONMENT}TEAM_SIZE=8`; an option beats it, and it beats the file. "
        "[Every answer](answer-keys.md) names its variable"
    )
    named = {f"{ENVIRONMENT}<KEY>": each, **VARIABLES}
    rows = [(f"`{name}`", meaning) for name, meaning in named.items()]
    return "## Environment variables\n\n" + table(("variable", "what it does"), rows)


def answer_keys() -> Iterable[str]:
    """One section for each part of the document, one below it for each key."""
    known = _rules()
    fields = describe(known, available())
    weights = {criterion.id: criterion.weight for criterion in known.criteria}
    yield "## criteria\n\nLeft out or `null`: not sure.\n"
    for field in fields:
        if field.place[0] == "criteria":
            told = f"Weight {weights[field.key]}. `--set {field.key}=...`, `{field.variable}`."
            yield f"### {field.key}\n\n{field.help}\n\n{_allowed(field)}{told}\n"
    yield "## project\n\nOnly `mlpo new` reads it.\n"
    for field in fields:
        if field.place[0] == "project":
            default = f"Default: `{field.default}`. " if field.default else ""
            told = f"{default}`--set {field.name}=...`, `{field.variable}`."
            yield f"### {field.name}\n\n{field.help}\n\n{_allowed(field)}{told}\n"
    yield (
        "## overrides.weights\n\n"
        "A weight of your own for a criterion, from 0 (off) to 100; 3 usually decides, 1 tips a "
        "close call.\n"
    )
    rows = [
        (f"`{field.key}`", str(weights[field.key]), f"`{field.variable}`")
        for field in fields
        if field.place[0] == "overrides"
    ]
    yield table(("key", "ours", "variable"), rows)


def _allowed(field: Field) -> str:
    """What may stand there, as a sentence or a table that others follow."""
    kind = field.kind
    if isinstance(kind, Choice):
        if any(kind.texts.values()):
            rows = [(f"`{choice}`", text) for choice, text in kind.texts.items()]
            several = _several(kind) if isinstance(kind, Several) else ""
            return table(("answer", "meaning"), rows) + "\n" + several
        return f"One of: {_code(kind.texts)}. "
    if isinstance(kind, Whole):
        return f"A whole number from {kind.low} to {kind.high}. "
    if isinstance(kind, Number):
        return f"A number from {kind.low} to {kind.high}. "
    assert isinstance(kind, Text)
    return f"Text: {kind.rule}. "


def _several(kind: Several) -> str:
    """How several choices are given, as sentences."""
    alone = [choice for choice in kind.texts if choice in kind.criterion.indifferent]
    choices = [choice for choice in kind.texts if choice not in alone]
    but = f" {_code(alone)} cannot be one of them." if alone else ""
    return (
        f"Several may be given: `[{', '.join(choices[:2])}]` in a file, `{','.join(choices[:2])}` "
        f"elsewhere.{but} "
    )


def rules() -> Iterable[str]:
    """A section for each sort of rule."""
    known = _rules()
    policy = known.policy
    yield f"## The policy\n\n{policy.text}\n"
    yield "## Vetoes\n\nA veto takes an orchestrator out. No points can pay for it.\n"
    rows = [
        (f"`{v.id}`", _titles(known, v.orchestrators), _when(known, v.when), v.message)
        for v in policy.vetoes
    ]
    yield table(("id", "takes out", "when", "why"), rows)
    yield (
        "## Gates\n\nBehind a gate an orchestrator may not win, unless one of the ways is open. "
        "If all that are left are behind gates, the gates open.\n"
    )
    gates = []
    for gate in policy.gates:
        ways = [_when(known, condition) for condition in gate.any_of]
        if gate.vetoed:
            ways.append(f"{_titles(known, gate.vetoed)} is out")
        opens = "<br>or ".join(ways)
        applies = _when(known, gate.when) if gate.when.criteria else "always"
        name = _titles(known, [gate.orchestrator])
        gates.append((f"`{gate.id}`", name, applies, opens, gate.message))
    yield table(("id", "for", "when", "opens for", "why"), gates)
    yield "## Answers that cannot both be true\n\nA document with both is refused.\n"
    both = [(f"`{c.id}`", _when(known, c.when), c.message) for c in known.contradictions]
    yield table(("id", "answers", "why"), both)
    yield "## Points that another answer changes\n"
    changed = [
        (o.title, _when(known, a.when), _code(a.scores), a.why)
        for o in known.orchestrators
        for a in o.adjustments
    ]
    yield table(("for", "when", "changes", "why"), changed)
    yield "## Two of them together\n"
    together = [
        (_titles(known, [one.winner]), _when(known, one.when), one.message)
        for one in policy.combined
    ]
    yield table(("winner", "when", "advice"), together)
    yield _figures(known)


def _figures(known: Rules) -> str:
    policy, sure = known.policy, known.policy.confidence
    return (
        "## Ties and confidence\n\n"
        f"Candidates within {float(policy.margin)} points of the best are a tie; the first of "
        f"{_titles(known, in_order(known))} wins it. Confidence is the share of {sure.draws:,} "
        "draws that the winner wins, with noise on every weight (coefficient of variation "
        f"{sure.cv}) and open answers drawn from priors. From {sure.robust:.0%} it is *robust*, "
        f"from {sure.leaning:.0%} *leaning*, below that a *toss-up*; with fewer than "
        f"{sure.robust_needs_answers} answers to questions that concern every team, *leaning* at "
        "most.\n"
    )


def templates() -> str:
    """Which orchestrators `mlpo new` can generate a project for."""
    titles = {one.id: one.title for one in _rules().orchestrators}
    ready = [titles.pop(id, id) for id in available()]
    said = f"mlpo generates projects for {_and(ready)}."
    if not titles:
        return said
    verb, their = ("are", "their projects are") if len(titles) > 1 else ("is", "its project is")
    return f"{said} {_and(list(titles.values()))} {verb} recommended, but {their} not there yet."


def _rules() -> Rules:
    return rule_files.load(rules_dir())


def _titles(known: Rules, orchestrators: Iterable[str]) -> str:
    return ", ".join(known.orchestrator(id).title for id in orchestrators)


def _when(known: Rules, condition: Condition) -> str:
    """A condition: `cloud` is `aws` or `gcp`, ..., unless ..."""

    def said(answers: Mapping[str, frozenset[str]], joint: str) -> str:
        lines = []
        for id, fitting in answers.items():
            choices = [choice for choice in known.criterion(id).choices if choice in fitting]
            lines.append(f"`{id}` is {' or '.join(f'`{choice}`' for choice in choices)}")
        return joint.join(lines)

    unless = f", unless {said(condition.unless, ' or ')}" if condition.unless else ""
    return said(condition.met, " and ") + unless


def _and(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"
