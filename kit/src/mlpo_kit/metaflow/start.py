"""Start a flow: what the last line of its file calls, on this machine and in every task."""

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
from mlpo_kit.metaflow.flow import PipelineFlow
from mlpo_kit.metaflow.variants import PLAIN, VARIANT, check_variant, name_flow

MIXINS = {
    "sweep": "sweeping:Sweeping",
    "nodes": "nodes:SeveralNodes",
    "straight": "straight:Straight",
}


def main(flow: type[PipelineFlow]) -> None:
    """Start a flow: `python pipeline/flow.py run --set train.epochs=5`.

    MLPO_KIT_VARIANT=sweep, nodes or straight gives it another form. Ends the process with 1 and a
    sentence for what a person can mend.
    """
    try:
        check_kit_version(os.environ.get(VERSION_VARIABLE))
        sys.argv[1:] = merge_changes(sys.argv[1:])
        chosen = make_variant(flow, check_variant(os.environ.get(VARIANT) or PLAIN))
    except PipelineError as error:
        sys.exit(f"error: {error}")
    name_user()
    # Metaflow starts the processes of several machines as plain `python`.
    paths = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    os.environ["PATH"] = os.pathsep.join(paths)
    chosen()


def merge_changes(arguments: Sequence[str]) -> list[str]:
    """Merge every `--set` into the profile, so that it is there before Metaflow looks.

    For `trigger`, whose workflow has its profile already, they become its `--settings`.
    """
    kept, changes = take_changes(arguments)
    if not changes:
        return kept
    command = next((word for word in kept if word in ("run", "resume", "trigger")), None)
    if command == "resume":
        raise PipelineError("a resumed run keeps the settings that it started with: drop --set")
    if command == "trigger":
        return [*kept, "--settings", json.dumps(changes)]
    kept, profile_text = _take_profile(kept)
    document = parse_profile(profile_text, changes)
    return ["--config-value", "config", json.dumps(document), *kept]


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


def _take_profile(arguments: Sequence[str]) -> tuple[list[str], str]:
    """Split a command line into what is not its profile, and the profile's text."""
    kept: list[str] = []
    text: str | None = None
    words = iter(arguments)
    for word in words:
        if word not in ("--config", "--config-value"):
            kept.append(word)
            continue
        name, value = next(words, ""), next(words, "")
        if name != "config":
            kept += [word, name, value]
        elif word == "--config":
            text = find_profile(value).read_text(encoding="utf-8")
        else:
            text = value
    if text is None:
        text = find_profile("local").read_text(encoding="utf-8")
    return kept, text


def make_variant(flow: type[PipelineFlow], variant: str) -> type[PipelineFlow]:
    """Make another form of a flow; raises PipelineError where the flow does not allow it."""
    if variant == PLAIN:
        return flow
    module, _, name = MIXINS[variant].partition(":")
    mixin = getattr(import_module(f"mlpo_kit.metaflow.{module}"), name)
    made: type[PipelineFlow] = new_class(
        name_flow(flow.__name__, variant),
        (mixin, flow),
        exec_body=lambda body: body.update(__module__=flow.__module__, __doc__=flow.__doc__),
    )
    return made


def name_user() -> None:
    """Name a user: without one, and for `root` (containers, CI), Metaflow refuses to start."""
    if get_username() is None:
        os.environ["USERNAME"] = "nobody"
