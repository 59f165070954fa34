"""The run parameter `settings`: changes for one run, chosen in KFP's UI or by a schedule."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from mlpo_kit.config.documents import Document
from mlpo_kit.config.settings import change_setting, check_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.runs.pipeline import load_pipeline

# What the pods are made of, or where they run. `{train}` is the stage that learns.
FIXED = ("project", "compute", "storage_root", "resources", "retention.max_run_hours")
FIXED_OF_TRAINING = ("nodes",)
FIXED_OF_NODES = ("processes", "threads", "timeout_seconds")  # where several machines train


def parse_changes(text: str) -> list[str]:
    """Parse the parameter: `train.epochs=5 train.seed=3`, or the same as a JSON list.

    Raises PipelineError where it is neither.
    """
    try:
        found = json.loads(text) if text.lstrip().startswith("[") else shlex.split(text)
    except ValueError as error:
        raise PipelineError(
            f"the run parameter settings is {text!r}, and neither a list of changes such as "
            f"train.epochs=5 train.seed=3 nor one in JSON: {error}"
        ) from None
    return [str(change) for change in found]


def apply_run_settings(profile: Document, text: str) -> Any:
    """Apply the changes of a run to the settings that its pipeline was compiled with.

    Returns the project's `Settings`. Raises PipelineError for what is wrong, and for what was
    fixed when the pipeline was compiled.
    """
    changes = parse_changes(text)
    settings = check_settings(profile)
    if not changes:
        return settings
    check_changeable(settings, changes)
    for change in changes:
        profile = change_setting(profile, change)
    return check_settings(profile)


def check_changeable(settings: Any, changes: Sequence[str]) -> None:
    """Raise PipelineError that names the changes which come too late for a compiled pipeline."""
    names = [change.partition("=")[0].strip() for change in changes]
    fixed = list_fixed(settings)
    late = [n for n in names if any(n == f or n.startswith(f"{f}.") for f in fixed)]
    # A whole section, as by `train={nodes: 2}`, may hold one of them.
    late += [n for n in names if n not in late and any(f.startswith(f"{n}.") for f in fixed)]
    if late:
        raise PipelineError(
            f"{', '.join(late)}: fixed when the pipeline was compiled, and no parameter of a run: "
            f"change the profile, or `make submit ARGS='--set {late[0]}=...'`"
        )


def list_fixed(settings: Any) -> list[str]:
    """List the settings that a compiled pipeline has for good, by dotted name."""
    training = load_pipeline().training_stage
    names = [*FIXED, *(f"{training}.{name}" for name in FIXED_OF_TRAINING)]
    if getattr(getattr(settings, training), "nodes", 1) > 1:
        names += [f"{training}.{name}" for name in FIXED_OF_NODES]
    return names
