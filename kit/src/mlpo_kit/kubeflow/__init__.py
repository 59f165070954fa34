"""The Kubeflow adapter: run the pipeline with KFP's local runner, or on a cluster.

`main` is imported on first use: every task imports this package, and in a running task `kfp.dsl`
can't make components (kfp 2.17).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlpo_kit.kubeflow.pipeline_file import main

__all__ = ["main"]


def __getattr__(name: str) -> Any:
    """Load `main`, which the last line of a pipeline file calls."""
    if name != "main":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from mlpo_kit.kubeflow.pipeline_file import main

    return main
