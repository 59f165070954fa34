"""Where each step runs is decided by the profile, not in the flow."""

from __future__ import annotations

from metaflow import FlowMutator
from metaflow.exception import MetaflowException
from metaflow.user_decorators.mutable_flow import MutableFlow

NODE = "train_node"  # the step of nodes.py that runs on each of the machines


class placement(FlowMutator):  # noqa: N801 (it is used as a decorator)
    """Give each step the resources that the profile's `resources` section asks for.

    On this machine Metaflow ignores them; `run --with kubernetes` or `--with batch` obeys.
    """

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        """Add `@resources` to the steps that the section names.

        Raises MetaflowException where this flow trains on one machine and the profile on several.
        """
        config = dict(mutable_flow.configs)["config"]
        wanted = dict(config.get("resources", {}))
        nodes = config.get("train", {}).get("nodes", 1)
        if NODE in dict(mutable_flow.steps):
            if asked := wanted.pop("train", None):  # there it only says how many there are
                wanted[NODE] = asked
        elif nodes > 1:
            raise MetaflowException(
                f"train.nodes is {nodes}, and pipeline/flow.py trains on one machine: take "
                "pipeline/nodes.py, as in `make run FLOW=pipeline/nodes.py`"
            )
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
