"""Commit a new project: `mlpo new --git`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlpo_cli.errors import NegativeFinding, UserError


@dataclass(frozen=True)
class Repository:
    """Where the project was committed."""

    root: Path
    initialized: bool  # it was made for the project
    commit: str | None  # None: git knows no name and address to commit with


def check() -> None:
    """Raise UserError where there is no git."""
    if shutil.which("git") is None:
        raise UserError("--git needs git, and there is none on the PATH", "install git")


def commit(project: Path, files: Sequence[str], message: str) -> Repository:
    """Commit these files of the project, and nothing else, to the repository that it is in.

    Where it is in none it gets one of its own. Without a git identity nothing is committed.
    Raises NegativeFinding with what git said when it refuses.
    """
    inside = _git(project, "rev-parse", "--show-toplevel", check=False)
    if inside.returncode:
        named = _git(project, "config", "init.defaultBranch", check=False).stdout.strip()
        _git(project, "init", "--quiet", "--initial-branch", named or "main")
    root = Path(_git(project, "rev-parse", "--show-toplevel").stdout.rstrip("\n"))
    if not _has_identity(project):
        return Repository(root, bool(inside.returncode), None)
    paths = "\0".join(files)
    from_stdin = ("--pathspec-from-file=-", "--pathspec-file-nul")
    _git(project, "--literal-pathspecs", "add", *from_stdin, stdin=paths)
    arguments = ("commit", "--quiet", "--message", message, "--only", *from_stdin)
    _git(project, "--literal-pathspecs", *arguments, stdin=paths)
    return Repository(
        root, bool(inside.returncode), _git(project, "rev-parse", "HEAD").stdout.strip()
    )


def _has_identity(project: Path) -> bool:
    """Whether somebody configured a name and an address; git's own guess does not count."""
    asked = ("-c", "user.useConfigOnly=true", "var")
    return not any(
        _git(project, *asked, f"GIT_{role}_IDENT", check=False).returncode
        for role in ("AUTHOR", "COMMITTER")
    )


def _git(
    project: Path, *arguments: str, stdin: str = "", check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run git there, whatever repository it may have been started from (a hook sets GIT_DIR)."""
    elsewhere = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in elsewhere}
    done = subprocess.run(
        ["git", *arguments],
        cwd=project,
        env={**environment, "GIT_TERMINAL_PROMPT": "0"},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise NegativeFinding(
            f"{project} is generated, but git would not commit it: {said}",
            "put that right, then commit it yourself",
        )
    return done
