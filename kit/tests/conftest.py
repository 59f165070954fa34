"""What the kit's tests share: the small project, and runs of it over a store of their own."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from s3 import serve_bucket

from mlpo_kit.config.documents import merge
from mlpo_kit.config.project import Project
from mlpo_kit.config.settings import check_settings, parse_profile
from mlpo_kit.runs.workspace import Run

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Tests in the background of a shell ignore it, and so would what they start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

if not hasattr(sys.modules["__main__"], "__file__"):
    # A worker of pytest-xdist has none, and ZenML 0.98.0 looks for sources beside it.
    sys.modules["__main__"].__file__ = __file__

os.environ["MLPO_KIT_TRACKING"] = "off"  # no processes in the background; its own tests set it

pytest_plugins = ["scaffold"]  # the generated project, besides the small one

with suppress(ImportError):  # the environments of projects have no hypothesis
    from hypothesis import settings

    # A red run must be red again: no randomness. A test with far more examples than these takes
    # fewer in the inner loop (`quick`), and more in test-full (`thorough`).
    quiet = {"max_examples": 60, "deadline": None, "derandomize": True, "database": None}
    for profile in ("kit", "quick", "thorough"):
        settings.register_profile(profile, **quiet)
    settings.load_profile("kit")

TOY = Path(__file__).parent / "toy"
SCAFFOLDS = Path(__file__).parents[2] / "scaffolds"

MakeRun = Callable[..., Run]

LONGEST = (  # a minute, or most of it
    "test_zenml_runs.py",
    "test_zenml_prune.py",
    "test_metaflow_flow.py",
    "test_recipes.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with what takes longest: the workers then end together."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: (item.path.name not in LONGEST, -slow[item.path]))


def copy_toy(folder: Path, orchestrator: str) -> Project:
    """Copy the small project, with the very PIPELINE and pipeline file that mlpo generates."""
    root = folder / "toy"
    shutil.copytree(TOY, root, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(SCAFFOLDS / "core" / "src" / "{{ package }}" / "pipeline.py", root / "src" / "toy")
    pyproject = root / "pyproject.toml"
    pyproject.write_text(
        pyproject.read_text().replace(
            'orchestrator = "metaflow"', f'orchestrator = "{orchestrator}"'
        )
    )
    for template in (SCAFFOLDS / orchestrator / "pipeline").glob("*.py*"):
        target = root / "pipeline" / template.name.removesuffix(".jinja")
        target.parent.mkdir(exist_ok=True)
        target.write_text(template.read_text().replace("{{ package }}", "toy"))
    return Project(root, "toy", orchestrator)


def forget_toy() -> None:
    """Let the next import of the small project read it anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "toy"]:
        del sys.modules[name]


@pytest.fixture
def toy(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    """The small project as the working folder, importable; a parameter names its orchestrator."""
    project = copy_toy(tmp_path, getattr(request, "param", "metaflow"))
    monkeypatch.chdir(project.root)
    monkeypatch.syspath_prepend(str(project.root / "src"))
    for variable in ("MLFLOW_TRACKING_URI", "MLPO_KIT_PROJECT", "MLPO_KIT_IMAGE"):
        monkeypatch.delenv(variable, raising=False)
    forget_toy()
    yield project
    forget_toy()


@pytest.fixture
def make_run(toy: Project) -> MakeRun:
    """Makes runs of the small project: `make_run("1", train={"epochs": 1})`."""
    profile = (toy.configs / "local.yaml").read_text(encoding="utf-8")

    def make(run_id: str = "1", use_cache: bool = True, **sections: Any) -> Run:
        settings = check_settings(merge(parse_profile(profile), sections))
        return Run(run_id, toy.orchestrator or "test", settings, use_cache=use_cache)

    return make


@pytest.fixture(scope="session")
def registry_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an empty registry, to be copied: MLflow takes seconds to make its tables."""
    from mlpo_kit.models.registry import Registry

    root = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        Registry("none", root)
    return root / "registry"


@pytest.fixture
def registry(toy: Project, registry_template: Path) -> Path:
    """The small project's registry, still empty: for tests in which runs get that far."""
    return Path(shutil.copytree(registry_template, toy.root / "registry"))


@pytest.fixture
def s3_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a bucket on a real S3 server."""
    (tmp_path / "server").mkdir()
    with serve_bucket(tmp_path / "server", "models") as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield "s3://models/team/project"
