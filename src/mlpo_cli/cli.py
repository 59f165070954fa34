"""The command line: commands and options. What a command does is in `commands/`, imported late.

Annotations are not postponed here: Typer would compile each of them, at every start.
"""

from typing import Annotated

import typer

from mlpo_cli import __version__, console
from mlpo_cli.cli_options import (
    AnswersOption,
    DefaultsOption,
    ExplainOption,
    JsonOption,
    NoInputOption,
    OutputOption,
    OverwriteOption,
    RulesOption,
    SaveOption,
    SetOption,
    YesOption,
)
from mlpo_cli.completion import complete_words
from mlpo_cli.errors import UserError
from mlpo_cli.options import Command, Commands, add_settings, choose, choose_format

REPORTS = ("table", "json", "adr", "html")
COMPARISONS = ("table", "markdown", "json")
SCHEMAS = ("answers", "rules")
FINDINGS = ("text", "json", "sarif", "github")
LOWEST = ("warning", "info", "error")

app = typer.Typer(
    name="mlpo",
    cls=Commands,
    help="Find the ML pipeline orchestrator that fits your team, and start a project on it.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        console.write_output(f"mlpo {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Find the ML pipeline orchestrator that fits your team, and start a project on it."""


@app.command(cls=Command)
def recommend(
    answers: AnswersOption = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="table (the default), json, adr (a decision record) or html.",
            autocompletion=complete_words(REPORTS),
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    output: OutputOption = None,
    explain: ExplainOption = False,
    set_: SetOption = None,
    no_input: NoInputOption = False,
    defaults: DefaultsOption = False,
    yes: YesOption = False,
    overwrite: OverwriteOption = False,
    save_answers: SaveOption = None,
    rules: RulesOption = None,
) -> int:
    """Recommend Metaflow, Kubeflow or ZenML, and say why.

    Asks in a terminal, unless --answers is given. Each answer can also be given by --set, or by an
    environment variable such as MLPO_TEAM_SIZE. An option beats a variable, and both beat the file.

    Exit codes: 0 a recommendation or a toss-up, 1 none of them fits, 2 the answers cannot be used.
    """
    from mlpo_cli.commands.inputs import Inputs
    from mlpo_cli.commands.recommend import recommend as run

    chosen = choose_format(format, json, REPORTS)
    if explain and chosen in ("adr", "html"):
        raise UserError(
            f"--explain cannot be combined with --format {chosen}",
            f"leave --explain out: {chosen} has the evidence anyway",
        )
    inputs = Inputs(
        tuple(set_ or ()), rules, no_input, defaults, yes, overwrite, save_answers, explain
    )
    return run(answers, chosen, inputs, output)


@app.command(cls=Command)
@add_settings
def new(
    answers: AnswersOption = None,
    accept_toss_up: Annotated[
        bool, typer.Option("--accept-toss-up", help="Take the leader of a toss-up.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the recommendation and the files; write nothing."),
    ] = False,
    git: Annotated[
        bool,
        typer.Option("--git", help="Commit the project; make a git repository if there is none."),
    ] = False,
    run: Annotated[
        bool, typer.Option("--run", help="Set the project up and run its pipeline.")
    ] = False,
    json: JsonOption = False,
    explain: ExplainOption = False,
    set_: SetOption = None,
    no_input: NoInputOption = False,
    defaults: DefaultsOption = False,
    yes: YesOption = False,
    overwrite: OverwriteOption = False,
    save_answers: SaveOption = None,
    rules: RulesOption = None,
    **settings: str | None,
) -> int:
    """Generate a pipeline project for the recommended orchestrator.

    With --orchestrator you choose the orchestrator yourself. The project is generated completely or
    not at all. Its folder may contain files already, such as those of a fresh clone, if none of
    them would be replaced.

    Exit codes: 0 generated; 1 there is no clear recommendation, you declined, or --git or --run
    failed; 2 the answers cannot be used, or a file is in the way.
    """
    from mlpo_cli.commands.inputs import Inputs
    from mlpo_cli.commands.new import Request
    from mlpo_cli.commands.new import new as generate

    options = {key: value for key, value in settings.items() if value is not None}
    inputs = Inputs(
        tuple(set_ or ()), rules, no_input, defaults, yes, overwrite, save_answers, explain
    )
    request = Request(options, answers, accept_toss_up, json, inputs, dry_run, git, run)
    return generate(request)


@app.command(cls=Command)
def compare(
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="table (the default), markdown or json.",
            autocompletion=complete_words(COMPARISONS),
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    output: OutputOption = None,
    overwrite: OverwriteOption = False,
    rules: RulesOption = None,
) -> int:
    """Show the orchestrators side by side, with the evidence.

    Exit codes: 0 shown, 2 the rules cannot be used or the file cannot be written.
    """
    from mlpo_cli.commands.compare import compare as run

    return run(choose_format(format, json, COMPARISONS), rules, output, overwrite)


@app.command(cls=Command)
def check(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Files and folders; the current folder if none."),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help="text (the default), json, sarif or github (annotations of a workflow).",
            autocompletion=complete_words(FINDINGS),
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    select: Annotated[
        str | None,
        typer.Option(metavar="RULES", help="Only these rules, as in MLP201,MLP4."),
    ] = None,
    ignore: Annotated[str | None, typer.Option(metavar="RULES", help="Not these rules.")] = None,
    severity: Annotated[
        str | None,
        typer.Option(
            metavar="SEVERITY",
            help="The lowest severity to report: error, warning (the default) or info.",
            autocompletion=complete_words(LOWEST),
        ),
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Fix what can be fixed safely.")] = False,
    unsafe_fixes: Annotated[
        bool,
        typer.Option("--unsafe-fixes", help="With --fix or --diff: also fix what you must review."),
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what --fix would change; write nothing.")
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Do not report the findings in this file."),
    ] = None,
    write_baseline: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write all findings to a file, and end with 0."),
    ] = None,
    overwrite: OverwriteOption = False,
    stdin_filename: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Check standard input as if it were this file."),
    ] = None,
    project: Annotated[
        bool,
        typer.Option(
            "--project",
            help="Also run the check of the generated project, with mlpo-kit: executes its code.",
        ),
    ] = False,
    explain: Annotated[
        str | None, typer.Option(metavar="RULE", help="Show the page about a rule.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List all rules.")] = False,
) -> int:
    """Find what breaks or costs money in pipelines on Metaflow, KFP and ZenML.

    Reads Python files, notebooks and compiled KFP pipelines. Nothing in them is executed, unless
    --project says so.

    Exit codes: 0 nothing is reported, 1 there are findings, 2 the options, the paths or the
    configuration cannot be used.
    """
    from mlpo_cli.commands import check as command

    chosen = choose_format(format, json, FINDINGS)
    if explain is not None or list_:
        if chosen not in ("text", "json"):
            raise UserError(f"a rule cannot be shown as {chosen}", "use --format text or json")
        return command.list_all(chosen) if explain is None else command.explain(explain, chosen)
    lowest = None if severity is None else choose("--severity", severity, LOWEST)
    return command.check(
        command.Options(
            *(tuple(paths or ()), chosen, select, ignore, lowest, baseline, write_baseline),
            *(overwrite, fix, unsafe_fixes, diff, stdin_filename, project),
        )
    )


@app.command(cls=Command)
def schema(
    document: Annotated[
        str | None,
        typer.Argument(
            metavar="DOCUMENT",
            help="answers (the default) or rules.",
            autocompletion=complete_words(SCHEMAS),
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Has no effect: the output is always JSON.")
    ] = False,
    output: OutputOption = None,
    overwrite: OverwriteOption = False,
    rules: RulesOption = None,
) -> int:
    """Print the JSON Schema of answers or of rules files.

    Exit codes: 0 printed, 2 the rules cannot be used or the file cannot be written.
    """
    from mlpo_cli.commands.schema import schema as run

    return run(choose("DOCUMENT", document, SCHEMAS), rules, output, overwrite)


@app.command(cls=Command)
def skill(
    json: JsonOption = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", metavar="PATH", help="Write it to a folder (as SKILL.md) or a file."
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> int:
    """Print a SKILL.md, which tells coding agents how to use mlpo.

    Exit codes: 0 printed, 2 the file cannot be written.
    """
    from mlpo_cli.commands.skill import skill as run

    return run(json, output, overwrite)
