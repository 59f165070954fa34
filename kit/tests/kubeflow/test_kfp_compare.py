"""Differences between the pipeline file and PIPELINE are reported; an eighth stage works."""

from __future__ import annotations

import pytest
from conftest import forget_toy
from kfp_project import KUBEFLOW, RunFolder, edit_pipeline

from mlpo_kit.config.project import Project
from mlpo_kit.kubeflow.adapter import compare_pipeline

pytestmark = KUBEFLOW

ROWS = "**rows, **run"


def test_the_file_that_mlpo_generates_agrees(toy: Project) -> None:
    assert compare_pipeline() == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            'history=trained.outputs["history"]',
            'history=evaluated.outputs["report"]',
            "register gets history = evaluate.report, but PIPELINE says train.history",
        ),
        (
            'dataset_version=ingested.outputs["version"]',
            "dataset_version=settings",
            "register gets dataset_version = a constant, or a parameter of the run, but",
        ),
        (
            "    checked = validate(" + ROWS + ")\n",
            "    checked = prepared\n",
            "validate: PIPELINE has this stage, but no task runs it",
        ),
        (
            "    checked = validate(" + ROWS + ")\n",
            "    checked = validate(" + ROWS + ")\n    validate(" + ROWS + ")\n",
            "validate is called 2 times, but PIPELINE has it once",
        ),
        (
            'predictions=evaluated.outputs["predictions"]',
            'predictions=prepared.outputs["splits"]',
            "deploy gets predictions = preprocess.splits, but PIPELINE says evaluate.pred",
        ),
    ],
)
def test_another_wiring_is_found_under_conditions_too(
    toy: Project, old: str, new: str, words: str
) -> None:
    edit_pipeline(toy, old, new)
    (problem,) = compare_pipeline()
    assert problem.startswith(f"pipeline/training.py: {words}")


def test_a_component_of_the_users_own_in_between_is_named(toy: Project) -> None:
    edit_pipeline(
        toy,
        "@dsl.pipeline\n",
        "@dsl.component(base_image='x:1', install_kfp_package=False)\n"
        "def clean(old: dsl.Input[dsl.Dataset], new: dsl.Output[dsl.Dataset]):\n    pass\n\n\n"
        "@dsl.pipeline\n",
    )
    edit_pipeline(
        toy,
        "    checked = validate(**rows,",
        "    own = clean(old=prepared.outputs['splits'])\n"
        "    checked = validate(dataset=rows['dataset'], splits=own.outputs['new'],",
    )
    (problem,) = compare_pipeline()
    assert problem == (
        "pipeline/training.py: validate gets splits = clean.new, but PIPELINE says "
        "preprocess.splits"
    )


STAGE = """
from __future__ import annotations

from dataclasses import dataclass

from mlpo_kit import Ref, Workspace


@dataclass(frozen=True)
class Augmented:
    splits: Ref
    factors: tuple[int, ...]
    note: str | None


def add_mirrored_rows(settings: object, work: Workspace, splits: Ref) -> Augmented:
    document = work.read_json(splits)
    document["train"] = [number for row in document["train"] for number in (row, -row)]
    return Augmented(work.save_json("splits.json", document), (1, -1), None)
"""


def add_eighth_stage(project: Project) -> None:
    """Add a stage: a function, a line in PIPELINE and a call in the pipeline file."""
    source = project.root / "src" / "toy"
    (source / "stages" / "add_mirrored_rows.py").write_text(STAGE)
    settings = source / "settings.py"
    settings.write_text(
        settings.read_text().replace(
            "    validate: Validate",
            "    add_mirrored_rows: DeploySettings = DeploySettings()\n    validate: Validate",
        )
    )
    pipeline = source / "pipeline.py"
    text = pipeline.read_text().replace(
        'Stage("validate", Validated, dataset="preprocess.dataset", splits="preprocess.splits"),\n'
        '    Stage("train", Trained, dataset="preprocess.dataset", splits="preprocess.splits"),',
        'Stage("add_mirrored_rows", Augmented, splits="preprocess.splits"),\n'
        '    Stage("validate", Validated, dataset="preprocess.dataset", '
        'splits="add_mirrored_rows.splits"),\n'
        '    Stage("train", Trained, dataset="preprocess.dataset", '
        'splits="add_mirrored_rows.splits"),',
    )
    pipeline.write_text(
        text.replace(
            "PIPELINE = ", "from .stages.add_mirrored_rows import Augmented\n\nPIPELINE = "
        )
    )
    edit_pipeline(project, "    deploy,", "    add_mirrored_rows,\n    deploy,")
    edit_pipeline(
        project,
        "    checked = validate(**rows,",
        '    more = add_mirrored_rows(splits=rows["splits"], **run)\n'
        '    mirrored = {**rows, "splits": more.outputs["splits"]}\n'
        "    checked = validate(**mirrored,",
    )
    edit_pipeline(project, "train(**rows,", "train(**mirrored,")
    forget_toy()


@pytest.mark.slow
def test_an_eighth_stage_is_a_function_a_line_and_a_call(
    toy: Project, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    add_eighth_stage(toy)
    assert compare_pipeline() == []
    from mlpo_kit.cli.__main__ import main

    assert main(["validate"]) == 0, capsys.readouterr().err


@pytest.mark.full
@pytest.mark.slow
def test_an_eighth_stage_runs(toy: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("eighth"))
    add_eighth_stage(folder.project)
    done = folder.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [*folder.read_states()].index("add_mirrored_rows") == 2
    assert set(folder.read_states().values()) == {"completed"}
    assert "add-mirrored-rows" in folder.list_tasks()
