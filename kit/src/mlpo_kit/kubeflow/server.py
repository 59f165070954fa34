"""Talk to a Kubeflow Pipelines API: upload a version once, run it, schedule it, delete runs."""

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
SHARED_NAMESPACE = "kubeflow"  # the namespace where it is, and its tasks are if all share it
PAGE = 100


def connect(namespace: str = "") -> Client:
    """Connect to the server that the environment names, after one look at it.

    `namespace` is what belongs to the team where each has its own; a server for one ignores it.
    Raises PipelineError where none is named, none answers, it asks for a token, or what answers is
    no Kubeflow Pipelines 2.
    """
    url = os.environ.get(ENDPOINT, "").rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise PipelineError(
            f"{ENDPOINT} does not name a server. It is the URL of the Kubeflow Pipelines API, such "
            "as http://localhost:8080 after `kubectl port-forward -n kubeflow "
            "svc/ml-pipeline-ui 8080:80`"
        )
    token = os.environ.get(TOKEN)
    for_teams = ask_health(url, token).get("multi_user", False)
    if for_teams and namespace == SHARED_NAMESPACE:
        raise PipelineError(
            f"the server at {url} has a namespace for each team: name yours in deploy/cluster.yaml"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # that it is not for servers of version 1
        mine = namespace if for_teams and namespace else SHARED_NAMESPACE
        return Client(host=url, existing_token=token, namespace=mine)


def ask_health(url: str, token: str | None) -> dict[str, Any]:
    """Ask what the server says of itself, once: KFP's client would try for half a minute."""
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
        raise PipelineError(f"the server at {url} wants to know who you are: {TOKEN} {problem}")
    if answer.status_code >= 500:
        raise PipelineError(f"the server at {url} fails with {answer.status_code}: try again later")
    try:
        document = answer.json()
    except requests.JSONDecodeError:
        document = None
    if answer.status_code != 200 or not isinstance(document, dict):
        raise PipelineError(
            f"what answers at {url} is no Kubeflow Pipelines 2: it has no API v2beta1 "
            f"(HTTP {answer.status_code}). {ENDPOINT} may name a login page or an older server"
        )
    return document


def start_run(client: Client, compiled: Compiled) -> str:
    """Start a run, after an upload if its version is new; returns what to tell the user."""
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
    """Run a version at set times, in place of what was scheduled; returns what to tell the user."""
    account = compiled.cluster.service_account
    with explain_errors("schedule the pipeline"):
        experiment, pipeline_id, version_id = upload(client, compiled)
        before = find_named(
            lambda **page: client.list_recurring_runs(experiment_id=experiment, **page),
            "recurring_runs",
            compiled.pipeline,
        )
        wanted = (version_id, cron, compiled.parameters, "ENABLED", account or "")
        kept = [run for run in before if describe_schedule(run) == wanted][:1]
        if not kept:
            made = client.create_recurring_run(
                experiment,
                compiled.pipeline,
                cron_expression=cron,
                no_catchup=True,
                pipeline_id=pipeline_id,
                version_id=version_id,
                params=compiled.parameters,
                service_account=account,
            )
            kept = [made]
        # The new one first: nothing that fails in between leaves the team without a schedule.
        for run in before:
            if run.recurring_run_id != kept[0].recurring_run_id:
                client.delete_recurring_run(run.recurring_run_id)
    name = f"{compiled.pipeline} {compiled.version}"
    return f"{name} runs at {cron!r}: recurring run {kept[0].recurring_run_id}"


def delete_runs(client: Client, run_ids: Collection[str]) -> None:
    """Delete runs, and with them what KFP's cache has of them; one that is gone is no error."""
    with explain_errors("delete the runs"):
        for run_id in run_ids:
            try:
                client.delete_run(run_id)
            except ApiException as error:
                if error.status != 404:
                    raise


def describe_schedule(run: Any) -> tuple[str, str, dict[str, Any], str, str]:
    """Describe a recurring run: version, times, parameters, whether it is on, account."""
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
    """Return the ids of experiment, pipeline and version; each is made only if missing."""
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
    found = versions or [
        client.upload_pipeline_version(
            str(compiled.path), compiled.version, pipeline_id=pipeline_id
        )
    ]
    version_id = found[0].pipeline_version_id
    if "platform_spec" not in (found[0].pipeline_spec or {}):
        client.delete_pipeline_version(pipeline_id, version_id)
        raise PipelineError(
            "this server has dropped what Kubernetes is told of the tasks, secrets and volumes "
            "included: it is older than the Kubeflow Pipelines 2.17 that it must be"
        )
    return experiment.experiment_id, pipeline_id, version_id


def find_named(page_of: Callable[..., Any], field: str, name: str) -> list[Any]:
    """Find those of this name in a list of the server's."""
    equal = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    page = page_of(page_size=PAGE, filter=json.dumps({"predicates": [equal]}))
    return list(getattr(page, field) or [])


@contextlib.contextmanager
def explain_errors(what: str) -> Iterator[None]:
    """Turn an answer that is an error into a sentence, and keep KFP's links to itself."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except ApiException as error:
        words = read_message(error)
        if "exceeded quota" in words:
            raise PipelineError(
                f"the namespace's quota leaves no room to {what}: {words}. Delete what is done "
                "with there, or ask for more"
            ) from None
        raise PipelineError(f"the server does not {what}: {error.status} {words}") from None
    except (HTTPError, OSError) as error:
        raise PipelineError(f"the server was lost on the way to {what}: {error}") from None
