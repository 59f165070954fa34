"""The project that mlpo generates, as far as its user owns it: for tests that need a real network.

Its sources are those of scaffolds/core; its pipeline file is that of the orchestrator at hand.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment

from mlpo_kit.config.documents import merge
from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import check_settings, parse_profile
from mlpo_kit.runs.workspace import Run

CORE = Path(__file__).parents[2] / "scaffolds" / "core"
PACKAGE = "pets"
# Small enough for seconds, large enough to learn the digits.
QUICK: dict[str, Any] = {
    "train": {"epochs": 3, "device": "cpu", "model": {"width": 16, "blocks": [1, 1]}},
    "evaluate": {"device": "cpu"},
}

MakeRun = Callable[..., Run]
Inputs = dict[str, Any]  # what a stage takes, by name


def render_project(root: Path, orchestrator: str = "metaflow", data_source: str = "digits") -> Path:
    """Render what a user owns of a project into a folder, but for its locks and Makefile."""
    answers = {
        "name": root.name,
        "package": PACKAGE,
        "orchestrator": orchestrator,
        "data_source": data_source,
    }
    engine = Environment(keep_trailing_newline=True, autoescape=False)  # no HTML
    for folder in ("src", "configs", "tests"):
        for source in sorted((CORE / folder).rglob("*")):
            if not source.is_file() or "__pycache__" in source.parts:
                continue
            place = str(source.relative_to(CORE)).replace("{{ package }}", PACKAGE)
            target = root / place.removesuffix(".jinja")
            target.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8")
            if source.suffix == ".jinja":
                text = engine.from_string(text).render(answers)
            target.write_text(text, encoding="utf-8")
            shutil.copystat(source, target)  # what is newer than the process is not what it runs
    for source in (CORE.parent / orchestrator / "pipeline").glob("*.py*"):
        target = root / "pipeline" / source.name.removesuffix(".jinja")
        target.parent.mkdir(exist_ok=True)
        target.write_text(engine.from_string(source.read_text(encoding="utf-8")).render(answers))
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "{PACKAGE}"\nversion = "0.1.0"\n\n'
        f'[tool.mlpo]\npackage = "{PACKAGE}"\norchestrator = "{orchestrator}"\n\n'
        '[tool.pytest.ini_options]\nmarkers = ["slow: takes seconds"]\n'
    )
    return root


def prepare_inputs(run: Run) -> Inputs:
    """Run what comes before the training; returns what that takes."""
    # The tests of setup/ load this plugin where the packages of a project are not installed.
    from mlpo_kit.execution.inprocess import run_pipeline

    prepared = run_pipeline(run, last="preprocess")["preprocess"]
    return {"dataset": prepared.dataset, "splits": prepared.splits}


def forget_project() -> None:
    """Let the next import of the project read it anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """The generated project as the working folder, importable here and in what is started."""
    root = render_project(tmp_path / "project")
    monkeypatch.chdir(root)
    source = str(root / "src")
    monkeypatch.syspath_prepend(source)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([source, os.environ.get("PYTHONPATH", "")]))
    for variable in ("MLFLOW_TRACKING_URI", "MLPO_KIT_PROJECT", "MLPO_KIT_IMAGE"):
        monkeypatch.delenv(variable, raising=False)
    forget_project()
    yield Project(root, PACKAGE, "metaflow")
    forget_project()
    shutil.rmtree(root)  # weights and checkpoints: pytest keeps the folders of three sessions


@pytest.fixture
def make_project_run(project: Project) -> MakeRun:
    """Make runs of the generated project: `make_project_run("1", train={"epochs": 1})`."""
    profile = (project.configs / "local.yaml").read_text(encoding="utf-8")

    def make(run_id: str = "1", use_cache: bool = True, **sections: Any) -> Run:
        document = merge(merge(parse_profile(profile), QUICK), sections)
        return Run(run_id, "test", check_settings(document), use_cache=use_cache)

    return make
