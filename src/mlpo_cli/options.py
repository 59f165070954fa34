"""How options are made and parsed: from the table of settings, quickly, with did-you-mean."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup

from mlpo_cli.answers.kinds import Choice
from mlpo_cli.answers.project import Setting, list_settings
from mlpo_cli.completion import complete_setting
from mlpo_cli.errors import UserError
from mlpo_cli.suggest import find_closest, suggest

Function = TypeVar("Function", bound=Callable[..., Any])


def add_settings(command: Function) -> Function:
    """Give a command a parameter for each of the project's settings, instead of `**settings`.

    Typer makes options from a function's signature, so the signature is what is extended.
    """
    signature = inspect.signature(command)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    parameters = [*map(_make_parameter, list_settings()), *own]
    command.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return command


def _make_parameter(setting: Setting) -> inspect.Parameter:
    if setting.option.startswith("--"):
        metavar = "DATE" if setting.key == "decided_on" else "NAME"
        complete = complete_setting(setting.key) if isinstance(setting.kind, Choice) else None
        info = typer.Option(
            setting.option, metavar=metavar, help=_describe(setting), autocompletion=complete
        )
    else:
        info = typer.Argument(metavar="NAME", help=_describe(setting))
    return inspect.Parameter(
        setting.key,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=None,
        annotation=Annotated[str | None, info],
    )


def _describe(setting: Setting) -> str:
    """Return a setting's help with its choices: `Where ... from: digits (the default) or ...`."""
    choices = setting.kind.texts if isinstance(setting.kind, Choice) else ()
    words = [f"{c} (the default)" if c == setting.default else c for c in choices]
    if not words:
        return setting.help
    *others, last = words
    return f"{setting.help.removesuffix('.')}: {', '.join(others)} or {last}."


class _TextOptions:
    """A command that takes options as they are typed, and suggests the closest for a typo.

    Newer releases of Typer import pydantic to convert each value, even from text to text. That
    takes longer than everything that mlpo does, and all options here are texts and switches. So
    the method that converts a value, `process_value`, is replaced. What may be one of several words
    is checked by `choose`.
    """

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters, without conversion."""
        parameters = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            parameter.process_value = partial(_take_as_typed, parameter)
        return parameters

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Parse the arguments. Raises UserError for an option that does not exist."""
        try:
            return super().parse_args(ctx, args)  # type: ignore[misc]
        except Exception as error:
            # The class is click's, and newer releases of Typer have a click of their own.
            if type(error).__name__ != "NoSuchOption":
                raise
            name = error.option_name  # type: ignore[attr-defined]
            closest = find_closest(name, [o for p in self.get_params(ctx) for o in p.opts])
            hint = f"did you mean {closest}? " if closest else ""
            fix = f"{hint}{ctx.command_path} --help lists the options"
            raise UserError(f"no such option: {name}", fix) from error


def _take_as_typed(parameter: Any, ctx: Any, value: Any) -> Any:
    """Return an option's value without conversion. No option of mlpo is required."""
    if value is None and parameter.multiple:
        value = ()
    return value if parameter.callback is None else parameter.callback(ctx, parameter, value)


class Command(_TextOptions, TyperCommand):
    """One command of mlpo."""


class Commands(_TextOptions, TyperGroup):
    """All commands of mlpo."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is typed. Raises UserError if there is none of that name."""
        name, known = args[0], self.list_commands(ctx)
        if name not in known and not ctx.resilient_parsing:
            raise UserError(f"no such command: {name}", suggest(name, known, list_all=True))
        return super().resolve_command(ctx, args)


def choose(option: str, value: str | None, choices: tuple[str, ...]) -> str:
    """Return the value of an option that takes one of several words; the first is the default.

    Raises UserError for another word.
    """
    if value is None:
        return choices[0]
    if refusal := Choice(dict.fromkeys(choices, "")).refuse(value, option):
        raise UserError(*refusal)
    return value


def choose_format(format: str | None, json: bool, choices: tuple[str, ...]) -> str:
    """Return the format to print. Raises UserError for an unknown one, or for two."""
    chosen = choose("--format", "json" if json and format is None else format, choices)
    if json and chosen != "json":
        raise UserError(f"--json cannot be combined with --format {chosen}", "pass one of them")
    return chosen
