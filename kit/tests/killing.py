"""Kill a training in its middle, as a machine that goes away does."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

# Long enough to be hit in its middle: each step leaves a checkpoint.
LONG: dict[str, Any] = {"epochs": 6, "patience": 6, "checkpoint_seconds": 0}
SLOWLY = 120  # seconds until something must have happened


def kill_in_training(
    process: subprocess.Popen[str], store: Path, pattern: str, after: int = 5
) -> None:
    """Kill the newest process with `pattern` in its command, after so many new checkpoints.

    `RUN` in the pattern stands for the id of the run.
    """
    end, old = time.monotonic() + SLOWLY, set(find_checkpoints(store))
    new: set[str] = set()
    while len(new) < after:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it does not train"
        time.sleep(0.01)
        new |= set(find_checkpoints(store)) - old
    run_id = json.loads((store / "runs" / "latest.json").read_text())["run_id"]
    pattern = pattern.replace("RUN", run_id)
    found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True, check=True)
    os.kill(max(map(int, found.stdout.split())), signal.SIGKILL)


def find_checkpoints(store: Path) -> list[str]:
    return [str(path) for path in store.glob("checkpoints/*/*.pt")]
