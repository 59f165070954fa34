"""The part of the Kubeflow Pipelines API v2beta1 that submitting uses, over real HTTP.

It holds requests to the API's published contract: paths, required fields, no unknown ones,
filters, pages, namespaces, and the errors of a real server.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qs, unquote

import kfp_http
import kfp_server_api as api
import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

BASE = "/apis/v2beta1"
Item = dict[str, Any]


class Refused(Exception):
    """An answer that is an error: HTTP status, gRPC code and message."""


@dataclass
class FakeApi:
    """The server's contents and options."""

    token: str = ""
    multi_user: bool = False
    old: bool = False  # from before Kubeflow Pipelines 2.17
    full: bool = False  # without quota for another run
    url: str = ""
    experiments: list[Item] = field(default_factory=list)
    pipelines: list[Item] = field(default_factory=list)
    versions: list[Item] = field(default_factory=list)
    runs: list[Item] = field(default_factory=list)
    recurring: list[Item] = field(default_factory=list)

    def answer(self, method: str, path: str, query: Item, content_type: str, body: bytes) -> Item:
        """Handle one request; raises Refused."""
        document = json.loads(body) if body and "json" in content_type else {}
        steps = [step for step in path.removeprefix(BASE).split("/") if step]
        match method, *steps:
            case "GET", "healthz":
                return {"multi_user": True} if self.multi_user else {}
            case "POST", "experiments":
                self.own_namespace(document)
                model = api.V2beta1Experiment
                return self.create(self.experiments, "experiment_id", model, document)
            case "GET", "experiments":
                self.own_namespace(query)
                return self.page("experiments", self.experiments, query)
            case "POST", "pipelines":
                return self.create(self.pipelines, "pipeline_id", api.V2beta1Pipeline, document)
            case "GET", "pipelines":
                where = query.get("namespace") or None
                held = [item for item in self.pipelines if item.get("namespace") == where]
                return self.page("pipelines", held, query)
            case "POST", "pipelines", "upload_version":
                return self.upload_version(query, content_type, body)
            case "GET", "pipelines", pipeline, "versions":
                held = [item for item in self.versions if item["pipeline_id"] == pipeline]
                return self.page("pipeline_versions", held, query)
            case "DELETE", "pipelines", _, "versions", name:
                self.versions.remove(the(self.versions, "pipeline_version_id", name))
                return {}
            case "POST", "runs":
                self.check_source(document)
                if self.full:
                    raise Refused(500, 13, "workflows is forbidden: exceeded quota: runs")
                return self.create(self.runs, "run_id", api.V2beta1Run, document, unique=False)
            case "DELETE", "runs", name:
                self.runs.remove(the(self.runs, "run_id", name))
                return {}
            case "POST", "recurringruns":
                self.check_source(document)
                self.check_schedule(document)
                model = api.V2beta1RecurringRun
                key = "recurring_run_id"
                made = self.create(self.recurring, key, model, document, unique=False)
                made["status"] = f"{document['mode']}D"
                return made
            case "GET", "recurringruns":
                where = query.get("experiment_id")
                held = [item for item in self.recurring if item["experiment_id"] == where]
                return self.page("recurringRuns", held, query)
            case "DELETE", "recurringruns", name:
                self.recurring.remove(the(self.recurring, "recurring_run_id", name))
                return {}
        raise Refused(404, 5, f"{method} {path} is not part of the API")

    def own_namespace(self, given: Item) -> None:
        """Check the namespace, which a server for many teams requires."""
        if self.multi_user and not given.get("namespace"):
            raise Refused(400, 3, "Invalid input error: a namespace cannot be empty")

    def create(
        self, held: list[Item], key: str, model: Any, document: Item, unique: bool = True
    ) -> Item:
        """Store a new item; raises Refused for unknown fields."""
        check_fields(document, model)
        if not document.get("display_name"):
            raise Refused(400, 3, "Invalid input error: display_name cannot be empty")
        if unique and any(item["display_name"] == document["display_name"] for item in held):
            raise Refused(409, 6, f"Already exists: {document['display_name']}")
        made = {**document, key: str(uuid.uuid4())}
        if "max_concurrency" in made:  # JSON has 64 bit integers as text
            made["max_concurrency"] = str(made["max_concurrency"])
        held.append(made)
        return made

    def page(self, name: str, held: list[Item], query: Item) -> Item:
        """A page of a list, filtered."""
        for predicate in json.loads(query.get("filter") or "{}").get("predicates", []):
            assert predicate["operation"] in (1, "EQUALS")
            value = predicate.get("string_value", predicate.get("stringValue"))
            held = [item for item in held if item.get(predicate["key"]) == value]
        size, start = int(query.get("page_size") or 20), int(query.get("page_token") or 0)
        if size > 200:
            raise Refused(400, 3, "Invalid input error: the page size is above 200")
        answer: Item = {name: held[start : start + size], "total_size": len(held)}
        if start + size < len(held):
            answer["next_page_token"] = str(start + size)
        return answer

    def upload_version(self, query: Item, content_type: str, body: bytes) -> Item:
        """Store a version; its file must be a compiled pipeline."""
        header = f"Content-Type: {content_type}\r\n\r\n".encode()
        parts = BytesParser().parsebytes(header + body).walk()
        file = next(part for part in parts if part.get_filename())
        content = file.get_payload(decode=True)
        assert isinstance(content, bytes)
        pipeline, *platform = yaml.safe_load_all(content)
        try:
            json_format.ParseDict(pipeline, pipeline_spec_pb2.PipelineSpec())
        except json_format.ParseError as error:
            raise Refused(400, 3, f"Invalid input error: {error}") from None
        the(self.pipelines, "pipeline_id", query["pipelineid"])
        document = {
            "pipeline_id": query["pipelineid"],
            "display_name": query["name"],
            "pipeline_spec": pipeline,
        }
        if platform and not self.old:  # one that does not know all of it drops it, and says nothing
            both = {"pipeline_spec": pipeline, "platform_spec": platform[0]}
            document["pipeline_spec"] = both
        held = [item for item in self.versions if item["pipeline_id"] == query["pipelineid"]]
        made = self.create(held, "pipeline_version_id", api.V2beta1PipelineVersion, document)
        self.versions.append(made)
        return made

    def check_source(self, document: Item) -> None:
        """Check that a run's version exists and has the run's parameters."""
        source = document["pipeline_version_reference"]
        check_fields(source, api.V2beta1PipelineVersionReference)
        version = the(self.versions, "pipeline_version_id", source["pipeline_version_id"])
        the(self.experiments, "experiment_id", document["experiment_id"])
        inputs = find_specification(version)["root"].get("inputDefinitions", {})
        known = inputs.get("parameters", {})
        given = document.get("runtime_config", {}).get("parameters", {})
        if unknown := given.keys() - known.keys():
            raise Refused(400, 3, f"Invalid input error: unknown parameters {sorted(unknown)}")

    def check_schedule(self, document: Item) -> None:
        """Check a recurring run's mode, concurrency and cron expression."""
        if document.get("mode") not in ("ENABLE", "DISABLE"):
            raise Refused(400, 3, "Invalid input error: mode is not specified")
        if not 1 <= int(document.get("max_concurrency") or 0) <= 10:
            raise Refused(400, 3, "Invalid input error: max_concurrency is not in 1 to 10")
        cron = document.get("trigger", {}).get("cron_schedule", {}).get("cron", "")
        if not re.fullmatch(r"(\S+ ){5}\S+", cron):
            raise Refused(400, 3, f"Invalid input error: schedule cron is invalid: {cron}")


def find_specification(version: Item) -> Any:
    """Return a version's pipeline without its Kubernetes settings."""
    held = version["pipeline_spec"]
    return held.get("pipeline_spec", held)


def check_fields(document: Item, model: Any) -> None:
    """Refuse unknown fields, as the server's JSON reader does."""
    if unknown := document.keys() - set(model.attribute_map.values()):
        raise Refused(400, 3, f"unknown fields {sorted(unknown)} in {model.__name__}")


def the(held: list[Item], key: str, value: str) -> Item:
    """The item with this id."""
    for item in held:
        if item[key] == value:
            return item
    raise Refused(404, 5, f"ResourceNotFoundError: {key} {value}")


@contextmanager
def serve_api(fake: FakeApi) -> Iterator[FakeApi]:
    """Serve the API during a `with` block."""

    def answer(asked: kfp_http.Request) -> tuple[int, Item]:
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        kind = asked.headers.get("Content-Type") or ""
        try:
            if fake.token and asked.headers.get("Authorization") != f"Bearer {fake.token}":
                raise Refused(401, 16, "Unauthenticated")
            return 200, fake.answer(asked.method, unquote(asked.path), query, kind, asked.body)
        except Refused as refused:
            status, code, message = refused.args
            return status, {"error": message, "code": code, "message": message, "details": []}

    with kfp_http.serve(answer) as fake.url:
        yield fake
