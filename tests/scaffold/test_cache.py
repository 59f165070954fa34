"""What only a generated project shows of the cache: real packages, an installed kit, real runs.

Which edit re-runs which stage is the kit's to show: kit/tests/caching/test_edits.py.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from environments import environment
from projects import MINIMAL, Project, generate

from mlpo_cli.scaffold import list_scaffolds

pytestmark = [pytest.mark.slow, pytest.mark.full]

HITS = "hit hit hit hit hit"
TRAIN_AND_ON = "hit hit hit run depends"
MODEL_CODE = "hit hit hit run run"
ALL = "run run run run run"
HELPER = "src/my_project/numbers_.py"  # two imports away from train


@pytest.fixture(scope="module", params=list_scaffolds())
def ran(request, tmp_path_factory):
    """A project of its own data and helpers that ran once, with an environment of its own."""
    folder = tmp_path_factory.mktemp(request.param)
    project = generate(folder, *MINIMAL, orchestrator=request.param)
    lent = environment(request.param, tmp_path_factory)
    # Hard links: its packages can be changed, and cost no time or space.
    subprocess.run(["cp", "-al", lent, project.path / ".venv"], check=True)
    (project.path / HELPER).write_text("FACTOR = 1\n")
    shapes = project.path / "src" / "my_project" / "shapes.py"
    shapes.write_text("from .numbers_ import FACTOR\n\nWIDE = 2 * FACTOR\n")
    project.edit(
        "src/my_project/model.py", "import torch\n", "import torch\n\nfrom . import shapes\n"
    )
    project.edit("configs/base.yaml", "source: digits", "source: table\n  path: data/rows.npz")
    project.edit("configs/base.yaml", "epochs: 20", "epochs: 2")
    project.edit("configs/base.yaml", "min_accuracy: 0.85", "min_accuracy: 0")
    project.edit("configs/base.yaml", "max_regression: 0.01", "max_regression: 1")
    project.edit("configs/base.yaml", "auto: true", "auto: false")
    variables = {"PYTHONPATH": str(project.path / "src")}
    project.make("sample-data", **variables)
    project.make("run", **variables)
    return project


def plan(project: Project, *options: str, **variables: str) -> tuple[str, str]:
    """The verdicts of the stages that the cache may serve, and the first reason to run."""
    variables = {"PYTHONPATH": str(project.path / "src"), **variables}
    done = project.make("plan", f"ARGS=--json {' '.join(options)}", check=True, **variables)
    steps = json.loads(done.stdout)["stages"]
    assert [step["verdict"] for step in steps[5:]] == ["run", "run"]  # register and deploy
    reasons = [step["reason"] for step in steps[:5] if step["verdict"] != "hit"]
    return " ".join(step["verdict"] for step in steps[:5]), next(iter(reasons), "")


def served(project: Project) -> str:
    """What the newest run says of the same stages."""
    return " ".join(stage["cache"] for stage in project.latest()["stages"][:5])


def site_packages(project: Project) -> Path:
    (folder,) = project.path.glob(".venv/lib/python3*/site-packages")
    return folder


@contextmanager
def another_version(project: Project, package: str, version: str) -> Iterator[str]:
    """Install another version, as the metadata has it that pip leaves; yields the words of it."""
    (found,) = site_packages(project).glob(f"{package}-*.dist-info")
    old = found.name.removesuffix(".dist-info").partition("-")[2]
    new = version.replace("{}", old.partition("+")[0])
    changed = found.rename(found.with_name(f"{package}-{new}.dist-info"))
    try:
        yield f"{package} {old} -> {new}"
    finally:
        changed.rename(found)


@pytest.mark.parametrize(
    ("package", "version", "verdicts"),
    [
        ("torch", "{}+cu130", MODEL_CODE),  # also where only the kit imports it
        ("markupsafe", "{}.post1", MODEL_CODE),  # that torch requires, by way of another
        ("numpy", "{}.post1", ALL),
        ("mlflow_skinny", "{}.post1", HITS),  # that no cached stage reaches
        ("s3fs", "{}.post1", HITS),  # which only carries
        ("mypy", "{}.post1", HITS),  # a tool
        ("mlpo_kit", "{}.post1", HITS),  # a release that changes no behaviour
    ],
)
def test_an_installed_version_counts_where_it_is_reached(ran, package, version, verdicts):
    with another_version(ran, package, version) as words:
        found, reason = plan(ran)
    assert found == verdicts
    if verdicts != HITS:
        assert words in reason


def test_a_tool_that_is_installed_later_invalidates_nothing(ran):
    folder = site_packages(ran) / "jupyterlab-4.0.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Name: jupyterlab\nVersion: 4.0.0\n")
    try:
        assert plan(ran)[0] == HITS
    finally:
        shutil.rmtree(folder)


def test_a_part_of_the_installed_kit_counts_by_its_number_and_not_by_its_source(ran):
    kit = site_packages(ran) / "mlpo_kit"
    for name, old, new, verdicts in (
        ("training/loop.py", '"""', '"""\n\nMORE = 1\n', HITS),
        ("caching/behaviour.py", '"training": Part(\n        1,', '"training": Part(\n        2,',
         MODEL_CODE),
    ):  # fmt: skip
        path = kit / name
        text = path.read_text()
        assert old in text
        path.unlink()  # it is another project's too
        end = text.index(old, 3) if old == '"""' else text.index(old)
        path.write_text(text[:end] + new + text[end + len(old) :])
        try:
            assert plan(ran)[0] == verdicts
        finally:
            path.write_text(text)


def test_settings_of_operation_are_in_no_key(ran):
    assert plan(ran, "--set train.timeout_seconds=5", "--set train.loader_threads=4")[0] == HITS
    assert plan(ran, "--set train.epochs=3") == (TRAIN_AND_ON, "train.epochs 2 -> 3")


def test_a_run_does_what_was_planned_and_no_more(ran):
    """Comes last: the others look at the first run alone."""
    variables = {"PYTHONPATH": str(ran.path / "src")}
    first = ran.latest()

    def run() -> str:
        ran.make("run", **variables)
        return served(ran)

    assert run() == HITS
    # The hits show what the stages found when they ran.
    for part in ("dataset", "metrics", "device"):
        assert ran.latest()[part] == first[part]
    assert ran.latest()["model"]["digest"] == first["model"]["digest"]

    # The same content elsewhere: whoever reads it is served again.
    (ran.path / "data" / "rows.npz").rename(ran.path / "data" / "moved.npz")
    ran.edit("configs/base.yaml", "data/rows.npz", "data/moved.npz")
    assert run() == "miss hit hit hit hit"

    ran.edit(HELPER, "= 1", "= 2")
    assert run() == "hit hit hit miss miss"

    ran.edit(HELPER, "= 2", "= 1")
    runs = list(ran.path.glob("runs/*/ingest.json"))
    oldest = min(runs, key=lambda path: path.stat().st_mtime).parent
    splits = oldest / "preprocess" / "splits.safetensors"
    splits.write_bytes(splits.read_bytes()[:-1])
    assert run() == "hit miss hit hit hit"  # made again, to the last bit
    assert ran.latest()["model"] == {**first["model"], "alias": "champion"}
    assert ran.champion() == first["model"]["version"]
