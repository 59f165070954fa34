"""What a process starts ends with it: at an interrupt, and when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import mlpo_kit
from mlpo_kit.execution.parents import is_running

pytestmark = pytest.mark.slow

# Starts a child that starts a grandchild; each writes its id, and how it was interrupted.
PARENT = """
import sys
from mlpo_kit.execution.children import Children
with Children() as children:
    code = children.run([sys.executable, "-c", sys.argv[1]])
    again = children.run([sys.executable, "-c", "print('started again', flush=True)"])
print("interrupted", children.is_interrupted, code, again, flush=True)
"""
CHILD = """
import os, subprocess, sys, time
from mlpo_kit.execution.parents import follow_parents
follow_parents()
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), grandchild.pid, flush=True)
interrupts = 0
while True:
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        interrupts += 1
        print("interrupt", interrupts, flush=True)
        if {ends}:
            time.sleep(0.5)  # a second one would be seen
            sys.exit(7)
"""


@contextmanager
def start_parent(ends: bool) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Start a parent; yields it, and the ids of its child and grandchild."""
    child = CHILD.replace("{ends}", str(ends))
    environment = {**os.environ, "PYTHONPATH": str(Path(mlpo_kit.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, child], stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        ids = [int(word) for word in parent.stdout.readline().split()]
        time.sleep(0.3)  # until it sleeps
        try:
            yield parent, ids
        finally:
            parent.kill()
            for number in filter(is_running, ids):
                os.kill(number, signal.SIGKILL)


def wait_for_end(ids: list[int], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while left := list(filter(is_running, ids)):
        assert time.monotonic() < end, left
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_interrupts_once_and_nothing_is_started_any_more(number: int) -> None:
    with start_parent(ends=True) as (parent, ids):
        parent.send_signal(number)
        shown, _ = parent.communicate(timeout=20)
        assert shown == "interrupt 1\ninterrupted True 7 130\n"
        wait_for_end(ids)


def test_the_second_signal_kills_at_once() -> None:
    with start_parent(ends=False) as (parent, ids):
        parent.send_signal(signal.SIGINT)
        time.sleep(1)
        assert parent.poll() is None
        parent.send_signal(signal.SIGINT)
        shown, _ = parent.communicate(timeout=5)
        assert shown == "interrupt 1\ninterrupted True -9 130\n"
        wait_for_end(ids, 1)


@pytest.mark.full
def test_a_child_whose_parent_is_killed_ends_after_a_grace_period() -> None:
    with start_parent(ends=False) as (parent, (child, _)):
        parent.kill()
        parent.wait()
        time.sleep(2)
        assert is_running(child)  # it may record its end
        wait_for_end([child])


def test_ctrl_z_stops_all_and_they_go_on_together() -> None:
    def read_state(number: int) -> str:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]

    with start_parent(ends=True) as (parent, ids):
        parent.send_signal(signal.SIGTSTP)
        time.sleep(0.5)
        assert [read_state(number) for number in (parent.pid, *ids)] == ["T"] * 3
        parent.send_signal(signal.SIGCONT)
        time.sleep(0.5)
        assert [read_state(number) for number in (parent.pid, *ids)] == ["S"] * 3
