"""Report a failed command: one sentence for people, and an exit code for scripts."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from mlpo_kit.cli.exit_codes import DEFECT, FAILED
from mlpo_kit.cli.output import write_line, write_message
from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError
from mlpo_kit.store.files import to_json
from mlpo_kit.store.full_disk import explain_full_disk

DEBUG_VARIABLE = "MLPO_KIT_DEBUG"  # set to 1 to show the traceback of each failure


def report_failure(error: Exception, wants_json: bool = False) -> int:
    """Write the error to stderr, and as JSON to stdout if wanted; returns the exit code."""
    if isinstance(error, BrokenPipeError):  # the reader of the pipe stopped reading
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    show_traceback(error)
    sentence = explain_failure(error)
    code, message = (FAILED, f"error: {sentence}") if sentence else (DEFECT, _name_defect(error))
    write_message(message)
    if wants_json:
        write_line(to_json({"schema_version": 1, "error": message.partition(": ")[2]}).rstrip())
    return code


def show_traceback(error: Exception) -> None:
    """Write the traceback of a failure to stderr if MLPO_KIT_DEBUG asks for it."""
    if os.environ.get(DEBUG_VARIABLE) == "1":
        traceback.print_exception(error)


def explain_failure(error: Exception) -> str | None:
    """Explain an error that the user can fix; returns None for an error in mlpo-kit itself."""
    if isinstance(error, PipelineError):
        return str(error)
    if isinstance(error, OSError) and (sentence := explain_full_disk(error)) is not None:
        return sentence
    if (location := _find_location(error)) is not None:
        return f"{location}: {type(error).__name__}: {_get_text(error)}"
    if isinstance(error, ModuleNotFoundError) and not f"{error.name}.".startswith("mlpo_kit."):
        return (
            f"there is no package {error.name!r} in the environment of {sys.executable}: "
            "`make setup` installs the project's packages"
        )
    return None


def _name_defect(error: Exception) -> str:
    hint = f" ({DEBUG_VARIABLE}=1 shows where)" if os.environ.get(DEBUG_VARIABLE) != "1" else ""
    return f"internal error: {type(error).__name__}: {_get_text(error)}{hint}"


def _get_text(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    return " ".join(str(error).split())


def _find_location(error: Exception) -> str | None:
    """Return `file:line` of the innermost frame in the project's own code; None if there is none.

    A SyntaxError counts as raised in the file that it names.
    """
    project = None
    with suppress(PipelineError):
        project = find_project()
    if project is None:
        return None
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename is not None:
        frames.append((error.filename, error.lineno))
    for name, line in reversed(frames):
        path = Path(project.name_files(name))
        if any(path.is_relative_to(project.root / folder) for folder in ("src", "pipeline")):
            return f"{path.relative_to(project.root)}:{line}"
    return None
