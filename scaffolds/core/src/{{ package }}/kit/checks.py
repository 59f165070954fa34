"""What is wrong with manifests, found without a cluster. Managed by mlpo."""

from __future__ import annotations

from .cluster import Cluster
from .pods import Manifest


def problems(files: dict[str, list[Manifest]], cluster: Cluster, version: str) -> list[str]:
    """Sentences that say what is wrong and what to do."""
    return []
