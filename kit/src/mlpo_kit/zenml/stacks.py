"""Register the stacks in stacks/ with ZenML, or update them.

The files have the format of `zenml stack export`; a project needs none. Registering an existing
stack changes only what differs. The stack for runs on this machine is called `local`; the stack for
a cluster is built from deploy/cluster.yaml.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import yaml

from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import load_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.zenml.environment import use_local_store
from mlpo_kit.zenml.local_store import open_local_store

if TYPE_CHECKING:
    from zenml.client import Client

HELP = "register the stacks in stacks/ with ZenML, or update them"

Parts = dict[str, dict[str, Any]]  # by kind: flavor and configuration

LOCAL = "local"  # the stack for runs on this machine; stacks/local.yaml replaces it
LOCAL_PARTS: Parts = {
    "orchestrator": {"flavor": "local", "configuration": {}},
    "artifact_store": {"flavor": "local", "configuration": {}},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def run(chosen: argparse.Namespace) -> int:
    """Register every stack, and print whether it was added, changed or unchanged."""
    home = use_local_store(load_settings().local_root, find_project().root)
    with open_local_store(home):
        from zenml.client import Client

        files = {file.stem: file for file in (find_project().root / "stacks").glob("*.yaml")}
        for name in sorted({LOCAL, *files}):
            print(f"{name}: {_register_named(Client(), name, files.get(name))}")
    return 0


def activate_local_stack() -> None:
    """Activate the stack for runs on this machine; call it in the open store."""
    from zenml.client import Client

    file = find_project().root / "stacks" / f"{LOCAL}.yaml"
    _register_named(Client(), LOCAL, file if file.is_file() else None)
    Client().activate_stack(LOCAL)


def activate_stack(name: str, parts: Parts) -> str:
    """Register and activate a stack; return `added`, `changed` or `unchanged`."""
    from zenml.client import Client

    change = register_stack(Client(), name, parts)
    Client().activate_stack(name)
    return change


def _register_named(client: Client, name: str, file: Path | None) -> str:
    try:
        parts = LOCAL_PARTS
        if file is not None:
            parts = yaml.safe_load(file.read_text(encoding="utf-8"))["components"]
        return register_stack(client, name, parts)
    except (AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise PipelineError(f"{file or name} is not a stack: {error}") from None


def register_stack(client: Client, name: str, parts: Parts) -> str:
    """Add or update a stack in ZenML; return `added`, `changed` or `unchanged`.

    Raises ValueError if ZenML does not accept the parts.
    """
    from zenml.enums import StackComponentType

    wanted = {StackComponentType(kind): {"name": name, **part} for kind, part in parts.items()}
    changes = [_register_component(client, kind, **part) for kind, part in wanted.items()]
    ids = {kind: [component] for kind, (component, _) in zip(wanted, changes, strict=True)}
    try:
        stack = client.get_stack(name, allow_name_prefix_match=False)
    except KeyError:
        client.create_stack(name, ids)
        return "added"
    current = {kind: [part.id for part in parts] for kind, parts in stack.components.items()}
    if current != ids:
        removed: dict[StackComponentType, list[UUID]] = {
            kind: [] for kind in current if kind not in ids
        }
        client.update_stack(stack.id, component_updates={**removed, **ids})
    elif not any(changed for _, changed in changes):
        return "unchanged"
    return "changed"


def _register_component(
    client: Client, kind: Any, name: str, flavor: str, configuration: dict[str, Any]
) -> tuple[UUID, bool]:
    """Add or update a stack component; return its id, and whether it has changed."""
    try:
        component = client.get_stack_component(kind, name, allow_name_prefix_match=False)
    except KeyError:
        return client.create_stack_component(name, flavor, kind, configuration).id, True
    if component.flavor_name != flavor:
        raise ValueError(
            f"{name} already exists with the flavor {component.flavor_name}: give it a new name"
        )
    if component.configuration == configuration:
        return component.id, False
    removed = dict.fromkeys(component.configuration)  # None removes a value
    client.update_stack_component(name, kind, configuration={**removed, **configuration})
    return component.id, True
