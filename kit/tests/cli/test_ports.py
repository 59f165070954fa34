"""A port that is taken is reported with its holder, and with a port that is free."""

from __future__ import annotations

import os
import re
import socket

import pytest

from mlpo_kit.cli.ports import check_port, find_port_holder
from mlpo_kit.errors import PipelineError

HOST = "127.0.0.1"


def test_a_taken_port_is_reported_with_its_process_and_a_free_port() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert str(find_port_holder(port)).endswith(f"(process {os.getpid()})")
        with pytest.raises(
            PipelineError, match=rf"port {port} is taken by .*{os.getpid()}"
        ) as caught:
            check_port(HOST, port, "make ui")
    (free,) = re.findall(r"`make ui PORT=(\d+)`", str(caught.value))
    assert check_port(HOST, int(free), "make ui") == int(free)
    assert check_port(HOST, port, "make ui") == port
    assert find_port_holder(port) is None


def test_port_0_stands_for_a_free_port() -> None:
    assert check_port(HOST, 0, "make ui") > 0
