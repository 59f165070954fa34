"""Manifests that were copied into deploy/ are compared with what would be written today."""

from __future__ import annotations

from mlpo_kit.cluster.description import Cluster, read_cluster
from mlpo_kit.cluster.manifests import HEADER, format_files, render_manifests
from mlpo_kit.config import Project, load_settings
from mlpo_kit.consistency.manifests import compare_copies, find_problems

COPIES = "deploy/argocd"


def render(profile: str) -> dict[str, str]:
    settings = load_settings(profile)
    cluster = read_cluster(Cluster, settings)
    return format_files(render_manifests(settings, cluster, profile, {}), {"serving": "# How.\n"})


def copy_manifests(toy: Project) -> None:
    folder = toy.root / COPIES
    folder.mkdir()
    for name, text in render("cluster").items():
        (folder / name).write_text(text)


def test_without_copies_nothing_is_rendered(toy: Project) -> None:
    (toy.root / "deploy" / "own.yaml").write_text("kind: Namespace\n")

    def refuse(profile: str) -> dict[str, str]:
        raise AssertionError(profile)

    assert find_problems(["cluster"], refuse) == []


def test_a_copy_is_up_to_date_until_the_description_or_the_settings_change(toy: Project) -> None:
    copy_manifests(toy)
    (toy.configs / "team.yaml").write_text("compute: kubernetes\nstorage_root: s3://other/toy\n")
    assert find_problems(["cluster", "team"], render) == []
    (toy.root / "src" / "toy" / "more.py").write_text("")  # another image
    assert find_problems(["cluster", "team"], render) == []
    description = toy.root / "deploy" / "cluster.yaml"
    description.write_text(description.read_text() + "replicas: 3\n")
    (problem,) = find_problems(["cluster", "team"], render)
    line = (toy.root / COPIES / "serving.yaml").read_text().splitlines().index("  replicas: 2") + 1
    assert problem == (
        f"{COPIES}/serving.yaml:{line}: `replicas: 2` is out of date: deploy/cluster.yaml and the "
        "profile cluster now give `replicas: 3`. Run `make manifests PROFILE=cluster`, then copy "
        "build/manifests/serving.yaml here"
    )
    (toy.configs / "cluster.yaml").write_text("compute: kubernetes\nstorage_root: s3://new/toy\n")
    places = {problem.partition(":")[0] for problem in find_problems(["cluster"], render)}
    assert places == {f"{COPIES}/serving.yaml", f"{COPIES}/prune.yaml"}


def test_a_copy_that_is_no_longer_written_or_was_cut_off_is_named() -> None:
    rendered = {"cluster": {"serving.yaml": HEADER + "a: 1\nb: 2\n"}}
    copies = {"deploy/old.yaml": HEADER, "deploy/serving.yaml": HEADER + "a: 1\n"}
    old, short = compare_copies(copies, rendered)
    assert old == "deploy/old.yaml:1: `make manifests` does not write old.yaml any more: delete it"
    assert short.startswith("deploy/serving.yaml:3: the end of the file is out of date: ")
    assert compare_copies({"deploy/serving.yaml": HEADER + "a: 1\nb: 2\n"}, rendered) == []
