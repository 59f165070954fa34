"""The variant of the flow in which several machines train one model together.

Metaflow starts the machines together and waits for all of them; in a local run they are processes.
They find each other through the store.
"""

from __future__ import annotations

from typing import Any

from metaflow import current, parallel

from mlpo_kit.config.sections import count_nodes
from mlpo_kit.metaflow.flow import PipelineFlow, explain_errors, get_pipeline, name_result
from mlpo_kit.metaflow.generated import define_step, find_training_step, find_transition
from mlpo_kit.metaflow.variants import WORKER_STEP

STEPS = (
    """\
def {training}(self):
    self.next(self.{worker}, num_parallel=self.count_nodes())
""",
    """\
def {worker}(self):
    self.train_together()
    self.next(self.train_join)
""",
    """\
def train_join(self, inputs):
    self.gather_result(inputs)
    {transition}
""",
)


class SeveralNodes(PipelineFlow):
    """A mixin that trains on as many machines as the setting `nodes` says."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Replace the training step by steps that start, run and join the machines."""
        super().__init_subclass__(**kwargs)
        training = get_pipeline(cls).training_stage
        old = find_training_step(cls, training)
        names = {"training": training, "worker": WORKER_STEP, "transition": find_transition(old)}
        start, worker, join = (text.format(**names) for text in STEPS)
        define_step(cls, start)
        define_step(cls, worker, old.decorators)
        parallel(vars(cls)[WORKER_STEP])
        define_step(cls, join)

    def count_nodes(self) -> int:
        """Return the number of machines that train together."""
        return count_nodes(self.make_run().settings, self.pipeline.training_stage)

    def train_together(self) -> None:
        """Run the training stage on machine 0, and its workers on the other machines."""
        from mlpo_kit.training.nodes import follow_lead, lead_nodes
        from mlpo_kit.training.processes import Node

        parallel_task = current.parallel
        node = Node(parallel_task.num_nodes, parallel_task.node_index, parallel_task.main_ip)
        stage = self.pipeline[self.pipeline.training_stage]
        if node.number == 0:
            launch = lead_nodes(node, current.retry_count)
            result = self.run_stage(stage.name, launch=launch)
            setattr(self, name_result(self.pipeline, stage), result)
        else:
            run, inputs = self.make_run(), self.collect_inputs(stage)
            with explain_errors():
                follow_lead(run, inputs, node, current.retry_count)

    def gather_result(self, inputs: Any) -> None:
        """Take the result from the only task that has it, machine 0's."""
        name = name_result(self.pipeline, self.pipeline[self.pipeline.training_stage])
        (result,) = (getattr(task, name) for task in inputs if hasattr(task, name))
        self.merge_artifacts(inputs, exclude=[name])
        setattr(self, name, result)
