"""Start a flow: the last line of its file calls `main`, on this machine and in every task."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import new_class

from metaflow.util import get_username

from mlpo_kit.cluster.image import VERSION_VARIABLE, check_kit_version
from mlpo_kit.config.settings import find_profile, parse_profile
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.parents import follow_parents, name_parents
from mlpo_kit.metaflow.flow import PipelineFlow
from mlpo_kit.metaflow.variants import PLAIN, VARIANT, check_variant, name_flow

MIXINS = {
    "sweep": "sweeping:Sweeping",
    "nodes": "nodes:SeveralNodes",
    "straight": "straight:Straight",
}


def main(flow: type[PipelineFlow]) -> None:
    """Start a flow: `python pipeline/flow.py run --set train.epochs=5`.

    MLPO_KIT_VARIANT=sweep, nodes or straight chooses another variant. For an error that the user
    can fix, the process prints one sentence and exits with 1.
    """
    try:
        check_kit_version(os.environ.get(VERSION_VARIABLE))
        sys.argv[1:] = merge_changes(sys.argv[1:])
        flow_variant = make_variant(flow, check_variant(os.environ.get(VARIANT) or PLAIN))
    except PipelineError as error:
        sys.exit(f"error: {error}")
    name_user()
    follow_parents()
    os.environ.update(name_parents())  # for tasks, which work for the process that runs the flow
    # With the variant `nodes`, Metaflow starts processes as plain `python`.
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    os.environ["PATH"] = os.pathsep.join(paths)
    flow_variant()


def merge_changes(arguments: Sequence[str]) -> list[str]:
    """Merge every `--set` into the profile, before Metaflow reads it.

    For `trigger`, whose workflow has its profile already, they become its `--settings`.
    """
    remaining, changes = take_changes(arguments)
    if not changes:
        return remaining
    command = next((word for word in remaining if word in ("run", "resume", "trigger")), None)
    if command == "resume":
        raise PipelineError("a resumed run keeps the settings that it started with: drop --set")
    if command == "trigger":
        return [*remaining, "--settings", json.dumps(changes)]
    remaining, profile_text = _take_profile(remaining)
    document = parse_profile(profile_text, changes)
    return ["--config-value", "config", json.dumps(document), *remaining]


def take_changes(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split a command line into the values of all `--set` (second) and all the rest (first)."""
    remaining: list[str] = []
    changes: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--set":
            if (value := next(words, None)) is None:
                raise PipelineError("--set needs a setting, such as --set train.epochs=5")
            changes.append(value)
        elif word.startswith("--set="):
            changes.append(word.removeprefix("--set="))
        else:
            remaining.append(word)
    return remaining, changes


def _take_profile(arguments: Sequence[str]) -> tuple[list[str], str]:
    """Take the profile options off a command line; return the rest and the profile's text."""
    remaining: list[str] = []
    text: str | None = None
    words = iter(arguments)
    for word in words:
        if word not in ("--config", "--config-value"):
            remaining.append(word)
            continue
        name, value = next(words, ""), next(words, "")
        if name != "config":
            remaining += [word, name, value]
        elif word == "--config":
            text = find_profile(value).read_text(encoding="utf-8")
        else:
            text = value
    if text is None:
        text = find_profile("local").read_text(encoding="utf-8")
    return remaining, text


def make_variant(flow: type[PipelineFlow], variant: str) -> type[PipelineFlow]:
    """Make a variant of a flow; raises PipelineError if the flow does not support it."""
    if variant == PLAIN:
        return flow
    module, _, name = MIXINS[variant].partition(":")
    mixin = getattr(import_module(f"mlpo_kit.metaflow.{module}"), name)
    flow_variant: type[PipelineFlow] = new_class(
        name_flow(flow.__name__, variant),
        (mixin, flow),
        exec_body=lambda body: body.update(__module__=flow.__module__, __doc__=flow.__doc__),
    )
    return flow_variant


def name_user() -> None:
    """Set a user name if there is none or it is `root`: Metaflow would refuse to start."""
    if get_username() is None:
        os.environ["USERNAME"] = "nobody"
