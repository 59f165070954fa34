"""The options that several commands have."""

from typing import Annotated

import typer

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
