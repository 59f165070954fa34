"""A project's own changes to its pods: deploy/patches.py."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from cluster.samples import TRAIN, make_cluster, make_settings
from mlpo_kit.cluster import pods
from mlpo_kit.cluster.patches import patch_pod
from mlpo_kit.cluster.workloads import render_workloads
from mlpo_kit.config.project import Project
from mlpo_kit.errors import PipelineError

PATCH = """
def pod(spec, stage):
    if stage in ("train", "server"):
        spec["priorityClassName"] = f"high-{stage}"
        spec["containers"][0]["env"].append({"name": "A", "value": "b"})
    return spec
"""


def write_patch(toy: Project, text: str) -> None:
    (toy.root / "deploy" / "patches.py").write_text(text)


def make_pod() -> dict[str, Any]:
    settings, cluster = make_settings(), make_cluster()
    work = pods.make_container("train", ["work"], cluster, settings, TRAIN)
    return pods.make_pod_spec(work, cluster, settings, TRAIN)


def find_specs() -> dict[str, dict[str, Any]]:
    """Render the pods of the server and the prune."""
    files = render_workloads(make_settings(), make_cluster(), "local")
    deployment, cronjob = files["serving"][1]["spec"], files["prune"][1]["spec"]["jobTemplate"]
    return {
        "server": deployment["template"]["spec"],
        "prune": cronjob["spec"]["template"]["spec"],
    }


def test_without_patches_pods_do_not_change(toy: Project) -> None:
    spec = make_pod()
    assert patch_pod(spec, "train") is spec


def test_a_patch_gets_a_copy_of_the_whole_pod(toy: Project) -> None:
    write_patch(toy, PATCH)
    spec = make_pod()
    patched = patch_pod(spec, "train")
    assert patched["priorityClassName"] == "high-train"
    assert patched["containers"][0]["env"][-1] == {"name": "A", "value": "b"}
    assert spec == make_pod()
    assert patch_pod(spec, "evaluate") == spec


def test_the_server_and_the_prune_are_patched_under_their_names(toy: Project) -> None:
    before = find_specs()
    write_patch(toy, PATCH)
    after = find_specs()
    assert after["server"]["priorityClassName"] == "high-server"
    assert after["prune"] == before["prune"]
    write_patch(toy, PATCH.replace("server", "prune"))
    assert find_specs()["prune"]["priorityClassName"] == "high-prune"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "def pod(spec, stage):\n    spec['prioritClassName'] = 'x'\n    return spec\n",
            r"an invalid pod: there is no field prioritClassName; did you mean priorityClassName",
        ),
        (
            "def pod(spec, stage):\n    spec['containers'][0]['enf'] = []\n    return spec\n",
            r"an invalid pod: containers\.0: there is no field enf; did you mean env",
        ),
        (
            "def pod(spec, stage):\n    spec['priority'] = 'high'\n    return spec\n",
            r"an invalid pod: priority: 'high' is not of type integer",
        ),
        ("def pod(spec, stage):\n    spec['a'] = 1\n", r"pod\(spec, 'train'\) returns no mapping"),
        (
            "def pod(spec, stage):\n    return spec['nothing']\n",
            r"deploy/patches\.py:2: KeyError: 'nothing' \(for the pod of train\)",
        ),
        ("def pod(spec, stage)\n", r"deploy/patches\.py: SyntaxError: .*line 1"),
        ("def pods(spec, stage):\n    return spec\n", r"has no function pod\(spec, stage\)"),
        ("def pod(spec):\n    return spec\n", r"deploy/patches\.py: TypeError: .*pod\(\) takes 1"),
    ],
)
def test_a_mistake_in_a_patch_is_reported(toy: Project, text: str, words: str) -> None:
    write_patch(toy, text)
    with pytest.raises(PipelineError, match=words):
        patch_pod(make_pod(), "train")


def test_a_part_of_a_pod_can_be_patched(toy: Project) -> None:
    """Pods of Argo and Kubeflow Trainer get their containers later."""
    write_patch(toy, "def pod(spec, stage):\n    return {**spec, 'hostUsers': False}\n")
    assert patch_pod({"volumes": []}, "train") == {"volumes": [], "hostUsers": False}


def test_without_schemas_a_patch_is_applied_unchecked(
    toy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment without the packages for development has no schemas."""
    monkeypatch.setitem(sys.modules, "kubernetes_validate", None)
    write_patch(toy, PATCH)
    assert patch_pod(make_pod(), "train")["priorityClassName"] == "high-train"
