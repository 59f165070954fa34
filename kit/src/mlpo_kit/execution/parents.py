"""End this process when a process that it works for is gone, so that no training goes on alone.

A process that starts others names itself in an environment variable, beside those that it works
for. What it starts calls `follow_parents`. In a pod, where nobody set the variable, that does
nothing.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

PARENTS = "MLPO_KIT_PARENTS"  # the ids of the processes, separated by commas
POLL_SECONDS = 0.5
GRACE_SECONDS = 5  # for a stage to record its end
ORPHANED = "the process that started it was killed"

_gone = threading.Event()


def name_parents() -> dict[str, str]:
    """Return the environment variable for processes that this one starts."""
    return {PARENTS: ",".join([*_read_parents(), str(os.getpid())])}


def follow_parents() -> None:
    """Watch the processes in the environment variable, in a thread.

    When one of them is gone, the main thread is interrupted as by Ctrl-C; a process that then does
    not end by itself is ended.
    """
    if parents := [int(number) for number in _read_parents()]:
        threading.Thread(target=_follow, args=[parents, os.getppid()], daemon=True).start()


def is_orphaned() -> bool:
    """Whether a process that this one works for is gone."""
    return _gone.is_set()


def is_running(process: int) -> bool:
    """Whether a process of this machine still runs; one that only waits to be read does not."""
    with suppress(OSError):  # elsewhere than on Linux
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _follow(parents: list[int], parent: int) -> None:
    while os.getppid() == parent and all(map(is_running, parents)):
        time.sleep(POLL_SECONDS)
    _gone.set()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


def _read_parents() -> list[str]:
    return [number for number in os.environ.get(PARENTS, "").split(",") if number.isdecimal()]
