"""Where each step runs is decided by the profile, not in the flow."""

from __future__ import annotations

from metaflow import FlowMutator
from metaflow.user_decorators.mutable_flow import MutableFlow


class placement(FlowMutator):  # noqa: N801 (it is used as a decorator)
    """Give each step the resources that the profile's `resources` section asks for.

    On this machine Metaflow ignores them; `run --with kubernetes` or `--with batch` obeys.
    """

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        """Add `@resources` to the steps that the section names."""
        wanted = dict(mutable_flow.configs)["config"].get("resources", {})
        for name, mutable_step in mutable_flow.steps:
            if name in wanted:
                asked = wanted[name]
                mutable_step.add_decorator(
                    "resources",
                    deco_kwargs={
                        "cpu": asked.get("cpu", 1),
                        "memory": asked.get("memory_mb", 4096),
                        "gpu": asked.get("gpu", 0),
                    },
                    duplicates=mutable_step.OVERRIDE,
                )
