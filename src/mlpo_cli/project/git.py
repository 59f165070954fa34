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
    """The repository that the project is in."""

    root: Path
    initialized: bool  # it was created for the project
    commit: str | None  # None: git knows no name and address to commit with


def check() -> None:
    """Raise UserError if git is not installed."""
    if shutil.which("git") is None:
        raise UserError("--git needs git, and there is none on the PATH", "install git")


def commit(project: Path, files: Sequence[str], message: str) -> Repository:
    """Commit these files of the project, and nothing else, to the repository around it.

    If there is none, create one in the project. Without a git identity nothing is committed.
    Raises NegativeFinding with git's message when it refuses.
    """
    is_new = _git(project, "rev-parse", "--show-toplevel", check=False).returncode != 0
    if is_new:
        configured = _git(project, "config", "init.defaultBranch", check=False).stdout.strip()
        _git(project, "init", "--quiet", "--initial-branch", configured or "main")
    root = Path(_git(project, "rev-parse", "--show-toplevel").stdout.rstrip("\n"))
    if not _has_identity(project):
        return Repository(root, is_new, None)
    paths = "\0".join(files)
    from_stdin = ("--pathspec-from-file=-", "--pathspec-file-nul")
    _git(project, "--literal-pathspecs", "add", *from_stdin, stdin=paths)
    arguments = ("commit", "--quiet", "--message", message, "--only", *from_stdin)
    _git(project, "--literal-pathspecs", *arguments, stdin=paths)
    return Repository(root, is_new, _git(project, "rev-parse", "HEAD").stdout.strip())


def _has_identity(project: Path) -> bool:
    """Whether a name and an address are configured; git's own guess does not count."""
    command = ("-c", "user.useConfigOnly=true", "var")
    return not any(
        _git(project, *command, f"GIT_{role}_IDENT", check=False).returncode
        for role in ("AUTHOR", "COMMITTER")
    )


def _git(
    project: Path, *arguments: str, stdin: str = "", check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run git in the project. Raises NegativeFinding if it fails and `check` is set.

    A git hook that runs mlpo sets GIT_DIR and the like for its own repository; they are dropped.
    """
    dropped = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    process = subprocess.run(
        ["git", *arguments],
        cwd=project,
        env={**environment, "GIT_TERMINAL_PROMPT": "0"},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and process.returncode:
        message = (process.stderr or process.stdout).strip()
        raise NegativeFinding(
            f"{project} is generated, but git refused to commit it: {message}",
            "fix that, then commit it yourself",
        )
    return process
