"""A port that can't be used is one sentence with the reason and another port."""

from __future__ import annotations

import os
import re
import socket

import pytest

from mlpo_kit.errors import PipelineError
from mlpo_kit.models.ports import listen


def test_a_taken_port_is_reported_with_its_process_and_a_free_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PipelineError) as caught:
            listen("127.0.0.1", port)
    words, _, free = str(caught.value).partition("choose another port: `make serve PORT=")
    assert words.startswith(f"port {port} is taken by process {os.getpid()} (")

    with listen("127.0.0.1", int(free.rstrip("`"))) as listener:
        assert listener.getsockname()[1] > port


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [
        ("127.0.0.1", 70000, "the port 70000 does not exist: choose one from 1 to 65535"),
        ("no such host", 0, "this machine has no address 'no such host' to listen on"),
        ("192.0.2.1", 0, "this machine has no address '192.0.2.1' to listen on"),
    ],
)
def test_a_wrong_address_is_reported(host: str, port: int, words: str) -> None:
    with pytest.raises(PipelineError, match=re.escape(words)):
        listen(host, port)
