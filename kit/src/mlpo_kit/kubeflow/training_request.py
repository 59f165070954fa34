"""The training request: the only input of the training task, so that KFP may skip the task.

KFP starts no pod for a task that it has run before with the same inputs. It sees neither code nor
data, so it may skip training only if the kit has verified the earlier result. That is why a request
repeats exactly if the kit has the result: then it is the request of the run that trained. A request
contains everything that training needs, as the task gets no other input.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import to_jsonable_python

from mlpo_kit.config.settings import check_settings
from mlpo_kit.execution.inputs import parse_inputs
from mlpo_kit.execution.runner import reuse_result
from mlpo_kit.runs.pipeline import Pipeline, Stage
from mlpo_kit.runs.records import read_record
from mlpo_kit.runs.workspace import Run
from mlpo_kit.store import Store


def write_request(run: Run, stage: Stage[Any], inputs: dict[str, Any]) -> str:
    """Return the request of an earlier run with the same training, or write a new one.

    If an earlier run has the result, this run's record of the training stage says so.
    """
    hit = reuse_result(run, stage, **inputs)
    if hit is not None and (earlier := _read_request(run.store, hit.origin, stage)) is not None:
        return earlier
    text = json.dumps(
        {
            "run_id": run.id,
            "use_cache": run.use_cache,
            "settings": to_jsonable_python(run.settings),
            "inputs": to_jsonable_python(inputs),
        }
    )
    run.store.write(_locate_request(run.id, stage), text.encode())
    return text


def parse_request(pipeline: Pipeline, text: str) -> tuple[Run, dict[str, Any]]:
    """Parse a request; return the run that wrote it, and the inputs of its training."""
    document = json.loads(text)
    settings = check_settings(document["settings"])
    run = Run(
        document["run_id"],
        "kubeflow",
        settings,
        use_cache=document["use_cache"],
        pipeline=pipeline,
    )
    stage = pipeline[pipeline.training_stage]
    return run, parse_inputs(pipeline, stage, document["inputs"])


def is_done(run: Run, stage: Stage[Any]) -> bool:
    """Return whether the request's run has trained already, although KFP's cache lost the task."""
    record = read_record(run.store, run.id, stage.record_name)
    return record is not None and record.is_success


def _locate_request(run_id: str, stage: Stage[Any]) -> str:
    """Locate the request next to the weights, so that both are deleted together."""
    return f"runs/{run_id}/{stage.name}/request.json"


def _read_request(store: Store, run_id: str, stage: Stage[Any]) -> str | None:
    """Read a run's request; None if it has none, as with a run of another orchestrator."""
    try:
        text = store.read(_locate_request(run_id, stage)).decode()
        return text if json.loads(text)["run_id"] == run_id else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
