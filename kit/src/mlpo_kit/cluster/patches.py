"""A project's own changes to its pods: the function `pod` in deploy/patches.py, where there is one.

It runs where manifests are made, and not in the pods: the image does not hold it.
"""

from __future__ import annotations

import copy
import runpy
import traceback
from pathlib import Path
from typing import Any

from mlpo_kit.cluster import schemas
from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError

FILE = "deploy/patches.py"


def patch_pod(spec: dict[str, Any], stage: str) -> dict[str, Any]:
    """Return the `spec` of a pod as `pod(spec, stage)` of deploy/patches.py returns it.

        def pod(spec, stage):
            if stage == "train":
                spec["priorityClassName"] = "batch"
            return spec

    `stage` is the name of a stage, or `server` or `prune`. A project without that file leaves its
    pods as they are. Raises PipelineError where the function fails or returns what is no pod; its
    fields are looked up where kubernetes-validate is installed, as `make setup` does.
    """
    path = find_project().root / FILE
    if not path.is_file():
        return spec
    patched = _call_patch(path, copy.deepcopy(spec), stage)
    if not isinstance(patched, dict):
        raise PipelineError(
            f"{FILE}: pod(spec, {stage!r}) returns no mapping: end it `return spec`"
        )
    if schemas.are_installed() and (problem := schemas.check_pod_spec(patched)):
        raise PipelineError(f"{FILE}: what pod(spec, {stage!r}) returns is no pod: {problem}")
    return patched


def _call_patch(path: Path, spec: dict[str, Any], stage: str) -> Any:
    """Call the project's function; raises PipelineError with the line that failed."""
    try:
        patch = runpy.run_path(str(path)).get("pod")
        if callable(patch):
            return patch(spec, stage)
    except Exception as error:  # whatever a person wrote
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f":{frame.lineno}" for frame in frames if frame.filename == str(path)]
        place = FILE + (lines[-1] if lines else "")
        words = f"{place}: {type(error).__name__}: {error}"
        raise PipelineError(f"{words} (for the pod of {stage})") from error
    raise PipelineError(f"{FILE} has no function pod(spec, stage): write one, or delete the file")
