"""What KFP itself keeps of pruned runs: in its server, and in `local_outputs/`.

Which runs lose their files is decided in mlpo_kit.retention.
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


def forget_runs(settings: Any, run_ids: Collection[str]) -> None:
    """Delete runs where KFP keeps them; those that it does not know are no error.

    The server is the one that KF_PIPELINES_ENDPOINT names; without it, none is asked. Raises
    PipelineError when it does not answer.
    """
    submitted = [run_id for run_id in run_ids if _is_uuid(run_id)]
    if submitted and os.environ.get("KF_PIPELINES_ENDPOINT"):
        from mlpo_kit.kubeflow import server  # takes seconds, and most prunes have nothing for it

        server.delete_runs(server.connect(), submitted)
    for run_id in run_ids:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(settings.local_root / OUTPUTS / run_id)


def find_kept_runs(settings: Any) -> set[str]:
    """Find the runs that are marked in KFP: it has no mark for runs; `make keep` has."""
    return set()


def prune_store(settings: Any) -> str:
    """Delete what the policy gives up; returns what to tell the user."""
    return format_plan(apply_plan(settings, forget_runs, find_kept_runs), True, time.time())


def prune_profile(profile: str) -> None:
    """Prune from within a task, and say what stays and why."""
    try:
        print(prune_store(check_settings(json.loads(profile))))
    except PipelineError as error:
        sys.exit(f"error: {error}")


def _is_uuid(run_id: str) -> bool:
    """Whether a server gave a run its id; here KFP makes one of name and time."""
    try:
        return str(uuid.UUID(run_id)) == run_id
    except ValueError:
        return False
