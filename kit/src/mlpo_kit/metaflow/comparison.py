"""Compare a flow with its pipeline: whether its steps run the stages as PIPELINE says.

Metaflow knows the graph of the steps, and their source says which stage each runs. Inputs come from
PIPELINE, so that only their order can be wrong.
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
    """What a step does with stages, by its source."""

    runs: list[str] = field(default_factory=list)  # in their order
    looks_up: list[str] = field(default_factory=list)
    keeps: dict[str, str] = field(default_factory=dict)  # the attribute of each stage's result


def load_flow() -> type[PipelineFlow]:
    """Load the project's flow; raises PipelineError where its file defines none.

    What the file itself raises comes out as it is: the command line names its line.
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
            f"{path} defines no flow of a pipeline: class TrainFlow(PipelineFlow), and in it "
            "pipeline = PIPELINE"
        )
    return flows[-1]


def find_disagreements(flow: type[PipelineFlow]) -> list[str]:
    """Find where a flow and its pipeline disagree, in words."""
    pipeline, graph = get_pipeline(flow), flow._graph
    reached = [name for name in graph.sorted_nodes if name in graph]
    calls = {node.name: _read_calls(getattr(flow, node.name)) for node in graph}
    found = list(_find_unknown(pipeline, graph, calls))
    for stage in pipeline:
        steps = [step for step, made in calls.items() if stage in made.runs]
        if not steps:
            found.append(f"no step runs the stage {stage}")
        elif not set(steps) & set(reached):
            found.append(f"no way leads to the step {steps[0]}, which runs the stage {stage}")
    made_before = _find_made_before(graph, reached, calls)
    for step in reached:
        here = set(made_before[step])
        for name in calls[step].runs:
            if name not in pipeline.names:
                continue
            for taken, source in pipeline[name].inputs.items():
                maker = source.partition(".")[0]
                if maker not in here:
                    found.append(
                        f"the step {step} runs {name}, whose {taken} is made by {maker}: that may "
                        "not have run yet"
                    )
            here.add(name)
    return found


def _find_unknown(pipeline: Pipeline, graph: Any, calls: dict[str, StepCalls]) -> Iterator[str]:
    """Names that lead nowhere: of stages, of steps, of results."""
    for step, made in calls.items():
        for name in (*made.runs, *made.looks_up):
            if name not in pipeline.names:
                yield f"the step {step} names a stage {name!r} that is not in PIPELINE" + suggest(
                    name, pipeline
                )
        for after in graph[step].out_funcs:
            if after not in graph:
                yield f"the step {step} goes on to {after!r}, and there is no such step" + suggest(
                    after, calls
                )
        for name in made.runs:
            if name in pipeline.names and made.keeps.get(name) != (
                right := name_result(pipeline, pipeline[name])
            ):
                yield (
                    f"the step {step} does not keep what {name} returns where others look for it: "
                    f'say self.{right} = self.run_stage("{name}")'
                )


def _find_made_before(
    graph: Any, reached: list[str], calls: dict[str, StepCalls]
) -> dict[str, set[str]]:
    """The stages whose results are there when a step starts, whatever way led to it."""
    before: dict[str, set[str]] = {step: set() for step in reached}
    for step in _sort_by_order(graph, reached):
        ways = []
        for parent in graph[step].in_funcs:
            known = before[parent] | set(calls[parent].runs)
            if (graph[parent].switch_cases or {}).get(HIT) == step:
                known |= set(calls[parent].looks_up)
            ways.append(known)
        if ways:
            joins = graph[step].type == "join"
            before[step] = set.union(*ways) if joins else set.intersection(*ways)
    return before


def _sort_by_order(graph: Any, reached: list[str]) -> list[str]:
    """The steps such that each comes after all that lead to it."""
    ordered: list[str] = []
    left = list(reached)
    while left:
        free = [s for s in left if not (set(graph[s].in_funcs) & set(left)) - {s}] or left[:1]
        ordered.append(free[0])
        left.remove(free[0])
    return ordered


def _read_calls(step: Any) -> StepCalls:
    """Read which stages a step runs, looks up and keeps."""
    made = StepCalls()
    for node in ast.walk(parse_step(step)):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            name, target = _find_stage(node.value, "run_stage"), node.targets[0]
            if name is not None and ast.unparse(target).startswith("self."):
                made.keeps[name] = ast.unparse(target).removeprefix("self.")
        if (name := _find_stage(node, "run_stage")) is not None:
            made.runs.append(name)
        if (name := _find_stage(node, "look_up")) is not None:
            made.looks_up.append(name)
    return made


def _find_stage(node: ast.AST, method: str) -> str | None:
    """The stage that `self.<method>("<stage>")` names; None where it is no such call."""
    if not (isinstance(node, ast.Call) and ast.unparse(node.func) == f"self.{method}"):
        return None
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
