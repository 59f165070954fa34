"""Every file in configs/ is checked, and every problem is named once, with its place."""

from __future__ import annotations

import pytest
from conftest import forget_toy

from mlpo_kit import PipelineError
from mlpo_kit.config import Project
from mlpo_kit.consistency.profiles import find_problems, is_sweep, load_cluster_profiles

BASE = "project: toy\nregister: {model_name: toy}\n"


def test_the_profiles_and_the_sweep_of_the_small_project_are_right(toy: Project) -> None:
    assert find_problems() == []
    assert list(load_cluster_profiles()) == ["cluster"]


def test_all_problems_of_all_files_are_listed_in_one_pass(toy: Project) -> None:
    (toy.configs / "base.yaml").write_text(BASE + "train:\n  epochs: none\n")
    (toy.configs / "gpu.yaml").write_text("train: {devise: cuda}\nresources:\n  trian: {cpu: 1}\n")
    (toy.configs / "one.yaml").write_text("a: b: c\n")
    (toy.configs / "two.yaml").write_text("deploy: {}\ndeploy: {}\n")
    assert find_problems() == [
        "configs/one.yaml:1: not valid YAML: mapping values are not allowed here",
        "configs/two.yaml:2: deploy stands here again, after line 1: keep one of them",
        "configs/base.yaml:4: train.epochs: Input should be a valid integer, unable to parse "
        "string as an integer",
        "configs/gpu.yaml:1: train.devise: there is no such setting; did you mean device?",
        "configs/gpu.yaml:3: resources.trian: there is no such stage; did you mean train?",
    ]


def test_resources_of_a_stage_that_was_removed_are_named(toy: Project) -> None:
    pipeline = toy.root / "src" / "toy" / "pipeline.py"
    lines = [line for line in pipeline.read_text().splitlines() if '"validate"' not in line]
    pipeline.write_text("\n".join(lines))
    forget_toy()
    (problem,) = find_problems()
    assert problem.startswith("configs/cluster.yaml:8: resources.validate: there is no such stage;")


def test_a_contradiction_names_every_profile_that_has_it(toy: Project) -> None:
    (toy.configs / "base.yaml").write_text(BASE + "caching: {max_age_days: 90}\n")
    (toy.configs / "local.yaml").write_text("retention: {keep_days: 100}\n")
    (toy.configs / "short.yaml").write_text("retention: {keep_days: 30}\n")
    words = "caching.max_age_days (90) must be less than retention.keep_days (30)"
    assert find_problems() == [f"configs/cluster.yaml: {words} (also in configs/short.yaml)"]
    assert load_cluster_profiles() == {}


def test_a_base_that_only_profiles_complete_is_no_problem(toy: Project) -> None:
    (toy.configs / "base.yaml").write_text("register: {model_name: toy}\n")
    for name in ("local", "cluster"):
        path = toy.configs / f"{name}.yaml"
        path.write_text(path.read_text() + "project: toy\n")
    assert find_problems() == []
    for path in toy.configs.glob("*.yaml"):
        path.unlink()
    (toy.configs / "base.yaml").write_text("storage_root: .\n")
    assert find_problems() == ["configs/base.yaml: project: this setting has no default: set it"]
    (toy.configs / "base.yaml").unlink()
    with pytest.raises(PipelineError, match=r"there is no configs/base\.yaml"):
        find_problems()


def test_a_base_that_cannot_be_read_hides_no_other_file(toy: Project) -> None:
    (toy.configs / "base.yaml").write_text("a: b: c\n")
    (toy.configs / "gpu.yaml").write_bytes(b"\xff\xfe")
    assert [problem.partition(": ")[0] for problem in find_problems()] == [
        "configs/base.yaml:1",
        "configs/gpu.yaml",
    ]


def test_every_sweep_is_checked_against_the_default_profile(toy: Project) -> None:
    (toy.configs / "sweep.yaml").write_text("metric: val_loss\nspace:\n  train.epoch: [1]\n")
    (toy.configs / "mine.yaml").write_text("search: random\nspace: {train.epochs: [1, 2]}\n")
    assert find_problems() == [
        "configs/mine.yaml: trials: set how many trials a random search draws",
        "configs/sweep.yaml:3: space.train.epoch: train has no such setting; "
        "did you mean train.epochs?",
    ]
    assert is_sweep("sweep", {})
    assert not is_sweep("gpu", {"train": {}})


def test_a_sweep_is_not_checked_for_several_machines(toy: Project) -> None:
    (toy.configs / "local.yaml").write_text("train: {nodes: 2}\n")
    assert find_problems() == []
