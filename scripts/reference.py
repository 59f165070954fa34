"""Render the reference pages of docs/ from the code and the rules. Used by docs.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import typer

from mlpo_cli import rules as rule_files
from mlpo_cli.answers.fields import ENVIRONMENT, Field, describe
from mlpo_cli.answers.kinds import Choice, Number, Text, Whole
from mlpo_cli.answers.project import list_settings
from mlpo_cli.answers.several import Several
from mlpo_cli.check.catalog import list_rules
from mlpo_cli.cli import app
from mlpo_cli.decision.conditions import Condition
from mlpo_cli.decision.model import Rules
from mlpo_cli.decision.policy import list_in_tie_break_order
from mlpo_cli.errors import ExitCode
from mlpo_cli.reports import check_rules
from mlpo_cli.resources import rules_dir
from mlpo_cli.scaffold import list_scaffolds

EXIT_CODES = {
    "OK": "done: a recommendation, a toss-up, a project, or what was asked for",
    "NEGATIVE": "no positive result: none fits, a toss-up that `new` refuses, "
    "a project that you declined, a run or a commit that failed, findings of `check`",
    "USAGE": "the command line, the answers or the rules can't be used, or something is in the "
    "way; nothing was written",
    "INTERNAL": "a defect in mlpo; the message says where the crash log is",
    "INTERRUPTED": "interrupted with Ctrl-C",
}
# Besides one variable for each answer.
VARIABLES = {
    "NO_COLOR": "any value: no colour",
    "FORCE_COLOR": "any value: colour in pipes and files too",
    "TERM": "`dumb`: no colour, and no questions",
    "XDG_CACHE_HOME": "where `check` keeps results, in `mlpo/check`; `~/.cache` if not set",
    "XDG_STATE_HOME": "where `mlpo/crash.log` is written; `~/.local/state` if not set",
}


def list_commands() -> list[str]:
    """List the commands, in the order of `mlpo --help`."""
    return list(getattr(typer.main.get_command(app), "commands", {}))


def render_exit_codes() -> str:
    """Render the section on exit codes."""
    rows = [(str(code.value), EXIT_CODES[code.name]) for code in ExitCode]
    return "## Exit codes\n\n" + render_table(("code", "meaning"), rows)


def render_variables() -> str:
    """Render the section on environment variables."""
    per_answer = (
        f"one answer, as in `{ENVIRONMENT}TEAM_SIZE=8`; an option replaces it, and it replaces the "
        "value in the file. [Every answer](answer-keys.md) has the names"
    )
    meanings = {f"{ENVIRONMENT}<KEY>": per_answer, **VARIABLES}
    rows = [(f"`{name}`", meaning) for name, meaning in meanings.items()]
    return "## Environment variables\n\n" + render_table(("variable", "what it does"), rows)


def render_settings() -> str:
    """Render a table of the options of `mlpo new` that choose what is in a project."""
    rows = []
    for setting in list_settings():
        if setting.key in ("name", "orchestrator"):  # the page has a section on each
            continue
        texts = setting.kind.texts if isinstance(setting.kind, Choice) else {}
        choices = [f"`{choice}`: {text}" for choice, text in texts.items()]
        rows.append(
            (
                f"`{setting.option}`",
                "<br>".join([setting.help, *choices]),
                f"`{setting.default}`" if setting.default else "",
            )
        )
    return "\n\n" + render_table(("option", "what it chooses", "default"), rows)


def render_answer_keys() -> Iterable[str]:
    """Render a section for each part of the document, with a subsection for each key."""
    loaded = _load_rules()
    fields = describe(loaded, list_scaffolds())
    weights = {criterion.id: criterion.weight for criterion in loaded.criteria}
    yield "## criteria\n\nA key that is missing or `null` means: not sure.\n"
    for field in fields:
        if field.place[0] == "criteria":
            sources = f"Weight {weights[field.key]}. `--set {field.key}=...`, `{field.variable}`."
            yield f"### {field.key}\n\n{field.help}\n\n{_describe_values(field)}{sources}\n"
    yield (
        "## project\n\n"
        "Only `mlpo new` uses these, and `mlpo recommend --format adr` the day of the decision.\n"
    )
    for field in fields:
        if field.place[0] == "project":
            default = f"Default: `{field.default}`. " if field.default else ""
            sources = f"{default}`--set {field.name}=...`, `{field.variable}`."
            yield f"### {field.name}\n\n{field.help}\n\n{_describe_values(field)}{sources}\n"
    yield (
        "## overrides.weights\n\n"
        "Your own weight for a criterion, from 0 (off) to 100; 3 usually decides, 1 tips a close "
        "call.\n"
    )
    rows = [
        (f"`{field.key}`", str(weights[field.key]), f"`{field.variable}`")
        for field in fields
        if field.place[0] == "overrides"
    ]
    yield render_table(("key", "weight in the rules", "variable"), rows)


def _describe_values(field: Field) -> str:
    """Describe the valid values in a sentence or a table. Other sentences may follow."""
    kind = field.kind
    if isinstance(kind, (Choice, Several)):
        if any(kind.texts.values()):
            rows = [(f"`{choice}`", text) for choice, text in kind.texts.items()]
            several = _describe_several(kind) if isinstance(kind, Several) else ""
            return render_table(("answer", "meaning"), rows) + "\n" + several
        return f"One of: {_code(kind.texts)}. "
    if isinstance(kind, Whole):
        return f"A whole number from {kind.low} to {kind.high}. "
    if isinstance(kind, Number):
        return f"A number from {kind.low} to {kind.high}. "
    assert isinstance(kind, Text)
    return f"Text: {kind.rule}. "


def _describe_several(kind: Several) -> str:
    """Describe how to write an answer of several choices."""
    exclusive = [choice for choice in kind.texts if choice in kind.criterion.indifferent]
    choices = [choice for choice in kind.texts if choice not in exclusive]
    exception = f" {_code(exclusive)} cannot be one of them." if exclusive else ""
    return (
        f"Several choices are valid: `[{', '.join(choices[:2])}]` in a file, "
        f"`{','.join(choices[:2])}` in an option or a variable.{exception} "
    )


def render_rules() -> Iterable[str]:
    """Render a section for each kind of rule."""
    loaded = _load_rules()
    policy = loaded.policy
    yield f"## In short\n\n{policy.text}\n"
    yield "## Vetoes\n\nA veto takes an orchestrator out, however many points it has.\n"
    rows = [
        (f"`{v.id}`", _titles(loaded, v.orchestrators), _when(loaded, v.when), v.message)
        for v in policy.vetoes
    ]
    yield render_table(("id", "takes out", "when", "why"), rows)
    yield (
        "## Gates\n\nA gate keeps an orchestrator from coming first, unless one of its conditions "
        "holds. If all remaining orchestrators are behind gates, the gates do not count.\n"
    )
    gates = []
    for gate in policy.gates:
        ways = [_when(loaded, condition) for condition in gate.any_of]
        if gate.vetoed:
            ways.append(f"{_titles(loaded, gate.vetoed)} is out")
        opening_conditions = "<br>or ".join(ways)
        applies = _when(loaded, gate.when) if gate.when.criteria else "always"
        name = _titles(loaded, [gate.orchestrator])
        gates.append((f"`{gate.id}`", name, applies, opening_conditions, gate.message))
    yield render_table(("id", "for", "when", "opens if", "why"), gates)
    yield "## Answers that cannot both be true\n\nA document with both is refused.\n"
    contradictions = [
        (f"`{c.id}`", _when(loaded, c.when), c.message) for c in loaded.contradictions
    ]
    yield render_table(("id", "answers", "why"), contradictions)
    yield (
        "## Adjustments\n\nAnswers that change the points of another criterion, or what a team has "
        "to operate (`operate`).\n"
    )
    adjustments = [
        (o.title, _when(loaded, a.when), _code([*a.scores, *["operate"] * bool(a.operate)]), a.why)
        for o in loaded.orchestrators
        for a in o.adjustments
    ]
    yield render_table(("for", "when", "changes", "why"), adjustments)
    yield "## Notes\n\nRecommendations for such teams have the note, whoever leads.\n"
    notes = [
        (
            f"`{n.id}`",
            "<br>or ".join(_when(loaded, c) for c in n.any_of),
            "at most *leaning*" if n.leaning_at_most else "",
            n.message,
        )
        for n in policy.notes
    ]
    yield render_table(("id", "when", "confidence", "note"), notes)
    yield "## Two orchestrators together\n"
    combined = [
        (_titles(loaded, [c.winner]), _when(loaded, c.when), c.message) for c in policy.combined
    ]
    yield render_table(("leader", "when", "advice"), combined)
    yield _render_confidence(loaded)


def _render_confidence(loaded: Rules) -> str:
    policy, confidence = loaded.policy, loaded.policy.confidence
    order = _titles(loaded, list_in_tie_break_order(loaded))
    return (
        "## Ties and confidence\n\n"
        f"Orchestrators within {float(policy.margin)} points of the best are a tie, which the "
        f"first of {order} wins. The confidence is the share of {confidence.draws:,} simulated "
        "variations in which the leader still comes first. Each variation changes every weight at "
        f"random (coefficient of variation {confidence.cv}) and answers the open questions at "
        f"random, by how common each answer is. From {confidence.robust:.0%} the result is "
        f"*robust* (reports say: sure), from {confidence.leaning:.0%} *leaning* (fairly sure), "
        "below that a *toss-up* (too close to call). It is also a toss-up if another orchestrator "
        f"comes first more often. With fewer than {confidence.robust_needs_answers} answers to "
        "questions that concern every team, it is at most *leaning*.\n"
    )


def render_check_rules() -> str:
    """Render a table of the rules of `mlpo check`."""
    rows = [
        (
            f"[{rule.id}](check/{rule.id}.md)",
            rule.title,
            rule.severity.label,
            check_rules.name_sdks(rule),
            "yes" if rule.fix else "",
        )
        for rule in list_rules()
    ]
    return render_table(("rule", "reports", "severity", "for", "fix"), rows)


def render_templates() -> str:
    """Render the sentence that names the orchestrators that `mlpo new` generates projects for."""
    titles = {o.id: o.title for o in _load_rules().orchestrators}
    ready = [titles.pop(id, id) for id in list_scaffolds()]
    sentence = f"mlpo generates projects for {_join(ready)}."
    if not titles:
        return sentence
    verb, projects = ("are", "their projects are") if len(titles) > 1 else ("is", "its project is")
    others = _join(list(titles.values()))
    return f"{sentence} {others} {verb} recommended, but {projects} not available yet."


def _load_rules() -> Rules:
    return rule_files.load(rules_dir())


def _titles(loaded: Rules, orchestrators: Iterable[str]) -> str:
    return ", ".join(loaded.orchestrator(id).title for id in orchestrators)


def _when(loaded: Rules, condition: Condition) -> str:
    """Describe a condition: `cloud` is `aws` or `gcp`, ..., unless ..."""
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


def render_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Render a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"
