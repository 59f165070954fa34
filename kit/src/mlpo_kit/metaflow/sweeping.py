"""The sweep: the variant of the flow that trains once per trial, in parallel.

Each trial is a task of a `foreach`; the best trial becomes the run's training result. A sweep takes
the same options as the flow. The values of a trial override all other settings.
"""

from __future__ import annotations

import os
from typing import Any

from metaflow import Config, FlowMutator, catch
from metaflow.exception import MetaflowException
from metaflow.user_decorators.mutable_flow import MutableFlow

from mlpo_kit.config.documents import parse_yaml
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import check_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.metaflow.flow import explain_errors, get_pipeline, name_result
from mlpo_kit.metaflow.generated import define_step, find_training_step, find_transition
from mlpo_kit.metaflow.straight import Straight
from mlpo_kit.metaflow.variants import TRIAL_STEP
from mlpo_kit.search.sweep import plan_sweep
from mlpo_kit.search.trials import choose_trial, run_trial

STEPS = (
    """\
def {training}(self):
    self.plan_trials()
    self.next(self.{trial}, foreach="trials")
""",
    """\
def {trial}(self):
    self.run_trial()
    self.next(self.choose)
""",
    """\
def choose(self, inputs):
    self.choose_trial(inputs)
    {transition}
""",
)


def find_default_space(_: object) -> str:
    """Return the path of configs/sweep.yaml."""
    return str(find_project().configs / "sweep.yaml")


class checked_space(FlowMutator):  # type: ignore[misc]
    """Check the search space before anything runs, and set how many trials run in parallel."""

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        """Check profile and search space; raises MetaflowException if they are wrong."""
        configs = dict(mutable_flow.configs)
        try:
            settings = check_settings(configs["config"].to_dict())
            sweep, _ = plan_sweep(configs["space"].to_dict(), settings)
        except PipelineError as error:
            raise MetaflowException(str(error)) from None
        creates = ("ARGO_WORKFLOWS_CREATE", "STEP_FUNCTIONS_CREATE")
        for command in ("RUN", "RESUME", *creates):  # --max-workers overrides it
            os.environ.setdefault(f"METAFLOW_{command}_MAX_WORKERS", str(sweep.parallelism))


@checked_space()
class Sweeping(Straight):
    """A mixin that trains several trials and continues with the best."""

    space = Config("space", default=find_default_space, parser=parse_yaml, help="The sweep file.")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Replace the training step by steps that plan, run and compare the trials."""
        super().__init_subclass__(**kwargs)
        training = get_pipeline(cls).training_stage
        old = find_training_step(cls, training)
        names = {"training": training, "trial": TRIAL_STEP, "transition": find_transition(old)}
        start, trial, choose = (text.format(**names) for text in STEPS)
        define_step(cls, start)
        # A trial that fails writes that into its record; one whose process dies is retried, then
        # caught. Trials have no cards: a run has one card.
        decorators = [item for item in old.decorators if item.name not in ("card", "catch")]
        define_step(cls, trial, decorators)
        catch(var="died", print_exception=False)(vars(cls)[TRIAL_STEP])
        define_step(cls, choose)

    def plan_trials(self) -> None:
        """Plan the trials and keep them as artifacts."""
        with explain_errors():
            self.sweep, self.trials = plan_sweep(self.space.to_dict(), self.make_run().settings)

    def run_trial(self) -> None:
        """Train with the settings of one trial."""
        stage = self.pipeline[self.pipeline.training_stage]
        with explain_errors():
            self.outcome = run_trial(self.make_run(), self.input, **self.collect_inputs(stage))

    def choose_trial(self, inputs: Any) -> None:
        """Keep the best trial's result as the run's training result."""
        self.merge_artifacts(inputs, exclude=["outcome", "died"])
        outcomes = [task.outcome for task in inputs if not task.died]
        with explain_errors():
            trained = choose_trial(self.make_run(), self.sweep, self.trials, outcomes)
        stage = self.pipeline[self.pipeline.training_stage]
        setattr(self, name_result(self.pipeline, stage), trained)
