"""Which images are reported, in Python and in compiled pipelines."""

from __future__ import annotations

import pytest
from checking import PIPELINE, list_places

from mlpo_cli.check.images import Image, parse_image
from mlpo_cli.check.rules.mlp405 import describe


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("python", Image("python", "", "")),
        ("python:3.12", Image("python", "3.12", "")),
        ("host:5000/a/b", Image("host:5000/a/b", "", "")),
        ("host:5000/a/b:1", Image("host:5000/a/b", "1", "")),
        ("a/b@sha256:ff", Image("a/b", "", "sha256:ff")),
        ("a/b:1@sha256:ff", Image("a/b", "1", "sha256:ff")),
        ("{{$.inputs.image}}", None),
        ("a/b:\0", None),
        ("\0/a:latest", Image("\0/a", "latest", "")),
        ("", None),
    ],
)
def test_the_parts_of_an_image(text, image):
    assert parse_image(text) == image


@pytest.mark.parametrize("text", ["a/b:1", "a@sha256:ff", "a:latest@sha256:ff", "argostub/dummy"])
def test_a_fixed_image_is_not_reported(text):
    assert describe(text) == ""


@pytest.mark.parametrize(
    "text", ["a/b", "a:latest", "a:latest-gpu", "a:latest-py3", "a:gpu-latest"]
)
def test_an_image_that_changes_is_reported(text):
    assert describe(text)


@pytest.mark.parametrize("tag", ["latest-2026-11-02", "latest-3", "2.1-gpu", "lateststable"])
def test_a_tag_that_only_begins_like_latest_is_not(tag):
    assert describe(f"a/b:{tag}") == ""


def test_what_is_not_known_of_a_name_is_left_out_of_the_message():
    assert describe("\0/a:latest") == "`.../a:latest` is another image after each push."


@pytest.mark.parametrize(
    "line",
    [
        "@kubernetes(image='a:latest')",
        "@batch(image=IMAGE)",
        "@batch(image=f'{host()}/train:latest')",
    ],
)
def test_each_way_to_name_an_image_of_a_step_is_read(line):
    head = "from metaflow import batch, kubernetes, step\nIMAGE = 'a'\n"
    text = f"{head}{line}\n@step\ndef f(): pass\n"
    assert list_places(text) == [("MLP405", 3)]


def test_images_of_tasks_containers_and_docker_settings_are_read():
    text = PIPELINE + "    train().set_container_image('a')\n    dsl.ContainerSpec('b:latest')\n"
    text += "from zenml.config import DockerSettings\nDockerSettings(parent_image='c')\n"
    assert list_places(text) == [("MLP405", 9), ("MLP405", 10), ("MLP405", 12)]
