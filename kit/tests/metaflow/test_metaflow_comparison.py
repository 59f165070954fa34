"""Differences between the flow and PIPELINE are reported in sentences, without a run."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

pytest.importorskip("metaflow.plugins")  # and not this folder

from mlpo_kit.cli.__main__ import main
from mlpo_kit.cli.adapter import load_adapter
from mlpo_kit.config.project import Project

EDITS = {
    "a misspelt stage": (
        'self.run_stage("preprocess")',
        'self.run_stage("preproces")',
        [
            "the step preprocess names a stage 'preproces' that is not in PIPELINE; did you mean "
            "preprocess?",
            "no step runs the stage preprocess",
        ],
    ),
    "a missing stage": (
        'self.evaluated = self.run_stage("evaluate")',
        "pass",
        ["no step runs the stage evaluate", "runs register, which takes report from evaluate"],
    ),
    "an order in which an input is not made yet": (
        'self.look_up("train")',
        '"miss"',
        ["the step evaluate runs evaluate, which takes model from train: train may not have run"],
    ),
    "a stage that no path leads to": (
        'self.next({"hit": self.evaluate, "miss": self.train}, condition="train_cache")',
        "self.next(self.evaluate)",
        [
            "no path leads to the step train, which runs the stage train",
            "the step evaluate runs evaluate, which takes model from train: train may not have run",
        ],
    ),
    "a result that nobody finds": (
        "self.trained = self.run_stage",
        "self.model = self.run_stage",
        [
            "the step train does not keep the result of train where later steps look for it: write "
            'self.trained = self.run_stage("train")'
        ],
    ),
    "a step that is not there": (
        "self.next(self.register)",
        "self.next(self.registre)",
        ["the step evaluate goes on to 'registre', which does not exist; did you mean register?"],
    ),
}


def edit(toy: Project, old: str, new: str) -> None:
    path = toy.root / "pipeline" / "flow.py"
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_the_flow_of_the_scaffold_agrees(toy: Project) -> None:
    adapter = load_adapter()
    adapter.compare_pipeline()  # imports Metaflow
    began = time.perf_counter()
    assert adapter.compare_pipeline() == []
    assert time.perf_counter() - began < 0.5


@pytest.mark.parametrize("name", EDITS)
def test_a_disagreement_is_named(toy: Project, name: str) -> None:
    old, new, expected = EDITS[name]
    edit(toy, old, new)
    found = load_adapter().compare_pipeline()
    for words in expected:
        assert any(words in one for one in found), found


def test_the_results_of_stages_with_one_type_are_kept_apart(toy: Project) -> None:
    path = toy.root / "src" / "toy" / "pipeline.py"
    line = '    Stage("validate", Validated, dataset='
    more = '    Stage("augment", Preprocessed, dataset="preprocess.splits"),\n'
    path.write_text(path.read_text().replace(line, more + line))
    found = load_adapter().compare_pipeline()
    assert "pipeline/flow.py: no step runs the stage augment" in found
    assert any('self.preprocess_result = self.run_stage("preprocess")' in one for one in found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no file"),
        ("from mlpo_kit.metaflow import PipelineFlow\n", "defines no flow of a pipeline"),
        (
            "from mlpo_kit.metaflow import PipelineFlow\nclass F(PipelineFlow):\n    pass\n",
            "defines no flow of a pipeline",
        ),
    ],
)
def test_a_file_that_defines_no_flow_is_refused(toy: Project, text: str | None, words: str) -> None:
    from mlpo_kit.errors import PipelineError

    path: Path = toy.root / "pipeline" / "flow.py"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(PipelineError, match=words):
        load_adapter().compare_pipeline()


def test_a_mistake_in_the_file_is_named_with_its_line(
    toy: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy.root / "pipeline" / "flow.py").write_text("\nimport nothing_of_that_name\n")
    assert main(["check"]) == 1
    title, *lines = capsys.readouterr().err.splitlines()
    assert title == "error: the parts of this project do not match:"
    assert lines[0].startswith("  pipeline/flow.py:2: ModuleNotFoundError: ")
    assert lines[1:] == ["  deploy/cluster.yaml: metaflow: Field required"]  # all checks run
