"""A small stand-in for Argo Workflows: runs a workflow's containers, one after the other.

What it runs is what Argo would: image, command and environment of each task, in a container of its
own. It knows as much of Argo's expressions as Metaflow's templates use.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine import Engine

Template = dict[str, Any]


class Workflow:
    """One run of a WorkflowTemplate."""

    def __init__(self, template: Template, engine: Engine, folder: Path, name: str) -> None:
        """`folder` is where each task's /mnt/out is."""
        spec = template["spec"]
        self.templates = {one["name"]: one for one in spec["templates"]}
        self.tasks: list[Template] = self.templates[spec["entrypoint"]]["dag"]["tasks"]
        self.parameters = {one["name"]: one["value"] for one in spec["arguments"]["parameters"]}
        self.engine, self.folder, self.name = engine, folder, name
        self.outputs: dict[str, dict[str, str]] = {}  # of each task that ran, by name
        self.logs: dict[str, str] = {}

    def run(self) -> None:
        """Run the tasks in their order; each must succeed, or be one that is left out."""
        for task in self.tasks:
            if self._chosen(task.get("when", "")):
                self._run(task)

    def _run(self, task: Template) -> None:
        name = task["name"]
        container = self.templates[task["template"]]["container"]
        given = {
            one["name"]: self._fill(one["value"], {})
            for one in task.get("arguments", {}).get("parameters", [])
        }
        out = self.folder / name
        out.mkdir()
        out.chmod(0o777)
        variables = [
            part
            for one in container["env"]
            for part in ("--env", f"{one['name']}={self._fill(value_of(one), given)}")
        ]
        command = [self._fill(word, given) for word in container["command"]]
        volume = f"{out}:/mnt/out"
        run = ["run", "--rm", "--no-healthcheck", "--volume", volume, *variables]
        done = self.engine.run(*run, container["image"], *command, check=False)
        self.logs[name] = done.stdout + done.stderr
        assert done.returncode == 0, f"{name}:\n{self.logs[name][-5000:]}"
        found = self.templates[task["template"]].get("outputs", {}).get("parameters", [])
        self.outputs[name] = {
            one["name"]: (out / Path(one["valueFrom"]["path"]).name).read_text().strip()
            for one in found
        }

    def _chosen(self, condition: str) -> bool:
        """Whether a task runs: the task before named it, or the one before that did run."""
        if not condition:
            return True
        asked = re.findall(r"tasks\['([\w-]+)'\].outputs[^)]*\) == '([\w-]+)'", condition)
        ran = re.findall(r"\{\{tasks\.([\w-]+)\.status\}\}==Succeeded", condition)
        assert asked
        chosen = any(self.outputs[task].get("switch-step") == step for task, step in asked)
        return chosen or any(task in self.outputs for task in ran)

    def _fill(self, text: str, given: dict[str, str]) -> str:
        places: list[tuple[str, Callable[[re.Match[str]], str]]] = [
            (r"\{\{workflow\.name\}\}", lambda _: self.name),
            (r"\{\{retries\}\}", lambda _: "0"),
            (r"\{\{workflow\.creationTimestamp\}\}", lambda _: "2026-01-01T00:00:00Z"),
            (r"\{\{inputs\.parameters\.([\w-]+)\}\}", lambda found: given[found[1]]),
            (
                r"\{\{=toBase64\(inputs\.parameters\['([\w-]+)'\]\)\}\}",
                lambda found: base64.b64encode(given[found[1]].encode()).decode(),
            ),
            (
                r"\{\{tasks\.([\w-]+)\.outputs\.parameters\.([\w-]+)\}\}",
                # Argo leaves it as it is where the task did not run.
                lambda found: self.outputs.get(found[1], {}).get(found[2], found[0]),
            ),
            (
                r"\{\{=toBase64\(workflow\.parameters\['([\w-]+)'\]\)\}\}",
                lambda found: base64.b64encode(self.parameters[found[1]].encode()).decode(),
            ),
        ]
        for pattern, value in places:
            text = re.sub(pattern, value, text)
        return text


def value_of(variable: Template) -> str:
    """A variable of a container; what Kubernetes would know of the pod is made up."""
    return str(variable["value"]) if variable.get("value") is not None else "test"
