"""Completion, typed into the real shells. Where a shell is not installed its test says so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
PROMPT = "ready> "
STARTS = {
    "bash": (["--norc", "--noprofile", "-i"], 'eval "$(mlpo --show-completion)"'),
    "zsh": (
        ["-f", "-i"],
        'autoload -Uz compinit; compinit -D -u; eval "$(mlpo --show-completion)"',
    ),
}
TYPED = [
    ("mlpo rec\t", "recommend "),
    ("mlpo new team-a --data-s\t", "--data-source "),
    ("mlpo new team-a --data-source im\t", "images "),
    ("mlpo new team-a --orchestrator meta\t", "metaflow "),
    ("mlpo recommend --format ad\t", "adr "),
    ("mlpo recommend --answers team-an\t", "team-answers.yaml "),
]


def needs(shell: str) -> str:
    """The shell's path; the test is skipped where there is none."""
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"no {shell} on this machine to complete in")
    return path


def environment(folder: Path) -> dict[str, str]:
    """That of somebody with mlpo on the path and a home of their own."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("_MLPO", "_TYPER"))}
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**keep, "PATH": path, "HOME": str(folder), "PS1": PROMPT, "TERM": "dumb"}


@pytest.fixture(params=STARTS)
def shell(request, tmp_path):
    """An interactive shell that has been told to complete mlpo's commands."""
    arguments, setup = STARTS[request.param]
    (tmp_path / "team-answers.yaml").touch()
    process = pexpect.spawn(
        needs(request.param), arguments, cwd=str(tmp_path), env=environment(tmp_path),
        encoding="utf-8", dimensions=(24, 120), timeout=30,
    )  # fmt: skip
    process.expect_exact(PROMPT)
    process.sendline(f"{setup}; echo set''up-done")
    process.expect_exact("setup-done")
    process.expect_exact(PROMPT)
    yield process
    process.close(force=True)


@pytest.mark.parametrize(("typed", "completed"), TYPED)
def test_a_tab_completes_verbs_options_choices_and_files(shell, typed, completed):
    shell.send(typed)
    shell.expect(re.escape(completed))


def test_fish_completes_the_same(tmp_path):
    (tmp_path / "team-answers.yaml").touch()
    lines = ["mlpo --show-completion | source"]
    lines += [f"complete -C '{typed.strip()}'" for typed, _ in TYPED]
    ran = subprocess.run(
        [needs("fish"), "--no-config", "-c", "\n".join(lines)],
        cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=True,
    )  # fmt: skip
    completed = [line.split("\t")[0] for line in ran.stdout.splitlines()]
    assert completed == [word.strip() for _, word in TYPED]
