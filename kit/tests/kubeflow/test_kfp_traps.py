"""The checks find what KFP accepts but does not carry out, and names that do not exist."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kfp import compiler, dsl
from kfp.dsl.pipeline_context import Pipeline
from kfp_lint import find_problems

IMAGE = "registry.local/project:1"
component = partial(dsl.component, base_image=IMAGE, install_kfp_package=False)


@component
def measure() -> float:
    return 0.5


@component
def measure_two() -> NamedTuple("Two", [("loss", float), ("accuracy", float)]):  # type: ignore[valid-type]
    return (0.5, 0.5)


@component
def act() -> None:
    pass


def install() -> None:
    pass


def compiled(define: Callable[[], Any], folder: Path, served: bool = False) -> str:
    """Compile a pipeline function; with `served` its tasks may come from KFP's cache."""

    def defined() -> None:
        define()
        for task in Pipeline.get_default_pipeline().tasks.values():
            task.set_caching_options(served)

    path = folder / "pipeline.yaml"
    compiler.Compiler().compile(dsl.pipeline(name="example")(defined), str(path))
    return path.read_text(encoding="utf-8")


def gpu_without_a_type() -> None:
    measure().set_accelerator_limit(1)


def image_without_a_tag() -> None:
    measure().set_container_image("registry.local:5000/project")


def image_that_moves() -> None:
    measure().set_container_image("registry.local/project:latest")


def packages_at_run_time() -> None:
    component(install, packages_to_install=["humanize"])()


def condition_on_a_named_output() -> None:
    with dsl.If(measure_two().outputs["accuracy"] >= 0.5):
        act()


def condition_two_deep() -> None:
    two = measure_two()
    with dsl.If(measure().output >= 0.5), dsl.If(two.outputs["accuracy"] >= 0.5):
        act()


@pytest.mark.parametrize(
    ("define", "words"),
    [
        (gpu_without_a_type, "limits GPUs without naming their type"),
        (image_without_a_tag, "registry.local:5000/project can change at any time"),
        (image_that_moves, "project:latest can change at any time"),
        (packages_at_run_time, "installs packages when it starts"),
        (
            condition_on_a_named_output,
            "its condition reads a named output (pipelinechannel--measure-two-accuracy)",
        ),
        (condition_two_deep, "its condition reads a named output"),
    ],
)
def test_a_trap_is_found(define: Callable[[], Any], words: str, tmp_path: Path) -> None:
    (problem,) = find_problems(compiled(define, tmp_path))
    assert words in problem


@component
def ask() -> str:
    return "a request"


@component
def fit_by(request: str) -> None:
    pass


@component
def fit_on(request: str, rows: float) -> None:
    pass


@pytest.mark.parametrize(
    "define",
    [
        act,
        lambda: fit_by(request="always the same"),
        lambda: fit_on(request=ask().set_caching_options(False).output, rows=1.0),
    ],
)
def test_what_kfp_may_serve_stale_is_found(define: Callable[[], Any], tmp_path: Path) -> None:
    found = find_problems(compiled(define, tmp_path, served=True))
    assert "KFP may reuse an old result of it although code or data changed" in found[-1]


def test_what_is_allowed_is_not_called_a_trap(tmp_path: Path) -> None:
    def good() -> None:
        first = measure().set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(1)
        first.set_container_image("registry.local:5000/project@sha256:" + "0" * 64)
        with dsl.If(first.output >= 0.5):
            act()

    assert find_problems(compiled(good, tmp_path)) == []


BROKEN: list[tuple[str, str, str]] = [
    ("executorLabel: exec-act", "executorLabel: exec-gone", "names the executor exec-gone"),
    ("executorLabel: exec-act", "executorLabel: exec-measure", "no component uses the executor"),
    ("name: comp-act\n", "name: comp-gone\n", "there is no component comp-gone"),
    ("producerTask: measure", "producerTask: gone", "gone does not make what"),
    ("outputParameterKey: Output", "outputParameterKey: loss", "measure does not make what"),
    ("Tasks:\n        - measure", "Tasks:\n        - gone", "it waits for the task gone"),
    ("parameterType: NUMBER_DOUBLE", "parameterTyp: NUMBER_DOUBLE", "no field named"),
    ("schemaVersion", "schemaVersions", "no field named"),
    ("schemaTitle: system.Model", "schemaTitle: system.Modell", "unknown type system.Modell"),
    ("image: registry.local/project:1", "imag: registry.local/project:1", "no field named"),
    ("pipelineInfo:", "pipelineInfo: [", "this is not YAML"),
]


@component
def fit(accuracy: float, model: dsl.Output[dsl.Model]) -> None:
    pass


def whole() -> None:
    measured = measure()
    fit(accuracy=measured.output)
    act().after(measured)


@pytest.mark.parametrize(("old", "new", "words"), BROKEN)
def test_a_broken_document_is_found(old: str, new: str, words: str, tmp_path: Path) -> None:
    text = compiled(whole, tmp_path)
    assert find_problems(text) == []
    assert old in text
    assert words in "\n".join(find_problems(text.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("exec-act:", "exec-gone:", "the platform describes the executor exec-gone"),
        ("mountPath", "mountPaths", "exec-act on kubernetes"),
        ("kubernetes:", "kubernetis:", "the platform kubernetis is not known"),
    ],
)
def test_the_kubernetes_document_is_checked_too(
    old: str, new: str, words: str, tmp_path: Path
) -> None:
    from kfp import kubernetes

    def mounted() -> None:
        kubernetes.mount_pvc(act(), "store", mount_path="/mnt/store")

    pipeline, platform = compiled(mounted, tmp_path).split("\n---\n")
    assert old in platform
    assert words in "\n".join(find_problems(f"{pipeline}\n---\n{platform.replace(old, new, 1)}"))
