"""`mlpo new`: decide, then generate a project."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpo_cli import __version__, console
from mlpo_cli.answers import project
from mlpo_cli.answers.project import ProjectSettings
from mlpo_cli.commands import inputs as common
from mlpo_cli.commands.inputs import NO_INPUTS, Inputs
from mlpo_cli.errors import AnswersError, ExitCode, NegativeFinding, TargetError, UserError

if TYPE_CHECKING:
    from mlpo_cli.answers.gather import Gathered
    from mlpo_cli.decision.model import Rules
    from mlpo_cli.decision.outcome import Decision
    from mlpo_cli.scaffold import Generated


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line. `options` holds the settings that were given."""

    options: Mapping[str, str]
    answers: str | None
    accept_toss_up: bool
    json: bool
    inputs: Inputs = NO_INPUTS


def new(request: Request) -> int:
    """Generate a project in the current directory.

    Raises AnswersError for answers or options that cannot be used, NegativeFinding when there is
    no recommendation to follow, TargetError when the directory exists. Nothing is written then.
    """
    from mlpo_cli.decision.engine import decide
    from mlpo_cli.reports import adr
    from mlpo_cli.scaffold import Provenance, available, generate

    inputs = request.inputs
    rules = common.load_rules(inputs)
    asking = common.may_ask(request.answers, inputs, request.json)
    gathered = common.collect(request.answers, inputs, rules, available(), request.options)
    if asking:
        gathered = _ask(request, rules, common.usable(gathered))
    given = gathered.answered
    merged, missing = project.settle(given.project, {})
    if problems := gathered.problems or missing:
        raise AnswersError(problems)
    evaluated = bool(given.criteria) or (inputs.defaults and "orchestrator" not in merged)
    decision = decide(rules, given.criteria, given.weights) if evaluated else None
    accept = request.accept_toss_up or (asking and _accepted(rules, decision, merged))
    chosen = merged.get("orchestrator") or _recommended(rules, decision, accept, available())
    settings = ProjectSettings(**{**merged, "orchestrator": chosen})
    if asking and not inputs.yes:
        _confirm(rules, settings, decision)
    generated = generate(
        settings,
        Path.cwd() / settings.name,
        adr.render(rules, chosen, decision),
        Provenance(
            __version__,
            rules.version,
            {c.id: given.criteria.get(c.id) for c in rules.criteria},
            given.weights,
        ),
    )
    common.save(inputs, given, rules)
    _print(request, settings, generated, decision, _warnings(rules, chosen, decision), gathered)
    if asking:
        flags = {"--accept-toss-up": None} if accept else {}
        common.tell_replay("new", inputs, given, flags)
    return ExitCode.OK


def _ask(request: Request, rules: Rules, gathered: Gathered) -> Gathered:
    """Ask for the name, and for criteria unless the orchestrator is chosen already."""
    from mlpo_cli.interview.terminal import ask_name

    known = gathered.answered.project
    name = known["name"] if "name" in known else ask_name()
    if (Path.cwd() / name).exists():
        raise TargetError(f"{name} is there already", "choose another name, or another folder")
    answered = replace(gathered.answered, project={**known, "name": name})
    gathered = replace(gathered, answered=answered)
    if "orchestrator" in known:
        return gathered
    return common.interview(rules, gathered, review=not request.inputs.yes)


def _accepted(rules: Rules, decision: Decision | None, settings: Mapping[str, str]) -> bool:
    """Whether the leader of a toss-up is good enough for who sits at the terminal."""
    if decision is None or decision.verdict != "toss-up" or "orchestrator" in settings:
        return False
    from mlpo_cli.interview.terminal import confirm
    from mlpo_cli.reports import words

    console.talk(words.toss_up(rules, decision))
    return confirm(f"Take {words.title(rules, decision.orchestrator)} all the same?", False)


def _confirm(rules: Rules, settings: ProjectSettings, decision: Decision | None) -> None:
    """Say what is about to be generated. Raises KeyboardInterrupt when it is not wanted."""
    from mlpo_cli.interview.terminal import confirm
    from mlpo_cli.reports import words

    if decision is not None and decision.orchestrator is not None:
        said = words.title(rules, decision.orchestrator)
        console.talk(
            f"\n{said} ({words.confidence(decision)}), because {words.because(rules, decision)}."
        )
    title = words.title(rules, settings.orchestrator)
    if not confirm(f"Generate {settings.name} for {title} here?", True):
        raise KeyboardInterrupt


def _recommended(
    rules: Rules, decision: Decision | None, accept_toss_up: bool, orchestrators: Sequence[str]
) -> str:
    """The orchestrator to follow. Raises where there is none, and says what to do instead."""
    from mlpo_cli.reports import words

    by_hand = f"choose one yourself with --orchestrator ({', '.join(orchestrators)})"
    if decision is None:
        fix = f"pass --answers FILE with criteria, or {by_hand}"
        raise UserError("nothing is known that an orchestrator could be recommended from", fix)
    if decision.orchestrator is None:
        reasons = " ".join(words.rulings(rules, decision))
        raise NegativeFinding(f"none of the orchestrators fits. {reasons}", by_hand)
    name = words.title(rules, decision.orchestrator)
    if decision.verdict == "toss-up" and not accept_toss_up:
        raise NegativeFinding(
            f"a toss-up: {name} leads ({words.confidence(decision)})",
            f"answer more questions, pass --accept-toss-up to take {name}, or {by_hand}",
        )
    if decision.orchestrator not in orchestrators:
        raise NegativeFinding(f"{name} is recommended, and has no project template yet", by_hand)
    return decision.orchestrator


def _warnings(rules: Rules, chosen: str, decision: Decision | None) -> list[str]:
    """What the team should know about a choice that goes against the Decision."""
    from mlpo_cli.reports import words

    if decision is None or chosen == decision.orchestrator:
        return []
    said = words.title(rules, decision.orchestrator)
    reason = words.because(rules, decision, chosen)
    return [
        f"you chose {words.title(rules, chosen)}; mlpo would have said {said} because {reason}. "
        "The decision record says so."
    ]


def _print(
    request: Request,
    settings: ProjectSettings,
    generated: Generated,
    decision: Decision | None,
    warnings: Sequence[str],
    gathered: Gathered,
) -> None:
    targets = "setup run" if settings.data_source == "digits" else "setup sample-data run"
    following = [f"cd {shlex.quote(settings.name)}", f"make {targets}"]
    for warning in warnings:
        console.warn(warning)
    if request.json:
        from mlpo_cli.reports import jsondoc

        document = _document(settings, generated, decision, warnings, following)
        if request.inputs.explain:
            from mlpo_cli.reports import explain

            document["sources"] = explain.sources_document(gathered)
        console.answer(jsondoc.dumps(document))
        return
    console.answer(f"{generated.path}\n")
    console.talk(f"{len(generated.files)} files, tree {generated.tree_hash}")
    if request.inputs.explain:
        from mlpo_cli.reports import explain

        console.talk(explain.sources(gathered).plain)
    console.talk("Next:\n" + "\n".join(f"  {line}" for line in following))


def _document(
    settings: ProjectSettings,
    generated: Generated,
    decision: Decision | None,
    warnings: Sequence[str],
    following: Sequence[str],
) -> dict[str, Any]:
    from mlpo_cli.reports import jsondoc

    return {
        "schema_version": jsondoc.SCHEMA_VERSION,
        "project": asdict(settings),
        "path": str(generated.path),
        "tree_hash": generated.tree_hash,
        "files": len(generated.files),
        "decision": jsondoc.decision_document(decision) if decision else None,
        "warnings": list(warnings),
        "next": list(following),
    }
