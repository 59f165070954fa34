"""Delete what KFP itself stores for pruned runs: on its server, and in `local_outputs/`.

mlpo_kit.retention decides which runs are pruned.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Collection
from typing import Any

from mlpo_kit.config.settings import check_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.kubeflow.running import OUTPUTS
from mlpo_kit.retention.prune import apply_plan
from mlpo_kit.retention.view import format_plan


def delete_runs(settings: Any, run_ids: Collection[str]) -> None:
    """Delete runs from KFP's server and `local_outputs/`; an unknown run is no error.

    Without KF_PIPELINES_ENDPOINT, no server is called. Raises PipelineError if the server does not
    answer.
    """
    submitted = [run_id for run_id in run_ids if _is_uuid(run_id)]
    if submitted and os.environ.get("KF_PIPELINES_ENDPOINT"):
        from mlpo_kit.kubeflow import server  # the import takes seconds, and most prunes skip it

        server.delete_runs(server.connect(), submitted)
    for run_id in run_ids:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(settings.local_root / OUTPUTS / run_id)


def find_kept_runs(settings: Any) -> set[str]:
    """Return no runs: KFP can't mark runs to be kept; use `make keep`."""
    return set()


def prune_store(settings: Any) -> str:
    """Delete what the retention policy says; return the summary to print."""
    return format_plan(apply_plan(settings, delete_runs, find_kept_runs), True, time.time())


def prune_profile(profile: str) -> None:
    """Prune in a task, and print what stays and why; `profile` is JSON."""
    try:
        print(prune_store(check_settings(json.loads(profile))))
    except PipelineError as error:
        sys.exit(f"error: {error}")


def _is_uuid(run_id: str) -> bool:
    """Return whether the id is a server's; the ids of local runs are made of name and time."""
    try:
        return str(uuid.UUID(run_id)) == run_id
    except ValueError:
        return False
