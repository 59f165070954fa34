"""Call the Kubeflow Pipelines API: upload a version, run it, schedule it, delete runs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import Any

import requests
from kfp import Client
from kfp_server_api import ApiException
from urllib3.exceptions import HTTPError

from mlpo_kit.cluster.kubernetes_api import read_message
from mlpo_kit.errors import PipelineError
from mlpo_kit.kubeflow.compiling import Compiled

ENDPOINT = "KF_PIPELINES_ENDPOINT"
TOKEN = "KF_PIPELINES_TOKEN"
SHARED_NAMESPACE = "kubeflow"  # the server's namespace; without team namespaces also the tasks'
PAGE = 100


def connect(namespace: str = "") -> Client:
    """Check the server that KF_PIPELINES_ENDPOINT names, and connect to it.

    `namespace` is the team's namespace; a server without team namespaces ignores it. Raises
    PipelineError if no server is named, none answers, the token is missing or not accepted, or it
    is not Kubeflow Pipelines 2.
    """
    url = os.environ.get(ENDPOINT, "").rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise PipelineError(
            f"{ENDPOINT} does not name a server: set it to the URL of the Kubeflow Pipelines API, "
            "such as http://localhost:8080 after `kubectl port-forward -n kubeflow "
            "svc/ml-pipeline-ui 8080:80`"
        )
    token = os.environ.get(TOKEN)
    is_multi_user = ask_health(url, token).get("multi_user", False)
    if is_multi_user and namespace == SHARED_NAMESPACE:
        raise PipelineError(
            f"the server at {url} has a namespace for each team: name yours in deploy/cluster.yaml"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # KFP warns that it can't use version 1
        used = namespace if is_multi_user and namespace else SHARED_NAMESPACE
        return Client(host=url, existing_token=token, namespace=used)


def ask_health(url: str, token: str | None) -> dict[str, Any]:
    """Read the server's health document, in one try: KFP's client would retry for 30 seconds."""
    try:
        answer = requests.get(
            f"{url}/apis/v2beta1/healthz",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=30,
        )
    except requests.exceptions.SSLError as error:
        raise PipelineError(f"no secure connection to {url} ({ENDPOINT}): {error}") from None
    except requests.RequestException:
        raise PipelineError(
            f"no server answers at {url} ({ENDPOINT}): is it up, and its port forwarded?"
        ) from None
    if answer.status_code in (401, 403):
        problem = "has expired, or may not do this" if token else "is not set"
        raise PipelineError(f"the server at {url} requires a login: {TOKEN} {problem}")
    if answer.status_code >= 500:
        raise PipelineError(f"the server at {url} fails with {answer.status_code}: try again later")
    try:
        document = answer.json()
    except requests.JSONDecodeError:
        document = None
    if answer.status_code != 200 or not isinstance(document, dict):
        raise PipelineError(
            f"the server at {url} is not Kubeflow Pipelines 2: it has no API v2beta1 "
            f"(HTTP {answer.status_code}). {ENDPOINT} may name a login page or an older server"
        )
    return document


def start_run(client: Client, compiled: Compiled) -> str:
    """Upload the version if it is new and start a run; return the message to print."""
    with explain_errors("start the run"):
        experiment, pipeline_id, version_id = upload(client, compiled)
        run = client.run_pipeline(
            experiment,
            f"{compiled.pipeline} {compiled.version}",
            pipeline_id=pipeline_id,
            version_id=version_id,
            params=compiled.parameters,
            service_account=compiled.cluster.service_account,
        )
    return f"run {run.run_id}: {os.environ[ENDPOINT].rstrip('/')}/#/runs/details/{run.run_id}"


def schedule_runs(client: Client, compiled: Compiled, cron: str) -> str:
    """Replace the schedule by one that runs this version; return the message to print."""
    account = compiled.cluster.service_account
    with explain_errors("schedule the pipeline"):
        experiment, pipeline_id, version_id = upload(client, compiled)
        before = find_named(
            lambda **page: client.list_recurring_runs(experiment_id=experiment, **page),
            "recurring_runs",
            compiled.pipeline,
        )
        wanted = (version_id, cron, compiled.parameters, "ENABLED", account or "")
        current = next((run for run in before if describe_schedule(run) == wanted), None)
        if current is None:
            current = client.create_recurring_run(
                experiment,
                compiled.pipeline,
                cron_expression=cron,
                no_catchup=True,
                pipeline_id=pipeline_id,
                version_id=version_id,
                params=compiled.parameters,
                service_account=account,
            )
        # Delete last, so that a failure in between does not leave the team without a schedule.
        for run in before:
            if run.recurring_run_id != current.recurring_run_id:
                client.delete_recurring_run(run.recurring_run_id)
    name = f"{compiled.pipeline} {compiled.version}"
    return f"{name} runs at {cron!r}: recurring run {current.recurring_run_id}"


def delete_runs(client: Client, run_ids: Collection[str]) -> None:
    """Delete runs, and with them their entries in KFP's cache; a missing run is no error."""
    with explain_errors("delete the runs"):
        for run_id in run_ids:
            try:
                client.delete_run(run_id)
            except ApiException as error:
                if error.status != 404:
                    raise


def describe_schedule(run: Any) -> tuple[str, str, dict[str, Any], str, str]:
    """Describe a recurring run: version id, cron, parameters, status, service account."""
    reference, cron, config = (
        run.pipeline_version_reference,
        run.trigger.cron_schedule,
        run.runtime_config,
    )
    return (
        reference.pipeline_version_id if reference else "",
        cron.cron if cron else "",
        config.parameters or {} if config else {},
        run.status,
        run.service_account or "",
    )


def upload(client: Client, compiled: Compiled) -> tuple[str, str, str]:
    """Create experiment, pipeline and version if they are missing; return their ids.

    Raises PipelineError if the server is older than Kubeflow Pipelines 2.17.
    """
    namespace = client.get_user_namespace() or None
    experiment = client.create_experiment(compiled.pipeline, namespace=namespace)
    pipelines = find_named(
        lambda **page: client.list_pipelines(namespace=namespace, **page),
        "pipelines",
        compiled.pipeline,
    )
    if pipelines:
        pipeline_id = pipelines[0].pipeline_id
    else:
        pipeline_id = client.pipelines.pipeline_service_create_pipeline(
            client.api_models.V2beta1Pipeline(display_name=compiled.pipeline, namespace=namespace)
        ).pipeline_id
    versions = find_named(
        lambda **page: client.list_pipeline_versions(pipeline_id, **page),
        "pipeline_versions",
        compiled.version,
    )
    if versions:
        version = versions[0]
    else:
        version = client.upload_pipeline_version(
            str(compiled.path), compiled.version, pipeline_id=pipeline_id
        )
    version_id = version.pipeline_version_id
    if "platform_spec" not in (version.pipeline_spec or {}):
        client.delete_pipeline_version(pipeline_id, version_id)
        raise PipelineError(
            "this server has dropped the Kubernetes settings of the tasks, such as secrets and "
            "volumes: it is older than the Kubeflow Pipelines 2.17 that the kit needs"
        )
    return experiment.experiment_id, pipeline_id, version_id


def find_named(list_page: Callable[..., Any], field: str, name: str) -> list[Any]:
    """Find the items with this display name in one of the server's lists."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    page = list_page(page_size=PAGE, filter=json.dumps({"predicates": [predicate]}))
    return list(getattr(page, field) or [])


@contextlib.contextmanager
def explain_errors(action: str) -> Iterator[None]:
    """Turn API errors into PipelineError with one sentence, and hide the links that KFP prints."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except ApiException as error:
        message = read_message(error)
        if "exceeded quota" in message:
            raise PipelineError(
                f"the namespace's quota leaves no room to {action}: {message}. Delete finished "
                "pods and jobs there, or ask for a larger quota"
            ) from None
        raise PipelineError(f"the server did not {action}: {error.status} {message}") from None
    except (HTTPError, OSError) as error:
        raise PipelineError(
            f"the connection to the server was lost while trying to {action}: {error}"
        ) from None
