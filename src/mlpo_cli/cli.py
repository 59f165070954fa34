"""The command line: verbs and options. What a verb does is in `commands/`, imported late."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from mlpo_cli import __version__, completion, console


class _AsItIs:
    """Stands in for what turns an option into its type."""

    def coerce(self, value: Any, **_: Any) -> Any:
        """The value itself."""
        return value


class _Plain:
    """A command whose options are texts and switches, taken as they are.

    Newer releases of Typer import pydantic to turn each option into its type, which takes longer
    than all that mlpo does. There is nothing to turn here, so it is left out; older ones ignore
    this. A choice therefore arrives as its text, and `_format` checks it.
    """

    def get_params(self, ctx: Any) -> Any:
        parameters = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            parameter._runtime_param = _AsItIs()
        return parameters


class Verb(_Plain, TyperCommand):
    """One verb."""


class Root(_Plain, TyperGroup):
    """All of them."""


app = typer.Typer(
    name="mlpo",
    cls=Root,
    help="Find the ML pipeline orchestrator that fits your team, and start a project on it.",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(str, Enum):
    """How a Decision is printed."""

    TABLE = "table"
    JSON = "json"
    ADR = "adr"
    HTML = "html"


class Comparison(str, Enum):
    """How the comparison is printed."""

    TABLE = "table"
    MARKDOWN = "markdown"
    JSON = "json"


AnswersOption = Annotated[
    str | None,
    typer.Option("--answers", metavar="FILE", help="Answers in YAML or JSON; - is standard input."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="One answer: a criterion's id, project.KEY or overrides.weights.ID. Repeatable.",
    ),
]
RulesOption = Annotated[
    str | None,
    typer.Option("--rules", metavar="DIR", help="Rules of your own, laid over those of mlpo."),
]
NoInputOption = Annotated[bool, typer.Option("--no-input", help="Never ask.")]
DefaultsOption = Annotated[
    bool,
    typer.Option("--defaults", help="Never ask; what is not answered is not sure, or its default."),
]
YesOption = Annotated[
    bool, typer.Option("--yes", help="Skip confirmations; replace files that are there.")
]
SaveOption = Annotated[
    str | None,
    typer.Option("--save-answers", metavar="FILE", help="Write the answers, as YAML or .json."),
]
ExplainOption = Annotated[
    bool, typer.Option("--explain", help="Where each value comes from, and the evidence.")
]
OutputOption = Annotated[
    str | None, typer.Option("--output", metavar="FILE", help="Write it to a file.")
]


def _print_version(wanted: bool) -> None:
    if wanted:
        console.answer(f"mlpo {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Find the ML pipeline orchestrator that fits your team, and start a project on it."""


@app.command(cls=Verb)
def recommend(
    answers: AnswersOption = None,
    format: Annotated[
        Format | None,
        typer.Option("--format", help="table (the default), json, adr (a decision record), html."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    output: OutputOption = None,
    explain: ExplainOption = False,
    set_: SetOption = None,
    no_input: NoInputOption = False,
    defaults: DefaultsOption = False,
    yes: YesOption = False,
    save_answers: SaveOption = None,
    rules: RulesOption = None,
) -> int:
    """Recommend Metaflow, Kubeflow or ZenML, and say why.

    Asks in a terminal, unless --answers is given. Each criterion can also be set by --set, or by
    an environment variable such as MLPO_TEAM_SIZE. Flags beat the environment, and that the file.

    Exit codes: 0 a recommendation or a toss-up, 1 none of them fits, 2 the answers cannot be used.
    """
    from mlpo_cli.commands.inputs import Inputs
    from mlpo_cli.commands.recommend import recommend as run

    form = _format(format, json, Format.TABLE)
    if explain and form in ("adr", "html"):
        raise typer.BadParameter(f"--explain is for table and json; {form} has the evidence anyway")
    inputs = Inputs(tuple(set_ or ()), rules, no_input, defaults, yes, save_answers, explain)
    return run(answers, form, inputs, output)


def _format(format: str | None, json: bool, default: Enum) -> str:
    """The format asked for. Raises BadParameter for one that is not known, or for two."""
    known = [str(one.value) for one in type(default)]
    asked = str(getattr(format, "value", format or ("json" if json else default.value)))
    if asked not in known:
        raise typer.BadParameter(f"--format {asked!r} is not known; use one of: {', '.join(known)}")
    if json and asked != "json":
        raise typer.BadParameter("--json and --format contradict each other")
    return asked


@app.command(cls=Verb)
def new(
    name: Annotated[str | None, typer.Argument(help="The project, and its directory here.")] = None,
    orchestrator: Annotated[
        str | None,
        typer.Option(
            help="Instead of the recommendation.",
            show_default=False,
            autocompletion=completion.of_setting("orchestrator"),
        ),
    ] = None,
    answers: AnswersOption = None,
    package: Annotated[
        str | None, typer.Option(help="The Python package; derived from the name if left out.")
    ] = None,
    data_source: Annotated[
        str | None,
        typer.Option(
            help="digits (the default), images or table.",
            autocompletion=completion.of_setting("data_source"),
        ),
    ] = None,
    ci: Annotated[
        str | None,
        typer.Option(
            help="github (the default) or none.", autocompletion=completion.of_setting("ci")
        ),
    ] = None,
    accept_toss_up: Annotated[
        bool, typer.Option("--accept-toss-up", help="Take the leader of a toss-up.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the decision and the files; write nothing.")
    ] = False,
    git: Annotated[
        bool,
        typer.Option("--git", help="Commit the project, in a repository of its own if need be."),
    ] = False,
    run: Annotated[
        bool, typer.Option("--run", help="Then set the project up and run its pipeline.")
    ] = False,
    json: JsonOption = False,
    explain: ExplainOption = False,
    set_: SetOption = None,
    no_input: NoInputOption = False,
    defaults: DefaultsOption = False,
    yes: YesOption = False,
    save_answers: SaveOption = None,
    rules: RulesOption = None,
) -> int:
    """Generate a project for the recommended orchestrator, or for the one you name.

    It appears whole or not at all. Its directory may hold files already, such as a fresh clone's,
    unless the project would replace one.

    Exit codes: 0 generated, 1 no recommendation to follow, 2 the answers cannot be used or a file
    is in the way; nothing is written then. 1 also when --git or --run fail; the project stays.
    """
    from mlpo_cli.commands.inputs import Inputs
    from mlpo_cli.commands.new import Request
    from mlpo_cli.commands.new import new as generate

    settings = {
        "name": name,
        "orchestrator": orchestrator,
        "package": package,
        "data_source": data_source,
        "ci": ci,
    }
    options = {key: value for key, value in settings.items() if value is not None}
    inputs = Inputs(tuple(set_ or ()), rules, no_input, defaults, yes, save_answers, explain)
    request = Request(options, answers, accept_toss_up, json, inputs, dry_run, git, run)
    return generate(request)


@app.command(cls=Verb)
def compare(
    format: Annotated[
        Comparison | None,
        typer.Option("--format", help="table (the default), markdown or json."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
    output: OutputOption = None,
    yes: YesOption = False,
    rules: RulesOption = None,
) -> int:
    """Show the orchestrators side by side, with the evidence.

    Exit codes: 0 shown, 2 the rules cannot be used or the file may not be written.
    """
    from mlpo_cli.commands.compare import compare as run

    return run(_format(format, json, Comparison.TABLE), rules, output, yes)


@app.command(cls=Verb)
def schema(
    json: Annotated[
        bool, typer.Option("--json", help="Changes nothing: a schema is JSON.")
    ] = False,
    output: OutputOption = None,
    yes: YesOption = False,
    rules: RulesOption = None,
) -> int:
    """Print the JSON Schema of the answers document, for editors and scripts.

    Exit codes: 0 printed, 2 the rules cannot be used or the file may not be written.
    """
    from mlpo_cli.commands.schema import schema as run

    return run(rules, output, yes)


@app.command(cls=Verb)
def skill(
    json: JsonOption = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", metavar="PATH", help="Write it to a folder, as SKILL.md, or a file."
        ),
    ] = None,
    yes: YesOption = False,
) -> int:
    """Print how a coding agent uses mlpo, as a SKILL.md.

    Exit codes: 0 printed, 2 the file may not be written.
    """
    from mlpo_cli.commands.skill import skill as run

    return run(json, output, yes)
