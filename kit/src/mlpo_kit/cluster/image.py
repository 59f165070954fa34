"""The container image: its name, which its content decides, and `make image`.

The same source, lock, Dockerfile and base have the same tag, and no others have it. The base is
pinned by digest in deploy/base-image; the first build does that.
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

VERSION_VARIABLE = "MLPO_KIT_VERSION"  # of the kit where a run or a workflow was started
DOCKERFILE, BASE = "deploy/Dockerfile", "deploy/base-image"
# What an image is made of. Settings are not in it: each task is given them.
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
    """Return the tag of an image for cpu or cuda: `0123456789abcdef-cpu`, by its content."""
    root, digest = find_project().root, hashlib.sha256()
    for pattern in CONTENT:
        for path in sorted(root.glob(pattern)):
            if path.is_dir() or "__pycache__" in path.parts:
                continue
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{content}  {path.relative_to(root).as_posix()}\n".encode())
    return f"{digest.hexdigest()[:16]}-{device}"


def name_image(cluster: Cluster) -> str:
    """Return the full name of the image that holds the code as it is now: `registry/name:tag`."""
    return f"{cluster.image}:{make_tag(cluster.device)}"


def check_kit_version(theirs: str | None) -> None:
    """Raise PipelineError where this process has another kit than `theirs`, which started the run.

    Nothing is compared where theirs is not known.
    """
    ours = find_kit_version()
    if theirs and theirs != ours:
        raise PipelineError(
            f"this image holds mlpo-kit {ours}, and the run was started with {theirs}: make both "
            "the same with `make setup image push`, then start it again"
        )


def build_image(cluster: Cluster, base: str | None = None) -> None:
    """Build the image, unless this machine has it; raises PipelineError where that fails.

    `base` is the image to build on from now on, instead of the one in deploy/base-image.
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
            f"{image} could not be built: see above. Nothing was tagged; the next try goes on from "
            "the last layer that was whole"
        )


def push_image(image: str) -> None:
    """Push an image to its registry; raises PipelineError where it was not built, or may not."""
    engine = find_engine()
    if inspect_image(engine, image) is None:
        raise PipelineError(f"there is no image {image} here: `make image` builds it")
    if subprocess.run([engine, "push", image], check=False).returncode:
        registry = image.partition("/")[0]
        raise PipelineError(
            f"{image} could not be pushed: see above. Does {registry} know you "
            f"(`{Path(engine).name} login {registry}`), and may you write there?"
        )


def pin_base(engine: str, base: str | None) -> str:
    """Return the base image with its digest, and write that to deploy/base-image.

    A base without a digest is pulled, unless this machine has it. Raises PipelineError where that
    fails, or no registry has it.
    """
    wanted = base or read_base_image()
    if "@sha256:" in wanted:
        if base:
            write_text(find_project().root / BASE, f"{wanted}\n")
        return wanted
    image = inspect_image(engine, wanted)
    if image is None:
        pulled = subprocess.run([engine, "pull", wanted], check=False)
        image = None if pulled.returncode else inspect_image(engine, wanted)
    if image is None:
        raise PipelineError(
            f"the base image {wanted} can't be pulled: see above. Behind a mirror, name the image "
            "there: make image BASE=registry.example.com/python:3.11-slim-bookworm"
        )
    digests = [str(digest).rpartition("@")[2] for digest in image.get("RepoDigests") or []]
    if not digests:
        raise PipelineError(
            f"the base image {wanted} was made on this machine, and nobody else could build on it: "
            "push it to a registry first"
        )
    pinned = f"{wanted}@{digests[0]}"
    write_text(find_project().root / BASE, f"{pinned}\n")
    print(f"deploy/base-image now pins {pinned}: commit it", file=sys.stderr)
    return pinned


def read_base_image() -> str:
    """Read what deploy/base-image names; raises PipelineError where that is nothing."""
    try:
        return (find_project().root / BASE).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise PipelineError(f"deploy/base-image can't be read: {error}") from None


def inspect_image(engine: str, image: str) -> dict[str, Any] | None:
    """Return what `docker image inspect` tells of an image; None where there is no such image."""
    command = [engine, "image", "inspect", image]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return None
    (description,) = json.loads(done.stdout)
    return dict(description)


def find_engine() -> str:
    """Find the command of a container engine that answers: CONTAINER_ENGINE, docker or podman.

    Raises PipelineError where there is none.
    """
    wanted = os.environ.get("CONTAINER_ENGINE")
    engine = next(
        filter(None, map(shutil.which, [wanted] if wanted else ["docker", "podman"])), None
    )
    if engine is None:
        raise PipelineError(
            f"there is no {wanted or 'container engine'} here: install Docker or Podman, or name "
            "one in CONTAINER_ENGINE"
        )
    done = subprocess.run([engine, "info"], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines() or [""]
        raise PipelineError(f"the container engine {engine} does not answer: {lines[-1]}")
    return engine


def find_pip_configuration() -> Path | None:
    """Find the file that configures this user's pip; None where there is none."""
    home = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"))
    named = os.environ.get("PIP_CONFIG_FILE")
    places = [Path(named)] if named else [home / "pip" / "pip.conf", Path.home() / ".pip/pip.conf"]
    return next((place for place in places if place.is_file()), None)
