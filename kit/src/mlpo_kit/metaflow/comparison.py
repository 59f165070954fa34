"""Compare a flow with PIPELINE: check that its steps run the stages in an order that works.

Metaflow knows the graph of the steps; the source of each step shows which stages it runs. Inputs
are taken from PIPELINE, so only the order can be wrong.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError, suggest
from mlpo_kit.metaflow.flow import HIT, PipelineFlow, get_pipeline, name_result
from mlpo_kit.metaflow.generated import parse_step
from mlpo_kit.metaflow.variants import FLOW_FILE
from mlpo_kit.runs.pipeline import Pipeline


@dataclass
class StepCalls:
    """The stages that a step's source mentions."""

    runs: list[str] = field(default_factory=list)  # in order
    looks_up: list[str] = field(default_factory=list)
    keeps: dict[str, str] = field(default_factory=dict)  # stage: attribute that holds its result


def load_flow() -> type[PipelineFlow]:
    """Load the project's flow; raises PipelineError if its file defines none.

    Exceptions of the file itself are not caught: the command line reports their line.
    """
    path = find_project().root / FLOW_FILE
    specification = spec_from_file_location("mlpo_kit_flow", path)
    if not path.is_file() or specification is None or specification.loader is None:
        raise PipelineError(f"there is no file {path}: the project's flow belongs there")
    module = module_from_spec(specification)
    specification.loader.exec_module(module)
    flows = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, PipelineFlow)
        and value.__module__ == module.__name__
    ]
    if not flows or not isinstance(getattr(flows[-1], "pipeline", None), property):
        raise PipelineError(
            f"{path} defines no flow of a pipeline: write class TrainFlow(PipelineFlow), with "
            "pipeline = PIPELINE in it"
        )
    return flows[-1]


def find_disagreements(flow: type[PipelineFlow]) -> list[str]:
    """Return a sentence for each difference between a flow and its pipeline."""
    pipeline, graph = get_pipeline(flow), flow._graph
    reachable = [name for name in graph.sorted_nodes if name in graph]
    calls = {node.name: _read_calls(getattr(flow, node.name)) for node in graph}
    problems = list(_find_unknown_names(pipeline, graph, calls))
    for stage in pipeline:
        steps = [step for step, step_calls in calls.items() if stage in step_calls.runs]
        if not steps:
            problems.append(f"no step runs the stage {stage}")
        elif not set(steps) & set(reachable):
            problems.append(f"no path leads to the step {steps[0]}, which runs the stage {stage}")
    done_before = _find_stages_done_before(graph, reachable, calls)
    for step in reachable:
        done = set(done_before[step])
        for name in calls[step].runs:
            if name not in pipeline.names:
                continue
            for input_name, source in pipeline[name].inputs.items():
                producer = source.partition(".")[0]
                if producer not in done:
                    problems.append(
                        f"the step {step} runs {name}, which takes {input_name} from {producer}: "
                        f"{producer} may not have run yet"
                    )
            done.add(name)
    return problems


def _find_unknown_names(
    pipeline: Pipeline, graph: Any, calls: dict[str, StepCalls]
) -> Iterator[str]:
    """Find stages and steps that do not exist, and results under a wrong name."""
    for step, step_calls in calls.items():
        for name in (*step_calls.runs, *step_calls.looks_up):
            if name not in pipeline.names:
                yield f"the step {step} names a stage {name!r} that is not in PIPELINE" + suggest(
                    name, pipeline
                )
        for next_step in graph[step].out_funcs:
            if next_step not in graph:
                yield f"the step {step} goes on to {next_step!r}, which does not exist" + suggest(
                    next_step, calls
                )
        for name in step_calls.runs:
            if name in pipeline.names and step_calls.keeps.get(name) != (
                attribute := name_result(pipeline, pipeline[name])
            ):
                yield (
                    f"the step {step} does not keep the result of {name} where later steps look "
                    f'for it: write self.{attribute} = self.run_stage("{name}")'
                )


def _find_stages_done_before(
    graph: Any, reachable: list[str], calls: dict[str, StepCalls]
) -> dict[str, set[str]]:
    """Find, by step, the stages that are done when it starts, on every path to it."""
    before: dict[str, set[str]] = {step: set() for step in reachable}
    for step in _sort_by_order(graph, reachable):
        paths = []
        for parent in graph[step].in_funcs:
            done = before[parent] | set(calls[parent].runs)
            if (graph[parent].switch_cases or {}).get(HIT) == step:
                done |= set(calls[parent].looks_up)
            paths.append(done)
        if paths:
            joins = graph[step].type == "join"
            before[step] = set.union(*paths) if joins else set.intersection(*paths)
    return before


def _sort_by_order(graph: Any, reachable: list[str]) -> list[str]:
    """Sort the steps so that each comes after all steps that lead to it."""
    ordered: list[str] = []
    remaining = list(reachable)
    while remaining:
        ready = [
            step for step in remaining if not (set(graph[step].in_funcs) & set(remaining)) - {step}
        ] or remaining[:1]
        ordered.append(ready[0])
        remaining.remove(ready[0])
    return ordered


def _read_calls(step: Any) -> StepCalls:
    """Read from a step's source which stages it runs, looks up and keeps."""
    calls = StepCalls()
    for node in ast.walk(parse_step(step)):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            name, target = _find_stage(node.value, "run_stage"), node.targets[0]
            if name is not None and ast.unparse(target).startswith("self."):
                calls.keeps[name] = ast.unparse(target).removeprefix("self.")
        if (name := _find_stage(node, "run_stage")) is not None:
            calls.runs.append(name)
        if (name := _find_stage(node, "look_up")) is not None:
            calls.looks_up.append(name)
    return calls


def _find_stage(node: ast.AST, method: str) -> str | None:
    """Return the stage in `self.<method>("<stage>")`; None if `node` is not such a call."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) == f"self.{method}"):
        return None
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
