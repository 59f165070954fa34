"""The sweep: the project's flow with a training for each trial, side by side.

Each trial is a task of a `foreach`; the best of them is what the run has trained. Its options are
those of the flow. What a trial says of a setting comes last.
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
    """Find the file of the sweep."""
    return str(find_project().configs / "sweep.yaml")


class checked_space(FlowMutator):  # type: ignore[misc]
    """Refuse a wrong search space before anything runs; try as many at a time as it says."""

    def pre_mutate(self, mutable_flow: MutableFlow) -> None:
        """Look at the two files together."""
        configs = dict(mutable_flow.configs)
        try:
            settings = check_settings(configs["config"].to_dict())
            sweep, _ = plan_sweep(configs["space"].to_dict(), settings)
        except PipelineError as error:
            raise MetaflowException(str(error)) from None
        creates = ("ARGO_WORKFLOWS_CREATE", "STEP_FUNCTIONS_CREATE")
        for command in ("RUN", "RESUME", *creates):  # unless --max-workers says it
            os.environ.setdefault(f"METAFLOW_{command}_MAX_WORKERS", str(sweep.parallelism))


@checked_space()
class Sweeping(Straight):
    """A mixin: several trainings, and the best of them goes on."""

    space = Config("space", default=find_default_space, parser=parse_yaml, help="What is tried.")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make the steps of the trials in the place of the one that trains."""
        super().__init_subclass__(**kwargs)
        training = get_pipeline(cls).training_stage
        old = find_training_step(cls, training)
        names = {"training": training, "trial": TRIAL_STEP, "transition": find_transition(old)}
        start, trial, choose = (text.format(**names) for text in STEPS)
        define_step(cls, start)
        # A trial that fails says so in its record; one whose process dies is tried again, then
        # caught. It has no card of its own: there is one for a whole run.
        own = [one for one in old.decorators if one.name not in ("card", "catch")]
        define_step(cls, trial, own)
        catch(var="died", print_exception=False)(vars(cls)[TRIAL_STEP])
        define_step(cls, choose)

    def plan_trials(self) -> None:
        """Plan what is tried."""
        with explain_errors():
            self.sweep, self.trials = plan_sweep(self.space.to_dict(), self.make_run().settings)

    def run_trial(self) -> None:
        """Train with the settings of one trial."""
        stage = self.pipeline[self.pipeline.training_stage]
        with explain_errors():
            self.outcome = run_trial(self.make_run(), self.input, **self.collect_inputs(stage))

    def choose_trial(self, inputs: Any) -> None:
        """Make the best trial what the run has trained."""
        self.merge_artifacts(inputs, exclude=["outcome", "died"])
        outcomes = [task.outcome for task in inputs if not task.died]
        with explain_errors():
            trained = choose_trial(self.make_run(), self.sweep, self.trials, outcomes)
        stage = self.pipeline[self.pipeline.training_stage]
        setattr(self, name_result(self.pipeline, stage), trained)
