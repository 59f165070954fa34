"""A real S3 server over HTTP, for the tests that need a bucket."""

from __future__ import annotations

import os
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
def serving(folder: Path, bucket: str, host: str = "127.0.0.1") -> Iterator[dict[str, str]]:
    """Serve an empty bucket, kept in `folder`, at an address; the variables that lead to it."""
    (folder / bucket).mkdir()
    with socket.socket() as free:
        free.bind((host, 0))
        port = free.getsockname()[1]
    rclone, address = str(Path(sys.executable).with_name("rclone")), f"{host}:{port}"
    command = [rclone, "serve", "s3", "--addr", address, "--auth-key", "key,secret", str(folder)]
    environ = {**os.environ, "RCLONE_CONFIG": str(folder / "none.conf")}
    with subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL) as process:
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
