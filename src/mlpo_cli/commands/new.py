"""`mlpo new`: decide, then generate a project."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from mlpo_cli import __version__, console
from mlpo_cli.commands.inputs import load_rules, may_prompt, save_answers, show_replay_command
from mlpo_cli.commands.new_plan import Plan, Request, collect, make_plan
from mlpo_cli.errors import ExitCode, TargetError

if TYPE_CHECKING:
    from mlpo_cli.reports.generated import Result
    from mlpo_cli.scaffold import Generated

__all__ = ["Request", "new"]


def new(request: Request) -> int:
    """Generate a project in the current folder; commit it and run it if an option says so.

    Returns 1 when the user declines. Raises AnswersError for answers or options that cannot be
    used, NegativeFinding when there is no recommendation to follow, TargetError when the folder
    has files that would be replaced: nothing is written then. Raises NegativeFinding as well when
    git or the run fails; the project stays then.
    """
    _check_tools(request)
    folder = _find_current_folder()
    rules = load_rules(request.inputs)
    in_terminal = may_prompt(request.answers, request.inputs, request.json)
    gathered = collect(request, rules, folder, in_terminal)
    plan = make_plan(request, rules, gathered, in_terminal)
    must_confirm = in_terminal and not request.inputs.yes and not request.dry_run
    if plan is None or (must_confirm and not _confirm(request, plan)):
        console.write_message("Nothing was written.")
        return ExitCode.NEGATIVE
    if not must_confirm and not request.json and not request.dry_run:
        _show_reason(plan)
    generated = _generate(request, plan, folder)
    if not request.dry_run:
        save_answers(request.inputs, gathered.answered, rules)
    _show_result(request, plan, _finish(request, plan, generated))
    if in_terminal:
        _show_replay(request, plan)
    return ExitCode.OK


def _check_tools(request: Request) -> None:
    from mlpo_cli.project import git, make
    from mlpo_cli.scaffold import place

    place.check_system()
    if request.git:
        git.check()
    if request.run:
        make.check()


def _find_current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise TargetError("the current folder was removed", "change to another one") from error


def _confirm(request: Request, plan: Plan) -> bool:
    from mlpo_cli.interview import confirm

    # The question whether to take the leader of a toss-up has shown the reason already.
    show_reason = plan.accept_toss_up == request.accept_toss_up
    return confirm.confirm_generation(plan.rules, plan.settings, plan.decision, show_reason)


def _generate(request: Request, plan: Plan, folder: Path) -> Generated:
    from mlpo_cli.reports import adr
    from mlpo_cli.scaffold import Provenance, generate

    answered, settings = plan.gathered.answered, plan.settings
    # The project's answers make it again, with its orchestrator and no criteria: nothing is decided
    # then, so the record must not depend on a decision that was made without answers.
    decision = plan.decision if answered.criteria else None
    return generate(
        settings,
        folder / settings.name,
        adr.render(plan.rules, settings.orchestrator, decision, settings.decided_on),
        Provenance(
            __version__,
            plan.rules.version,
            {c.id: answered.criteria.get(c.id) for c in plan.rules.criteria},
            answered.weights,
        ),
        request.dry_run,
    )


def _finish(request: Request, plan: Plan, generated: Generated) -> Result:
    """Commit and run the project if an option says so. Returns what is to be reported."""
    from mlpo_cli.project import git, make
    from mlpo_cli.reports.generated import Result, list_targets
    from mlpo_cli.reports.refusals import list_warnings

    settings, extra = plan.settings, {}
    warnings = list_warnings(plan.rules, plan.decision, settings.orchestrator)
    if request.git and not request.dry_run:
        message = f"Start {settings.name} with mlpo {__version__}"
        repository = git.commit(generated.path, [file.path for file in generated.files], message)
        extra["git"] = {**asdict(repository), "root": str(repository.root)}
        if repository.commit is None:
            warnings.append("nothing was committed: git knows no user.name and user.email")
    if request.run and not request.dry_run:
        extra["run"] = make.run_targets(generated.path, list_targets(settings))
    return Result(settings, generated, plan.decision, warnings, request.dry_run, extra)


def _show_reason(plan: Plan) -> None:
    """Say which orchestrator was chosen and why, unless the user chose it."""
    from mlpo_cli.reports import verdict

    if "orchestrator" not in plan.gathered.answered.project and plan.decision is not None:
        console.write_message(verdict.write_headline(plan.rules, plan.decision))
        console.write_message(verdict.describe_certainty(plan.rules, plan.decision))


def _show_result(request: Request, plan: Plan, result: Result) -> None:
    from mlpo_cli.reports import explain, generated, jsondoc

    for warning in result.warnings:
        console.write_warning(warning)
    if request.json:
        document = generated.make_document(result)
        document["warnings"] = [*plan.gathered.warnings, *result.warnings]
        if request.inputs.explain:
            document["sources"] = explain.sources_document(plan.gathered)
        console.write_output(jsondoc.dumps(document))
        return
    if request.dry_run and plan.decision is not None:
        from mlpo_cli.reports import terminal

        console.write_styled(terminal.render(plan.rules, plan.decision).append("\n"))
    console.write_output(generated.list_output(result))
    if request.inputs.explain:
        console.write_message(explain.render_sources(plan.gathered).plain)
    console.write_message(generated.summarize(plan.rules, result))


def _show_replay(request: Request, plan: Plan) -> None:
    flags = {
        "--accept-toss-up": plan.accept_toss_up,
        "--git": request.git,
        "--run": request.run,
        "--dry-run": request.dry_run,
    }
    options = {flag: None for flag, is_set in flags.items() if is_set}
    show_replay_command("new", request.inputs, plan.gathered.answered, options)
