"""What a running task is given and gives: artifacts that hold references, and small values."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from mlpo_kit.caching.key import hash_project_code
from mlpo_kit.cluster.image import check_kit_version
from mlpo_kit.config.documents import Document
from mlpo_kit.config.sections import count_nodes
from mlpo_kit.config.settings import check_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.inputs import parse_inputs
from mlpo_kit.kubeflow.ports import CONFUSION, METRICS, Port, Ports, find_inputs, find_numbers
from mlpo_kit.runs.changes import apply_changes, parse_changes
from mlpo_kit.runs.pipeline import Pipeline, Stage, load_pipeline
from mlpo_kit.runs.workspace import Run
from mlpo_kit.store import Ref

EMPTY = {"str": "", "int": 0, "float": 0.0, "bool": False}
Given = Mapping[str, Any]  # the arguments of a component, by name


def open_run(pipeline: Pipeline, given: Given) -> Run:
    """Open the run that a task belongs to, with the settings of this run."""
    if not given["profile"]:
        raise PipelineError(
            "this pipeline was compiled without a profile: `make compile` writes the one to run"
        )
    settings = change_settings(json.loads(given["profile"]), given["settings"])
    # In a loop, KFP on this machine puts the name of the task behind that of the run.
    run_id = given["run_id"].partition("/")[0]
    return Run(run_id, "kubeflow", settings, use_cache=given["use_cache"], pipeline=pipeline)


def change_settings(document: Document, text: str) -> Any:
    """Apply the changes of a run to the settings that its pipeline was compiled with.

    Returns the project's `Settings`. Raises PipelineError for what is wrong, or comes too late.
    """
    training = load_pipeline().training_stage
    fixed = ["nodes"]
    if count_nodes(check_settings(document), training) > 1:
        fixed += ["processes", "threads", "timeout_seconds"]  # of the TrainJob
    names = [f"{training}.{name}" for name in fixed]
    return check_settings(apply_changes(document, parse_changes(text), names))


def check_code(given: Given) -> None:
    """Raise PipelineError unless the code here is what the pipeline was compiled from.

    On this machine nothing is compared: it is the same.
    """
    check_kit_version(given["kit"])
    if given["code"] and given["code"] != hash_project_code():
        raise PipelineError(
            "this image holds other code than the pipeline was compiled from: "
            "`make image push`, then submit again"
        )


@contextlib.contextmanager
def label_messages(stage: Stage[Any]) -> Iterator[None]:
    """Put a stage's name before its messages.

    What a person can mend ends the task with its sentence and exit code 1; anything else is a
    defect and keeps its traceback.
    """
    label = f"{stage.place:<10} "
    # KFP has set logging up already, so that every line begins with its own name and the time.
    logging.basicConfig(
        level=logging.INFO, stream=sys.stdout, format=f"{label} %(message)s", force=True
    )
    try:
        yield
    except PipelineError as error:
        sys.exit(f"{label} failed: {error}")


def read_inputs(pipeline: Pipeline, stage: Stage[Any], given: Given) -> dict[str, Any]:
    """Read the inputs of a stage from what its task is given."""
    ports = find_inputs(pipeline, stage)
    held = {name: _read_value(port, given[name]) for name, port in ports.items()}
    return parse_inputs(pipeline, stage, held)


def _read_value(port: Port, held: Any) -> Any:
    if port.is_artifact:
        document = json.loads(Path(held.path).read_text(encoding="utf-8"))
        return document["value"] if document.keys() == {"value"} else document
    return json.loads(held) if port.is_json else held


def write_artifacts(ports: Ports, result: Any, given: Given) -> None:
    """Fill the artifacts of a task: each stands for a payload in the store, or holds a value."""
    for output, port in ports.outputs.items():
        value = getattr(result, output)
        if not port.is_artifact:
            continue
        if isinstance(value, Ref):
            given[port.name].metadata.update(asdict(value))
            write_document(given[port.name], asdict(value))
        elif port.kind == "Metrics":
            write_metrics(given[port.name], value)
        else:
            write_document(given[port.name], {"value": to_jsonable_python(value)})


def list_parameters(ports: Ports, result: Any, request: str | None) -> tuple[Any, ...] | None:
    """List the parameters that a task returns, in the order of its type.

    Where there is no result, as behind a refusal, they are empty: KFP knows no missing ones.
    """
    values: list[Any] = []
    for output, port in ports.outputs.items():
        if port.is_artifact:
            continue
        value = getattr(result, output, None)
        if port.is_json:
            values.append(json.dumps(to_jsonable_python(value)))
        else:
            values.append(EMPTY[port.kind] if value is None else value)
    if ports.requests is not None:
        values.append(request or "")
    return tuple(values) or None


def show_numbers(ports: Ports, result: Any, stage: Stage[Any], run: Run, given: Given) -> None:
    """Fill what KFP's page shows of a stage: numbers, and the confusion matrix of its report."""
    if METRICS in ports.shown:
        write_metrics(given[METRICS], find_numbers(result, stage))
    if CONFUSION not in ports.shown:
        return
    for output, port in ports.outputs.items():
        ref = getattr(result, output)
        if port.is_artifact and isinstance(ref, Ref) and ref.uri.endswith(".json"):
            document = json.loads(run.store.open(ref).read_text(encoding="utf-8"))
            if isinstance(document, dict) and {"classes", "confusion"} <= document.keys():
                matrix = [list(map(str, document["classes"])), document["confusion"]]
                given[CONFUSION].log_confusion_matrix(*matrix)


def write_metrics(artifact: Any, values: dict[str, float]) -> None:
    """Fill a Metrics artifact, and its file: without one, KFP here can't use the task again."""
    for name, value in values.items():
        artifact.log_metric(name, float(value))
    write_document(artifact, {"value": values})


def write_document(artifact: Any, document: dict[str, Any]) -> None:
    """Write the file of an artifact."""
    Path(artifact.path).write_text(json.dumps(document), encoding="utf-8")
