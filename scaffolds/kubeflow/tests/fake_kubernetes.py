"""The part of the Kubernetes API that a TrainJob needs, over real HTTP.

A TrainJob of it is run as Kubeflow Trainer would run its pods, but as processes of this machine;
or it is whatever a test says.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JOBS = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/team/trainjobs"
Job = dict[str, Any]


@dataclass
class FakeKubernetes:
    """The namespace `team`."""

    answers: dict[str, int] = field(default_factory=dict)  # method: a status to refuse it with
    condition: Job | None = None  # what every TrainJob comes to; None: it is run
    jobs: dict[str, Job] = field(default_factory=dict)
    made: list[Job] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, Job]:
        """The status and the document that the API answers."""
        self.asked.append(method)
        name = path.removeprefix(JOBS).strip("/")
        if status := self.answers.get(method):
            return status, {"message": "as the test says"}
        if not path.startswith(JOBS):
            return 404, {"message": "page not found"}
        if method == "POST":
            job = json.loads(body)
            assert "fieldValidation=Strict" in query
            if job["metadata"]["name"] in self.jobs:
                return 409, {"message": "already exists"}
            self.jobs[job["metadata"]["name"]] = job
            self.made.append(job)
            if self.condition:
                self.end(job, self.condition)
            else:
                threading.Thread(target=self.run, args=[job], daemon=True).start()
            return 201, job
        if name not in self.jobs:
            return 404, {"message": "not found"}
        return 200, self.jobs.pop(name) if method == "DELETE" else self.jobs[name]

    def run(self, job: Job) -> None:
        """Run the pods, with what Trainer's runtime for torch tells each."""
        trainer = job["spec"]["trainer"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        pods = []
        for number in range(trainer["numNodes"]):
            variables = {
                **{one["name"]: one["value"] for one in trainer["env"]},
                "PET_NNODES": str(trainer["numNodes"]),
                "PET_NPROC_PER_NODE": str(trainer["numProcPerNode"]),
                "PET_NODE_RANK": str(number),
                "PET_MASTER_ADDR": "127.0.0.1",
                "PET_MASTER_PORT": str(port),
                "GLOO_SOCKET_IFNAME": "lo",
            }
            command: list[str] = trainer["command"] + trainer["args"]
            assert command[0] == "python"
            command[0] = sys.executable
            pods.append(subprocess.Popen(command, env={**os.environ, **variables}))
        ended = [pod.wait() for pod in pods]
        self.end(job, {"type": "Failed" if any(ended) else "Complete", "reason": "JobsEnded"})

    def end(self, job: Job, condition: Job) -> None:
        """Say what came of a job."""
        said = {"status": "True", "message": "its pods ended", **condition}
        job["status"] = {"conditions": [said]}


@contextmanager
def serving(fake: FakeKubernetes) -> Iterator[str]:
    """Serve the API; gives its URL."""

    class Handler(BaseHTTPRequestHandler):
        def handle_request(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document = fake.answer(self.command, path, query, body)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = handle_request  # noqa: N815 (the base class wants it so)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
