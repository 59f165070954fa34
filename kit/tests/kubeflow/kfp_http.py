"""A small HTTP server for the tests that replaces real services."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """A request to the server."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes


@contextmanager
def serve(answer: Callable[[Request], tuple[int, Any]]) -> Iterator[str]:
    """Answer with a status and a document or text on a free loopback port; yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        def handle_request(self) -> None:
            path, _, query = self.path.partition("?")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document = answer(Request(self.command, path, query, self.headers, body))
            content = document if isinstance(document, str) else json.dumps(document)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content.encode())))
            self.end_headers()
            self.wfile.write(content.encode())

        do_GET = do_POST = do_DELETE = handle_request

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
