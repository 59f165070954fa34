"""The request for a training: the only input of the task that trains, so that KFP may skip it.

A cluster starts no pod for a task that it did before with the same inputs. KFP sees neither the
code nor the data, so it may only do that where the kit has verified the result. So the text of a
request is the same where the kit has the result, and only there: then it is the request of the run
that trained. It holds all that training needs, as the task is given nothing else.
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
    """Return the request of the run that did this very training, or else a new one of this run.

    Where another run did it, this one's record of the training says so from now on.
    """
    hit = reuse_result(run, stage, **inputs)
    if hit is not None and (kept := _read_request(run.store, hit.origin, stage)) is not None:
        return kept
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
    """Parse a request to the run that it is of, and the inputs of its training."""
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
    """Whether the run of a request has its result: the cluster has forgotten that it did."""
    done = read_record(run.store, run.id, stage.place)
    return done is not None and done.is_success


def _locate_request(run_id: str, stage: Stage[Any]) -> str:
    """Beside the weights: it goes when they go."""
    return f"runs/{run_id}/{stage.name}/request.json"


def _read_request(store: Store, run_id: str, stage: Stage[Any]) -> str | None:
    """The request of a run; None where it has none, as when another orchestrator ran it."""
    try:
        text = store.read(_locate_request(run_id, stage)).decode()
        return text if json.loads(text)["run_id"] == run_id else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
