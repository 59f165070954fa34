"""An HTTP server that simulates a cluster: Kubernetes, an image registry, MLflow, a bucket."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from cluster.samples import make_cluster
from mlpo_kit.cluster import image
from mlpo_kit.cluster.description import Cluster
from mlpo_kit.cluster.manifests import KUBERNETES
from mlpo_kit.cluster.schemas import check_document

ACCESS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
SPACE = "/api/v1/namespaces/team"
RESOURCES = {  # the API's names of the kinds in every project's manifests
    "/api/v1": [
        {"name": "services/status", "kind": "Service", "namespaced": True},
        {"name": "services", "kind": "Service", "namespaced": True},
        {"name": "configmaps", "kind": "ConfigMap", "namespaced": True},
    ],
    "/apis/apps/v1": [{"name": "deployments", "kind": "Deployment", "namespaced": True}],
    "/apis/batch/v1": [
        {"name": "jobs", "kind": "Job", "namespaced": True},
        {"name": "cronjobs", "kind": "CronJob", "namespaced": True},
    ],
    "/apis/policy/v1": [
        {"name": "poddisruptionbudgets", "kind": "PodDisruptionBudget", "namespaced": True}
    ],
}


@dataclass
class Services:
    """What a cluster answers over HTTP: Kubernetes, a registry of images, MLflow and a bucket.

    `documents` are what is there, by path; `refused` the statuses that a test wants instead.
    """

    documents: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)  # of the image registry; empty: everybody
    bearer: bool = False  # whether tokens come from another address, as with most registries
    messages: dict[str, str] = field(default_factory=dict)  # the API's messages when it refuses
    asked: list[str] = field(default_factory=list)
    sent: dict[str, str] = field(default_factory=dict)  # the credentials of requests, by path
    url: str = ""

    def have_all(self) -> None:
        """Reset: have everything that `cluster` describes, and nothing from earlier tests."""
        for left in (
            self.documents,
            self.refused,
            self.users,
            self.sent,
            self.asked,
            self.messages,
        ):
            left.clear()
        self.bearer = False
        repository, _, tag = image.name_image(self.cluster()).partition("/")[2].rpartition(":")
        self.documents |= {
            ACCESS: {"status": {"allowed": True}},
            SPACE: {"metadata": {"name": "team"}},
            f"{SPACE}/secrets/s3": {"data": {"key": "", "id": ""}},
            f"{SPACE}/secrets/registry": {"type": "kubernetes.io/dockerconfigjson"},
            f"{SPACE}/persistentvolumeclaims/store": {"status": {"phase": "Bound"}},
            f"{SPACE}/serviceaccounts/trainer": {},
            f"{SPACE}/resourcequotas": {"items": [quota({"requests.nvidia.com/gpu": "1"}, {})]},
            "/api/v1/nodes": {"items": [{"status": {"allocatable": {"nvidia.com/gpu": "1"}}}]},
            f"/v2/{repository}/manifests/{tag}": {},
            "/api/2.0/mlflow/experiments/search": {},
            "/bucket": {},
            **{path: {"resources": kinds} for path, kinds in RESOURCES.items()},
        }

    def cluster(self, **changes: Any) -> Cluster:
        """Make the cluster whose services these are."""
        values = {"image": f"{self.host}/team/digits", "mlflow_uri": self.url, **changes}
        return make_cluster(**values)

    @property
    def host(self) -> str:
        """The host of the image registry."""
        return self.url.removeprefix("http://")

    def answer(self, method: str, path: str, query: str, sent: str) -> tuple[int, Any, str]:
        """Return status, document and authentication challenge; `sent` holds the credentials."""
        self.asked.append(f"{method} {path}")
        self.sent[path] = sent
        if status := self.refused.get(path):
            return status, {"message": "as the test says"}, ""
        if path == "/token":
            given = self.users.get(sent) if sent else None
            return (200, {"token": given}, "") if given else (401, {}, "")
        if path.startswith("/v2/") and self.users:
            wanted = {f"Bearer {token}" for token in self.users.values()}
            if self.bearer and sent not in wanted:
                return 401, {}, f'Bearer realm="{self.url}/token",service="test",scope="pull"'
            if not self.bearer and sent not in self.users:
                return 401, {}, 'Basic realm="test"'
        if path.startswith(("/api/v1/", "/apis/")) and sent != "Bearer good":
            return 401, {}, ""
        if path.startswith("/bucket/") and method == "PUT":
            self.documents[path] = {}
            return 200, None, ""
        if path == "/bucket" and query.startswith("delete"):
            gone = [key for key in self.documents if key.startswith("/bucket/")]
            for key in gone:
                del self.documents[key]
            return 200, None, ""
        if path not in self.documents:
            return 404, {"message": "not found"}, ""
        return 200, self.documents[path], ""

    def apply(self, path: str, query: str, document: Any) -> tuple[int, Any, str]:
        """Apply an object as the API server does, checked by its schemas; a dry run keeps none."""
        self.asked.append(f"PATCH {path}?{query}")
        if status := self.refused.get(path):
            return status, {"message": self.messages.get(path, "as the test says")}, ""
        if problem := check_document(document, KUBERNETES):
            return 422, {"message": f"{document['kind']} is invalid: {problem}"}, ""
        if "dryRun=All" not in query:
            self.documents[path] = document
        return 200, document, ""


def quota(hard: dict[str, str], used: dict[str, str], **spec: Any) -> dict[str, Any]:
    """Make a ResourceQuota named `gpus`."""
    status = {"hard": hard, "used": used}
    return {"metadata": {"name": "gpus"}, "spec": {"hard": hard, **spec}, "status": status}


def configure(folder: Path, host: str, token: str = "good") -> None:
    """Write kubectl's configuration."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{"name": "test", "cluster": {"server": host}}],
        "users": [{"name": "me", "user": {"token": token}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "me"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(document), encoding="utf-8")


@contextmanager
def serving(services: Services) -> Iterator[None]:
    """Answer at `services.url`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_request(self) -> None:
            path, _, query = self.path.partition("?")
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            sent = self.headers.get("Authorization") or ""
            if self.command == "PATCH":
                status, document, challenge = services.apply(path, query, json.loads(content))
            else:
                status, document, challenge = services.answer(self.command, path, query, sent)
            content = b"<DeleteResult/>" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            if challenge:
                self.send_header("WWW-Authenticate", challenge)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_request

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        services.url = f"http://127.0.0.1:{server.server_port}"
        yield
        server.shutdown()
