"""Read a running task's inputs and write its outputs: artifacts with references, small values."""

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
from mlpo_kit.execution.children import INTERRUPTED
from mlpo_kit.execution.inputs import parse_inputs
from mlpo_kit.execution.parents import follow_parents
from mlpo_kit.kubeflow.ports import CONFUSION, METRICS, Port, Ports, find_inputs, find_numbers
from mlpo_kit.runs.changes import apply_changes, parse_changes
from mlpo_kit.runs.pipeline import Pipeline, Stage, load_pipeline
from mlpo_kit.runs.workspace import Run
from mlpo_kit.store import Ref

EMPTY = {"str": "", "int": 0, "float": 0.0, "bool": False}
Arguments = Mapping[str, Any]  # the arguments of a component, by name


def open_run(pipeline: Pipeline, arguments: Arguments) -> Run:
    """Open the run that a task belongs to, with the run's settings."""
    if not arguments["profile"]:
        raise PipelineError(
            "this pipeline was compiled without a profile: run the one that `make compile` writes"
        )
    settings = change_settings(json.loads(arguments["profile"]), arguments["settings"])
    # In a loop, KFP's local runner appends the task's name to the run's.
    run_id = arguments["run_id"].partition("/")[0]
    return Run(run_id, "kubeflow", settings, use_cache=arguments["use_cache"], pipeline=pipeline)


def change_settings(document: Document, text: str) -> Any:
    """Apply the changes of a run to the settings that its pipeline was compiled with.

    Returns the project's `Settings`. Raises PipelineError for a setting that is wrong or was fixed
    when the pipeline was compiled.
    """
    training = load_pipeline().training_stage
    fixed = ["nodes"]
    if count_nodes(check_settings(document), training) > 1:
        fixed += ["processes", "threads", "timeout_seconds"]  # they are in the TrainJob
    names = [f"{training}.{name}" for name in fixed]
    return check_settings(apply_changes(document, parse_changes(text), names))


def check_code(arguments: Arguments) -> None:
    """Raise PipelineError unless the pipeline was compiled from this code.

    In a local run both are empty, and nothing is compared.
    """
    check_kit_version(arguments["kit"])
    if arguments["code"] and arguments["code"] != hash_project_code():
        raise PipelineError(
            "this image holds other code than the pipeline was compiled from: run "
            "`make image push`, then submit again"
        )


@contextlib.contextmanager
def label_messages(stage: Stage[Any]) -> Iterator[None]:
    """Prefix a stage's messages with its name.

    PipelineError, which the user can fix, ends the task with its message and exit code 1, an
    interrupt with 130. Any other exception is a defect and keeps its traceback. The task ends with
    the process that runs the pipeline.
    """
    follow_parents()
    label = f"{stage.record_name:<10} "
    # `force`: KFP has configured logging already, with its own name and the time in every line.
    logging.basicConfig(
        level=logging.INFO, stream=sys.stdout, format=f"{label} %(message)s", force=True
    )
    try:
        yield
    except PipelineError as error:
        sys.exit(f"{label} failed: {error}")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def read_inputs(pipeline: Pipeline, stage: Stage[Any], arguments: Arguments) -> dict[str, Any]:
    """Read the inputs of a stage from its task's arguments."""
    ports = find_inputs(pipeline, stage)
    values = {name: _read_value(port, arguments[name]) for name, port in ports.items()}
    return parse_inputs(pipeline, stage, values)


def _read_value(port: Port, argument: Any) -> Any:
    if port.is_artifact:
        document = json.loads(Path(argument.path).read_text(encoding="utf-8"))
        return document["value"] if document.keys() == {"value"} else document
    return json.loads(argument) if port.is_json else argument


def write_artifacts(ports: Ports, result: Any, arguments: Arguments) -> None:
    """Fill the artifacts of a task with a reference into the store, or with a value."""
    for output, port in ports.outputs.items():
        value = getattr(result, output)
        if not port.is_artifact:
            continue
        if isinstance(value, Ref):
            arguments[port.name].metadata.update(asdict(value))
            write_document(arguments[port.name], asdict(value))
        elif port.kind == "Metrics":
            write_metrics(arguments[port.name], value)
        else:
            write_document(arguments[port.name], {"value": to_jsonable_python(value)})


def list_parameters(ports: Ports, result: Any, request: str | None) -> tuple[Any, ...] | None:
    """List the parameters that a task returns, in the order of its return type.

    Without a result, as after a refusal, they are empty: KFP does not allow missing parameters.
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


def show_numbers(
    ports: Ports, result: Any, stage: Stage[Any], run: Run, arguments: Arguments
) -> None:
    """Fill the artifacts that KFP's pages show: numbers, and the report's confusion matrix."""
    if METRICS in ports.shown:
        write_metrics(arguments[METRICS], find_numbers(result, stage))
    if CONFUSION not in ports.shown:
        return
    for output, port in ports.outputs.items():
        ref = getattr(result, output)
        if port.is_artifact and isinstance(ref, Ref) and ref.uri.endswith(".json"):
            document = json.loads(run.store.open(ref).read_text(encoding="utf-8"))
            if isinstance(document, dict) and {"classes", "confusion"} <= document.keys():
                matrix = [list(map(str, document["classes"])), document["confusion"]]
                arguments[CONFUSION].log_confusion_matrix(*matrix)


def write_metrics(artifact: Any, values: dict[str, float]) -> None:
    """Fill a Metrics artifact and its file, without which KFP's local cache can't reuse a task."""
    for name, value in values.items():
        artifact.log_metric(name, float(value))
    write_document(artifact, {"value": values})


def write_document(artifact: Any, document: dict[str, Any]) -> None:
    """Write the file of an artifact."""
    Path(artifact.path).write_text(json.dumps(document), encoding="utf-8")
