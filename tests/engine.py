"""A container engine for the tests: the one that answers, or their own for as long as needed.

With it comes a registry on this machine that holds a base image.
"""

from __future__ import annotations

import ipaddress
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import base_image
import pytest

# GiB: what the images of three projects take, and the memory that must be free to hold them there.
SIZE, MEMORY_NEEDED = 14, 18
REGISTRY = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "{address}"}}
"""


@dataclass(frozen=True)
class Engine:
    """A container engine that answers."""

    command: str  # what runs it, as in CONTAINER_ENGINE
    variables: dict[str, str]  # that lead to it
    gateway: str  # this machine's address as containers see it
    registry: str  # host and port
    base: str  # an image there

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of the engine, such as `run` or `image`."""
        done = subprocess.run(
            [self.command, *arguments],
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def inspect(self, image: str) -> Any:
        """What the engine knows of an image."""
        return json.loads(self.run("image", "inspect", image).stdout)[0]


@contextmanager
def serving(folder: Path) -> Iterator[Engine]:
    """An engine with a base image, or the test is skipped with what is missing."""
    if platform.system() != "Linux":
        pytest.skip("containers reach this machine by its bridge, on Linux only")
    if not shutil.which("docker-registry"):
        pytest.skip("no docker-registry is installed, which is to hold the base image")
    if not base_image.possible():
        pytest.skip(
            "no base image can be made of this machine: it is no Debian with its own Python"
        )
    with _engine(folder) as variables:
        command = _builder(variables)
        address = f"localhost:{free_port()}"
        environment = {**os.environ, **variables}
        shown = [command, "network", "inspect", "bridge", "-f", "{{json .IPAM.Config}}"]
        done = subprocess.run(shown, env=environment, capture_output=True, text=True, check=True)
        (bridge,) = json.loads(done.stdout)
        network = ipaddress.ip_network(bridge["Subnet"])
        gateway = bridge.get("Gateway") or str(next(network.hosts()))
        with _registry(folder, address):
            engine = Engine(command, variables, gateway, address, f"{address}/python:3-base")
            base_image.make(command, environment, folder / "root", engine.base)
            engine.run("push", engine.base)
            yield engine


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind((host, 0))
        port: int = free.getsockname()[1]
    return port


def wait_for(ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until it is so."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, f"{what} did not come up"
        time.sleep(0.1)


@contextmanager
def _engine(folder: Path) -> Iterator[dict[str, str]]:
    """The variables that lead to an engine."""
    if _answers({}):
        yield {}
        return
    daemon = shutil.which("dockerd")
    if daemon is None or os.geteuid() != 0:
        pytest.skip("no container engine answers, and none can be started: no dockerd, or no root")
    place = f"unix://{folder}/docker.sock"
    data = folder / "data"
    in_memory = _mount_memory(data)
    forwarding = Path("/proc/sys/net/ipv4/ip_forward").read_text()
    command = [daemon, "--data-root", f"{folder}/data", "--exec-root", f"{folder}/exec"]
    command += ["--pidfile", f"{folder}/dockerd.pid", "--host", place]
    with (folder / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        variables = {"DOCKER_HOST": place}
        wait_for(lambda: process.poll() is not None or _answers(variables), "dockerd")
        if process.poll() is not None:
            said = (folder / "dockerd.log").read_text()[-500:]
            pytest.skip(f"a container engine can't run here: {said}")
        yield variables
    finally:
        process.terminate()
        process.wait(timeout=60)
        # It leaves both behind.
        subprocess.run(["ip", "link", "delete", "docker0"], capture_output=True, check=False)
        Path("/proc/sys/net/ipv4/ip_forward").write_text(forwarding)
        if in_memory:
            subprocess.run(["umount", "--lazy", str(data)], check=False)
        shutil.rmtree(data, ignore_errors=True)


def _mount_memory(folder: Path) -> bool:
    """Mount a file system in memory there, where there is room; returns whether there was.

    It is gone at once: a disk takes minutes to delete the hundred thousand files of an image.
    """
    folder.mkdir()
    free = re.search(r"^MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    if free is None or int(free[1]) < MEMORY_NEEDED * 2**20:
        return False
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}g", "tmpfs", str(folder)]
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0


def _answers(variables: dict[str, str]) -> bool:
    command = shutil.which("docker")
    environment = {**os.environ, **variables}
    return (
        command is not None
        and (
            subprocess.run([command, "info"], env=environment, capture_output=True, check=False)
        ).returncode
        == 0
    )


def _builder(variables: dict[str, str]) -> str:
    """A client that has BuildKit; there may be several, and not all have."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    found = [path for folder in folders if (path := shutil.which("docker", path=folder))]
    environment = {**os.environ, **variables, "DOCKER_BUILDKIT": "1"}
    for command in found:
        build = [command, "build", "--quiet", "-"]
        done = subprocess.run(
            build,
            input=b"FROM scratch\nLABEL a=b\n",
            env=environment,
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            return command
    pytest.skip("no docker client here builds with BuildKit")


@contextmanager
def _registry(folder: Path, address: str) -> Iterator[None]:
    config = folder / "registry.yml"
    config.write_text(REGISTRY.format(folder=folder / "registry", address=address))
    command = ["docker-registry", "serve", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        host, _, port = address.partition(":")

        def ready() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex((host, int(port))) == 0

        try:
            wait_for(ready, "the registry")
            yield
        finally:
            process.kill()
