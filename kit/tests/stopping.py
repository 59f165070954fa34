"""Stop a run in its middle, by signals to the process that a user started, and see what is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

SLOWLY = 180  # seconds until something must have happened
# A training that does not end at an interrupt.
STUBBORN = """
        while True:
            try:
                time.sleep(600)
            except KeyboardInterrupt:
                pass
"""


@contextmanager
def start_training(
    root: Path, environment: Mapping[str, str], *changes: str
) -> Iterator[subprocess.Popen[str]]:
    """Run the small project in the background, and wait until it trains."""
    slow = ["train.sleep_seconds=600", "resources.train.retries=0", *changes]
    options = [word for change in slow for word in ("--set", change)]
    with subprocess.Popen(
        [sys.executable, "-m", "mlpo_kit.cli", "run", *options],
        cwd=root,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            end = time.monotonic() + SLOWLY
            while read_train(root).get("state") != "running":
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() < end, "it does not train"
                time.sleep(0.2)
            time.sleep(1)  # until it sleeps
            yield process
        finally:
            for number in find_processes(root):
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)


def make_stubborn(root: Path) -> None:
    """Let the training go on at an interrupt."""
    path = root / "src" / "toy" / "stages" / "train.py"
    text = path.read_text()
    old = "\n        time.sleep(settings.sleep_seconds)\n"
    assert old in text
    path.write_text(text.replace(old, STUBBORN))


def read_train(root: Path) -> Any:
    """Read the training's record of the newest run; empty if there is none."""
    try:
        run_id = json.loads((root / "runs" / "latest.json").read_text())["run_id"]
        return json.loads((root / "runs" / run_id / "train.json").read_text())
    except FileNotFoundError:
        return {}


def find_processes(root: Path) -> list[int]:
    """Find the processes of a project by their working folder, in the order of their start."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_here = Path(os.readlink(folder / "cwd")).is_relative_to(root)
            if is_here and (folder / "cmdline").read_bytes():  # a zombie has none
                found.append(int(folder.name))
    return sorted(found)


def wait_until_gone(root: Path, seconds: float = 15) -> None:
    """Wait until no process of a project is left."""
    end = time.monotonic() + seconds
    while left := find_processes(root):
        assert time.monotonic() < end, f"still running: {left}"
        time.sleep(0.1)


def interrupt(process: subprocess.Popen[str], root: Path, again_after: float | None = None) -> str:
    """Send one SIGINT, or two; returns what the run printed after it ended with 130."""
    process.send_signal(signal.SIGINT)
    if again_after is not None:
        time.sleep(again_after)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.wait(15)  # at once
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 130, shown
    wait_until_gone(root)
    record = read_train(root)
    assert record["state"] == "interrupted"
    assert record["reason"] == "by Ctrl-C, or a signal to end it"
    return shown


def kill_launcher(process: subprocess.Popen[str], root: Path) -> None:
    """Kill the process that the user started; nothing goes on without it."""
    process.kill()
    process.wait()
    wait_until_gone(root)


def kill_stage(process: subprocess.Popen[str], root: Path, words: str) -> str:
    """Kill the process with `words` in its command; returns what the run printed.

    The run must then end with 1.
    """
    commands = {
        number: Path(f"/proc/{number}/cmdline").read_text().replace("\0", " ")
        for number in find_processes(root)
    }
    *_, victim = (number for number, command in commands.items() if words in command)
    os.kill(victim, signal.SIGKILL)
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 1, shown
    wait_until_gone(root)
    record = read_train(root)
    assert (record["state"], record["reason"]) == ("killed", "killed by signal 9 (SIGKILL)")
    assert "train killed: killed by signal 9 (SIGKILL)" in shown
    return shown
