"""The flow of several machines that train one model together.

Metaflow starts them together and waits for all; on this machine they are processes. They find each
other through the store.
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
    """A mixin: as many machines train as the settings' `nodes` say."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make the steps of the machines in the place of the one that trains."""
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
        """Count the machines that train together."""
        return count_nodes(self.make_run().settings, self.pipeline.training_stage)

    def train_together(self) -> None:
        """Run the stage on machine 0; follow it on the others."""
        from mlpo_kit.training.nodes import follow_lead, lead_nodes
        from mlpo_kit.training.processes import Node

        here = current.parallel
        node = Node(here.num_nodes, here.node_index, here.main_ip)
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
        """Take the result from the machine that has it."""
        name = name_result(self.pipeline, self.pipeline[self.pipeline.training_stage])
        (result,) = (getattr(done, name) for done in inputs if hasattr(done, name))
        self.merge_artifacts(inputs, exclude=[name])
        setattr(self, name, result)
