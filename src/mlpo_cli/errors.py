"""How mlpo ends: the exit codes, the errors a user can cause, and the one place that reports them.

Three ways to end besides success: the user's error (a message with the fix), an error of ours (one
line and a crash log, no traceback) and an interrupt.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import IntEnum
from itertools import pairwise
from pathlib import Path

SCHEMA_VERSION = 1


class ExitCode(IntEnum):
    """Published, and tested: scripts rely on them."""

    OK = 0
    NEGATIVE = 1
    USAGE = 2
    INTERNAL = 3
    INTERRUPTED = 130


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where (`file:line`, an option, or empty), what, and the fix."""

    where: str
    what: str
    fix: str = ""


class UserError(Exception):
    """Something the user can put right. The base of all errors that are reported as such."""

    exit_code = ExitCode.USAGE
    kind = "usage"

    def __init__(self, message: str, fix: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.problems = tuple(problems)


class AnswersError(UserError):
    """The answers cannot be used. Carries every problem that was found, in one pass."""

    kind = "answers"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("the answers cannot be used", "", problems)


class RulesError(UserError):
    """The rules cannot be used. Carries every problem that was found."""

    kind = "rules"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("the rules cannot be used", "", problems)


class TargetError(UserError):
    """The project cannot be placed where it was asked for; nothing was written."""

    kind = "target"


class NegativeFinding(UserError):
    """The command ran, and its finding means that it cannot go on. Nothing was written."""

    exit_code = ExitCode.NEGATIVE
    kind = "finding"


def run_guarded(command: Callable[[], object], arguments: Sequence[str]) -> int:
    """Run a command and turn every way it can end into an exit code and a message.

    `arguments` tell whether JSON was asked for, also when they are too wrong to be parsed.
    """
    from typer import Abort

    as_json = _wants_json(arguments)
    try:
        result = command()
        sys.stdout.flush()
        if result == ExitCode.INTERRUPTED:  # newer releases of Typer return it, older ones raise
            raise KeyboardInterrupt
        return result if isinstance(result, int) else ExitCode.OK
    except UserError as error:
        return _report(error, as_json)
    except (KeyboardInterrupt, Abort):
        sys.stderr.write("interrupted\n")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`mlpo ... | head`). Keep the interpreter from flushing again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except OSError as error:
        if is_of_the_machine(error):
            where = f"{error.filename}: " if error.filename else ""
            return _report(UserError(f"{where}{error.strerror}"), as_json)
        return _report_ours(error, as_json)
    except Exception as error:
        # Typer's usage errors: known by this method, for newer releases bring a click of their own.
        if hasattr(error, "format_message"):
            usage = UserError(str(error.format_message()), "mlpo --help shows the usage")
            return _report(usage, as_json)
        return _report_ours(error, as_json)


_USERS_MACHINE = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS,
    errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE,
})  # fmt: skip


def is_of_the_machine(error: OSError) -> bool:
    """Whether this is of the user's disk or permissions, and no fault of ours."""
    return error.errno in _USERS_MACHINE


def _wants_json(arguments: Sequence[str]) -> bool:
    if "--json" in arguments or "--format=json" in arguments:
        return True
    return ("--format", "json") in pairwise(arguments)


MOST_PROBLEMS = 100


def _report(error: UserError, as_json: bool) -> int:
    if as_json:
        document: dict[str, object] = {
            "kind": error.kind,
            "message": error.message,
            "fix": error.fix,
            "problems": [asdict(problem) for problem in error.problems[:MOST_PROBLEMS]],
        }
        if len(error.problems) > MOST_PROBLEMS:
            document["more_problems"] = len(error.problems) - MOST_PROBLEMS
        _write_json(document, error.exit_code)
    else:
        sys.stderr.write(as_text(error))
    return error.exit_code


def as_text(error: UserError) -> str:
    """The error for people. What it quotes can't steer the terminal."""
    lines = [f"error: {error.message}"]
    for problem in error.problems[:MOST_PROBLEMS]:
        lines.append("  " + ": ".join(filter(None, (problem.where, problem.what))))
        if problem.fix:
            lines.append(f"    fix: {problem.fix}")
    if len(error.problems) > MOST_PROBLEMS:
        lines.append(f"  and {len(error.problems) - MOST_PROBLEMS:,} more problems")
    if error.fix:
        lines.append(f"  fix: {error.fix}")
    text = "\n".join(lines) + "\n"
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def _report_ours(error: Exception, as_json: bool) -> int:
    log = _write_crash_log(error)
    message = f"mlpo failed: {type(error).__name__}: {error}"
    if as_json:
        document = {"kind": "internal", "message": message, "crash_log": str(log), "problems": []}
        _write_json(document, ExitCode.INTERNAL)
    else:
        sys.stderr.write(f"error: {message}\n  This is a bug in mlpo. Details: {log}\n")
    return ExitCode.INTERNAL


def _write_json(error: Mapping[str, object], exit_code: int) -> None:
    document = {"schema_version": SCHEMA_VERSION, "error": {**error, "exit_code": exit_code}}
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _write_crash_log(error: Exception) -> Path | None:
    """Write the traceback to the user's state directory, else a temporary one."""
    state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state")
    for directory in (state, Path(tempfile.gettempdir())):
        try:
            log = directory.expanduser() / "mlpo" / "crash.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            text = "".join(traceback.format_exception(error))
            log.write_text(f"python {sys.version}\n\n{text}", encoding="utf-8")
        except (OSError, RuntimeError):
            continue
        return log
    return None
