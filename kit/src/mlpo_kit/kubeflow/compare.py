"""Whether the pipeline file is wired as PIPELINE says: the edges of what KFP compiles."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format

from mlpo_kit.kubeflow.ports import CONTEXT, find_inputs, find_ports
from mlpo_kit.runs.pipeline import Pipeline, load_pipeline

Edges = dict[tuple[str, str], str]  # by stage and input: `<stage>.<output>`
Document = dict[str, Any]


def compare_with_pipeline(drawn: Any) -> list[str]:
    """Compare a pipeline of KFP with PIPELINE; returns where they disagree, in words."""
    pipeline = load_pipeline()
    spec = json_format.MessageToDict(drawn.pipeline_spec)
    found = _Graph(pipeline, spec)
    return list(_find_differences(pipeline, found))


def _find_differences(pipeline: Pipeline, found: _Graph) -> Iterator[str]:
    for name, count in Counter(found.called).items():
        if count > 1:
            yield f"{name} is called {count} times, and PIPELINE has it once"
    for stage in pipeline.values():
        if stage.name not in found.called:
            yield f"{stage.name}: PIPELINE has this stage, and no task runs it"
            continue
        for name, taken in stage.inputs.items():
            given = found.edges.get((stage.name, name), "a constant, or a parameter of the run")
            if given != taken:
                yield f"{stage.name} is given {name} = {given}, and PIPELINE says {taken}"


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

    def _walk(self, component: Document, given: dict[str, str]) -> None:
        """Go through the tasks of a group, such as the pipeline itself or a condition's."""
        tasks: Document = component.get("dag", {}).get("tasks", {})
        for task in tasks.values():
            label: str = task["componentRef"]["name"]
            sources = dict(self._find_sources(task, tasks, given))
            inner = self._components[label]
            if "dag" in inner:
                self._walk(inner, sources)
            elif (stage := self._find_stage(label)) is not None:
                self.called.append(stage)
                self.edges |= {(stage, name): source for name, source in sources.items()}

    def _find_sources(
        self, task: Document, tasks: Document, given: dict[str, str]
    ) -> Iterator[tuple[str, str]]:
        """Where a task's inputs come from; `given` is what its group was given."""
        for kind, word in (("artifacts", "Artifact"), ("parameters", "Parameter")):
            for name, source in task.get("inputs", {}).get(kind, {}).items():
                if (made := source.get(f"taskOutput{word}")) is not None:
                    maker, key = made["producerTask"], made[f"output{word}Key"]
                    label = tasks[maker]["componentRef"]["name"] if maker in tasks else maker
                    stage = self._find_stage(label)
                    outputs = self._outputs.get(stage or "", {})
                    yield name, f"{stage or maker}.{outputs.get(key, key)}"
                elif (above := source.get(f"componentInput{word}")) in given:
                    yield name, given[above]

    def _find_stage(self, label: str) -> str | None:
        """The stage of a component, whose second copy has a number behind its name."""
        name = label.removeprefix("comp-")
        return self._labels.get(name) or self._labels.get(re.sub(r"-\d+$", "", name))
