"""Settings of one start: `--set` before anything starts, and the parameter `settings` later on.

`--set` is merged into the profile before Metaflow looks at it, so it reaches all there is to set. A
workflow is compiled: who starts it, in a form or by the clock, changes what its tasks read only.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from mlpo_kit.config.documents import Document
from mlpo_kit.config.settings import change_setting
from mlpo_kit.errors import PipelineError

# What a compiled workflow is made of: its name, where its tasks run, and for how long.
COMPILED = ("project", "compute", "storage_root", "resources", "retention.max_run_hours")


def take_changes(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split a command line into what is not `--set`, and the values of all `--set`."""
    kept: list[str] = []
    changes: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--set":
            if (value := next(words, None)) is None:
                raise PipelineError("--set wants a setting, such as --set train.epochs=5")
            changes.append(value)
        elif word.startswith("--set="):
            changes.append(word.removeprefix("--set="))
        else:
            kept.append(word)
    return kept, changes


def split_changes(text: str) -> list[str]:
    """Split the parameter `settings`: words, as a person writes them, or a JSON list of them."""
    try:
        found = json.loads(text) if text.lstrip().startswith("[") else shlex.split(text)
    except ValueError as error:
        raise PipelineError(
            f"settings: {text!r} can't be read ({error}): write train.epochs=5 train.patience=3, "
            'or a list, ["train.epochs=5"]'
        ) from None
    if not all(isinstance(one, str) for one in found):
        raise PipelineError(f'settings: {text!r} is no list of texts such as "train.epochs=5"')
    return list(found)


def join_changes(changes: Sequence[str]) -> str:
    """Write changes as `split_changes` reads them."""
    return json.dumps(list(changes))


def apply_late_changes(document: Document, changes: Sequence[str], training: str) -> Document:
    """Lay changes over the settings of a workflow; `training` is the stage that learns.

    Raises PipelineError that names a setting which was fixed when the workflow was made.
    """
    changed = document
    for assignment in changes:
        changed = change_setting(changed, assignment)
    for name in (*COMPILED, f"{training}.nodes"):
        if _read(changed, name) != _read(document, name):
            raise PipelineError(
                f"{name} is fixed when a workflow is made, and can't be set as it starts: say it "
                "in the profile, or with --set for `make run` and `make workflow`"
            )
    return changed


def _read(document: Any, name: str) -> Any:
    """A setting by its dotted name; None where the document does not say it."""
    for part in name.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document
