"""Compile the workflow that Metaflow would create, offline, so that it can be read and checked.

`make workflow` compiles the same workflow, uploads its code, and creates it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from typing import Any

from mlpo_kit.cluster.manifests import drop_nulls
from mlpo_kit.config.documents import Document
from mlpo_kit.config.project import find_project
from mlpo_kit.config.settings import check_settings
from mlpo_kit.errors import PipelineError
from mlpo_kit.metaflow.description import list_variables, read_metaflow_cluster
from mlpo_kit.metaflow.launch import name_workflow_command
from mlpo_kit.metaflow.stand_in import stand_in
from mlpo_kit.metaflow.variants import FLOW_FILE, VARIANT, choose_variant


def compile_workflow(document: Document) -> dict[str, Any]:
    """Compile a profile's workflow.

    Returns `workflow` (Argo's WorkflowTemplate or the state machine of Step Functions) and the
    `job_definitions` of AWS Batch. Raises PipelineError with Metaflow's message.
    """
    return _compile(json.dumps(document, sort_keys=True), os.environ.get(VARIANT))


@cache
def _compile(document: str, variant: str | None) -> dict[str, Any]:
    settings = check_settings(json.loads(document))
    command = name_workflow_command(settings, "create")
    chosen = choose_variant(settings, variant, compiles=True)
    with tempfile.TemporaryDirectory() as home, stand_in() as aws:
        environment = {
            **os.environ,
            **list_variables(read_metaflow_cluster(settings)),
            **aws.variables,
            VARIANT: chosen,
            "METAFLOW_HOME": home,  # Metaflow writes tokens there
        }
        environment.pop("METAFLOW_S3_ENDPOINT_URL", None)  # it would win over AWS_ENDPOINT_URL
        config = ["--config-value", "config", document]
        process = subprocess.run(
            [sys.executable, FLOW_FILE, "--quiet", *config, *command, "--only-json"],
            cwd=find_project().root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if process.returncode:
        raise PipelineError(f"Metaflow can't compile {FLOW_FILE}:\n{process.stderr.strip()}")
    workflow = drop_nulls(json.loads(process.stdout))
    return {"workflow": workflow, "job_definitions": aws.job_definitions}


def find_job_problems(machine: dict[str, Any]) -> list[str]:
    """Check a state machine's jobs against the API of AWS Batch; return the problems."""
    from botocore.session import get_session
    from botocore.validate import ParamValidator

    shape = get_session().get_service_model("batch").operation_model("SubmitJob").input_shape
    reports = {name: ParamValidator().validate(job, shape) for name, job in list_jobs(machine)}
    return [
        f"step-functions.json: {name}: {report.generate_report()}"
        for name, report in reports.items()
        if report.has_errors()
    ]


def list_jobs(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """List the jobs of a state machine and of nested ones, as requests to AWS Batch."""
    for name, state in machine["States"].items():
        if state.get("Resource", "").endswith("batch:submitJob.sync"):
            yield name, _rename_as_api(state["Parameters"])
        if "Iterator" in state:
            yield from list_jobs(state["Iterator"])


def _rename_as_api(parameters: Any) -> Any:
    """Rename parameters of Step Functions (`Name`, or `Name.$` for a placeholder) to `name`."""
    if isinstance(parameters, list):
        return [_rename_as_api(item) for item in parameters]
    if not isinstance(parameters, dict):
        return parameters
    return {
        name[:1].lower() + name[1:].removesuffix(".$"): _rename_as_api(value)
        for name, value in parameters.items()
    }
