"""A small stand-in for a Kubernetes cluster: its API over HTTP, and pods that really run.

It knows what a run of ZenML needs: jobs, their pods, secrets, and whether somebody may do that. A
pod is a container of an engine; or none runs, and a test says what became of it.
"""

from __future__ import annotations

import base64
import http.server
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from engine import Engine

Document = dict[str, Any]
Run = Callable[[str, Document, dict[str, str]], tuple[int, str]]
LISTS = ("resourcequotas", "nodes")
KINDS = {  # how the API names what a project has manifests of
    "configmaps": "ConfigMap",
    "cronjobs": "CronJob",
    "deployments": "Deployment",
    "jobs": "Job",
    "poddisruptionbudgets": "PodDisruptionBudget",
    "rolebindings": "RoleBinding",
    "roles": "Role",
    "serviceaccounts": "ServiceAccount",
    "services": "Service",
}


@dataclass
class Kube:
    """A namespace. `run` gets a pod's name, its spec and its variables; returns code and log."""

    namespace: str
    run: Run | None = None
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)  # such as {"POST jobs": ...}
    waiting: str | None = None  # the reason why no pod starts
    secrets: dict[str, Document] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)  # the names of all secrets that ever were
    jobs: dict[str, Document] = field(default_factory=dict)
    pods: dict[str, Document] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    url: str = ""

    def answer(self, method: str, url: str, body: Document) -> tuple[int, Document]:
        """The status and the document that the API answers."""
        asked = urlsplit(url)
        query = {key: values[0] for key, values in parse_qs(asked.query).items()}
        parts = asked.path.strip("/").split("/")
        if len(parts) == (2 if parts[0] == "api" else 3):
            known = [
                {"name": name, "kind": kind, "namespaced": True} for name, kind in KINDS.items()
            ]
            return 200, {"resources": known}
        kind, name = _kind_and_name(parts)
        if said := self.refused.get(f"{method} {kind}"):
            return said[0], {"message": said[1], "reason": "Forbidden"}
        if query.get("dryRun") == "All":
            return 200, body
        if kind == "selfsubjectaccessreviews":
            return 201, {"status": {"allowed": True}}
        if kind == "namespaces":
            there = name == self.namespace
            return (200, {"metadata": {"name": name}}) if there else (404, {})
        if kind in LISTS:
            return 200, {"items": []}
        if kind == "serviceaccounts":
            return 200, {"metadata": {"name": name}}
        held: dict[str, Document] | None = getattr(self, kind, None)
        if held is None:
            return 404, {"message": f"there are no {kind} here"}
        if method == "POST":
            return self._create(kind, held, body)
        if name is None:
            return 200, {"items": [one for one in held.values() if _is_meant(one, query)]}
        if name not in held:
            return 404, {"message": f"{kind} {name!r} not found"}
        if method == "DELETE":
            return 200, held.pop(name)
        if method == "PATCH":
            _merge(held[name], body)
        return 200, held[name]

    def _create(self, kind: str, held: dict[str, Document], body: Document) -> tuple[int, Document]:
        name = body["metadata"]["name"]
        if name in held:
            return 409, {"message": "it already exists"}
        body["metadata"].setdefault("annotations", {})
        body["metadata"]["uid"] = str(uuid.uuid4())
        held[name] = body
        if kind == "secrets":
            self.made.append(name)
        if kind == "jobs":
            body["status"] = {"active": 1}
            threading.Thread(target=self._work, args=[body], daemon=True).start()
        return 201, body

    def _work(self, job: Document) -> None:
        """What the controller of jobs and the kubelet do for a job."""
        name, spec = job["metadata"]["name"], job["spec"]["template"]["spec"]
        for attempt in range(job["spec"]["backoffLimit"] + 1):
            pod = f"{name[:50].rstrip('-')}-{attempt}"
            labels = job["spec"]["template"]["metadata"]["labels"]
            owner = {"apiVersion": "batch/v1", "kind": "Job", "name": name}
            owner["uid"] = job["metadata"]["uid"]
            state = {"waiting": {"reason": self.waiting}} if self.waiting else {"running": {}}
            status = {"name": "main", "ready": False, "image": "", "imageID": "", "restartCount": 0}
            self.pods[pod] = {
                "metadata": {
                    "name": pod,
                    "labels": {**labels, "job-name": name},
                    "creationTimestamp": "2026-01-01T00:00:00Z",
                    "ownerReferences": [owner],
                },
                "spec": spec,
                "status": {
                    "phase": "Pending" if self.waiting else "Running",
                    "containerStatuses": [{**status, "state": state}],
                },
            }
            if self.run is None or self.waiting:
                return  # as a job whose pod goes on
            code, self.logs[pod] = self.run(pod, spec, self.variables(spec))
            if code == 0:
                job["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
                return
        said = {"type": "Failed", "status": "True", "message": "Job has reached the backoff limit"}
        job["status"] = {"conditions": [said]}

    def variables(self, spec: Document) -> dict[str, str]:
        """The variables of a pod's container, the last one of a name, as Kubernetes has it."""
        found = {}
        for one in spec["containers"][0]["env"]:
            if "value" in one:
                found[one["name"]] = one["value"]
            else:
                asked = one["valueFrom"]["secretKeyRef"]
                data = self.secrets[asked["name"]]["data"]
                found[one["name"]] = base64.b64decode(data[asked["key"]]).decode()
        return found


def secret(name: str, **data: str) -> Document:
    """A secret, as the API has it."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"metadata": {"name": name}, "data": encoded}


def in_containers(engine: Engine, kubeconfig: Path) -> Run:
    """Runs each pod's container as its pod says: whose user, over a root that is read-only.

    A pod that may talk to Kubernetes finds it by `kubeconfig`.
    """

    def run(name: str, spec: Document, variables: dict[str, str]) -> tuple[int, str]:
        (work,) = spec["containers"]
        security = work["securityContext"]
        command = ["run", "--rm", "--no-healthcheck", "--hostname", name, "--cap-drop", "ALL"]
        command += ["--user", f"{security['runAsUser']}:{security['runAsGroup']}"]
        command += ["--security-opt", "no-new-privileges"]
        if security["readOnlyRootFilesystem"]:
            command += ["--read-only"]
        volumes = {one["name"] for one in spec["volumes"] if "emptyDir" in one}
        for mount in work["volumeMounts"]:
            assert mount["name"] in volumes, mount
            command += ["--tmpfs", f"{mount['mountPath']}:exec,mode=1777"]
        if spec.get("automountServiceAccountToken"):
            command += ["--volume", f"{kubeconfig}:/kube/config:ro"]
            variables["KUBECONFIG"] = "/kube/config"
        for key, value in variables.items():
            command += ["--env", f"{key}={value}"]
        words: list[str] = [*work["command"], *work["args"]]
        command += ["--entrypoint", words[0], work["image"], *words[1:]]
        done = engine.run(*command, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def configure(file: Path, url: str) -> None:
    """Write a configuration of kubectl, whose context is `team`."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "team",
        "clusters": [{"name": "team", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {"token": "good"}}],
        "contexts": [{"name": "team", "context": {"cluster": "team", "user": "me"}}],
    }
    file.write_text(json.dumps(document))


@contextmanager
def serving(kube: Kube, host: str = "127.0.0.1") -> Iterator[None]:
    """Answer at `kube.url`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or "{}")
            status, document = kube.answer(self.command, self.path, body)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer((host, 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        kube.url = f"http://{host}:{server.server_port}"
        yield
        server.shutdown()


def _kind_and_name(parts: list[str]) -> tuple[str, str | None]:
    """Of a path such as apis/batch/v1/namespaces/team/jobs/ingest."""
    rest = parts[2:] if parts[0] == "api" else parts[3:]
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    return rest[0], rest[1] if len(rest) > 1 else None


def _is_meant(document: Document, query: dict[str, str]) -> bool:
    labels = document["metadata"].get("labels", {})
    wanted = [one.split("=", 1) for one in query.get("labelSelector", "").split(",") if one]
    fields = query.get("fieldSelector", "").partition("=")
    phase = fields[2] if fields[0] == "status.phase" else None
    return all(labels.get(key) == value for key, value in wanted) and (
        phase is None or document["status"]["phase"] == phase
    )


def _merge(document: Document, change: Document) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict):
            _merge(document[key], value)
        else:
            document[key] = value
