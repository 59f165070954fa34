"""Run KFP's tasks as processes that end together with this one.

KFP 2.17 starts them itself, without a way to reach them: after an interrupt or a kill of this
process they went on, and a task that an interrupt had ended was tried again.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlpo_kit.execution.children import INTERRUPTED, Children
from mlpo_kit.runs.deaths import describe_signal, record_deaths
from mlpo_kit.runs.pipeline import Pipeline
from mlpo_kit.runs.summary import read_latest_id
from mlpo_kit.store import Store

BY_SIGNAL = 128  # a shell exits with this and the signal that killed its command


@contextmanager
def end_tasks_together(store: Store, pipeline: Pipeline) -> Iterator[Children]:
    """Let KFP start its tasks as children of this process, for the duration of a `with` block.

    If a task's process is killed, its stage's record says by which signal.
    """
    from kfp.local import subprocess_task_handler

    def run(full_command: list[str], env_vars: dict[str, str] | None = None) -> int:
        code = _run_task(children, full_command, env_vars)
        number = -code if code < 0 else code - BY_SIGNAL
        if number > 0 and not children.is_interrupted:
            print(describe_signal(number))
            if (run_id := read_latest_id(store)) is not None:
                record_deaths(store, pipeline, run_id, describe_signal(number))
        return code

    original = subprocess_task_handler.run_local_subprocess
    with Children() as children:
        subprocess_task_handler.run_local_subprocess = run
        try:
            yield children
        finally:
            subprocess_task_handler.run_local_subprocess = original


def _run_task(children: Children, command: list[str], variables: dict[str, str] | None) -> int:
    """Run a task and print its messages line by line, as KFP does; returns its exit code."""
    if children.is_interrupted:
        return INTERRUPTED
    options: dict[str, Any] = {"text": True, "bufsize": 1}
    options |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with children.start(command, variables, **options) as process:
        for line in process.stdout or ():
            print(line, end="")
        print("\n")  # ends a last line without an end
        return process.wait()
