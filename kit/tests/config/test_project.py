"""The project is found from any folder in it, and each problem with it is one sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import forget_toy

import mlpo_kit
from mlpo_kit import PipelineError, find_project, load_pipeline
from mlpo_kit.config import Project, load_settings


def edit(project: Project, name: str, old: str, new: str) -> Path:
    path = project.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    forget_toy()
    return path


def fail() -> str:
    with pytest.raises(PipelineError) as caught:
        load_pipeline()
    return str(caught.value)


def test_a_project_is_found_from_a_folder_in_it_or_by_name(
    toy: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(toy.root / "src" / "toy" / "stages")
    assert find_project() == toy
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLPO_KIT_PROJECT", str(toy.root))
    assert find_project() == toy


def test_a_pyproject_without_a_section_for_the_kit_is_skipped(
    toy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = toy.root / "tools" / "other"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    monkeypatch.chdir(inner)
    assert find_project() == toy


def test_a_missing_project_is_explained_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLPO_KIT_PROJECT", raising=False)
    assert fail() == (
        f"there is no project in {tmp_path} or above: no pyproject.toml there has a section "
        "[tool.mlpo]. Change into the project, or set MLPO_KIT_PROJECT to its folder"
    )


def test_a_missing_package_is_named(toy: Project, tmp_path: Path) -> None:
    root = tmp_path / "other"
    shutil.copytree(toy.root, root)
    path = edit(Project(root, "toy"), "pyproject.toml", 'package = "toy"', 'package = "tyo"')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert fail() == (
            f"{path} names the package 'tyo' ([tool.mlpo] package), but there is no module tyo: "
            "correct the name, or install the project with `make setup`"
        )


def test_a_missing_pipeline_module_is_named(toy: Project) -> None:
    (toy.root / "src" / "toy" / "pipeline.py").unlink()
    assert "but there is no module toy.pipeline" in fail()


def test_an_import_error_inside_the_project_is_not_hidden(toy: Project) -> None:
    edit(toy, "src/toy/pipeline.py", "from mlpo_kit", "import not_there\nfrom mlpo_kit")
    with pytest.raises(ModuleNotFoundError, match="not_there"):
        load_pipeline()


def test_a_pipeline_module_without_PIPELINE_is_reported(toy: Project) -> None:
    path = edit(toy, "src/toy/pipeline.py", "PIPELINE = ", "PIPE = ")
    assert fail() == f"{path} has no PIPELINE: define it there"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[tool.mlpo]\n", '{path}: [tool.mlpo] needs a line such as package = "pets"'),
        ("[tool.mlpo\n", "{path} is not valid TOML: "),
    ],
)
def test_a_broken_pyproject_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLPO_KIT_PROJECT", raising=False)
    assert fail().startswith(words.format(path=path))


def test_all_problems_of_a_pipeline_are_reported_at_once(toy: Project) -> None:
    edit(toy, "src/toy/pipeline.py", '"ingest.dataset"', '"ingst.dataset"')
    edit(toy, "src/toy/pipeline.py", 'splits="preprocess.splits"),\n    Stage("train"',
         'splits="preprocess.split"),\n    Stage("train"')  # fmt: skip
    edit(toy, "src/toy/pipeline.py", '"evaluate.metrics.accuracy"', '"evaluate.metric.accuracy"')
    assert fail() == (
        "toy: PIPELINE does not fit:\n"
        "  preprocess.dataset: there is no earlier stage 'ingst'; did you mean ingest?\n"
        "  validate.splits: preprocess has no output 'split'; did you mean splits?\n"
        "  gate: evaluate has no output 'metric'; did you mean metrics?"
    )
    with pytest.raises(PipelineError, match="PIPELINE does not fit"):
        load_settings()


def test_the_command_line_prints_one_sentence_without_a_traceback(tmp_path: Path) -> None:
    source = str(Path(mlpo_kit.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": source}
    environment.pop("MLPO_KIT_PROJECT", None)
    command = [sys.executable, "-m", "mlpo_kit.cli", "plan"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: there is no project in {tmp_path} or above")
    assert done.stderr.count("\n") == 1
