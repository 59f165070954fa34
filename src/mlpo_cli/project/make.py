"""Run a new project's commands: `mlpo new --run`."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from mlpo_cli.errors import NegativeFinding, UserError

_PATIENCE = 10  # seconds that an interrupted pipeline gets to record how it ended


def check() -> None:
    """Raise UserError where there is no make."""
    if shutil.which("make") is None:
        raise UserError("--run needs make, and there is none on the PATH", "install make")


def make(project: Path, targets: Sequence[str]) -> Any:
    """Make these targets with their output on stderr; returns the newest run's summary.

    Raises NegativeFinding when one of them fails; the project stays as it is.
    """
    sys.stderr.flush()
    # A make that started us would hand its flags down.
    ours = {n: v for n, v in os.environ.items() if n not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    process = subprocess.Popen(
        ["make", "--no-print-directory", *targets],
        cwd=project,
        env=ours,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        start_new_session=True,
    )
    try:
        code = process.wait()
    except KeyboardInterrupt:
        _end(process)
        raise
    if code:
        command = f"cd {shlex.quote(str(project))} && make {' '.join(targets)}"
        raise NegativeFinding(
            f"{project} is generated, but `make {' '.join(targets)}` failed; it says why above",
            f"put that right, then: {command}",
        )
    return json.loads((project / "runs" / "latest.json").read_text(encoding="utf-8"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Pass the interrupt on to make and all that it started; don't wait for ever."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(_PATIENCE)
            return
