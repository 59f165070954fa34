"""How a command that did not end well says so: one sentence, and the exit code for scripts."""

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

DEBUG_VARIABLE = "MLPO_KIT_DEBUG"  # 1 shows the traceback of each failure


def report_failure(error: Exception, wants_json: bool = False) -> int:
    """Say what went wrong, on stderr and, where it is wanted, as a document; returns the code."""
    if isinstance(error, BrokenPipeError):  # whoever read the answer has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    if os.environ.get(DEBUG_VARIABLE) == "1":
        traceback.print_exception(error)
    sentence = explain_failure(error)
    code, message = (FAILED, f"error: {sentence}") if sentence else (DEFECT, _name_defect(error))
    write_message(message)
    if wants_json:
        write_line(to_json({"schema_version": 1, "error": message.partition(": ")[2]}).rstrip())
    return code


def explain_failure(error: Exception) -> str | None:
    """Explain what a person can mend, in a sentence; None for an error of our own."""
    if isinstance(error, PipelineError):
        return str(error)
    if (place := _find_place(error)) is not None:
        return f"{place}: {type(error).__name__}: {_get_text(error)}"
    if isinstance(error, ModuleNotFoundError) and not f"{error.name}.".startswith("mlpo_kit."):
        return (
            f"there is no package {error.name!r} in the environment of {sys.executable}: "
            "`make setup` installs what the project needs"
        )
    return None


def _name_defect(error: Exception) -> str:
    hint = f" ({DEBUG_VARIABLE}=1 shows where)" if os.environ.get(DEBUG_VARIABLE) != "1" else ""
    return f"internal error: {type(error).__name__}: {_get_text(error)}{hint}"


def _get_text(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    return " ".join(str(error).split())


def _find_place(error: Exception) -> str | None:
    """Where in the project's own code an error arose: a file and a line of it."""
    root = None
    with suppress(PipelineError):
        root = find_project().root
    if root is None:
        return None
    frames = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename is not None:
        frames.append((error.filename, error.lineno))
    for name, line in reversed(frames):
        path = Path(name)
        if any(path.is_relative_to(root / folder) for folder in ("src", "pipeline")):
            return f"{path.relative_to(root)}:{line}"
    return None
