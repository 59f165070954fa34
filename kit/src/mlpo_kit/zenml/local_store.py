"""ZenML's own records in `.zenml/`: made by one process at a time, and true about dead runs.

ZenML can't make its database while another process makes it too, and leaves a run that was
killed `running` for ever. Both are mended here, each time before ZenML is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from uuid import UUID

from filelock import FileLock, Timeout

from mlpo_kit.zenml.environment import DATABASE

LOCK = "lock"
READY = "ready"  # is there once the database is whole
ALIVE = "alive"  # a file per run, locked while the run's process lives


@contextmanager
def open_local_store(home: Path) -> Iterator[None]:
    """Open ZenML's store, with its database made and runs that died marked as failed.

    The lock is held for the length of the `with` block: keep it short. Call `use_local_store`
    before, and import ZenML inside.
    """
    database = home / DATABASE
    for folder in (home / ALIVE, database.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(home / LOCK):
        if not (home / READY).exists():  # or its first start was interrupted; nothing ran yet
            for half_made in database.parent.glob(f"{database.name}*"):
                half_made.unlink()
        # It only repeats the environment, and a killed process may have left half of it.
        (home / "config.yaml").unlink(missing_ok=True)
        from zenml.client import Client
        from zenml.config.global_config import GlobalConfiguration

        _ = Client().zen_store
        GlobalConfiguration().analytics_opt_in = False  # for `zenml ...` in a terminal, too
        GlobalConfiguration().user_id = UUID(int=0)  # in its cache keys; else a new one each time
        (home / READY).touch()
        mark_dead_runs(home)
        yield


def mark_alive(home: Path, run_name: str) -> FileLock:
    """Hold this run's lock until it is released or the process ends; call it in the open store."""
    lock = FileLock(home / ALIVE / run_name)
    lock.acquire()
    return lock


def mark_ended(lock: FileLock) -> None:
    """Release a run's lock as the run ends; where ZenML did not see its end, it is told."""
    path = Path(lock.lock_file)
    _fail_run(path.name)
    path.unlink()
    lock.release()


def mark_dead_runs(home: Path) -> list[str]:
    """Mark runs as failed whose process is gone without a word; returns their names."""
    dead = [path for path in sorted((home / ALIVE).iterdir()) if _is_free(path)]
    for path in dead:
        _fail_run(path.name)
        path.unlink()
    return [path.name for path in dead]


def _is_free(path: Path) -> bool:
    try:
        with FileLock(path).acquire(timeout=0):
            return True
    except Timeout:
        return False


def _fail_run(run_name: str) -> None:
    """Mark what is unfinished of a run as failed, if the run ever came into ZenML's records."""
    from zenml.client import Client
    from zenml.enums import ExecutionStatus
    from zenml.models import PipelineRunUpdate, StepRunUpdate

    client = Client()
    try:
        run = client.get_pipeline_run(run_name, allow_name_prefix_match=False)
    except KeyError:
        return
    if not run.status.is_finished:
        client.zen_store.update_run(run.id, PipelineRunUpdate(status=ExecutionStatus.FAILED))
    # A failed step with retries left would read `retrying` for ever, so it is called stopped.
    stopped = StepRunUpdate(status=ExecutionStatus.STOPPED, end_time=datetime.now(timezone.utc))
    for step in run.steps.values():
        if not step.status.is_finished:
            client.zen_store.update_run_step(step.id, stopped)
