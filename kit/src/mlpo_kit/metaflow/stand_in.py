"""A local server that replaces AWS while a workflow is compiled; it discards what is uploaded."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

# The answers of AWS Batch and Step Functions, by the last part of the path.
ANSWERS: dict[str, dict[str, Any]] = {
    "": {"stateMachines": []},
    "describejobqueues": {"jobQueues": [{"computeEnvironmentOrder": [{"computeEnvironment": ""}]}]},
    "describecomputeenvironments": {"computeEnvironments": [{"computeResources": {"type": "EC2"}}]},
    "describejobdefinitions": {"jobDefinitions": []},
}


class StandIn(ThreadingHTTPServer):
    """The part of S3, AWS Batch and Step Functions that Metaflow calls."""

    def __init__(self) -> None:
        """Listen on any free port of this machine."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.job_definitions: list[dict[str, Any]] = []  # registered by Metaflow

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment variables that point Metaflow to this server."""
        address = f"http://127.0.0.1:{self.server_port}"
        return {
            "AWS_ENDPOINT_URL": address,
            "AWS_ENDPOINT_URL_S3": address,
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        }


class _Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        """Answer for S3 that no such object exists."""
        self._answer(404)

    def do_PUT(self) -> None:
        """Answer for S3 that the upload succeeded, and discard it."""
        self._read()
        self._answer(200)

    def do_POST(self) -> None:
        """Answer for AWS Batch, with a job definition's name as its ARN, and Step Functions."""
        body, action = self._read(), self.path.rpartition("/")[2]
        if action == "registerjobdefinition":
            definition = json.loads(body)
            self.server.job_definitions.append(definition)
            self._answer(200, {"jobDefinitionArn": definition["jobDefinitionName"]})
        else:
            self._answer(200 if action in ANSWERS else 404, ANSWERS.get(action, {}))

    def _read(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _answer(self, status: int, document: dict[str, Any] | None = None) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def stand_in() -> Iterator[StandIn]:
    """Run the server during a block."""
    with StandIn() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
