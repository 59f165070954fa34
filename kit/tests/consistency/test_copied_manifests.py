"""Manifests that were copied into deploy/ are compared with what would be written today."""

from __future__ import annotations

import shutil

from mlpo_kit.cluster.description import Cluster, read_cluster
from mlpo_kit.cluster.manifests import HEADER, render_manifests, write_manifests
from mlpo_kit.cluster.workloads import PRUNE, describe_files
from mlpo_kit.config import Project, load_settings
from mlpo_kit.consistency.manifests import compare_copies, find_problems
from mlpo_kit.consistency.profiles import load_cluster_profiles

COPIES = "deploy/argocd"


def find() -> list[str]:
    return find_problems(Cluster, PRUNE, load_cluster_profiles())


def copy_manifests(toy: Project) -> None:
    settings = load_settings("cluster")
    cluster = read_cluster(Cluster, settings)
    files = render_manifests(settings, cluster, "cluster", {"own": []}, PRUNE)
    write_manifests(files, describe_files(settings, cluster))
    shutil.copytree(toy.root / "build" / "manifests", toy.root / COPIES)


def test_only_copies_of_what_every_project_has_are_compared(toy: Project) -> None:
    (toy.root / "deploy" / "serving.yaml").write_text("kind: Namespace\n")  # the user's own
    (toy.root / "deploy" / "workflow.yaml").write_text(HEADER)
    assert find() == []
    (toy.root / "deploy" / "cluster.yaml").write_text("image: [\n")
    assert find() == []  # nothing is rendered without copies


def test_a_copy_is_up_to_date_until_the_description_or_the_settings_change(toy: Project) -> None:
    copy_manifests(toy)
    (toy.configs / "team.yaml").write_text("compute: kubernetes\nstorage_root: s3://other/toy\n")
    assert find() == []
    (toy.root / "src" / "toy" / "more.py").write_text("")  # another image
    assert find() == []
    description = toy.root / "deploy" / "cluster.yaml"
    description.write_text(description.read_text() + "replicas: 3\n")
    (problem,) = find()
    line = (toy.root / COPIES / "serving.yaml").read_text().splitlines().index("  replicas: 2") + 1
    assert problem == (
        f"{COPIES}/serving.yaml:{line}: `replicas: 2` is out of date: deploy/cluster.yaml and the "
        "profile cluster now give `replicas: 3`. Run `make manifests PROFILE=cluster`, then copy "
        "build/manifests/serving.yaml here"
    )
    for name in ("cluster", "team"):
        (toy.configs / f"{name}.yaml").write_text("compute: kubernetes\nstorage_root: s3://new/\n")
    places = {problem.partition(":")[0] for problem in find()}
    assert places == {f"{COPIES}/serving.yaml", f"{COPIES}/prune.yaml"}


def test_a_copy_that_is_no_longer_written_or_was_cut_off_is_named() -> None:
    rendered = {"cluster": {"serving.yaml": HEADER + "a: 1\nb: 2\n"}}
    copies = {"deploy/prune.yaml": HEADER, "deploy/serving.yaml": HEADER + "a: 1\n"}
    old, short = compare_copies(copies, rendered)
    assert (
        old == "deploy/prune.yaml:1: `make manifests` does not write prune.yaml any more: delete it"
    )
    assert short.startswith("deploy/serving.yaml:3: the end of the file is out of date: ")
    assert compare_copies({"deploy/serving.yaml": HEADER + "a: 1\nb: 2\n"}, rendered) == []
