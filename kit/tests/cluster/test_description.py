"""What a cluster is described by, what does not fit one, and the image's name."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from {{ package }} import settings
from mlpo_kit.cluster import description as cluster
from mlpo_kit.cluster import image
from mlpo_kit.config.documents import merge
from mlpo_kit.errors import PipelineError
from mlpo_kit.execution.runner import run_stage
from {{ package }}.stages import INGEST

from conftest import MakeRun

GOOD = {"image": "registry.test/team/model", "mlflow_uri": "http://mlflow.test:5000"}


@pytest.fixture
def described(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Describes the cluster anew: `described(device="cpu")`."""
    monkeypatch.setattr(cluster, "FILE", tmp_path / "cluster.yaml")

    def describe(**keys: Any) -> cluster.Cluster:
        (tmp_path / "cluster.yaml").write_text(yaml.safe_dump({**GOOD, **keys}))
        return cluster.read(cluster.Cluster)

    return describe


def profile(**changes: Any) -> settings.Settings:
    base = settings.parse("compute: kubernetes\nstorage_root: s3://bucket/prefix\n")
    return settings.from_document(merge(base, changes))


def test_all_that_is_wrong_with_a_description_is_said_at_once(described: Any) -> None:
    with pytest.raises(PipelineError) as wrong:
        described(image="Model:latest", mlflow_uri="sqlite:///x", nodeselector={}, queue="A b")
    for name in ("image", "mlflow_uri", "nodeselector", "queue"):
        assert f"\n  {name}: " in str(wrong.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"compute": "local"}, "compute is local: say compute: kubernetes"),
        ({"storage_root": "/mnt/store"}, "name the volume there in volume_claim"),
    ],
)
def test_a_profile_that_does_not_fit_says_what_to_set(
    described: Any, changes: dict[str, Any], words: str
) -> None:
    described()
    with pytest.raises(PipelineError, match=words):
        cluster.read(cluster.Cluster, profile(**changes))


def test_a_folder_of_this_machine_is_no_store_of_a_cluster() -> None:
    with pytest.raises(PipelineError, match="a folder of this machine: set it to a bucket"):
        profile(storage_root=".")


@pytest.mark.parametrize("named", [None, "sqlite:///registry/mlflow.db"])
def test_stages_that_share_no_disk_refuse_a_registry_in_a_file(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, named: str | None
) -> None:
    run = make_run(compute="kubernetes")
    if named:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", named)
    with pytest.raises(PipelineError, match="set MLFLOW_TRACKING_URI to the MLflow server"):
        run_stage(run, INGEST)
    assert run.store.children("runs") == []


def test_examples_are_not_taken_for_a_cluster(described: Any) -> None:
    cluster.check_filled_in(described(), profile())
    example = described(image="registry.example.com/x")
    with pytest.raises(PipelineError) as left:
        cluster.check_filled_in(example, profile(storage_root="s3://example-bucket/x"))
    assert "image in deploy/cluster.yaml: registry.example.com/x" in str(left.value)
    assert "storage_root in the profile: s3://example-bucket/x" in str(left.value)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of all that an image is made of."""
    for pattern in image.CONTENT:
        for file in settings.ROOT.glob(pattern):
            place = tmp_path / file.relative_to(settings.ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    monkeypatch.setattr(image, "ROOT", tmp_path)
    monkeypatch.setattr(image, "BASE", tmp_path / "deploy" / "base-image")
    return tmp_path


def test_the_tag_is_another_one_as_soon_as_the_content_is(project: Path) -> None:
    before = image.tag("cpu")
    assert image.tag("cuda") == before.replace("-cpu", "-cuda")
    (project / "configs").mkdir()
    for name in ("README.md", "configs/base.yaml", "src/notes.txt"):
        (project / name).write_text("new")
    assert image.tag("cpu") == before
    for pattern in image.CONTENT:
        file = next(project.glob(pattern))
        content = file.read_bytes()
        file.write_bytes(content + b"\n")
        assert image.tag("cpu") != before, pattern
        file.write_bytes(content)
    assert image.tag("cpu") == before


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


def engine(folder: Path, known: dict[str, Any]) -> str:
    code, command = folder / "engine.py", folder / "engine"
    code.write_text(ENGINE.format(known=json.dumps(known)))
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{code}" "$@"\n')
    command.chmod(0o755)
    return str(command)


def test_the_base_is_pinned_once_and_stays(project: Path) -> None:
    digest = f"sha256:{'a' * 64}"
    here = engine(project, {"mirror:5000/python:3.11": {"RepoDigests": [f"python@{digest}"]}})
    pinned = f"mirror:5000/python:3.11@{digest}"
    assert image.pin(here, "mirror:5000/python:3.11") == pinned
    assert image.base_image() == pinned
    assert image.pin(here, None) == pinned


@pytest.mark.parametrize(
    ("known", "words"), [({}, "can't be pulled"), ({"mine:1": {}}, "was made on this machine")]
)
def test_a_base_that_nobody_else_could_build_on_is_refused(
    project: Path, known: dict[str, Any], words: str
) -> None:
    before = image.base_image()
    with pytest.raises(PipelineError, match=words):
        image.pin(engine(project, known), "mine:1")
    assert image.base_image() == before
