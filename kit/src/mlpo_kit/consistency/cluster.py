"""Check deploy/cluster.yaml by itself, and against the profiles that are for a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlpo_kit.cluster.description import FILE, Cluster, read_cluster
from mlpo_kit.config.project import find_project
from mlpo_kit.consistency.profiles import name_profiles
from mlpo_kit.errors import PipelineError


def find_problems(kind: type[Cluster], profiles: Mapping[str, Any]) -> list[str]:
    """Find what is wrong with the description; every problem begins with its file.

    `kind` is the orchestrator's form of it. `profiles` are the settings of those for a cluster, by
    name. A project without the file runs on no cluster: nothing is wrong.
    """
    if not (find_project().root / FILE).is_file():
        return []
    mistakes = _find_problems(kind, None)
    found = {
        f"configs/{name}.yaml": [
            problem for problem in _find_problems(kind, settings) if problem not in mistakes
        ]
        for name, settings in profiles.items()
    }
    return [*mistakes, *name_profiles(found)]


def _find_problems(kind: type[Cluster], settings: Any) -> list[str]:
    try:
        read_cluster(kind, settings)
    except PipelineError as error:
        return list(error.problems)
    return []
