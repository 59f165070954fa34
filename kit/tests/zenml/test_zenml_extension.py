"""Stages and steps that a project adds, other ways to start a run, and a killed run."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from zenrun import OPEN, Zen, set_values

pytestmark = pytest.mark.slow

AUGMENT = """
from mlpo_kit import Ref, Workspace

from ..settings import AugmentSettings
from . import Augmented


def augment(settings: AugmentSettings, work: Workspace, splits: Ref) -> Augmented:
    made = work.read_json(splits)
    made["train"] = made["train"] * settings.times
    return Augmented(work.save_json("splits.json", made), {"train": len(made["train"])})
"""
ANNOUNCE = """
from mlpo_kit import Ref, Workspace

from ..settings import AnnounceSettings
from . import Announced


def announce(settings: AnnounceSettings, work: Workspace, model: Ref, rows: dict[str, int]):
    return Announced(work.save_json("letter.json", rows))
"""
RESULTS = """

@dataclass(frozen=True)
class Augmented:
    splits: Ref
    rows: dict[str, int]


@dataclass(frozen=True)
class Announced:
    letter: Ref
"""
SECTIONS = """@section
class AugmentSettings:
    times: int = 2


@section
class AnnounceSettings:
    pass


@section
class Settings(BaseSettings):
"""
OWN_STEP = '''
@step
def count_rows(settings: Settings, splits: Ref) -> Annotated[int, "rows"]:
    """A user's own step: it finds the run, and returns an artifact."""
    run = get_run(settings)
    return len(json.loads(run.store.open(splits).read_text())["train"])


@pipeline('''
IMPORTS = """import json
from typing import Annotated

from mlpo_kit import Ref
from mlpo_kit.zenml import Settings, get_run, main, note_failure
from mlpo_kit.zenml.steps import announce, augment, deploy, """


def add_stages(zen: Zen) -> None:
    """Add two stages, one in the middle and one behind the gate, and a plain step."""
    stages, training = zen.root / "src" / "toy" / "stages", "pipeline/training.py"
    (stages / "augment.py").write_text(AUGMENT)
    (stages / "announce.py").write_text(ANNOUNCE)
    with (stages / "__init__.py").open("a") as file:
        file.write(RESULTS)
    zen.edit("src/toy/settings.py", "@section\nclass Settings(BaseSettings):\n", SECTIONS)
    zen.edit(
        "src/toy/settings.py",
        "    train: TrainSettings = T",
        "    augment: AugmentSettings = AugmentSettings()\n"
        "    announce: AnnounceSettings = AnnounceSettings()\n    train: TrainSettings = T",
    )
    pipeline = "src/toy/pipeline.py"
    zen.edit(pipeline, "import (\n", "import (\n    Announced,\n    Augmented,\n")
    zen.edit(
        pipeline,
        '    Stage("train", Trained, dataset="preprocess.dataset", splits="preprocess.splits"),\n',
        '    Stage("augment", Augmented, splits="preprocess.splits"),\n'
        '    Stage("train", Trained, dataset="preprocess.dataset", splits="augment.splits"),\n',
    )
    zen.edit(
        pipeline,
        "    gate=",
        '    Stage("announce", Announced, model="train.model", rows="augment.rows"),\n    gate=',
    )
    zen.edit(training, "from mlpo_kit.zenml import Settings, main, note_failure\n", "")
    zen.edit(training, "from mlpo_kit.zenml.steps import deploy, ", IMPORTS)
    zen.edit(training, "from zenml import pipeline", "from zenml import pipeline, step")
    zen.edit(training, "\n@pipeline(", OWN_STEP)
    zen.edit(
        training,
        "train(settings, dataset, splits)",
        "train(settings, dataset, more)\n    count_rows(settings, more)",
    )
    zen.edit(
        training,
        "    validate(settings, dataset, splits)\n",
        "    validate(settings, dataset, splits)\n    more, rows = augment(settings, splits)\n",
    )
    last = "predictions, number)\n"
    zen.edit(training, last, f"{last}    announce(settings, model, rows)\n")


@pytest.mark.full
def test_two_more_stages_and_an_own_step_take_a_few_lines(tmp_path: Path) -> None:
    """Run the file; then a refused candidate stops the stages behind the gate."""
    zen = Zen(tmp_path)
    add_stages(zen)
    with (zen.root / "deploy" / "cluster.yaml").open("a") as description:
        description.write("zenml: {server: 'http://zenml', artifact_store: 's3://bucket/zenml'}\n")
    done = zen.kit("check")
    assert done.stdout == "the pipeline file, settings, cluster and locks match\n", done.stderr

    done = zen.python("pipeline/training.py", *set_values("augment.times=3"))
    assert done.returncode == 0, done.stdout + done.stderr
    summary = zen.latest()
    assert {stage["name"]: stage["status"] for stage in summary["stages"]} == dict.fromkeys(
        ("ingest", "preprocess", "validate", "augment", "train", "evaluate", "register", "deploy",
         "announce"), "completed"
    )  # fmt: skip
    letter = zen.root / "runs" / summary["run_id"] / "announce" / "letter.json"
    assert json.loads(letter.read_text()) == {"train": 240}
    steps = zen.records()["runs"][summary["run_id"]]["steps"]
    assert steps["count_rows"]["outputs"]["rows"][0] == "BuiltInMaterializer"
    assert steps["announce"]["outputs"]["report"][1] == 1  # the last stage has the page

    done = zen.kit("run", *set_values("register.min_accuracy=0.999"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "announce: nothing to do: accuracy" in done.stdout
    states = [stage["status"] for stage in zen.latest()["stages"]]
    assert states[-3:] == ["refused", "not run", "not run"]
    run = zen.records()["runs"][zen.latest()["run_id"]]
    assert run["status"] == "completed"


SETTINGS = """
from mlpo_kit.zenml.launch import make_request, prepare_start
from mlpo_kit.zenml.drawing import load_training
from mlpo_kit.zenml.stacks import activate_local_stack
from mlpo_kit.zenml.work import DOCUMENT
request = make_request("local")
training = load_training()
with open_local_store(home):
    activate_local_stack()
options = {"extra": {DOCUMENT: request.document}}
training.with_options(run_name="fewer", **options)(settings=["train.epochs=1"])
for name, extra, settings in (("late", options, ["compute=batch"]), ("bare", {}, None)):
    try:
        training.with_options(run_name=name, **extra)(settings=settings)
    except Exception as error:
        print(f"{name}: {error}")
"""


@pytest.mark.full
def test_the_parameter_of_the_pipeline_takes_what_a_run_may_change(tmp_path: Path) -> None:
    zen = Zen(tmp_path)
    done = zen.python("-c", OPEN + SETTINGS, str(zen.root))
    assert done.returncode == 0, done.stdout + done.stderr
    train = json.loads((zen.root / "runs" / "fewer" / "train.json").read_text())
    assert train["settings"]["epochs"] == 1
    assert zen.latest()["status"] == "completed"
    assert "late: compute: fixed when the pipeline was compiled" in done.stdout
    assert "bare: this run has no settings: start it with" in done.stdout
    assert zen.records()["runs"]["late"]["status"] == "failed"


@pytest.mark.full
def test_two_first_runs_at_once_and_one_is_killed(tmp_path: Path) -> None:
    """Both create ZenML's database. The next start marks the killed run as failed."""
    zen = Zen(tmp_path)
    alive = zen.root / ".zenml" / "alive"
    slow = set_values("train.sleep_seconds=1", "train.epochs=1000")
    with zen.start("-m", "mlpo_kit.cli", "run", *slow) as killed:
        done = zen.kit("run", *set_values("register.min_accuracy=0"))
        assert done.returncode == 0, done.stdout + done.stderr
        while not list((zen.root / "runs").glob("*/train.json")):
            assert killed.poll() is None
            time.sleep(0.2)
        (dead,) = (path.name for path in alive.iterdir())
        runs = zen.records()["runs"]
        states = {name: run["status"] for name, run in runs.items()}
        assert states.pop(dead) == "running"  # it lives: nobody touches it
        assert list(states.values()) == ["completed"]
        while not (zen.root / "runs" / dead / "train.json").exists():
            time.sleep(0.2)
        killed.kill()
    run = zen.records()["runs"][dead]
    assert run["status"] == "failed"
    assert run["steps"]["train"]["status"] == "stopped"
    assert list(alive.iterdir()) == []
