"""Render the parts of the reference in docs/ from the code and the rules. Used by docs.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import typer

from mlpo_cli import rules as rule_files
from mlpo_cli.answers.fields import ENVIRONMENT, Field, describe
from mlpo_cli.answers.kinds import Choice, Number, Text, Whole
from mlpo_cli.answers.project import list_settings
from mlpo_cli.answers.several import Several
from mlpo_cli.cli import app
from mlpo_cli.decision.conditions import Condition
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.policy import in_order
from mlpo_cli.errors import ExitCode
from mlpo_cli.resources import rules_dir
from mlpo_cli.scaffold import available

EXIT_CODES = {
    "OK": "done: a recommendation, a toss-up, a project, or what was asked for",
    "NEGATIVE": "no positive result: none fits, a toss-up that `new` refuses, "
    "a project that you declined, a run or a commit that failed",
    "USAGE": "the command line, the answers or the rules can't be used, or something is in the "
    "way; nothing was written",
    "INTERNAL": "a defect in mlpo; the message says where the crash log is",
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


def settings() -> str:
    """The options of `mlpo new` that choose what is in a project, as a table."""
    rows = []
    for line in list_settings():
        if line.key in ("name", "orchestrator"):  # the page has a section on each
            continue
        texts = line.kind.texts if isinstance(line.kind, Choice) else {}
        choices = [f"`{choice}`: {text}" for choice, text in texts.items()]
        rows.append(
            (
                f"`{line.option}`",
                "<br>".join([line.help, *choices]),
                f"`{line.default}`" if line.default else "",
            )
        )
    return "\n\n" + table(("option", "what it chooses", "default"), rows)


def answer_keys() -> Iterable[str]:
    """One section for each part of the document, one below it for each key."""
    loaded = _rules()
    fields = describe(loaded, available())
    weights = {criterion.id: criterion.weight for criterion in loaded.criteria}
    yield "## criteria\n\nLeft out or `null`: not sure.\n"
    for field in fields:
        if field.place[0] == "criteria":
            sources = f"Weight {weights[field.key]}. `--set {field.key}=...`, `{field.variable}`."
            yield f"### {field.key}\n\n{field.help}\n\n{_describe_values(field)}{sources}\n"
    yield "## project\n\nOnly `mlpo new` reads it.\n"
    for field in fields:
        if field.place[0] == "project":
            default = f"Default: `{field.default}`. " if field.default else ""
            sources = f"{default}`--set {field.name}=...`, `{field.variable}`."
            yield f"### {field.name}\n\n{field.help}\n\n{_describe_values(field)}{sources}\n"
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
    yield table(("key", "weight in the rules", "variable"), rows)


def _describe_values(field: Field) -> str:
    """Say which values are valid, as a sentence or a table. Other sentences may follow."""
    kind = field.kind
    if isinstance(kind, (Choice, Several)):
        if any(kind.texts.values()):
            rows = [(f"`{choice}`", text) for choice, text in kind.texts.items()]
            several = _describe_several(kind) if isinstance(kind, Several) else ""
            return table(("answer", "meaning"), rows) + "\n" + several
        return f"One of: {_code(kind.texts)}. "
    if isinstance(kind, Whole):
        return f"A whole number from {kind.low} to {kind.high}. "
    if isinstance(kind, Number):
        return f"A number from {kind.low} to {kind.high}. "
    assert isinstance(kind, Text)
    return f"Text: {kind.rule}. "


def _describe_several(kind: Several) -> str:
    """Say how several choices are written."""
    alone = [choice for choice in kind.texts if choice in kind.criterion.indifferent]
    choices = [choice for choice in kind.texts if choice not in alone]
    but = f" {_code(alone)} cannot be one of them." if alone else ""
    return (
        f"Several may be given: `[{', '.join(choices[:2])}]` in a file, `{','.join(choices[:2])}` "
        f"elsewhere.{but} "
    )


def rules() -> Iterable[str]:
    """A section for each sort of rule."""
    loaded = _rules()
    policy = loaded.policy
    yield f"## In short\n\n{policy.text}\n"
    yield "## Vetoes\n\nA veto takes an orchestrator out, however many points it has.\n"
    rows = [
        (f"`{v.id}`", _titles(loaded, v.orchestrators), _when(loaded, v.when), v.message)
        for v in policy.vetoes
    ]
    yield table(("id", "takes out", "when", "why"), rows)
    yield (
        "## Gates\n\nA gate keeps an orchestrator from first place, unless one of the "
        "conditions holds. If all orchestrators that are left are behind gates, the gates do not "
        "count.\n"
    )
    gates = []
    for gate in policy.gates:
        ways = [_when(loaded, condition) for condition in gate.any_of]
        if gate.vetoed:
            ways.append(f"{_titles(loaded, gate.vetoed)} is out")
        opens = "<br>or ".join(ways)
        applies = _when(loaded, gate.when) if gate.when.criteria else "always"
        name = _titles(loaded, [gate.orchestrator])
        gates.append((f"`{gate.id}`", name, applies, opens, gate.message))
    yield table(("id", "for", "when", "opens for", "why"), gates)
    yield "## Answers that cannot both be true\n\nA document with both is refused.\n"
    both = [(f"`{c.id}`", _when(loaded, c.when), c.message) for c in loaded.contradictions]
    yield table(("id", "answers", "why"), both)
    yield "## What another answer changes\n\nPoints, or what a team has to operate (`operate`).\n"
    changed = [
        (o.title, _when(loaded, a.when), _code([*a.scores, *["operate"] * bool(a.operate)]), a.why)
        for o in loaded.orchestrators
        for a in o.adjustments
    ]
    yield table(("for", "when", "changes", "why"), changed)
    yield "## Notes\n\nA recommendation for such a team carries the note, whoever leads.\n"
    notes = [
        (
            f"`{n.id}`",
            "<br>or ".join(_when(loaded, c) for c in n.any_of),
            "leaning at most" if n.leaning_at_most else "",
            n.message,
        )
        for n in policy.notes
    ]
    yield table(("id", "when", "confidence", "note"), notes)
    yield "## Two of them together\n"
    together = [
        (_titles(loaded, [one.winner]), _when(loaded, one.when), one.message)
        for one in policy.combined
    ]
    yield table(("leader", "when", "advice"), together)
    yield _figures(loaded)


def _figures(loaded: Rules) -> str:
    policy, sure = loaded.policy, loaded.policy.confidence
    return (
        "## Ties and confidence\n\n"
        f"Orchestrators within {float(policy.margin)} points of the best are tied; the first of "
        f"{_titles(loaded, in_order(loaded))} leads. Confidence is the share of {sure.draws:,} "
        "simulated variations in which the leader stays first. Each variation changes every weight "
        f"at random (coefficient of variation {sure.cv}) and fills in the open answers "
        f"according to how common they are. From {sure.robust:.0%} the result is *robust* (reports "
        f"say: sure), from {sure.leaning:.0%} *leaning* (fairly sure). Below that, or if another "
        "orchestrator comes first more often, it is a *toss-up* (too close to call). With fewer "
        f"than {sure.robust_needs_answers} answers to questions that concern every team, it is "
        "*leaning* at most.\n"
    )


def templates() -> str:
    """Which orchestrators `mlpo new` can generate a project for."""
    titles = {one.id: one.title for one in _rules().orchestrators}
    ready = [titles.pop(id, id) for id in available()]
    sentence = f"mlpo generates projects for {_join(ready)}."
    if not titles:
        return sentence
    verb, their = ("are", "their projects are") if len(titles) > 1 else ("is", "its project is")
    return (
        f"{sentence} {_join(list(titles.values()))} {verb} recommended, but {their} not there yet."
    )


def _rules() -> Rules:
    return rule_files.load(rules_dir())


def _titles(loaded: Rules, orchestrators: Iterable[str]) -> str:
    return ", ".join(loaded.orchestrator(id).title for id in orchestrators)


def _when(loaded: Rules, condition: Condition) -> str:
    """Return a condition in words: `cloud` is `aws` or `gcp`, ..., unless ..."""
    unless = f", unless {_answers(loaded, condition.unless, ' or ')}" if condition.unless else ""
    return _answers(loaded, condition.met, " and ") + unless


def _answers(loaded: Rules, answers: Mapping[str, frozenset[str]], joint: str) -> str:
    phrases = []
    for id, fitting in answers.items():
        choices = [choice for choice in loaded.criterion(id).choices if choice in fitting]
        phrases.append(f"`{id}` is {' or '.join(f'`{choice}`' for choice in choices)}")
    return joint.join(phrases)


def _join(words: Sequence[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"
