"""A sweep in place of one training: a loop over the trials, then the choice of the best.

The user's file does not change: the call of the training stage adds both, and returns the choice,
which has the outputs of the stage. What the user sets on it belongs to the trials.
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
    """Plan the sweep of a file in configs/; None where none is named.

    Raises PipelineError that names all that is wrong with the file.
    """
    if name is None:
        return None
    document = read_sweep(name)
    return (document, *plan_sweep(document, settings))


def add_trials(tracing: Tracing, stage: Stage[Any], given: dict[str, Any]) -> Any:
    """Add a task for each trial, and return the one that chooses the best."""
    if tracing.sweep is None:
        raise ValueError("there is no sweep")
    document, sweep, trials = tracing.sweep
    earlier = list(tracing.tasks.values())
    items = [json.dumps(asdict(trial)) for trial in trials]
    with dsl.ParallelFor(items, parallelism=sweep.parallelism, name="trials") as item:
        trial = make_trial(tracing.pipeline, stage)(**given, trial=item).after(*earlier)
        trial.set_caching_options(False)
    if tracing.cluster is not None:
        place_task(trial, tracing.settings, tracing.cluster, Resources())
    tracing.trial = trial
    outcomes = dsl.Collected(trial.outputs[VERDICT])
    context = {name: given[name] for name in CONTEXT}
    choice = make_choice(tracing.pipeline, stage)
    task = choice(**context, sweep=json.dumps(document), outcomes=outcomes)
    return task.set_caching_options(False)


def hand_over_limits(tracing: Tracing) -> None:
    """Swap what the trials and the choice were given: GPU, memory, retries, time-outs.

    KFP has no public way to read them off a task (2.17).
    """
    trial, chosen = tracing.trial, tracing.tasks.get(tracing.pipeline.training_stage)
    if trial is None or chosen is None:
        return
    swaps = [
        (trial._task_spec, chosen._task_spec, "retry_policy"),
        (trial, chosen, "platform_config"),
        *((trial.container_spec, chosen.container_spec, name) for name in ("resources", "env")),
    ]
    for one, other, name in swaps:
        mine, theirs = getattr(one, name), getattr(other, name)
        setattr(one, name, theirs)
        setattr(other, name, mine)
