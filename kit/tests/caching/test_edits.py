"""An edit reruns exactly the stages whose results it can change, by the small project's plan."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import forget_toy

from mlpo_kit.caching import behaviour, key
from mlpo_kit.config import Project, load_settings
from mlpo_kit.execution.inprocess import collect_inputs
from mlpo_kit.execution.plan import plan_run
from mlpo_kit.execution.runner import run_stage
from mlpo_kit.runs.workspace import Run

# train and evaluate import shapes, which imports numbers_: the helper is two imports away.
FILES = {
    "shapes.py": "from .numbers_ import FACTOR\n\nWIDE = 2 * FACTOR\n",
    "numbers_.py": '"""Numbers."""\n\nFACTOR = 1\n',
    "unused.py": "X = 1\n",
    "labels.txt": "a\nb\n",
    "data.py": (
        "from mlpo_kit import find_project\n"
        "from mlpo_kit.store.files import hash_file\n\n\n"
        "def fingerprint(settings):\n"
        "    return hash_file(find_project().root / 'rows.bin')\n"
    ),
    "by_name.py": "from importlib import import_module\n\n\ndef load(n):\n    import_module(n)\n",
}


@pytest.fixture
def ran(toy: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The small project with helpers of its own, whose cached stages ran once."""
    # Its code is newer than this process, and each run imports it anew.
    monkeypatch.setattr(key, "STARTED", float("inf"))
    package = toy.root / "src" / "toy"
    for name, text in FILES.items():
        (package / name).write_text(text)
    for stage in ("train", "evaluate"):
        replace(f"stages/{stage}.py", "from . import", "from .. import shapes\nfrom . import")(toy)
    (toy.root / "rows.bin").write_bytes(bytes(64))
    run_cached_stages()
    return toy


def run_cached_stages(*changes: str) -> Run:
    forget_toy()
    run = Run(str(time.time_ns()), "test", load_settings("local", changes))
    results: dict[str, object] = {}
    for name in run.pipeline.cached_names:
        stage = run.pipeline[name]
        results[name] = run_stage(run, stage, **collect_inputs(stage, results))
    return run


def plan(*changes: str, use_cache: bool = True) -> tuple[str, str]:
    """The verdicts of the stages that the cache may serve, and the first reason to run."""
    forget_toy()
    steps = plan_run(Run("plan", "test", load_settings("local", changes), use_cache=use_cache))
    assert [step.verdict for step in steps[5:]] == ["run", "run"]  # register and deploy
    reasons = [step.reason for step in steps[:5] if step.verdict != "hit"]
    return " ".join(step.verdict for step in steps[:5]), next(iter(reasons), "")


@pytest.mark.slow
def test_a_plan_knows_the_values_of_a_reused_stage(
    toy: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key, "STARTED", float("inf"))
    taken = 'Validated, version="ingest.version", '
    replace("pipeline.py", "Validated, ", taken)(toy)
    replace("stages/validate.py", "splits: Ref", "splits: Ref, version: str")(toy)
    run_cached_stages()
    assert plan() == ("hit hit hit hit hit", "")
    assert plan("ingest.rows=99")[0] == "run depends depends depends depends"


Edit = Callable[[Project], object]


def replace(name: str, old: str, new: str) -> Edit:
    """Replace in a file of the package."""

    def edit(project: Project) -> None:
        path = project.root / "src" / "toy" / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return edit


def write(name: str, text: str) -> Edit:
    """Write a file of the project."""

    def edit(project: Project) -> None:
        path = project.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return edit


def find_payload(project: Project, name: str) -> Path:
    (path,) = project.root.glob(f"runs/*/{name}")
    return path


def find_entry(project: Project, stage: str) -> Path:
    (path,) = (project.root / "cache" / stage).iterdir()
    return path


def truncate(name: str) -> Edit:
    def cut(project: Project) -> None:
        path = find_payload(project, name)
        path.write_bytes(path.read_bytes()[:-1])

    return cut


def flip_a_byte_of_data(project: Project) -> None:
    """One byte, the same size and the same time: the content is what counts."""
    path = project.root / "rows.bin"
    times = path.stat()
    path.write_bytes(b"\1" + bytes(63))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def touch_everything(project: Project) -> None:
    for path in project.root.rglob("src/**/*"):
        os.utime(path)


def age_the_last_entry(project: Project) -> None:
    path = find_entry(project, "evaluate")
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "created": document["created"] - 15 * 86400}))


def halve_an_entry(project: Project) -> None:
    path = find_entry(project, "train")
    path.write_text(path.read_text()[:99])


@dataclass(frozen=True)
class Case:
    """A change, and what the five stages then do."""

    name: str
    verdicts: str
    edit: Edit = lambda project: None
    changes: tuple[str, ...] = ()
    reason: str = ""  # in the words of the first stage that is not a hit


HITS = "hit hit hit hit hit"
TRAIN_AND_ON = "hit hit hit run depends"
MODEL_CODE = "hit hit hit run run"
PREPARE_AND_ON = "hit run depends depends depends"
ALL = "run run run run run"
SHAPES = "src/toy/shapes.py"
CASES = [
    Case("nothing", HITS),
    # What can change a result.
    Case("a helper two imports away", MODEL_CODE, replace("numbers_.py", "= 1", "= 2"),
         reason="code of toy.numbers_"),
    Case("a constant in a stage", "hit hit run hit hit",
         replace("stages/validate.py", "rows < settings", "rows + 0 < settings"),
         reason="code of toy.stages.validate"),
    Case("a stage before others", PREPARE_AND_ON,
         replace("stages/preprocess.py", "- round(", "- int(")),
    Case("a setting", TRAIN_AND_ON, lambda p: (p.configs / "base.yaml").write_text(
         (p.configs / "base.yaml").read_text().replace("epochs: 3", "epochs: 2")),
         reason="train.epochs 3 -> 2"),
    Case("a seed", TRAIN_AND_ON, changes=("train.seed=8",), reason="train.seed 7 -> 8"),
    Case("an option for one run", PREPARE_AND_ON, changes=("preprocess.test_share=0.3",)),
    Case("a setting of the last cached stage", "hit hit hit hit run",
         changes=("evaluate.device=mps",)),
    Case("the data's bytes", "run depends depends depends depends", flip_a_byte_of_data,
         reason="the source has other data"),
    Case("a file in the package that is no code", ALL, write("src/toy/labels.txt", "a\nc\n"),
         reason="file labels.txt"),
    Case("another file in the package", ALL, write("src/toy/more/words.csv", "a\n"),
         reason="file more/words.csv"),
    Case("what the stages hand on", ALL,
         replace("stages/__init__.py", "    rows: int\n", "    rows: int = 0\n")),
    Case("a type of the settings", ALL,
         replace("settings.py", "Field(ge=1)", "Field(ge=2)")),
    # What hides from a reader of imports: each edit is of a module that is reached this way.
    *(
        Case(name, MODEL_CODE, lambda p, text=text, files=files: hide(p, text, files),
             reason="code of toy.hidden")
        for name, text, files in [
            ("a module imported in a function", "def f():\n    from . import hidden\n", ()),
            ("a star import", "from .hidden import *\n", ()),
            ("a star import of a package", "from .parts import *\n",
             (("parts/__init__.py", "__all__ = ['x']\n"),
              ("parts/x.py", "from .. import hidden\n"))),
            ("import_module with a name",
             "import importlib\nimportlib.import_module('toy.hidden')\n", ()),
            ("import_module with a name to come",
             "import importlib\ndef f(n):\n    importlib.import_module(n)\n", ()),
            ("import_module under another name",
             "from importlib import import_module as load\nload('toy.' + 'hidden')\n", ()),
            ("import_module handed on", "import importlib\nf = importlib.import_module\n", ()),
            ("a relative name", "from importlib import import_module\n"
             "import_module('.hidden', __package__)\n", ()),
            ("a module of the project by its short name",
             "from mlpo_kit import find_project\nfind_project().import_module('hidden')\n", ()),
            ("the name of a module in a text", "COMMAND = ['-m', 'toy.hidden']\n", ()),
            ("modules looked for in a folder",
             "import pkgutil\nlist(pkgutil.iter_modules(['x']))\n", ()),
            ("a file that is run", "def f():\n    exec(open('hidden.py').read())\n", ()),
            ("a package without __init__.py", "from .space import inner\n",
             (("space/inner.py", "from ..hidden import X\n"),)),
            ("an absolute import", "import toy.hidden\n", ()),
        ]
    ),
    # What cannot.
    Case("a docstring", HITS, replace("numbers_.py", '"""Numbers."""', '"""Other numbers."""')),
    Case("layout and comments", HITS,
         replace("stages/preprocess.py", "\n\n\n", "\n\n\n\n# Nothing.\n\n")),
    Case("the README", HITS, write("README.md", "# Other\n")),
    Case("a test", HITS, write("tests/test_more.py", "def test_more(): ...\n")),
    Case("a notebook under src/", HITS, write("src/toy/look.ipynb", "{}")),
    Case("what Jupyter leaves behind", HITS,
         write("src/toy/.ipynb_checkpoints/labels-checkpoint.txt", "a\n")),
    Case("what an editor leaves behind", HITS, write("src/toy/labels.txt~", "a\n")),
    Case("a module that no stage imports", HITS, write("src/toy/unused.py", "X = 2\n")),
    Case("a new module that no stage imports", HITS, write("src/toy/later.py", "X = 2\n")),
    Case("the pipeline file", HITS, write("pipeline/more.py", "X = 2\n")),
    Case("a stage that always runs", HITS,
         replace("stages/register.py", "is_new=False", "is_new=(1 > 2)")),
    Case("a later stage", "hit hit hit hit run",
         replace("stages/evaluate.py", "1 - factor", "1.0 - factor")),
    Case("a setting that no cached stage reads", HITS, changes=("register.max_regression=0.5",)),
    Case("what a stage is given to run on", HITS, changes=("resources.train.memory_mb=512",)),
    Case("retention", HITS, changes=("retention.keep_last=2",)),
    Case("the times of files", HITS, touch_everything),
    Case("a time-out", HITS, changes=("train.timeout_seconds=5",)),
    Case("loader threads", HITS, changes=("train.loader_threads=4",)),
    Case("a checkpoint interval", HITS, changes=("train.checkpoint_seconds=1",)),
    Case("a setting of the project's that is OPERATIONAL", HITS,
         changes=("train.sleep_seconds=0.001",)),
    # What is no longer there, or too old.
    Case("deleted weights", TRAIN_AND_ON,
         lambda p: find_payload(p, "train/model.json").unlink(), reason="can't be used"),
    Case("truncated splits", PREPARE_AND_ON, truncate("preprocess/splits.json"),
         reason="was changed"),
    Case("a truncated dataset, which preprocess hands on", "run run depends depends depends",
         truncate("ingest/numbers.json"), reason="was changed"),
    Case("a deleted run", ALL, lambda p: shutil.rmtree(p.root / "runs"),
         reason="is not in the store"),
    Case("a deleted cache", ALL, lambda p: shutil.rmtree(p.root / "cache"),
         reason="no earlier result"),
    Case("half an entry", TRAIN_AND_ON, halve_an_entry),
    Case("an old entry", "hit hit hit hit run", age_the_last_entry, reason="max_age_days"),
    # What was switched off.
    Case("no cache by setting", ALL, changes=("caching.enabled=false",)),
    Case("no cache for a stage", TRAIN_AND_ON, changes=("caching.always_run=[train]",),
         reason="caching.always_run"),
]  # fmt: skip


def hide(project: Project, text: str, files: tuple[tuple[str, str], ...] = ()) -> None:
    """Let shapes reach the module `hidden` in some way, run the stages, then edit it."""
    write("src/toy/hidden.py", "X = 1\n")(project)
    write(SHAPES, text + FILES["shapes.py"])(project)
    for name, content in files:
        write(f"src/toy/{name}", content)(project)
    run_cached_stages()
    assert plan()[0] == HITS
    write("src/toy/hidden.py", "X = 2\n")(project)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_edit_reruns_exactly_the_stages_that_it_affects(ran: Project, case: Case) -> None:
    case.edit(ran)
    verdicts, reason = plan(*case.changes)
    assert verdicts == case.verdicts
    assert case.reason in reason


def test_a_plan_names_what_a_stage_depends_on_once(ran: Project) -> None:
    settings = load_settings("local", ["preprocess.test_share=0.3"])
    steps = plan_run(Run("plan", "test", settings))
    assert [step.reason for step in steps[2:5]] == [
        "on the result of preprocess",
        "on the result of preprocess",
        "on the result of train and preprocess",
    ]


def test_a_run_may_switch_the_cache_off(ran: Project) -> None:
    assert plan(use_cache=False) == (ALL, "the cache is off for this run")


@pytest.mark.slow
def test_a_run_does_what_was_planned(ran: Project) -> None:
    replace("numbers_.py", "= 1", "= 2")(ran)
    run = run_cached_stages()
    cached = [
        run.store.read_json(f"runs/{run.id}/{name}.json") for name in run.pipeline.cached_names
    ]
    assert [record["cache"] for record in cached] == ["hit"] * 3 + ["miss"] * 2
    replace("numbers_.py", "= 2", "= 1")(ran)
    assert plan()[0] == HITS


def test_settings_of_another_stage_count_if_they_may_be_read(ran: Project) -> None:
    """A stage is given its section; what it takes from the run besides is seen, too."""
    text = "def f(work):\n    return work.run.settings.ingest.rows\n"
    write(SHAPES, text + FILES["shapes.py"])(ran)
    run_cached_stages()
    assert plan()[0] == HITS
    assert plan("register.min_accuracy=0.4") == (
        MODEL_CODE,
        "register.min_accuracy 0.5 -> 0.4",
    )
    assert plan("retention.keep_last=2", "train.timeout_seconds=5")[0] == HITS


@pytest.mark.slow
def test_an_operational_setting_keeps_the_checkpoints(ran: Project) -> None:
    """Checkpoints are stored under the cache key, so they are kept if the key does not change."""
    keys = set()
    for changes in ((), ("train.timeout_seconds=5", "train.checkpoint_seconds=1")):
        run = run_cached_stages(*changes, "caching.max_age_days=0.0000001")
        record = run.store.read_json(f"runs/{run.id}/train.json")
        assert record["cache"] == "miss"
        keys.add(record["key"])
    assert len(keys) == 1


def make_distribution(site: Path, name: str, version: str, *requires: str) -> None:
    """Install a package of one module, as pip would, without its code's version changing."""
    module = name.replace("-", "_")
    (site / module).mkdir(exist_ok=True)
    (site / module / "__init__.py").write_text("")
    info = site / f"{module}-{version}.dist-info"
    info.mkdir()
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    (info / "METADATA").write_text("\n".join(lines) + "\n\nText\n")
    (info / "RECORD").write_text(f"{module}/__init__.py,,\n{info.name}/METADATA,,\n")


@pytest.fixture
def site(ran: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packages that pip installed; train and evaluate import `alpha`, and its extras are there."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    make_distribution(
        folder,
        "alpha",
        "1.0+cpu",
        "Beta[Fast]>=1",
        "delta>=1; extra == 'extra'",
        "epsilon; python_version < '3'",
        "tool; extra == 'dev'",
        "zeta ; extra == 'zeta'",
    )
    make_distribution(folder, "beta", "1.0", 'gamma>1; extra == "fast"')
    for name in ("gamma", "delta", "epsilon", "tool", "zeta", "jupyterlab"):
        make_distribution(folder, name, "1.0")
    ask_for("alpha", "zeta>=1", "tool")(ran)
    write(SHAPES, "def f():\n    import alpha.part\n" + FILES["shapes.py"])(ran)
    run_cached_stages()
    return folder


def ask_for(*requirements: str) -> Edit:
    def edit(project: Project) -> None:
        path = project.root / "pyproject.toml"
        listed = ", ".join(f'"{text}"' for text in requirements)
        path.write_text(
            path.read_text().replace('0.1.0"\n', f'0.1.0"\ndependencies = [{listed}]\n')
        )

    return edit


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "verdicts"),
    [
        ("alpha", MODEL_CODE),  # imported
        ("beta", MODEL_CODE),  # required by it
        ("gamma", MODEL_CODE),  # by an extra that is asked for
        ("zeta", MODEL_CODE),  # by an extra that nobody asks for, and the project asks for it
        ("delta", HITS),  # by an extra that nobody asks for
        ("epsilon", HITS),  # on another Python
        ("tool", HITS),  # to develop alpha with
        ("jupyterlab", HITS),  # that no stage imports
    ],
)
def test_a_new_version_counts_for_the_stages_that_reach_it(
    site: Path, name: str, verdicts: str
) -> None:
    (info,) = site.glob(f"{name}-*.dist-info")
    old = info.name.removesuffix(".dist-info").partition("-")[2]
    other = old.replace("+cpu", "") + "+cu130"
    info.rename(info.with_name(f"{name}-{other}.dist-info"))
    assert plan() == (verdicts, f"{name} {old} -> {other}" if verdicts != HITS else "")


@pytest.mark.slow
def test_unused_installed_packages_do_not_count(site: Path) -> None:
    make_distribution(site, "notebook", "7.0", "alpha", "beta")
    assert plan()[0] == HITS


@pytest.mark.slow
def test_an_open_import_may_reach_every_requirement_of_the_project(
    ran: Project, site: Path
) -> None:
    write(SHAPES, "def f(n):\n    __import__(n)\n" + FILES["shapes.py"])(ran)
    run_cached_stages()
    (site / "tool-1.0.dist-info").rename(site / "tool-1.1.dist-info")
    assert plan() == (MODEL_CODE, "tool 1.0 -> 1.1")
    (site / "jupyterlab-1.0.dist-info").rename(site / "jupyterlab-1.1.dist-info")
    assert plan() == (MODEL_CODE, "tool 1.0 -> 1.1")


@pytest.mark.slow
def test_an_open_import_may_reach_every_requirement_of_the_kit(ran: Project, site: Path) -> None:
    make_distribution(
        site, "mlpo-kit", "1.0", "gamma", "delta; extra == 's3'", "jupyterlab; extra == 'zenml'"
    )
    path = ran.root / "pyproject.toml"
    path.write_text(path.read_text().replace('"tool"', '"mlpo-kit[s3]"'))
    write(SHAPES, "def f(n):\n    __import__(n)\n" + FILES["shapes.py"])(ran)
    run_cached_stages()
    for name in ("mlpo_kit", "jupyterlab"):  # the kit counts by its parts; nobody asks for zenml
        (site / f"{name}-1.0.dist-info").rename(site / f"{name}-1.1.dist-info")
    assert plan()[0] == HITS
    (site / "gamma-1.0.dist-info").rename(site / "gamma-1.1.dist-info")
    assert plan() == (MODEL_CODE, "gamma 1.0 -> 1.1")
    (site / "gamma-1.1.dist-info").rename(site / "gamma-1.0.dist-info")
    (site / "delta-1.0.dist-info").rename(site / "delta-1.1.dist-info")
    assert plan() == (MODEL_CODE, "delta 1.0 -> 1.1")


@pytest.mark.slow
def test_an_editable_install_counts_by_its_source(site: Path, tmp_path: Path) -> None:
    sources = tmp_path / "worked-on"
    shutil.copytree(site / "beta", sources / "beta")
    shutil.rmtree(site / "beta")
    link = {"url": sources.as_uri(), "dir_info": {"editable": True}}
    (site / "beta-1.0.dist-info" / "direct_url.json").write_text(json.dumps(link))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(sources))
        run_cached_stages()
        assert plan()[0] == HITS
        (sources / "beta" / "__init__.py").write_text("X = 1\n")
        assert plan() == (MODEL_CODE, "code of beta")


@pytest.mark.slow
@pytest.mark.parametrize("is_package", [True, False])
def test_a_package_is_reached_through_a_module_outside_the_project(
    ran: Project, site: Path, tmp_path: Path, is_package: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an __init__.py or without, which makes a namespace package."""
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    top = f"helpers_{is_package}".lower()  # another one, as the first stays imported
    helper = tmp_path / "lib" / top / "deep" / "one.py"
    helper.parent.mkdir(parents=True)
    if is_package:
        (helper.parents[1] / "__init__.py").write_text("")
    helper.write_text("import delta\n")
    write(SHAPES, f"import {top}.deep.one\n" + FILES["shapes.py"])(ran)
    run_cached_stages()
    (site / "delta-1.0.dist-info").rename(site / "delta-1.1.dist-info")
    assert plan() == (MODEL_CODE, "delta 1.0 -> 1.1")
    (site / "delta-1.1.dist-info").rename(site / "delta-1.0.dist-info")
    assert plan()[0] == HITS
    helper.write_text("import delta\n\nX = 1\n")
    assert plan() == (MODEL_CODE, f"code of {top}.deep.one")


@pytest.mark.slow
@pytest.mark.parametrize("is_installed", [True, False])
def test_a_new_torch_counts_for_the_stages_that_reach_it_through_the_kit(
    ran: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_installed: bool
) -> None:
    monkeypatch.setattr(behaviour, "is_kit_installed", lambda: is_installed)
    run_cached_stages()
    assert plan()[0] == HITS
    folder = tmp_path / "overlay" / "site-packages"
    info = next(Path(path) for path in sys.path if list(Path(path).glob("torch-*.dist-info")))
    (installed,) = info.glob("torch-*.dist-info")
    shutil.copytree(installed, folder / "torch-9.9.9+cu130.dist-info")
    monkeypatch.syspath_prepend(str(folder))
    verdicts, reason = plan()
    assert verdicts == TRAIN_AND_ON  # only train imports a part of the kit that computes
    assert reason.startswith("torch 2.")
    assert reason.endswith("-> 9.9.9+cu130")


@pytest.fixture
def installed(ran: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project on a kit that was installed as a package."""
    monkeypatch.setattr(behaviour, "is_kit_installed", lambda: True)
    run_cached_stages()
    assert plan()[0] == HITS
    return ran


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "verdicts"),
    [("stages", ALL), ("training", TRAIN_AND_ON), ("models", HITS), ("checks", HITS)],
)
def test_a_part_of_the_kit_counts_by_its_behaviour(
    installed: Project, part: str, verdicts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = behaviour.PARTS[part]
    new = behaviour.Part(old.behaviour + 1, old.modules, old.packages, old.uses)
    monkeypatch.setitem(behaviour.PARTS, part, new)
    now, reason = plan()
    assert now == verdicts
    if verdicts != HITS:
        assert reason == f"{part} of mlpo-kit {old.behaviour} -> {old.behaviour + 1}"


@pytest.mark.slow
@pytest.mark.parametrize("module", ["models.tracking", "reports.page", "cluster.image", "cli.run"])
def test_imports_of_CARRIERS_do_not_count(installed: Project, module: str) -> None:
    """The import statement is code; the imported module does not count."""
    write(SHAPES, "def f():\n    from mlpo_kit import Ref\n" + FILES["shapes.py"])(installed)
    before = find_parts_of_train()
    text = f"def f():\n    from mlpo_kit.{module} import Ref\n" + FILES["shapes.py"]
    write(SHAPES, text)(installed)
    after = find_parts_of_train()
    assert {name for name in before if before[name] != after.get(name)} == {"code:toy.shapes"}
    assert before.keys() == after.keys()


PLAN = """
import json
from mlpo_kit import Run
from mlpo_kit.caching.behaviour import is_kit_installed
from mlpo_kit.config import load_settings
from mlpo_kit.execution.inprocess import run_pipeline
from mlpo_kit.execution.plan import plan_run
assert is_kit_installed()
run = Run("1", "test", load_settings())
if not run.store.children("runs"):
    run_pipeline(run, last="evaluate")
print(json.dumps([[step.verdict, step.reason] for step in plan_run(run)[:5]]))
"""


@pytest.mark.slow
def test_an_update_of_the_kit_counts_only_if_its_behaviour_changed(
    toy: Project, tmp_path: Path
) -> None:
    """Another version, and another source, of the same behaviour trains nothing anew."""
    folder = tmp_path / "site-packages"
    shutil.copytree(behaviour.find_kit_folder(), folder / "mlpo_kit")
    info = folder / "mlpo_kit-0.2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mlpo-kit\nVersion: 0.2.0\n")
    paths = [str(folder), str(toy.root / "src")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    for path in toy.root.rglob("*.py"):  # older than the processes below
        os.utime(path, (0, 0))

    def plan_anew() -> list[list[str]]:
        command = [sys.executable, "-c", PLAN]
        done = subprocess.run(
            command, cwd=toy.root, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        steps: list[list[str]] = json.loads(done.stdout.splitlines()[-1])
        return steps

    hits = plan_anew()
    assert {verdict for verdict, _ in hits} == {"hit"}
    info.rename(folder / "mlpo_kit-0.3.0.dist-info")
    for name in ("training/loop.py", "execution/runner.py", "store/bucket.py"):
        with (folder / "mlpo_kit" / name).open("a") as file:
            file.write("\n\ndef does_more() -> int:\n    return 1\n")
    assert plan_anew() == hits
    table = folder / "mlpo_kit" / "caching" / "behaviour.py"
    text = table.read_text()
    assert '"training": Part(\n        1,' in text
    table.write_text(text.replace('"training": Part(\n        1,', '"training": Part(\n        2,'))
    steps = plan_anew()
    assert [verdict for verdict, _ in steps] == ["hit", "hit", "hit", "run", "depends"]
    assert steps[3][1] == "training of mlpo-kit 1 -> 2"


def find_parts_of_train() -> dict[str, str]:
    return key.collect_parts("toy.stages.train", load_settings().train, {})


@pytest.mark.slow
def test_an_image_counts_by_its_base_image(ran: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (ran.root / "deploy" / "base-image").write_text("python:3.11@sha256:0123\n")
    monkeypatch.setenv("MLPO_KIT_IMAGE", "registry/toy:0123")
    assert plan() == (ALL, "another base image")
    run_cached_stages()
    monkeypatch.setenv("MLPO_KIT_IMAGE", "registry/toy:4567")  # another tag: an edit, or a report
    assert plan()[0] == HITS
    monkeypatch.setenv("MLPO_KIT_BASE", "mirror/python@sha256:0123")  # the same, from elsewhere
    assert plan()[0] == HITS
    monkeypatch.setenv("MLPO_KIT_BASE", "python:3.11@sha256:9999")
    assert plan() == (ALL, "another base image")


def test_a_key_has_only_pythons_minor_version(
    ran: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = find_parts_of_train()
    assert parts["python"].count(".") == 1
    assert not [name for name in parts if "mlpo-kit" in name]
