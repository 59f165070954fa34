"""Start processes that end together: at Ctrl-C, when this process is told to stop, or is killed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from mlpo_kit.execution.parents import name_parents

INTERRUPTED = 130  # the exit code of a process that an interrupt kept from starting


class Children:
    """Processes that this one starts, each with what it starts in a session of its own.

    At the first SIGINT or SIGTERM each gets SIGINT, exactly once; at the second each is killed.
    After a signal no process is started. Use it as a context, in the main thread.
    """

    def __init__(self) -> None:
        """Handle no signals yet."""
        self.is_interrupted = False
        self._alive: set[subprocess.Popen[Any]] = set()
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Children:
        """Handle signals from now on."""
        handlers = {
            signal.SIGINT: self._stop,
            signal.SIGTERM: self._stop,
            signal.SIGTSTP: self._suspend,
        }
        self._previous = {number: signal.signal(number, handlers[number]) for number in handlers}
        return self

    def __exit__(self, *_: object) -> None:
        """Restore the earlier handlers; kill what still runs."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._send(signal.SIGKILL)

    @contextmanager
    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        **options: Any,
    ) -> Iterator[subprocess.Popen[Any]]:
        """Start a process and wait for its end at the end of the block; also from other threads."""
        environment = {**os.environ, **(environment or {}), **name_parents()}
        with subprocess.Popen(
            command, env=environment, cwd=cwd, start_new_session=True, **options
        ) as process:
            self._alive.add(process)
            try:
                if self.is_interrupted:  # while it was started
                    self._send(signal.SIGINT, [process])
                yield process
                process.wait()
            finally:
                self._alive.discard(process)

    def run(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> int:
        """Run a process and return its exit code; that of an interrupt if it is not started."""
        if self.is_interrupted:
            return INTERRUPTED
        with self.start(command, environment, cwd) as process:
            return process.wait()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._send(signal.SIGKILL if self.is_interrupted else signal.SIGINT)
        self.is_interrupted = True

    def _suspend(self, number: int, frame: FrameType | None) -> None:
        """Stop with all processes at Ctrl-Z, and go on with them."""
        self._send(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._send(signal.SIGCONT)

    def _send(self, number: int, processes: Sequence[subprocess.Popen[Any]] | None = None) -> None:
        """Send a signal to processes and to all that they started."""
        for process in list(self._alive) if processes is None else processes:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
