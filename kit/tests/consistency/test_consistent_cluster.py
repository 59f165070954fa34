"""deploy/cluster.yaml is checked by itself and against each profile for a cluster."""

from __future__ import annotations

from mlpo_kit.cluster.description import Cluster
from mlpo_kit.config import Project
from mlpo_kit.consistency.cluster import find_problems
from mlpo_kit.consistency.profiles import load_cluster_profiles


def test_the_small_project_fits_its_cluster(toy: Project) -> None:
    assert find_problems(Cluster, load_cluster_profiles()) == []


def test_mistakes_and_profiles_that_do_not_fit_are_listed_together(toy: Project) -> None:
    (toy.root / "deploy" / "cluster.yaml").write_text("image: model\nreplica: 2\n")
    (toy.configs / "disk.yaml").write_text("compute: kubernetes\nstorage_root: /mnt/store\n")
    (toy.configs / "other.yaml").write_text("compute: kubernetes\nstorage_root: /mnt/store\n")
    found = find_problems(Cluster, load_cluster_profiles())
    assert [problem.partition("; ")[0] for problem in found][:3] == [
        "deploy/cluster.yaml: mlflow_uri: Field required",
        "deploy/cluster.yaml:1: image: 'model' is not a valid name of an image without a tag, "
        "such as registry.example.org/team/pets",
        "deploy/cluster.yaml:2: replica: there is no such name",
    ]
    assert found[3:] == [
        "configs/disk.yaml: storage_root is the path /mnt/store: name the claim of the volume that "
        "is mounted there in volume_claim of deploy/cluster.yaml (also in configs/other.yaml)"
    ]


def test_a_description_that_is_no_yaml_is_named_with_its_line(toy: Project) -> None:
    path = toy.root / "deploy" / "cluster.yaml"
    path.write_text("image: a\nimage: b\n")
    assert find_problems(Cluster, load_cluster_profiles()) == [
        "deploy/cluster.yaml:2: image stands here again, after line 1: keep one of them"
    ]
    path.write_text("image: [\n")
    (problem,) = find_problems(Cluster, {})
    assert problem.startswith("deploy/cluster.yaml:2: not valid YAML: ")


def test_a_project_without_a_cluster_has_nothing_to_fit(toy: Project) -> None:
    (toy.root / "deploy" / "cluster.yaml").unlink()
    assert find_problems(Cluster, load_cluster_profiles()) == []
