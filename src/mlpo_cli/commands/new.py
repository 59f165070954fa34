"""`mlpo new`: decide, then generate a project."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlpo_cli import __version__, console
from mlpo_cli.answers import project
from mlpo_cli.answers.project import ProjectSettings
from mlpo_cli.errors import AnswersError, ExitCode, NegativeFinding, Problem, UserError

if TYPE_CHECKING:
    from mlpo_cli.answers.validate import Answered
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


def new(request: Request) -> int:
    """Generate a project in the current directory.

    Raises AnswersError for answers or options that cannot be used, NegativeFinding when there is
    no recommendation to follow, TargetError when the directory exists. Nothing is written then.
    """
    from mlpo_cli import rules as rule_files
    from mlpo_cli.decision.engine import decide
    from mlpo_cli.reports import adr
    from mlpo_cli.resources import rules_dir
    from mlpo_cli.scaffold import Provenance, available, generate

    rules = rule_files.load(rules_dir())
    given, merged = _validated(request, rules, available())
    decision = decide(rules, given.criteria, given.weights) if given.criteria else None
    chosen = merged.get("orchestrator") or _recommended(
        rules, decision, request.accept_toss_up, available()
    )
    settings = ProjectSettings(**{**merged, "orchestrator": chosen})
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
    _print(request, settings, generated, decision, _warnings(rules, chosen, decision))
    return ExitCode.OK


def _validated(
    request: Request, rules: Rules, orchestrators: Sequence[str]
) -> tuple[Answered, dict[str, str]]:
    """The answers and the merged settings, all problems of file and options in one pass."""
    from mlpo_cli.answers.document import load
    from mlpo_cli.answers.validate import Answered, validate

    given = Answered({}, {}, {})
    problems: list[Problem] = []
    if request.answers is not None:
        given, problems = validate(load(request.answers), rules, orchestrators)
    for key, value in request.options.items():
        if refusal := project.check(key, value, orchestrators):
            problems.append(Problem(_option(key), *refusal))
    merged, missing = project.settle(given.project, request.options)
    if not problems:
        problems = missing
    if problems:
        raise AnswersError(problems)
    return given, merged


def _option(key: str) -> str:
    return "NAME" if key == "name" else f"--{key.replace('_', '-')}"


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
) -> None:
    targets = "setup run" if settings.data_source == "digits" else "setup sample-data run"
    following = [f"cd {shlex.quote(settings.name)}", f"make {targets}"]
    for warning in warnings:
        console.warn(warning)
    if request.json:
        from mlpo_cli.reports import jsondoc

        console.answer(jsondoc.dumps(_document(settings, generated, decision, warnings, following)))
        return
    console.answer(f"{generated.path}\n")
    console.talk(f"{len(generated.files)} files, tree {generated.tree_hash}")
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
