"""Every two options together give a project that is clean; `make test-full` runs each for real.

Options and orchestrators join by themselves: what there is to choose is asked of mlpo.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations, cycle, product
from pathlib import Path
from typing import Any

import pytest
from environments import borrow, environment
from projects import CHOICES, Project, bare_environment, choose

from mlpo_cli.scaffold import list_scaffolds

# Names and packages that are as short, as long and as odd as they may be.
NAMES = {
    "a": "a",
    "Odd.Name-2_x": "odd_name_2_x",
    f"L{'o' * 62}g": f"p{'_2' * 19}e",
}
# What the orchestrator itself says to a pipeline that it could not run.
COMPILE = {
    "metaflow": [".venv/bin/python", "pipeline/flow.py", "check"],
    "kubeflow": ["make", "compile"],
    "zenml": ["make", "manifests"],
}
EXTREMES = (
    {"name": "Odd.Name-2_x", **choose(-1)},
    {"name": "a", **choose(0)},
)
QUICK = "ARGS=--set train.epochs=4"

Row = Mapping[str, str]


def cover(options: Mapping[str, Sequence[str]]) -> list[Row]:
    """Few rows, one value of each option in each, in which every two values are together once."""
    rows = list(product(*options.values()))
    pairs = {row: set(combinations(enumerate(row), 2)) for row in rows}
    unmet = set().union(*pairs.values())
    chosen = []
    while unmet:
        best = max(rows, key=lambda row: len(unmet & pairs[row]))
        unmet -= pairs[best]
        chosen.append(dict(zip(options, best, strict=True)))
    return sorted(chosen, key=lambda row: row["orchestrator"])


def options() -> dict[str, list[str]]:
    """All that can be chosen of a project."""
    return {"orchestrator": list(list_scaffolds()), **CHOICES, "name": list(NAMES)}


def shown(row: Row) -> str:
    return "-".join(value[:12] for value in row.values())


ROWS = cover(options())


def list_params() -> list[Any]:
    """The rows: one of each orchestrator, with different data, decides; the others are full.

    Of Metaflow none does: test_end_to_end has a project of it linted.
    """
    params, seen = [], {"metaflow"}
    for row in ROWS:
        decides = not seen & {row["orchestrator"], row["data_source"]}
        if decides:
            seen |= {row["orchestrator"], row["data_source"]}
        params.append(pytest.param(row, id=shown(row), marks=() if decides else pytest.mark.full))
    assert seen >= set(list_scaffolds())
    return params


def generate(folder: Path, row: Row) -> Project:
    """The project of a row, by the real command."""
    settings = {**row, "package": NAMES[row["name"]]}
    command = [sys.executable, "-m", "mlpo_cli", "new", "--json", "--no-input"]
    for key, value in settings.items():
        command += ["--set", f"project.{key}={value}"]
    done = subprocess.run(
        command, cwd=folder, env=bare_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["project"] == {**settings, "decided_on": None}
    return Project(Path(document["path"]))


def test_every_two_values_are_together_in_some_row():
    for one, other in combinations(options().items(), 2):
        wanted = set(product(one[1], other[1]))
        assert {(row[one[0]], row[other[0]]) for row in ROWS} == wanted
    assert len(ROWS) < len(list(product(*options().values())))


@pytest.mark.slow
@pytest.mark.parametrize("row", list_params())
def test_it_is_linted_type_checked_and_compiled(row, tmp_path, tmp_path_factory):
    project = generate(tmp_path, row)
    lent = borrow(project, environment(row["orchestrator"], tmp_path_factory))
    project.make("lint", **lent)
    done = subprocess.run(
        COMPILE[row["orchestrator"]],
        cwd=project.path,
        env={**bare_environment(), **lent},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def runs_green(project: Project, **lent: Any) -> None:
    """Run all seven stages, quickly."""
    if "source: digits" not in (project.path / "configs" / "base.yaml").read_text():
        project.make("sample-data", **lent)
    if "image_size: 32" in (project.path / "configs" / "base.yaml").read_text():
        project.edit("configs/base.yaml", "image_size: 32", "image_size: 16")
    project.make("run", QUICK, **lent)
    assert project.latest()["status"] == "completed"
    assert project.latest()["model"]["alias"] == "champion"


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize(("orchestrator", "extreme"), list(zip(list_scaffolds(), cycle(EXTREMES))))
def test_an_extreme_of_each_orchestrator_runs(orchestrator, extreme, tmp_path, tmp_path_factory):
    row = {"orchestrator": orchestrator, **extreme}
    project = generate(tmp_path, row)
    runs_green(project, **borrow(project, environment(orchestrator, tmp_path_factory)))


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("row", ROWS, ids=shown)
def test_it_runs(row, tmp_path, tmp_path_factory):
    project = generate(tmp_path, row)
    lent = borrow(project, environment(row["orchestrator"], tmp_path_factory))
    runs_green(project, **lent)
    project.make("test", **lent)
