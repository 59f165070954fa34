"""Open ZenML's own records in `.zenml/`: create them under a lock, and mark dead runs as failed.

ZenML can't create its database while another process creates it too, and shows a killed run as
`running` for ever. This module fixes both each time before ZenML is used.
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
READY = "ready"  # this file exists once the database is complete
ALIVE = "alive"  # a folder with a file per run, locked while the run's process lives


@contextmanager
def open_local_store(home: Path) -> Iterator[None]:
    """Open ZenML's store: create its database if needed, and mark dead runs as failed.

    The lock is held during the `with` block, so keep it short. Call `use_local_store` before, and
    import ZenML inside.
    """
    database = home / DATABASE
    for folder in (home / ALIVE, database.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(home / LOCK):
        if not (home / READY).exists():  # a first start was interrupted, and nothing has run yet
            for incomplete in database.parent.glob(f"{database.name}*"):
                incomplete.unlink()
        # A killed process may have left it incomplete; it only repeats the environment.
        (home / "config.yaml").unlink(missing_ok=True)
        from zenml.client import Client
        from zenml.config.global_config import GlobalConfiguration

        _ = Client().zen_store
        GlobalConfiguration().analytics_opt_in = False  # also for `zenml ...` in a terminal
        GlobalConfiguration().user_id = UUID(int=0)  # in ZenML's cache keys; the default is random
        (home / READY).touch()
        mark_dead_runs(home)
        yield


def mark_alive(home: Path, run_name: str) -> FileLock:
    """Lock this run's file until it is released or the process ends; call it in the open store."""
    lock = FileLock(home / ALIVE / run_name)
    lock.acquire()
    return lock


def mark_ended(lock: FileLock) -> None:
    """Release a run's lock at its end; mark the run as failed if ZenML still has it unfinished."""
    path = Path(lock.lock_file)
    _fail_run(path.name)
    path.unlink()
    lock.release()


def mark_dead_runs(home: Path) -> list[str]:
    """Mark runs as failed whose process was killed; return their names."""
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
    """Mark an unfinished run as failed and its unfinished steps as stopped, if ZenML knows it."""
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
    # Not FAILED: with retries left, ZenML would show such a step as `retrying` for ever.
    stopped = StepRunUpdate(status=ExecutionStatus.STOPPED, end_time=datetime.now(timezone.utc))
    for step in run.steps.values():
        if not step.status.is_finished:
            client.zen_store.update_run_step(step.id, stopped)
