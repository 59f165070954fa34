"""Check that the pipeline file is wired as PIPELINE says, by the edges that KFP compiles."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format

from mlpo_kit.kubeflow.ports import CONTEXT, find_inputs, find_ports
from mlpo_kit.runs.pipeline import Pipeline, load_pipeline

Edges = dict[tuple[str, str], str]  # (stage, input): `<stage>.<output>`
Document = dict[str, Any]


def compare_with_pipeline(kfp_pipeline: Any) -> list[str]:
    """Compare a KFP pipeline with PIPELINE; return a sentence for each difference."""
    pipeline = load_pipeline()
    spec = json_format.MessageToDict(kfp_pipeline.pipeline_spec)
    return list(_find_differences(pipeline, _Graph(pipeline, spec)))


def _find_differences(pipeline: Pipeline, graph: _Graph) -> Iterator[str]:
    for name, count in Counter(graph.called).items():
        if count > 1:
            yield f"{name} is called {count} times, but PIPELINE has it once"
    for stage in pipeline.values():
        if stage.name not in graph.called:
            yield f"{stage.name}: PIPELINE has this stage, but no task runs it"
            continue
        for name, expected in stage.inputs.items():
            source = graph.edges.get((stage.name, name), "a constant, or a parameter of the run")
            if source != expected:
                yield f"{stage.name} gets {name} = {source}, but PIPELINE says {expected}"


class _Graph:
    """The stages that a compiled pipeline calls, and the edges between them."""

    def __init__(self, pipeline: Pipeline, spec: Document) -> None:
        self.called: list[str] = []
        self.edges: Edges = {}
        self._components: Document = spec.get("components", {})
        self._labels = {name.replace("_", "-"): name for name in pipeline}
        self._outputs = {
            stage.name: {
                p.name: output for output, p in find_ports(pipeline, stage).outputs.items()
            }
            for stage in pipeline.values()
        }
        self._inputs = {s.name: {*find_inputs(pipeline, s), *CONTEXT} for s in pipeline.values()}
        self._walk(spec["root"], {})

    def _walk(self, component: Document, group_inputs: dict[str, str]) -> None:
        """Visit the tasks of a group: the whole pipeline, or the body of a condition or loop."""
        tasks: Document = component.get("dag", {}).get("tasks", {})
        for task in tasks.values():
            label: str = task["componentRef"]["name"]
            sources = dict(self._find_sources(task, tasks, group_inputs))
            called = self._components[label]
            if "dag" in called:
                self._walk(called, sources)
            elif (stage := self._find_stage(label)) is not None:
                self.called.append(stage)
                self.edges |= {(stage, name): source for name, source in sources.items()}

    def _find_sources(
        self, task: Document, tasks: Document, group_inputs: dict[str, str]
    ) -> Iterator[tuple[str, str]]:
        """Find where a task's inputs come from; `group_inputs` are the inputs of its group."""
        for kind, word in (("artifacts", "Artifact"), ("parameters", "Parameter")):
            for name, source in task.get("inputs", {}).get(kind, {}).items():
                if (output := source.get(f"taskOutput{word}")) is not None:
                    producer, key = output["producerTask"], output[f"output{word}Key"]
                    in_group = producer in tasks
                    label = tasks[producer]["componentRef"]["name"] if in_group else producer
                    stage = self._find_stage(label)
                    outputs = self._outputs.get(stage or "", {})
                    yield name, f"{stage or producer}.{outputs.get(key, key)}"
                elif (group_input := source.get(f"componentInput{word}")) in group_inputs:
                    yield name, group_inputs[group_input]

    def _find_stage(self, label: str) -> str | None:
        """Find the stage of a component; KFP appends a number to the name of a second copy."""
        name = label.removeprefix("comp-")
        return self._labels.get(name) or self._labels.get(re.sub(r"-\d+$", "", name))
