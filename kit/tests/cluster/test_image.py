"""The image: its tag is a hash of its content, and its base image is pinned by digest."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mlpo_kit.caching.key import find_kit_version
from mlpo_kit.cluster import image
from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError


@pytest.fixture
def project(toy: Project) -> Path:
    """The small project with all files that determine the image."""
    for pattern in image.CONTENT:
        if not list(toy.root.glob(pattern)):
            file = toy.root / pattern.replace("**/", "").replace("*", "some")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("some\n")
    return toy.root


def test_the_tag_changes_with_the_content(project: Path) -> None:
    before = image.make_tag("cpu")
    assert image.make_tag("cuda") == before.replace("-cpu", "-cuda")
    for name in ("README.md", "configs/base.yaml", "src/notes.txt", "deploy/patches.py"):
        (project / name).write_text("new")
    assert image.make_tag("cpu") == before
    for pattern in image.CONTENT:
        file = next(project.glob(pattern))
        content = file.read_bytes()
        file.write_bytes(content + b"\n")
        assert image.make_tag("cpu") != before, pattern
        file.write_bytes(content)
    assert image.make_tag("cpu") == before


# An engine that has one image, which came from a registry or did not.
ENGINE = """
import json, sys
arguments = sys.argv[1:]
if arguments[:2] == ["image", "inspect"]:
    known = {known}
    sys.exit(1) if arguments[2] not in known else print(json.dumps([known[arguments[2]]]))
elif arguments[0] == "pull":
    sys.exit(1)
"""


def make_engine(folder: Path, known: dict[str, Any]) -> str:
    code, command = folder / "engine.py", folder / "engine"
    code.write_text(ENGINE.format(known=json.dumps(known)))
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{code}" "$@"\n')
    command.chmod(0o755)
    return str(command)


def test_the_base_image_is_pinned_once(project: Path) -> None:
    digest = f"sha256:{'a' * 64}"
    known = {"mirror:5000/python:3.11": {"RepoDigests": [f"python@{digest}"]}}
    engine = make_engine(project, known)
    pinned = f"mirror:5000/python:3.11@{digest}"
    assert image.pin_base(engine, "mirror:5000/python:3.11") == pinned
    assert image.read_base_image() == pinned
    assert image.pin_base(engine, None) == pinned


@pytest.mark.parametrize(
    ("known", "words"), [({}, "can't be pulled"), ({"mine:1": {}}, "was built on this machine")]
)
def test_a_base_image_that_is_in_no_registry_is_refused(
    project: Path, known: dict[str, Any], words: str
) -> None:
    before = image.read_base_image()
    with pytest.raises(PipelineError, match=words):
        image.pin_base(make_engine(project, known), "mine:1")
    assert image.read_base_image() == before


def test_an_image_with_another_version_of_the_kit_is_refused_with_the_fix() -> None:
    for same in (None, "", find_kit_version()):
        image.check_kit_version(same)
    with pytest.raises(PipelineError, match=r"started with 9\.9: .*`make setup image push`"):
        image.check_kit_version("9.9")
