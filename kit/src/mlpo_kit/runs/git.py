"""What git knows about the working tree that a run started from."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

SECONDS = 10  # to wait for git
COMMIT = "# branch.oid "  # the line of `git status` with the commit; `(initial)` without any


@dataclass(frozen=True)
class GitState:
    """The commit of a working tree, and whether it has no changes; both None without git."""

    commit: str | None = None
    is_clean: bool | None = None


def read_git_state(root: Path) -> GitState:
    """Ask git for the commit of the working tree around `root`, and whether it has changes."""
    try:
        done = subprocess.run(
            ["git", "status", "--porcelain=v2", "--branch"],
            cwd=root,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},  # the user's own git commands go on
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=SECONDS,
        )
    except (OSError, subprocess.SubprocessError):
        return GitState()
    lines = done.stdout.decode(errors="replace").splitlines()
    commit = next((line.removeprefix(COMMIT) for line in lines if line.startswith(COMMIT)), "(")
    if commit.startswith("("):
        return GitState()
    return GitState(commit, all(line.startswith("#") for line in lines))
