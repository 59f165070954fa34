"""The pipeline file: its steps, how they are made, and its comparison with PIPELINE."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from zenrun import KIT, forget_pipeline

from mlpo_kit import PipelineError, load_pipeline
from mlpo_kit.config.project import Project
from mlpo_kit.zenml.adapter import compare_pipeline
from mlpo_kit.zenml.interface import list_outputs, type_inputs

TRAINING = "pipeline/training.py"
VALIDATE = "    validate(settings, dataset, splits)\n"
EVALUATE = "evaluate(settings, model, dataset, splits)"
OWN_STEP = """
@step
def clean(splits: Ref) -> Annotated[Ref, "clean"]:
    return splits


@pipeline("""


OWN_IMPORTS = (
    "from zenml import pipeline",
    "from typing import Annotated\nfrom mlpo_kit import Ref\nfrom zenml import pipeline, step",
)


@pytest.fixture
def project(toy: Project) -> Iterator[Project]:
    """The small project, with newly made steps."""
    forget_pipeline()
    yield toy
    forget_pipeline()


zenml = pytest.mark.parametrize("toy", ["zenml"], indirect=True)


def edit(project: Project, *changes: tuple[str, str]) -> None:
    path = project.root / TRAINING
    text = path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)


@zenml
def test_the_file_does_what_pipeline_says_and_opens_no_store(project: Project) -> None:
    assert compare_pipeline() == []
    assert not (project.root / ".zenml").exists()
    assert len((project.root / TRAINING).read_text().splitlines()) <= 70


@zenml
def test_run_configurations_are_checked_with_the_names_of_the_steps(project: Project) -> None:
    folder = project.configs / "zenml"
    folder.mkdir()
    (folder / "local.yaml").write_text("steps: {train: {retry: {max_retries: 2}}}\n")
    assert compare_pipeline() == []
    (folder / "kubernetes.yaml").write_text("steps: {trian: {}}\ntag: a\n")
    assert compare_pipeline() == [
        "configs/zenml/kubernetes.yaml: tag: not known; did you mean tags?",
        "configs/zenml/kubernetes.yaml: steps.trian: there is no such step; did you mean train?",
    ]


@zenml
def test_settings_that_are_wrong_hide_no_difference(project: Project) -> None:
    (project.configs / "local.yaml").write_text("train: {epochs: none}\n")
    edit(project, (VALIDATE, ""))
    assert compare_pipeline() == [f"validate: {TRAINING} has no step for this stage"]


@zenml
@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        (
            [(EVALUATE, "evaluate(settings, splits, dataset, model)")],
            [
                "evaluate.model comes from train.model in PIPELINE, but from preprocess.splits in "
                "pipeline/training.py",
                "evaluate.splits comes from preprocess.splits in PIPELINE, but from train.model in "
                "pipeline/training.py",
            ],
        ),
        (
            [(VALIDATE, "")],
            ["validate: pipeline/training.py has no step for this stage"],
        ),
        (
            [
                (VALIDATE, ""),
                ("    report, pre", f"{VALIDATE}    report, pre"),
            ],
            ["validate: it comes before train in PIPELINE, but after it in pipeline/training.py"],
        ),
        (
            [(VALIDATE, VALIDATE * 2)],
            ["validate: pipeline/training.py calls its step more than once"],
        ),
        ([("train, validate\n", "trian, validate\n")], ["did you mean train?"]),
        (
            [(EVALUATE, "evaluate(settings, model, dataset, split=splits)")],
            ["the steps in pipeline/training.py do not fit together: Wrong arguments"],
        ),
        (
            [
                OWN_IMPORTS,
                ("\n@pipeline(", OWN_STEP),
                ("train(settings, dataset, splits)", "train(settings, dataset, clean(splits))"),
            ],
            ["train.splits comes from preprocess.splits in PIPELINE, but from clean.clean in "
             "pipeline/training.py"],
        ),
    ],
)  # fmt: skip
def test_differences_between_file_and_pipeline_are_reported(
    project: Project, changes: list[tuple[str, str]], problems: list[str]
) -> None:
    edit(project, *changes)
    found = compare_pipeline()
    assert len(found) == len(problems), found
    for problem, words in zip(problems, found, strict=True):
        assert problem in words


@zenml
def test_an_additional_step_is_no_difference(project: Project) -> None:
    edit(
        project,
        OWN_IMPORTS,
        ("\n@pipeline(", OWN_STEP),
        ("    validate(", "    clean(splits)\n    validate("),
    )
    assert compare_pipeline() == []


@zenml
def test_steps_are_made_of_the_result_types(project: Project) -> None:
    pipeline = load_pipeline()
    names = {
        stage.name: [output.name for output in list_outputs(pipeline, stage)]
        for stage in pipeline.values()
    }
    assert names == {
        "ingest": ["dataset", "version"],
        "preprocess": ["dataset", "splits"],
        "validate": ["report"],
        "train": ["model", "history"],
        "evaluate": ["report", "predictions", "metrics"],
        "register": ["version"],
        "deploy": [],
    }
    assert list(type_inputs(pipeline, pipeline["register"]).values())[3:] == [
        dict[str, float],
        str,
    ]
    from mlpo_kit.zenml import steps

    assert steps.train is steps.train  # ZenML wants the same each time
    with pytest.raises(PipelineError, match="there is no stage 'trian'; did you mean train"):
        _ = steps.trian


@zenml
def test_a_training_waits_for_all_checks_and_nothing_passes_the_gate_early(
    project: Project,
) -> None:
    from mlpo_kit.zenml.drawing import draw, load_training

    training = load_training()
    drawn = draw(training.copy())
    assert {"validate", "preprocess"} <= drawn["train_lookup"].upstream_steps
    assert "train_lookup" in drawn["train"].upstream_steps
    assert "register" in drawn["deploy"].upstream_steps
    swept = draw(training.copy(), trials=2)
    assert list(swept)[3:6] == ["trial_1", "trial_2", "choose"]
    assert "validate" in swept["trial_2"].upstream_steps
    assert swept["choose"].upstream_steps == {"trial_1", "trial_2"}
    assert "choose" in swept["evaluate"].upstream_steps


@pytest.mark.slow
@zenml
def test_another_process_in_another_folder_loads_a_step_by_its_source(
    project: Project, tmp_path: Any
) -> None:
    code = (
        "from zenml.steps import BaseStep\n"
        "step = BaseStep.load_from_source('mlpo_kit.zenml.steps.train')\n"
        "print(step.name, *step.entrypoint_definition.inputs, *step.entrypoint_definition.outputs)"
    )
    path = f"{KIT}:{project.root / 'src'}"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    variables = {  # as a pod has them
        "PYTHONPATH": path,
        "MLPO_KIT_PROJECT": str(project.root),
        "ZENML_CUSTOM_SOURCE_ROOT": str(project.root),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=elsewhere,
        env={**variables, "ZENML_CONFIG_PATH": str(tmp_path / "config"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    names = ["settings", "dataset", "splits", "lookup", "model", "history"]
    assert done.stdout.split() == ["train", *names]


@pytest.mark.slow
@zenml
def test_a_mistake_in_the_file_is_one_sentence_with_its_line(project: Project) -> None:
    edit(project, ("@pipeline(", "1 / 0\n\n\n@pipeline("))
    done = subprocess.run(
        [sys.executable, "-m", "mlpo_kit.cli", "run"],
        env={"PYTHONPATH": f"{KIT}:src", "HOME": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    line = (project.root / TRAINING).read_text().splitlines().index("1 / 0") + 1
    wanted = f"error: {TRAINING}:{line}: ZeroDivisionError: division by zero\n"
    assert (done.returncode, done.stderr) == (1, wanted)


@zenml
def test_a_traceback_from_inside_a_step_shows_real_lines(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlpo_kit.zenml import steps, work

    def fail(_: Any) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(work, "get_run", fail)
    with pytest.raises(RuntimeError) as caught:
        steps.train.entrypoint(settings=None, dataset=None, splits=None, lookup="1")
    shown = [(frame.name, frame.line) for frame in traceback.extract_tb(caught.tb)][1:]
    assert shown[0] == ("return_several", "outputs = recipe.work(stage.name, inputs)")
    assert shown[1] == ("perform_stage", "run = _open_run(inputs)")
    assert steps.train.entrypoint.__doc__.endswith("return the step's outputs. (train)")


@zenml
def test_a_run_may_change_what_was_not_fixed_when_it_was_compiled(project: Project) -> None:
    from mlpo_kit.config.settings import read_profile
    from mlpo_kit.zenml.work import change_settings

    document = read_profile("local")
    digits = "0123" * 16  # of a text
    changed = change_settings(document, ["train.epochs=9", f"ingest.version={digits}"])
    assert (changed.train.epochs, changed.ingest.version) == (9, digits)
    late = ("resources.train.cpu=3", "compute=kubernetes", "train={nodes: 2}", "train.nodes=2")
    for change in late:
        name = change.partition("=")[0]
        with pytest.raises(PipelineError, match=f"{name}: fixed when the pipeline was compiled"):
            change_settings(document, [change])
    with pytest.raises(PipelineError, match=r"train\.epoch"):
        change_settings(document, ["train.epoch=3"])


@pytest.mark.slow
@zenml
@pytest.mark.parametrize(
    ("code", "forbidden"),
    [
        ("import mlpo_kit.zenml", {"zenml", "torch", "mlflow", "numpy", "pydantic"}),
        ("import mlpo_kit.zenml.adapter as a; a.VERBS", {"zenml", "torch", "mlflow"}),
        ("import mlpo_kit.zenml.submit, mlpo_kit.zenml.dashboard", {"zenml", "torch", "fsspec"}),
        ("import mlpo_kit.zenml.stacks, mlpo_kit.zenml.prune", {"zenml", "torch", "mlflow"}),
        ("from mlpo_kit.zenml.steps import train", {"torch", "mlflow"}),
        ("from mlpo_kit.zenml import main, note_failure, Settings", {"torch", "mlflow"}),
    ],
)
def test_light_modules_do_not_import_heavy_packages(
    project: Project, code: str, forbidden: set[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        env={"PYTHONPATH": f"{KIT}:src", "ZENML_CONFIG_PATH": "config", "HOME": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not forbidden & set(done.stdout.split())
