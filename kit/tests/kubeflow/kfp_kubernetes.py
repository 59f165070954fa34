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
from typing import Any
from urllib.parse import parse_qs

import kfp_http

JOBS = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/team/trainjobs"
LISTS = "/api/v1/namespaces/team/"
Job = dict[str, Any]


@dataclass
class FakeKubernetes:
    """The namespace `team`."""

    answers: dict[str, int] = field(default_factory=dict)  # method: a status to refuse it with
    condition: Job | None = None  # what every TrainJob comes to; None: it is run
    words: str = "as the test says"  # of a refusal
    lists: dict[str, list[Job]] = field(default_factory=dict)  # pods and events, if it may ask
    jobs: dict[str, Job] = field(default_factory=dict)
    made: list[Job] = field(default_factory=list)

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, Job]:
        """Return the status and the document of the API's answer."""
        name = path.removeprefix(JOBS).strip("/")
        if path.startswith(LISTS):
            return self.list(path.removeprefix(LISTS), parse_qs(query))
        if status := self.answers.get(method):
            return status, {"message": self.words}
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

    def list(self, kind: str, query: dict[str, list[str]]) -> tuple[int, Job]:
        """List pods with a label or events with a reason; 403 if the test has no lists."""
        if kind not in self.lists:
            return 403, {"message": f"may not list {kind}"}
        where = "labelSelector" if kind == "pods" else "fieldSelector"
        key, _, value = query[where][0].partition("=")
        found = [
            item
            for item in self.lists[kind]
            if (item["metadata"]["labels"] if kind == "pods" else item).get(key) == value
        ]
        return 200, {"items": found}

    def run(self, job: Job) -> None:
        """Run the pods with the variables that Trainer's runtime for torch sets."""
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
        """Set a job's condition."""
        said = {"status": "True", "message": "its pods ended", **condition}
        job["status"] = {"conditions": [said]}


@contextmanager
def serve_kubernetes(fake: FakeKubernetes) -> Iterator[str]:
    """Serve the API; yield its URL."""

    def answer(asked: kfp_http.Request) -> tuple[int, Job]:
        return fake.answer(asked.method, asked.path, asked.query, asked.body)

    with kfp_http.serve(answer) as url:
        yield url
