"""Exit codes, the errors that a user can cause, and the one function that reports all errors.

Besides success there are three ways to end: an error of the user (a message with the fix), a bug
in mlpo (one line and a crash log, no traceback) and an interrupt.
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

from mlpo_cli import __version__

SCHEMA_VERSION = 1


class ExitCode(IntEnum):
    """The exit codes of every command. Scripts rely on them."""

    OK = 0
    NEGATIVE = 1
    USAGE = 2
    INTERNAL = 3
    INTERRUPTED = 130


@dataclass(frozen=True)
class Problem:
    """One mistake: where (`file:line`, an option, or empty), what it is, and how to fix it."""

    where: str
    what: str
    fix: str = ""


class UserError(Exception):
    """A mistake that the user can fix. The base class of all errors but bugs in mlpo."""

    exit_code = ExitCode.USAGE
    kind = "usage"

    def __init__(self, message: str, fix: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.problems = tuple(problems)


class AnswersError(UserError):
    """The answers cannot be used. `problems` holds every mistake in them."""

    kind = "answers"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("the answers cannot be used", "", problems)


class RulesError(UserError):
    """The rules cannot be used. `problems` holds every mistake in them."""

    kind = "rules"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("the rules cannot be used", "", problems)


class TargetError(UserError):
    """A file or project cannot be written at its destination; nothing was written."""

    kind = "target"


class NegativeFinding(UserError):
    """The command found a reason not to go on, such as a toss-up."""

    exit_code = ExitCode.NEGATIVE
    kind = "finding"


def run_guarded(command: Callable[[], object], arguments: Sequence[str]) -> int:
    """Run a command; turn every way that it can end into an exit code and a message.

    `arguments` are those of the command line. They tell whether to report errors in JSON, also
    when they cannot be parsed, and go into the crash log.
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
        # The reader closed the pipe (`mlpo ... | head`). Python must not flush into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except OSError as error:
        if is_system_error(error):
            where = f"{error.filename}: " if error.filename else ""
            return _report(UserError(f"{where}{error.strerror}"), as_json)
        return _report_bug(error, arguments, as_json)
    except Exception as error:
        # A usage error of Typer. Its class differs between releases of Typer; this method does not.
        if hasattr(error, "format_message"):
            usage = UserError(str(error.format_message()), "mlpo --help shows the usage")
            return _report(usage, as_json)
        return _report_bug(error, arguments, as_json)


_SYSTEM_ERRORS = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS,
    errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE,
})  # fmt: skip


def is_system_error(error: OSError) -> bool:
    """Whether the disk, the permissions or the limits of the system caused it, not mlpo."""
    return error.errno in _SYSTEM_ERRORS


def _wants_json(arguments: Sequence[str]) -> bool:
    if "--json" in arguments or "--format=json" in arguments:
        return True
    return ("--format", "json") in pairwise(arguments)


MOST_PROBLEMS = 100
MOST_FILES = 5  # that are in the way, in a terminal


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
    """Format an error for a terminal. Escape codes in quoted input are made visible."""
    lines = [f"error: {error.message}"]
    most = MOST_FILES if isinstance(error, TargetError) else MOST_PROBLEMS
    for problem in error.problems[:most]:
        lines.append("  " + ": ".join(filter(None, (problem.where, problem.what))))
        if problem.fix:
            lines.append(f"    fix: {problem.fix}")
    if len(error.problems) > most:
        lines.append(f"  and {len(error.problems) - most:,} more")
    if error.fix:
        lines.append(f"  fix: {error.fix}")
    return _escape("\n".join(lines) + "\n")


def _escape(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def _report_bug(error: Exception, arguments: Sequence[str], as_json: bool) -> int:
    log = _write_crash_log(error, arguments)
    message = f"mlpo failed: {type(error).__name__}: {error}"
    fix = "this is a bug in mlpo: report it to the repository that you installed mlpo from"
    fix += ", and attach the crash log" if log else ""
    if as_json:
        document: dict[str, object] = {"kind": "internal", "message": message, "fix": fix}
        document |= {"crash_log": str(log) if log else None, "problems": []}
        _write_json(document, ExitCode.INTERNAL)
    else:
        where = f"  crash log: {log}\n" if log else ""
        sys.stderr.write(_escape(f"error: {message}\n{where}  fix: {fix}\n"))
    return ExitCode.INTERNAL


def _write_json(error: Mapping[str, object], exit_code: int) -> None:
    document = {"schema_version": SCHEMA_VERSION, "error": {**error, "exit_code": exit_code}}
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _write_crash_log(error: Exception, arguments: Sequence[str]) -> Path | None:
    """Write what a bug report needs to the user's state folder, else to the temporary folder.

    The environment is left out: it may hold secrets. Returns None when no folder can be written.
    """
    import platform
    import shlex

    lines = [
        f"mlpo {__version__}",
        f"python {sys.version}",
        f"platform {platform.platform()}",
        f"command {shlex.join(['mlpo', *arguments])}",
        "",
        *traceback.format_exception(error),
    ]
    state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state")
    for folder in (state, Path(tempfile.gettempdir())):
        try:
            log = folder.expanduser() / "mlpo" / "crash.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            # An argument may hold bytes that are not UTF-8.
            log.write_text("\n".join(lines), encoding="utf-8", errors="backslashreplace")
        except (OSError, RuntimeError):
            continue
        return log
    return None
