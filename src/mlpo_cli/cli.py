"""The command line: commands and options. What a command does is in `commands/`, imported late.

Annotations are not postponed here: Typer would compile each of them, at every start.
"""

from typing import Annotated

import typer

from mlpo_cli import __version__, console
from mlpo_cli.completion import complete_words
from mlpo_cli.errors import UserError
from mlpo_cli.options import Command, Commands, add_settings, choose

REPORTS = ("table", "json", "adr", "html")
COMPARISONS = ("table", "markdown", "json")
SCHEMAS = ("answers", "rules")

app = typer.Typer(
    name="mlpo",
    cls=Commands,
    help="Find the ML pipeline orchestrator that fits your team, and start a project on it.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AnswersOption = Annotated[
    str | None,
    typer.Option(
        "--answers", metavar="FILE", help="Read answers in YAML or JSON; - is standard input."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a criterion by its id, project.KEY or overrides.weights.ID. Repeatable.",
    ),
]
RulesOption = Annotated[
    str | None,
    typer.Option("--rules", metavar="DIR", help="Change or extend the rules with those in DIR."),
]
NoInputOption = Annotated[
    bool, typer.Option("--no-input", help="Never ask; fail if something is missing.")
]
DefaultsOption = Annotated[
    bool,
    typer.Option("--defaults", help="Never ask; recommend the default if nothing is answered."),
]
YesOption = Annotated[bool, typer.Option("--yes", help="Skip the review and confirmations.")]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Replace an output file that exists.")
]
SaveOption = Annotated[
    str | None,
    typer.Option(
        "--save-answers", metavar="FILE", help="Write the answers to a .yaml or .json file."
    ),
]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Show where each value comes from, and the evidence.")
]
OutputOption = Annotated[
    str | None, typer.Option("--output", metavar="FILE", help="Write the output to a file.")
]


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

    chosen = _choose_format(format, json, REPORTS)
    if explain and chosen in ("adr", "html"):
        raise UserError(
            f"--explain cannot be combined with --format {chosen}",
            f"leave --explain out: {chosen} has the evidence anyway",
        )
    inputs = Inputs(
        tuple(set_ or ()), rules, no_input, defaults, yes, overwrite, save_answers, explain
    )
    return run(answers, chosen, inputs, output)


def _choose_format(format: str | None, json: bool, choices: tuple[str, ...]) -> str:
    """Return the format to print. Raises UserError for an unknown one, or for two."""
    chosen = choose("--format", "json" if json and format is None else format, choices)
    if json and chosen != "json":
        raise UserError(f"--json cannot be combined with --format {chosen}", "pass one of them")
    return chosen


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

    return run(_choose_format(format, json, COMPARISONS), rules, output, overwrite)


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
