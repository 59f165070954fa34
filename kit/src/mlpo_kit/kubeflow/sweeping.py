"""Replace the training task by a sweep: a loop over the trials, then a task that chooses the best.

The pipeline file does not change: calling the training stage adds both, and returns the choosing
task, which has the stage's outputs. What the user sets on that task is moved to the trials.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from kfp import dsl

from mlpo_kit.config.sections import Resources
from mlpo_kit.kubeflow.generate import make_choice, make_trial
from mlpo_kit.kubeflow.placement import place_task
from mlpo_kit.kubeflow.ports import CONTEXT, VERDICT
from mlpo_kit.kubeflow.tracing import PlannedSweep, Tracing
from mlpo_kit.runs.pipeline import Stage
from mlpo_kit.search.sweep import plan_sweep, read_sweep


def plan_named_sweep(name: str | None, settings: Any) -> PlannedSweep | None:
    """Plan the sweep of a file in configs/; return None if `name` is None.

    Raises PipelineError that lists everything wrong with the file.
    """
    if name is None:
        return None
    document = read_sweep(name)
    return (document, *plan_sweep(document, settings, name))


def add_trials(tracing: Tracing, stage: Stage[Any], arguments: dict[str, Any]) -> Any:
    """Add a task for each trial; return the task that chooses the best."""
    if tracing.sweep is None:
        raise ValueError("there is no sweep")
    document, sweep, trials = tracing.sweep
    earlier = list(tracing.tasks.values())
    items = [json.dumps(asdict(trial)) for trial in trials]
    with dsl.ParallelFor(items, parallelism=sweep.parallelism, name="trials") as item:
        trial = make_trial(tracing.pipeline, stage)(**arguments, trial=item).after(*earlier)
        trial.set_caching_options(False)
    if tracing.cluster is not None:
        place_task(trial, tracing.settings, tracing.cluster, Resources())
    tracing.trial = trial
    outcomes = dsl.Collected(trial.outputs[VERDICT])
    context = {name: arguments[name] for name in CONTEXT}
    choice = make_choice(tracing.pipeline, stage)
    task = choice(**context, sweep=json.dumps(document), outcomes=outcomes)
    return task.set_caching_options(False)


def hand_over_limits(tracing: Tracing) -> None:
    """Swap the limits of the trials and the choosing task: GPU, memory, retries, time-outs.

    KFP has no public way to read these from a task (2.17).
    """
    trial, choice = tracing.trial, tracing.tasks.get(tracing.pipeline.training_stage)
    if trial is None or choice is None:
        return
    swaps = [
        (trial._task_spec, choice._task_spec, "retry_policy"),
        (trial, choice, "platform_config"),
        *((trial.container_spec, choice.container_spec, name) for name in ("resources", "env")),
    ]
    for of_trial, of_choice, name in swaps:
        trial_value, choice_value = getattr(of_trial, name), getattr(of_choice, name)
        setattr(of_trial, name, choice_value)
        setattr(of_choice, name, trial_value)
