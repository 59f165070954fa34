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
from mlpo_cli.errors import AnswersError, ExitCode, TargetError

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
    dry_run: bool = False
    git: bool = False
    run: bool = False


@dataclass(frozen=True)
class _Plan:
    """What is to be generated, and why."""

    rules: Rules
    gathered: Gathered
    decision: Decision | None  # None: no criterion was answered
    settings: ProjectSettings
    accept_toss_up: bool
    asked: bool


def new(request: Request) -> int:
    """Generate a project in the current directory; commit and run it if that was asked for.

    Raises AnswersError for answers or options that cannot be used, NegativeFinding when there is
    no recommendation to follow, TargetError when the directory has what would be replaced:
    nothing is written then. Raises NegativeFinding, too, when git or the run fails; the project
    stays then.
    """
    from mlpo_cli.project import git, make
    from mlpo_cli.reports import choice
    from mlpo_cli.scaffold import place

    place.check_system()
    if request.git:
        git.check()
    if request.run:
        make.check()
    plan = _plan(request, _here())
    warnings = choice.warnings(plan.rules, plan.settings.orchestrator, plan.decision)
    generated = _generate(request, plan)
    done: dict[str, Any] = {"dry_run": request.dry_run}
    if not request.dry_run:
        common.save(request.inputs, plan.gathered.answered, plan.rules)
        if request.git:
            done["git"], left = _commit(plan.settings, generated)
            warnings += left
        if request.run:
            done["run"] = make.make(generated.path, _targets(plan.settings))
    _print(request, plan, generated, warnings, done)
    if plan.asked:
        flags = {"--accept-toss-up": plan.accept_toss_up, "--git": request.git}
        flags |= {"--run": request.run, "--dry-run": request.dry_run}
        options = {flag: None for flag, given in flags.items() if given}
        common.tell_replay("new", request.inputs, plan.gathered.answered, options)
    return ExitCode.OK


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise TargetError("the current folder was removed", "change to another one") from error


def _plan(request: Request, here: Path) -> _Plan:
    from mlpo_cli.decision.engine import decide
    from mlpo_cli.reports import choice
    from mlpo_cli.scaffold import available

    inputs = request.inputs
    rules = common.load_rules(inputs)
    asking = common.may_ask(request.answers, inputs, request.json)
    gathered = common.collect(request.answers, inputs, rules, available(), request.options)
    if asking:
        gathered = _ask(request, rules, common.usable(gathered), here)
    given = gathered.answered
    merged, missing = project.settle(given.project, {})
    if problems := gathered.problems or missing:
        raise AnswersError(problems)
    evaluated = bool(given.criteria) or (inputs.defaults and "orchestrator" not in merged)
    decision = decide(rules, given.criteria, given.weights) if evaluated else None
    accept = request.accept_toss_up
    if asking and not accept and "orchestrator" not in merged:
        from mlpo_cli.interview import confirm

        accept = confirm.accept_toss_up(rules, decision)
    chosen = merged.get("orchestrator") or choice.follow(rules, decision, accept, available())
    settings = ProjectSettings(**{**merged, "orchestrator": chosen})
    if asking and not inputs.yes and not request.dry_run:
        from mlpo_cli.interview import confirm

        confirm.generation(rules, settings, decision)
    return _Plan(rules, gathered, decision, settings, accept, asking)


def _ask(request: Request, rules: Rules, gathered: Gathered, here: Path) -> Gathered:
    """Ask for the name, and for criteria unless the orchestrator is chosen already."""
    from mlpo_cli.interview.terminal import ask_name
    from mlpo_cli.scaffold.place import get_staging_parent

    known = gathered.answered.project
    name = known["name"] if "name" in known else ask_name()
    get_staging_parent(here / name)  # raises before questions are asked in vain
    answered = replace(gathered.answered, project={**known, "name": name})
    gathered = replace(gathered, answered=answered)
    if "orchestrator" in known:
        return gathered
    return common.interview(rules, gathered, review=not request.inputs.yes)


def _generate(request: Request, plan: _Plan) -> Generated:
    from mlpo_cli.reports import adr
    from mlpo_cli.scaffold import Provenance, generate

    given = plan.gathered.answered
    return generate(
        plan.settings,
        _here() / plan.settings.name,
        adr.render(plan.rules, plan.settings.orchestrator, plan.decision),
        Provenance(
            __version__,
            plan.rules.version,
            {c.id: given.criteria.get(c.id) for c in plan.rules.criteria},
            given.weights,
        ),
        request.dry_run,
    )


def _commit(settings: ProjectSettings, generated: Generated) -> tuple[dict[str, Any], list[str]]:
    """Commit the project. Returns what was done, for scripts, and what to warn of."""
    from mlpo_cli.project import git

    message = f"Start {settings.name} with mlpo {__version__}"
    made = git.commit(generated.path, [file.path for file in generated.files], message)
    unknown = "nothing was committed: git knows no user.name and user.email"
    return {**asdict(made), "root": str(made.root)}, [] if made.commit else [unknown]


def _targets(settings: ProjectSettings) -> list[str]:
    return ["setup", *(["sample-data"] if settings.data_source != "digits" else []), "run"]


def _print(
    request: Request,
    plan: _Plan,
    generated: Generated,
    warnings: Sequence[str],
    done: Mapping[str, Any],
) -> None:
    from mlpo_cli.reports import explain, jsondoc
    from mlpo_cli.reports import generated as report

    name = plan.settings.name
    following = [f"cd {shlex.quote(name)}"]
    following.append("make serve" if request.run else f"make {' '.join(_targets(plan.settings))}")
    for warning in warnings:
        console.warn(warning)
    if request.json:
        document = report.document(
            plan.settings, generated, plan.decision, warnings, following, done
        )
        if request.inputs.explain:
            document["sources"] = explain.sources_document(plan.gathered)
        console.answer(jsondoc.dumps(document))
        return
    if request.dry_run:
        if plan.decision is not None:
            from mlpo_cli.reports import terminal

            console.show(terminal.render(plan.rules, plan.decision))
            console.answer("\n")
        console.answer(report.tree(name, generated.files))
    else:
        console.answer(f"{generated.path}\n")
        console.talk(f"{len(generated.files)} files, tree {generated.tree_hash}")
    if request.inputs.explain:
        console.talk(explain.sources(plan.gathered).plain)
    if request.dry_run:
        console.talk("Nothing was written: this was a dry run.")
    else:
        console.talk("Next:\n" + "\n".join(f"  {line}" for line in following))
