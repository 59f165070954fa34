"""The command line: verbs and options. What a verb does is in `commands/`, imported late."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from mlpo_cli import __version__

app = typer.Typer(
    name="mlpo",
    help="Find the ML pipeline orchestrator that fits your team, and start a project on it.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(str, Enum):
    """How a Decision is printed."""

    TABLE = "table"
    JSON = "json"
    ADR = "adr"


AnswersOption = Annotated[
    str | None,
    typer.Option("--answers", metavar="FILE", help="Answers in YAML or JSON; - is standard input."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mlpo {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Find the ML pipeline orchestrator that fits your team, and start a project on it."""


@app.command()
def recommend(
    answers: AnswersOption = None,
    format: Annotated[
        Format | None,
        typer.Option("--format", help="table (the default), json, or adr: a decision record."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Short for --format json.")] = False,
) -> int:
    """Recommend Metaflow, Kubeflow or ZenML, and say why.

    Exit codes: 0 a recommendation or a toss-up, 1 none of them fits, 2 the answers cannot be used.
    """
    from mlpo_cli.commands.recommend import recommend as run

    if json and format not in (None, Format.JSON):
        raise typer.BadParameter("--json and --format contradict each other")
    return run(answers, "json" if json else (format or Format.TABLE).value)


@app.command()
def new(
    name: Annotated[str | None, typer.Argument(help="The project, and its directory here.")] = None,
    orchestrator: Annotated[
        str | None, typer.Option(help="Instead of the recommendation.", show_default=False)
    ] = None,
    answers: AnswersOption = None,
    package: Annotated[
        str | None, typer.Option(help="The Python package; derived from the name if left out.")
    ] = None,
    data_source: Annotated[
        str | None, typer.Option(help="digits (the default), images or table.")
    ] = None,
    ci: Annotated[str | None, typer.Option(help="github (the default) or none.")] = None,
    accept_toss_up: Annotated[
        bool, typer.Option("--accept-toss-up", help="Take the leader of a toss-up.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Generate a project for the recommended orchestrator, or for the one you name.

    Exit codes: 0 generated, 1 no recommendation to follow, 2 the answers cannot be used or the
    directory exists. Nothing is written unless it is 0.
    """
    from mlpo_cli.commands.new import Request
    from mlpo_cli.commands.new import new as run

    settings = {
        "name": name,
        "orchestrator": orchestrator,
        "package": package,
        "data_source": data_source,
        "ci": ci,
    }
    options = {key: value for key, value in settings.items() if value is not None}
    return run(Request(options, answers, accept_toss_up, json))
