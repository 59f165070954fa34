"""The entry point of each training process that torchrun starts."""

from __future__ import annotations

import atexit
import json
import logging
import os
import sys
import threading
import time
import traceback
from dataclasses import asdict
from importlib import import_module
from typing import Any

from mlpo_kit.config.settings import check_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.parents import is_running
from mlpo_kit.execution.states import describe_error, explain_error
from mlpo_kit.runs.workspace import Run, Workspace
from mlpo_kit.store.base import Ref
from mlpo_kit.training.group import join_group
from mlpo_kit.training.processes import LAUNCHER, POLL_SECONDS, locate, read_failure


def main(text: str) -> None:
    """Run this process's share of the training that a job describes.

    An error is raised, and also written to the store.
    """
    threading.Thread(target=end_with_parents, args=[os.getppid()], daemon=True).start()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    work, job = open_job(text)
    section = getattr(work.run.settings, work.run.pipeline.training_stage)
    module, _, name = job["fit"].partition(":")
    inputs = {name: Ref(**ref) for name, ref in job["inputs"].items()}
    epochs: list[dict[str, Any]] = []

    def report(epoch: dict[str, Any]) -> None:
        epochs.append(epoch)
        work.store.write_json(locate(work, "epochs.json"), epochs)

    try:
        with join_group(section.device, section.timeout_seconds) as group:
            if not group.leads:
                logging.disable(logging.INFO)
            result = getattr(import_module(module), name)(section, work, group, report, **inputs)
            if result is not None:
                work.store.write_json(locate(work, "result.json"), asdict(result))
    except Exception as error:
        if read_failure(work) is None:  # later errors are consequences of the first
            reason = describe_error(explain_error(error, work.run.settings.local_root))["reason"]
            work.store.write(locate(work, "error.txt"), reason[:500].encode())
        raise


def open_job(text: str) -> tuple[Workspace, dict[str, Any]]:
    """Open the workspace of a job that `describe_job` described; returns it and the description."""
    job = json.loads(text)
    settings = check_settings(job["settings"])
    run = Run(job["run_id"], job["orchestrator"], settings, job["resumes"], job["use_cache"])
    return Workspace(run, job["stage"], job["key"]), job


def end_with_parents(torchrun: int) -> None:
    """End this process when torchrun or the stage's process was killed."""
    stage = int(os.environ.get(LAUNCHER, os.getpid()))
    while os.getppid() == torchrun and is_running(stage):
        time.sleep(POLL_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    code = 1
    try:
        main(sys.argv[1])
        code = 0
    except KeyboardInterrupt:
        pass
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
    except Exception:
        traceback.print_exc()
    sys.stdout.flush()
    atexit._run_exitfuncs()
    # Skip Python's shutdown: there, torch's threads sometimes abort the process or hang.
    os._exit(code)
