"""Name, build and push the container image: `make image`, `make push`.

The tag is a hash of the content: sources, locks, Dockerfile and base image. The base image is
pinned by digest in deploy/base-image; the first build pins it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mlpo_kit.caching.key import find_kit_version
from mlpo_kit.cluster.description import Cluster
from mlpo_kit.config.project import find_project
from mlpo_kit.errors import PipelineError
from mlpo_kit.store.files import write_text

VERSION_VARIABLE = "MLPO_KIT_VERSION"  # version of the kit that started the run or workflow
DOCKERFILE, BASE = "deploy/Dockerfile", "deploy/base-image"
# The files that determine the image. Settings are not in the image: each task receives them.
CONTENT = (
    "src/**/*.py",
    "src/**/*.j2",
    "pipeline/**/*.py",
    "pyproject.toml",
    "requirements.lock",
    "requirements-cuda.lock",
    "requirements-kit.lock",
    "vendor/**/*",  # the library: its wheel, or its sources after `mlpo-kit eject`
    "deploy/Dockerfile",
    "deploy/base-image",
    ".dockerignore",
)


def make_tag(device: str) -> str:
    """Return the image's tag for cpu or cuda: a hash of its content, then `-cpu` or `-cuda`."""
    root, digest = find_project().root, hashlib.sha256()
    for pattern in CONTENT:
        for path in sorted(root.glob(pattern)):
            if path.is_dir() or "__pycache__" in path.parts:
                continue
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{content}  {path.relative_to(root).as_posix()}\n".encode())
    return f"{digest.hexdigest()[:16]}-{device}"


def name_image(cluster: Cluster) -> str:
    """Return the full name of the image with the current code: `registry/name:tag`."""
    return f"{cluster.image}:{make_tag(cluster.device)}"


def check_kit_version(expected: str | None) -> None:
    """Raise PipelineError unless this process has the `expected` version, which started the run.

    Does nothing if the expected version is not known.
    """
    version = find_kit_version()
    if expected and expected != version:
        raise PipelineError(
            f"this image holds mlpo-kit {version}, but the run was started with {expected}: "
            "run `make setup image push`, then start the run again"
        )


def build_image(cluster: Cluster, base: str | None = None) -> None:
    """Build the image, unless this machine has it; raises PipelineError if the build fails.

    `base` is the image to build on from now on; it replaces the one in deploy/base-image.
    """
    engine = find_engine()
    pinned = pin_base(engine, base)
    image = name_image(cluster)
    if inspect_image(engine, image) is not None:
        return
    root = find_project().root
    command = [engine, "build", "--file", str(root / DOCKERFILE), "--tag", image]
    arguments = {"BASE": pinned, "DEVICE": cluster.device, "TAG": make_tag(cluster.device)}
    for argument, value in arguments.items():
        command += ["--build-arg", f"{argument}={value}"]
    if (configured := find_pip_configuration()) is not None:
        command += ["--secret", f"id=pip,src={configured}"]
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}  # the default of newer engines
    if subprocess.run([*command, str(root)], env=environment, check=False).returncode:
        raise PipelineError(
            f"{image} could not be built: see above. Nothing was tagged; the next build continues "
            "after the last complete layer"
        )


def push_image(image: str) -> None:
    """Push an image to its registry; raises PipelineError if it was not built or the push fails."""
    engine = find_engine()
    if inspect_image(engine, image) is None:
        raise PipelineError(f"there is no image {image} here: `make image` builds it")
    if subprocess.run([engine, "push", image], check=False).returncode:
        registry = image.partition("/")[0]
        raise PipelineError(
            f"{image} could not be pushed: see above. Check that you are logged in "
            f"(`{Path(engine).name} login {registry}`) and that you may push there"
        )


def pin_base(engine: str, base: str | None) -> str:
    """Return the base image with its digest, and write it to deploy/base-image.

    A base without a digest is pulled, unless this machine has it. Raises PipelineError if it can't
    be pulled, or was built on this machine.
    """
    name = base or read_base_image()
    if "@sha256:" in name:
        if base:
            write_text(find_project().root / BASE, f"{name}\n")
        return name
    image = inspect_image(engine, name)
    if image is None:
        pulled = subprocess.run([engine, "pull", name], check=False)
        image = None if pulled.returncode else inspect_image(engine, name)
    if image is None:
        raise PipelineError(
            f"the base image {name} can't be pulled: see above. Behind a mirror, name the mirror's "
            "image: make image BASE=registry.example.com/python:3.11-slim-bookworm"
        )
    digests = [str(digest).rpartition("@")[2] for digest in image.get("RepoDigests") or []]
    if not digests:
        raise PipelineError(
            f"the base image {name} was built on this machine, so nobody else can build on it: "
            "push it to a registry first"
        )
    pinned = f"{name}@{digests[0]}"
    write_text(find_project().root / BASE, f"{pinned}\n")
    print(f"deploy/base-image now pins {pinned}: commit it", file=sys.stderr)
    return pinned


def read_base_image() -> str:
    """Read the base image's name from deploy/base-image; raises PipelineError if that fails."""
    try:
        return (find_project().root / BASE).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise PipelineError(f"deploy/base-image can't be read: {error}") from None


def inspect_image(engine: str, image: str) -> dict[str, Any] | None:
    """Return the document of `docker image inspect`; None if this machine has no such image."""
    command = [engine, "image", "inspect", image]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    (description,) = json.loads(done.stdout)
    return dict(description)


def find_engine() -> str:
    """Find the command of a container engine that runs: CONTAINER_ENGINE, docker or podman.

    Raises PipelineError if there is none.
    """
    name = os.environ.get("CONTAINER_ENGINE")
    engine = next(filter(None, map(shutil.which, [name] if name else ["docker", "podman"])), None)
    if engine is None:
        raise PipelineError(
            f"there is no {name or 'container engine'} here: install Docker or Podman, or name an "
            "engine in CONTAINER_ENGINE"
        )
    done = subprocess.run([engine, "info"], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or [""]
        raise PipelineError(f"the container engine {engine} does not answer: {lines[-1]}")
    return engine


def find_pip_configuration() -> Path | None:
    """Find the file that configures this user's pip; None if there is none."""
    home = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"))
    file = os.environ.get("PIP_CONFIG_FILE")
    paths = [Path(file)] if file else [home / "pip" / "pip.conf", Path.home() / ".pip/pip.conf"]
    return next((path for path in paths if path.is_file()), None)
