"""What the project's README says can be changed, changed: the project's own tests stay green.

A recipe is a folder here: changes.diff, and files that take the place of the package's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest
from scaffold import PACKAGE, render_project

pytestmark = [pytest.mark.slow, pytest.mark.full]

RECIPES = Path(__file__).parent
TESTS = ("tests/test_data.py", "tests/test_model.py", "tests/test_pipeline.py")


def find_orchestrator() -> str | None:
    """The orchestrator that is installed here, where its adapter is there, too."""
    for distribution, name in (("metaflow", "metaflow"), ("kfp", "kubeflow"), ("zenml", "zenml")):
        with suppress(PackageNotFoundError):
            version(distribution)
            return name if find_spec(f"mlpo_kit.{name}") else None
    return None


def follow_recipe(root: Path, recipe: str, orchestrator: str) -> None:
    """Make the recipe's changes in a project, also those of its pipeline file."""
    folder = RECIPES / recipe
    for path in sorted(folder.rglob("*.py")):
        shutil.copy(path, root / "src" / PACKAGE / path.relative_to(folder))
    for path in (folder / "changes.diff", folder / f"{orchestrator}.diff"):
        if path.is_file():
            done = subprocess.run(
                ["patch", "--strip=1", "--forward", "--silent", f"--input={path}"],
                cwd=root,
                text=True,
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
    (root / "configs" / "resnet50.yaml").unlink()  # the profile of a network that is gone


def run_tests(root: Path, *more: str) -> str:
    """Run the project's own tests; returns what they say."""
    path = os.pathsep.join([str(root / "src"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *more, *TESTS],
        cwd=root,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize(
    ("recipe", "data_source"),
    [
        pytest.param(None, "table", id="a table"),
        pytest.param("vit", "digits", id="another network"),
        pytest.param("linear", "table", id="another training loop"),
        pytest.param("regression", "digits", id="regression with a section of its own"),
        pytest.param("eighth", "digits", id="an eighth stage"),
    ],
)
def test_the_projects_own_tests_stay_green(
    tmp_path: Path, recipe: str | None, data_source: str
) -> None:
    orchestrator = find_orchestrator()
    root = tmp_path / "project"
    render_project(root, orchestrator or "metaflow", data_source)
    if recipe:
        follow_recipe(root, recipe, orchestrator or "metaflow")
    more = [] if orchestrator else ["-k", "not pipeline_file"]
    assert " failed" not in run_tests(root, *more)
