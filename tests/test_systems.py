"""Without what only POSIX has, recommend, compare and schema work, and new says what it needs.

The modules and functions are taken away from this system's Python, so no Windows is needed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from support import EXAMPLES

WITHOUT_POSIX = """
import os, signal, sys
import mlpo_cli.__main__
for name in ("fcntl", "grp", "pwd", "termios", "resource", "readline", "tty", "pty"):
    sys.modules[name] = None
for name in ("SIGHUP", "SIGKILL", "SIGALRM"):
    delattr(signal, name)
for name in ("getuid", "geteuid", "fork", "killpg", "mkfifo", "O_NOFOLLOW"):
    delattr(os, name)
sys.argv = ["mlpo", *sys.argv[1:]]
sys.exit(mlpo_cli.__main__.main())
"""


def mlpo_without_posix(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_POSIX, *arguments],
        cwd=cwd,
        env={**os.environ, "XDG_STATE_HOME": str(cwd / "state")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        ("recommend", "--answers", str(EXAMPLES / "startup.yaml"), "--format", "html"),
        ("recommend", "--answers", str(EXAMPLES / "startup.yaml"), "--json"),
        ("compare", "--json"),
        ("schema",),
    ],
    ids=lambda command: "-".join(command[:1] + command[3:]),
)
def test_what_reads_and_reports_needs_no_posix(tmp_path, command):
    printed = mlpo_without_posix(*command, cwd=tmp_path)
    assert printed.returncode == 0, printed.stderr
    for option in ((), ("--overwrite",)):
        written = mlpo_without_posix(*command, "--output", "report", *option, cwd=tmp_path)
        assert written.returncode == 0, written.stderr
        assert (tmp_path / "report").read_text(encoding="utf-8") == printed.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_answers_are_saved_without_posix(tmp_path):
    command = ("recommend", "--defaults", "--save-answers", "team.json")
    assert mlpo_without_posix(*command, cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path / "team.json").read_text(encoding="utf-8"))["schema_version"] == 1


def test_new_says_in_a_sentence_which_systems_it_needs(tmp_path):
    ran = mlpo_without_posix("new", "mine", "--orchestrator", "metaflow", cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == (
        "error: `mlpo new` needs Linux or macOS\n"
        "  fix: on Windows, install mlpo in WSL and run it there\n"
    )
    assert list(tmp_path.iterdir()) == []
