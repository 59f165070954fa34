"""An edit re-runs what it can change, and nothing else: told by `make plan`, and run for real."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from environments import environment
from projects import MINIMAL, Project, generate

from mlpo_cli.scaffold import available

pytestmark = pytest.mark.slow

CACHED = "hit hit hit hit hit"
# model.py imports shapes, which imports numbers_: the helper is two imports away from train.
FILES = {
    "src/my_project/shapes.py": "from .numbers_ import FACTOR\n\nWIDE = 2 * FACTOR\n",
    "src/my_project/numbers_.py": '"""Numbers."""\n\nFACTOR = 1\n',
    "src/my_project/unused.py": "X = 1\n",
    "src/my_project/labels.txt": "a\nb\n",
}


@pytest.fixture(scope="module", params=available())
def ran(request, tmp_path_factory):
    """A project of its own data and helpers that ran once, with an environment of its own."""
    folder = tmp_path_factory.mktemp(request.param)
    project = generate(folder, *MINIMAL, orchestrator=request.param)
    lent = environment(request.param, tmp_path_factory)
    # Hard links: its packages can be changed, and cost no time or space.
    subprocess.run(["cp", "-al", lent, project.path / ".venv"], check=True)
    for name, text in FILES.items():
        (project.path / name).write_text(text)
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


def plan(project: Project, *options: str, **variables: str) -> list[tuple[str, str]]:
    """The verdicts and reasons of the stages that the cache may serve."""
    variables = {"PYTHONPATH": str(project.path / "src"), **variables}
    said = project.make("plan", f"ARGS=--json {' '.join(options)}", check=True, **variables).stdout
    steps = json.loads(said)["stages"]
    assert [step["verdict"] for step in steps[5:]] == ["run", "run"]  # register and deploy
    return [(step["verdict"], step["reason"]) for step in steps[:5]]


def served(project: Project) -> str:
    """What the newest run says of the same stages."""
    return " ".join(stage["cache"] for stage in project.latest()["stages"][:5])


def replaced(name: str, old: str, new: str) -> Callable[[Project], None]:
    return lambda project: project.edit(name, old, new)


def written(name: str, text: str) -> Callable[[Project], object]:
    return lambda project: (project.path / name).write_text(text)


def record(project: Project, stage: str) -> Path:
    first = min(project.path.glob("runs/*/ingest.json"), key=lambda path: path.stat().st_mtime)
    return first.parent / stage


def entry(project: Project, stage: str) -> Path:
    (path,) = (project.path / "cache" / stage).iterdir()
    return path


def touch_everything(project: Project) -> None:
    for path in [*project.path.rglob("src/**/*.py"), project.path / "data" / "rows.npz"]:
        os.utime(path)


def move_data(project: Project) -> None:
    (project.path / "data" / "rows.npz").rename(project.path / "data" / "moved.npz")
    project.edit("configs/base.yaml", "data/rows.npz", "data/moved.npz")


def flip_a_byte_of_data(project: Project) -> None:
    """One byte, the same size and the same time: the content is what counts."""
    path = project.path / "data" / "rows.npz"
    times, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def reflow(project: Project) -> None:
    path = project.path / "src" / "my_project" / "stages" / "preprocess.py"
    path.write_text(path.read_text().replace("\n\n\n", "\n\n\n\n# Nothing.\n\n"))


def truncate(stage: str, payload: str) -> Callable[[Project], None]:
    def cut(project: Project) -> None:
        path = record(project, stage) / payload
        path.write_bytes(path.read_bytes()[:-1])

    return cut


def age(stage: str) -> Callable[[Project], None]:
    def turn_back(project: Project) -> None:
        path = entry(project, stage)
        document = json.loads(path.read_text())
        path.write_text(json.dumps({**document, "created": document["created"] - 15 * 86400}))

    return turn_back


@dataclass(frozen=True)
class Edit:
    """Something that is changed, and what then becomes of the five stages."""

    name: str
    verdicts: str
    do: Callable[[Project], object] = lambda project: None
    options: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    reason: str = ""  # in the words of the first stage that is not a hit


PACKAGE = "src/my_project"
TRAIN_AND_ON = "hit hit hit run depends"
MODEL_CODE = "hit hit hit run run"
PREPARE_AND_ON = "hit run depends depends depends"
ALL = "run run run run run"
EDITS = [
    Edit("nothing", CACHED),
    # What can change a result.
    Edit("a helper two imports away", MODEL_CODE, replaced(f"{PACKAGE}/numbers_.py", "= 1", "= 2"),
         reason="code of my_project.numbers_"),
    Edit("a constant in a stage", "hit hit run hit hit",
         replaced(f"{PACKAGE}/stages/validate.py", 'SPLITS = ("train", "val", "test")',
                  'SPLITS = ("val", "train", "test")'),
         reason="code of my_project.stages.validate"),
    Edit("a stage before others", PREPARE_AND_ON,
         replaced(f"{PACKAGE}/stages/preprocess.py", "std > 0", "std > 1e-9")),
    Edit("a setting", TRAIN_AND_ON, replaced("configs/base.yaml", "epochs: 2\n", "epochs: 3\n"),
         reason="train.epochs 2 -> 3"),
    Edit("a nested setting", TRAIN_AND_ON, replaced("configs/base.yaml", "width: 32", "width: 16"),
         reason="train.model.width 32 -> 16"),
    Edit("a seed", TRAIN_AND_ON, options=("--set train.seed=8",), reason="train.seed 7 -> 8"),
    Edit("an option for one run", PREPARE_AND_ON, options=("--set preprocess.val_share=0.2",)),
    Edit("a setting of the last cached stage", "hit hit hit hit run",
         options=("--set evaluate.batch_size=8",)),
    Edit("the data's bytes", "run depends depends depends depends", flip_a_byte_of_data,
         reason="the source holds other data"),
    Edit("the same data elsewhere", "run depends depends depends depends", move_data,
         reason="ingest.path"),
    Edit("a file in the package that is no code", ALL, written(f"{PACKAGE}/labels.txt", "a\nc\n"),
         reason="file labels.txt"),
    Edit("the image", ALL, variables=(("PIPELINE_IMAGE", "registry/image@sha256:1"),),
         reason="another image"),
    Edit("what the stages hand on", ALL,
         replaced(f"{PACKAGE}/stages/__init__.py", "copies_dropped: int",
                  "copies_dropped: int = 0")),
    # What cannot.
    Edit("a docstring", CACHED,
         replaced(f"{PACKAGE}/numbers_.py", '"""Numbers."""', '"""Other numbers."""')),
    Edit("layout and comments", CACHED, reflow),
    Edit("the README", CACHED, written("README.md", "# Other\n")),
    Edit("a test", CACHED, written("tests/test_more.py", "def test_more(): ...\n")),
    Edit("a module that no stage imports", CACHED, written(f"{PACKAGE}/unused.py", "X = 2\n")),
    Edit("a stage that always runs", CACHED,
         replaced(f"{PACKAGE}/stages/register.py", "is_new=False)", "is_new=(1 > 2))")),
    Edit("a later stage", "hit hit hit hit run",
         replaced(f"{PACKAGE}/stages/evaluate.py", "1e-12", "1e-13")),
    Edit("a setting that no cached stage reads", CACHED, options=("--set deploy.rows=3",)),
    Edit("what a stage is given to run on", CACHED,
         options=("--set resources.train.memory_mb=512",)),
    Edit("retention", CACHED, options=("--set retention.keep_last=2",)),
    Edit("the times of files", CACHED, touch_everything),
    # What is no longer there, or too old.
    Edit("deleted weights", TRAIN_AND_ON,
         lambda p: (record(p, "train") / "model.safetensors").unlink(), reason="can't be used"),
    Edit("truncated splits", PREPARE_AND_ON, truncate("preprocess", "splits.safetensors"),
         reason="was changed"),
    Edit("a deleted run", ALL, lambda p: shutil.rmtree(record(p, "ingest").parent),
         reason="is not in the store"),
    Edit("a deleted cache", ALL, lambda p: shutil.rmtree(p.path / "cache"),
         reason="no earlier result"),
    Edit("half an entry", TRAIN_AND_ON,
         lambda p: entry(p, "train").write_text(entry(p, "train").read_text()[:99])),
    Edit("an old entry", "hit hit hit hit run", age("evaluate"), reason="max_age_days"),
    # What was switched off.
    Edit("no cache at all", ALL, options=("--no-cache",), reason="not to use the cache"),
    Edit("no cache by setting", ALL, options=("--set caching.enabled=false",)),
    Edit("no cache for a stage", TRAIN_AND_ON, options=("--set caching.always_run=[train]",),
         reason="caching.always_run"),
]  # fmt: skip


def test_an_edit_is_planned_for_exactly(ran, tmp_path):
    wrong = []
    for number, edit in enumerate(EDITS):
        project = Project(tmp_path / str(number))
        shutil.copytree(ran.path, project.path, symlinks=True, ignore=heavy)
        (project.path / ".venv").symlink_to(ran.path / ".venv")
        edit.do(project)
        steps = plan(project, *edit.options, **dict(edit.variables))
        verdicts = " ".join(verdict for verdict, _ in steps)
        reason = next((why for verdict, why in steps if verdict != "hit"), "")
        if verdicts != edit.verdicts or edit.reason not in reason:
            wrong.append((edit.name, verdicts, reason))
    assert not wrong


def heavy(folder: str, names: list[str]) -> set[str]:
    """What a plan does not read: the environment, and what the orchestrators keep."""
    return set(names) & {".venv", ".metaflow", ".zenml", "local_outputs", "registry"}


@pytest.mark.parametrize(
    ("package", "change", "verdicts"),
    [
        ("markupsafe", "dependency", ALL),
        ("torch", "build", ALL),
        ("mypy", "tool", CACHED),
    ],
)
def test_an_installed_version_counts_where_it_may_run(ran, package, change, verdicts):
    """The metadata that pip leaves is all that tells which build of a package is there."""
    (found,) = ran.path.glob(f".venv/lib/python3*/site-packages/{package}-*.dist-info")
    version = found.name.removesuffix(".dist-info").partition("-")[2]
    other = version.partition("+")[0] + "+cu130" if change == "build" else f"{version}.post1"
    changed = found.rename(found.with_name(f"{package}-{other}.dist-info"))
    try:
        steps = plan(ran)
    finally:
        changed.rename(found)
    assert " ".join(verdict for verdict, _ in steps) == verdicts
    if verdicts != CACHED:
        assert f"{package} {version} -> {other}" in steps[0][1]


def test_a_run_does_what_was_planned_and_no_more(ran):
    """Comes last: the others look at the first run alone."""
    variables = {"PYTHONPATH": str(ran.path / "src")}
    first = ran.latest()

    def run() -> str:
        ran.make("run", **variables)
        return served(ran)

    assert run() == CACHED
    # The hits show what the stages found when they ran.
    for part in ("dataset", "metrics", "device"):
        assert ran.latest()[part] == first[part]
    assert ran.latest()["model"]["digest"] == first["model"]["digest"]

    move_data(ran)  # the same content: whoever reads it is served again
    assert run() == "miss hit hit hit hit"

    ran.edit("src/my_project/numbers_.py", "= 1", "= 2")
    assert run() == "hit hit hit miss miss"

    ran.edit("src/my_project/numbers_.py", "= 2", "= 1")
    truncate("preprocess", "splits.safetensors")(ran)
    assert run() == "hit miss hit hit hit"  # made again, to the last bit
    assert ran.latest()["model"] == {**first["model"], "alias": "champion"}
    assert ran.champion() == first["model"]["version"]
