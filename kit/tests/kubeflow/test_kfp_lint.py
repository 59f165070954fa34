"""The policy checks find what KFP accepts but the kit forbids."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kfp import compiler, dsl, kubernetes
from kfp_lint import find_broken_policies, find_problems

component = partial(dsl.component, base_image="registry.local/p:1", install_kfp_package=False)
STORE = '{"storage_root": "/mnt/store"}'


@component
def work(profile: str) -> None:
    pass


def good(profile: str = STORE) -> Any:
    """A task that fulfils all policies."""
    task = work(profile=profile).set_caching_options(False)
    task.set_cpu_limit("1").set_memory_limit("1Gi")
    task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)
    kubernetes.empty_dir_mount(task, "shm", "/dev/shm", medium="Memory")
    kubernetes.set_security_context(task, run_as_non_root=True)
    return kubernetes.mount_pvc(task, "store", mount_path="/mnt/store")


def compiled(define: Callable[[], Any], folder: Path) -> str:
    """Compile a pipeline function."""

    def defined() -> None:
        define()

    path = folder / "pipeline.yaml"
    compiler.Compiler().compile(dsl.pipeline(name="example")(defined), str(path))
    return path.read_text(encoding="utf-8")


def test_a_correct_task_has_no_findings(tmp_path: Path) -> None:
    assert find_broken_policies(compiled(good, tmp_path)) == []


def bare() -> Any:
    return work(profile='{"storage_root": "s3://bucket"}').set_caching_options(False)


def test_a_task_without_limits_that_may_be_root_is_found(tmp_path: Path) -> None:
    text = compiled(bare, tmp_path)
    assert find_problems(text) == []
    cpu, memory, user = find_broken_policies(text)
    assert "exec-work: it has no limit of CPU" in cpu
    assert "it has no limit of memory" in memory
    assert "it may run as root" in user


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("runAsNonRoot: true", "runAsNonRoot: false", "it may run as root"),
        ("medium: Memory", "medium: ''", "it holds a GPU and has 64 MiB of shared memory"),
        ("mountPath: /dev/shm", "mountPath: /shm", "it holds a GPU and has 64 MiB"),
        ("mountPath: /mnt/store", "mountPath: /mnt/other", "not mount the volume at /mnt/store"),
        ("          resourceMemoryLimit: 1Gi\n", "", "it has no limit of memory"),
    ],
)
def test_each_broken_task_is_found(old: str, new: str, words: str, tmp_path: Path) -> None:
    text = compiled(good, tmp_path)
    assert old in text
    assert words in "\n".join(find_broken_policies(text.replace(old, new, 1)))
