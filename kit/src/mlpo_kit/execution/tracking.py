"""Start the process that tracks runs in MLflow, and wait for it.

MLflow takes seconds to import, so no stage imports it in order to be tracked. A stage marks its run
as not yet sent, and starts a process in the background unless one follows the run already. That
process, `mlpo-kit track --follow`, sends what the records say. A mark stays until everything was
sent; the next command sends it then.

Nothing here changes a result: errors are logged and ignored.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from pydantic_core import to_jsonable_python

from mlpo_kit.config.project import PROJECT_VARIABLE, find_project
from mlpo_kit.runs.records import read_records
from mlpo_kit.runs.summary import find_status
from mlpo_kit.runs.workspace import Run
from mlpo_kit.store import Store, open_store
from mlpo_kit.store.files import write_json

VARIABLE = "MLPO_KIT_TRACKING"  # `off`: no process is started, and nothing is marked
UNSENT = "registry/unsent"  # the marks of runs that are not completely in MLflow
PATIENCE = 15.0  # seconds to wait for the process after a run
LOG_BYTES = 1_000_000  # after which the log of the process begins anew
STARTUP = 3.0  # seconds after which a process that was started must have its lock

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Mark:
    """The mark of a run that is not completely in MLflow. Each start of a stage renews it."""

    written: float  # seconds since the epoch
    is_over: bool = False  # whether the command that started the run has ended


def is_tracking_on() -> bool:
    """Whether runs are tracked in the background: not if MLPO_KIT_TRACKING is `off`."""
    return os.environ.get(VARIABLE, "").strip().lower() not in ("off", "0", "false", "no")


def track_run(run: Run) -> None:
    """Mark a run as not yet sent, and start the process that follows it unless there is one."""
    if not is_tracking_on():
        return
    try:
        with run.store.guard():
            write_mark(run.store, run.id)
        _follow_in_background(run.settings, run.store, run.id)
    except Exception as error:
        log.warning("this run is not tracked: %s", error)


def wait_for_end(run: Run) -> None:
    """Wait until a run that has ended was sent, if its machine ends with the stage: in a pod."""
    if not is_tracking_on() or run.settings.compute == "local":
        return
    try:
        if find_status(read_records(run.store, run.id)) not in ("running", "incomplete"):
            _wait(run.store, run.id, PATIENCE)
    except Exception as error:
        log.warning("the end of this run is not tracked: %s", error)


def finish_tracking(settings: Any, run_id: str) -> str | None:
    """Wait until a run that is over was sent; returns a sentence if it was not."""
    if not is_tracking_on():
        return None
    try:
        store = open_store(settings)
        with store.guard():
            if read_mark(store, run_id) is None:
                return None
            write_mark(store, run_id, is_over=True)
        _follow_in_background(settings, store, run_id)
        return _wait(store, run_id, PATIENCE)
    except Exception as error:
        return f"run {run_id} is not in MLflow: {error}"


def send_in_background(settings: Any) -> None:
    """Start a process that sends what earlier commands could not send, if there is anything."""
    if not is_tracking_on():
        return
    try:
        store = open_store(settings)
        if any(not is_followed(store, run_id) for run_id in list_unsent(store)):
            _start_process(settings, store.machine_path(UNSENT), [])
    except Exception as error:
        log.warning("what earlier runs left is not tracked: %s", error)


def list_unsent(store: Store) -> list[str]:
    """List the ids of the runs that are not completely in MLflow."""
    return [name.removesuffix(".json") for name in store.children(UNSENT)]


def locate_unsent(run_id: str) -> str:
    """Return the key of the mark of a run that is not completely in MLflow."""
    return f"{UNSENT}/{run_id}.json"


def read_mark(store: Store, run_id: str) -> Mark | None:
    """Read the mark of a run; None if everything was sent."""
    try:
        return Mark(**store.read_json(locate_unsent(run_id)))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):  # damaged
        return Mark(0.0)


def write_mark(store: Store, run_id: str, is_over: bool = False) -> None:
    """Mark a run as not completely in MLflow."""
    store.write_json(locate_unsent(run_id), asdict(Mark(time.time(), is_over)))


def clear_mark(store: Store, run_id: str, mark: Mark) -> bool:
    """Remove the mark that was read before sending; False if a stage has renewed it since."""
    with store.guard():
        if read_mark(store, run_id) not in (mark, None):
            return False
        store.delete([locate_unsent(run_id)])
        return True


def make_lock(store: Store, run_id: str) -> FileLock:
    """Make the lock that the process which follows a run holds on this machine."""
    return FileLock(store.machine_path(f"runs/{run_id}/.tracking.lock"))


def is_followed(store: Store, run_id: str) -> bool:
    """Whether a process of this machine follows the run."""
    lock = make_lock(store, run_id)
    if not Path(lock.lock_file).exists():
        return False
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def locate_state(run_id: str) -> str:
    """Return the key of the file that says what of a run was sent."""
    return f"runs/{run_id}/tracking.json"


def read_state(store: Store, run_id: str) -> dict[str, Any]:
    """Read what of a run was sent; empty if nothing was, or the file is damaged."""
    try:
        state = store.read_json(locate_state(run_id))
    except (FileNotFoundError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _follow_in_background(settings: Any, store: Store, run_id: str) -> None:
    if not is_followed(store, run_id):
        folder = store.machine_path(f"runs/{run_id}")
        _start_process(settings, folder, ["--follow", "--run", run_id])


def _start_process(settings: Any, folder: Path, arguments: Sequence[str]) -> None:
    """Start `mlpo-kit track` in a session of its own; its output goes to a file in `folder`."""
    document = folder / ".tracking.settings.json"
    write_json(document, to_jsonable_python(settings))
    root = str(find_project().root)
    environment = {
        **os.environ,
        PROJECT_VARIABLE: root,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # what this process can import
    }
    command = [sys.executable, "-m", "mlpo_kit.cli", "track", "--settings", str(document)]
    path = folder / ".tracking.log"
    is_long = path.exists() and path.stat().st_size > LOG_BYTES
    with path.open("wb" if is_long else "ab") as output:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    process.returncode = 0  # nobody waits for it, and Python would warn about that


def _wait(store: Store, run_id: str, seconds: float) -> str | None:
    """Wait until a run was sent or can't be; returns a sentence if it was not."""
    called, began = time.time(), time.monotonic()
    last_seen = began
    while read_mark(store, run_id) is not None:
        now = time.monotonic()
        if now > began + seconds:
            return f"run {run_id} is still being sent to MLflow, in the background"
        if is_followed(store, run_id):
            last_seen = now
        else:
            state = read_state(store, run_id)
            problem = state.get("problem") if state.get("tried", 0) > called else None
            if problem or now > last_seen + STARTUP:
                reason = problem or "the process that sends it has ended"
                return f"run {run_id} is not in MLflow yet: {reason}. The next command sends it"
        time.sleep(0.05)
    return None
