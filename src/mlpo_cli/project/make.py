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

_GRACE = 10  # seconds that an interrupted pipeline gets to record how it ended


def check() -> None:
    """Raise UserError if make is not installed."""
    if shutil.which("make") is None:
        raise UserError("--run needs make, and there is none on the PATH", "install make")


def run_targets(project: Path, targets: Sequence[str]) -> Any:
    """Run make for these targets, with its output on stderr. Returns the newest run's summary.

    Raises NegativeFinding when a target fails; the project stays as it is.
    """
    sys.stderr.flush()
    # If make started mlpo, its flags are not meant for this make.
    dropped = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    process = subprocess.Popen(
        ["make", "--no-print-directory", *targets],
        cwd=project,
        env=environment,
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
            f"{project} is generated, but `make {' '.join(targets)}` failed; the reason is above",
            f"fix that, then: {command}",
        )
    return json.loads((project / "runs" / "latest.json").read_text(encoding="utf-8"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt make and everything that it started; kill what has not ended in time."""
    for number in (signal.SIGINT, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(_GRACE)
            return
