"""Every lock fits what it was made of. Without a network; `make locks-check` resolves again."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlpo_cli.answers.project import ProjectSettings, check
from mlpo_cli.answers.reserved import load_project_names
from mlpo_cli.resources import scaffolds_dir
from mlpo_cli.scaffold import Provenance, generate, list_scaffolds
from mlpo_kit.setup import vendored
from mlpo_kit.setup.wheel_builder import write_wheel

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
importable, locks = import_module("importable"), import_module("locks")
SCAFFOLDS = scaffolds_dir()
UV_LOCK = ROOT / "kit" / "src" / "mlpo_kit" / "setup" / "uv.lock"
UI_LOCK = ROOT / "kit" / "src" / "mlpo_kit" / "models" / "requirements-ui.lock"
LOCKS = [ROOT / "requirements-dev.lock", UV_LOCK, UI_LOCK, *sorted(SCAFFOLDS.rglob("*.lock"))]
PIN = re.compile(r"^([^\s#].*?)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.M)
NAMES = ("requirements.lock", "requirements-cuda.lock", "requirements-dev.lock")
CUDA = re.compile("torch|triton|nvidia-(?!ml-py).*|cuda-.*")  # NVML's is a few lines of Python
MACHINES: list[dict[str, str]] = [
    {
        **{name: str(value) for name, value in default_environment().items()},
        "python_version": version,
        "python_full_version": f"{version}.9",
        "sys_platform": platform.lower(),
        "platform_system": platform,
        "platform_machine": machine,
    }
    for version in ("3.10", "3.11", "3.12", "3.13")
    for platform, machine in (("Linux", "x86_64"), ("Linux", "aarch64"), ("Darwin", "arm64"))
]


def pins(lock: Path) -> list[Requirement]:
    """All requirements in a lock."""
    return [Requirement(found[1]) for found in PIN.finditer(lock.read_text(encoding="utf-8"))]


def versions(lock: Path, machine: dict[str, str]) -> dict[str, str]:
    """What a lock installs on a machine. One version of each."""
    chosen = [pin for pin in pins(lock) if applies(pin, machine)]
    assert len({pin.name for pin in chosen}) == len(chosen)
    return {canonicalize_name(p.name): str(p.specifier).removeprefix("==") for p in chosen}


def applies(requirement: Requirement, machine: dict[str, str]) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(machine)


def unmet(wanted: Iterable[str], lock: Path, but: str = "$^") -> Iterator[str]:
    """What is wanted that a lock does not give, on any machine. Names that match `but` are left."""
    for machine in MACHINES:
        given = versions(lock, machine)
        for requirement in map(Requirement, wanted):
            name = canonicalize_name(requirement.name)
            if not applies(requirement, machine) or re.fullmatch(but, name):
                continue
            if name not in given or not requirement.specifier.contains(given[name], True):
                python = machine["python_version"]
                yield f"{requirement}: {given.get(name)} on Python {python}, {lock.name}"


def lines(path: Path) -> list[str]:
    """A requirements file's lines."""
    text = path.read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def load(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


@pytest.fixture(scope="module", params=list_scaffolds())
def scaffold(request, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """A scaffold's folder, and the pyproject.toml of its projects."""
    project = tmp_path_factory.mktemp("locks") / "locked"
    settings = ProjectSettings("locked", "locked", request.param)
    generate(settings, project, "", Provenance("", "", {}, {}))
    text = (project / "pyproject.toml").read_text(encoding="utf-8")
    return SCAFFOLDS / request.param, load(text)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_requirement_is_pinned_and_hashed_and_no_host_is_named(lock):
    text = lock.read_text(encoding="utf-8")
    assert PIN.sub("", text).strip() == ""
    assert pins(lock)
    for pin in pins(lock):
        assert re.fullmatch(r"==[\w.+!]+", str(pin.specifier)), pin
        assert pin.url is None


def test_mlpos_own_lock_fits_its_ranges():
    document = load((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = document["project"]["dependencies"] + document["dependency-groups"]["dev"]
    assert list(unmet(wanted, LOCKS[0])) == []


def test_the_uv_of_the_projects_is_the_one_that_was_asked_for():
    assert [str(pin) for pin in pins(UV_LOCK)] == lines(ROOT / "kit" / "uv.in")


def test_mlflows_ui_has_the_version_that_writes_the_registry(scaffold):
    for machine in MACHINES:
        ui = versions(UI_LOCK, machine)
        writer = versions(scaffold[0] / "requirements.lock", machine)["mlflow-skinny"]
        assert (ui["mlflow"], ui["mlflow-skinny"]) == (writer, writer)


@pytest.mark.slow
def test_a_scaffolds_locks_fit_its_ranges(scaffold):
    folder, document = scaffold
    wanted = document["project"]["dependencies"]
    assert list(unmet(wanted, folder / "requirements-cuda.lock", but="mlpo-kit")) == []
    assert list(unmet(wanted, folder / "requirements.lock", but="torch|mlpo-kit")) == []
    dev = document["dependency-groups"]["dev"]
    assert list(unmet(dev, folder / "requirements-dev.lock")) == []


def test_the_kit_has_a_lock_of_its_own_that_fits_the_range(scaffold, tmp_path):
    wheel = write_wheel(ROOT / "kit", tmp_path)
    (wanted,) = (r for r in scaffold[1]["project"]["dependencies"] if r.startswith("mlpo-kit"))
    lock = tmp_path / vendored.LOCK
    lock.write_text(vendored.make_pin(wheel))
    assert list(unmet([wanted], lock)) == []
    assert "mlpo-kit" not in {pin.name for name in NAMES for pin in pins(scaffold[0] / name)}


@pytest.mark.slow
def test_a_scaffolds_locks_hold_all_that_the_kit_needs(scaffold):
    """It is installed with --no-deps: whatever is missing would be missing when it is imported."""
    document = load((ROOT / "kit" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = document["optional-dependencies"]
    wanted = [*document["dependencies"], *extras["s3"], *extras[scaffold[0].name]]
    assert list(unmet(wanted, scaffold[0] / "requirements-cuda.lock")) == []
    assert list(unmet(wanted, scaffold[0] / "requirements.lock", but="torch")) == []


def test_all_scaffolds_share_the_versions_that_decide_the_numbers(scaffold):
    shared = lines(SCAFFOLDS / "constraints.txt")
    assert list(unmet(shared, scaffold[0] / "requirements-cuda.lock")) == []
    assert list(unmet(shared, scaffold[0] / "requirements.lock", but="torch")) == []


def test_the_lock_without_cuda_is_the_other_one_less_torch_and_cuda(scaffold):
    full, small = (
        {str(pin) for pin in pins(scaffold[0] / name)}
        for name in ("requirements-cuda.lock", "requirements.lock")
    )
    assert small < full
    assert {str(pin) for pin in full if not CUDA.fullmatch(Requirement(pin).name)} == small


def test_tools_and_what_runs_agree_on_what_both_need(scaffold):
    for machine in MACHINES:
        runs = versions(scaffold[0] / "requirements-cuda.lock", machine)
        tools = versions(scaffold[0] / "requirements-dev.lock", machine)
        assert {name: runs[name] for name in runs.keys() & tools.keys()} == {
            name: tools[name] for name in runs.keys() & tools.keys()
        }


def test_a_stale_lock_is_told_by_its_pins():
    old = LOCKS[0].read_text(encoding="utf-8")
    assert locks.compare_pins(old, old) == []
    assert locks.compare_pins(old, re.sub("sha256:0", "sha256:1", old)) == []
    name, version = re.findall(r"^(\S+)==(\S+) \\$", old, re.M)[0]
    newer = old.replace(f"{name}=={version} ", f"{name}==99 ", 1)
    assert locks.compare_pins(old, newer) == [f"- {name}=={version}", f"+ {name}==99"]


@pytest.mark.slow
@pytest.mark.parametrize("orchestrator", list_scaffolds())
def test_the_list_of_what_can_be_imported_is_what_the_locked_packages_bring(orchestrator):
    folder = SCAFFOLDS / orchestrator
    project = ROOT / ".envs" / orchestrator
    if not (project / ".venv" / "ready").is_file():
        pytest.skip("`make environments` sets up the environments that this reads")
    if any((project / name).read_bytes() != (folder / name).read_bytes() for name in NAMES):
        pytest.skip("the environment has other packages than the locks: `make environments`")
    found = importable.find_modules(project / ".venv", folder)
    assert {"fsspec", "pynvml", "torch", "nvidia", "mlpo_kit"} <= found, "the search works"
    wanted = importable.render_list(project / ".venv", folder)
    assert (folder / importable.FILE).read_text(encoding="utf-8") == wanted, "make locks"


@pytest.mark.slow
@pytest.mark.parametrize("orchestrator", list_scaffolds())
def test_no_package_is_named_as_what_its_project_imports(orchestrator, tmp_path):
    """Also not as what another project would import: answers do not depend on the orchestrator."""
    assert (SCAFFOLDS / orchestrator / importable.FILE).is_file(), "make locks"
    project = tmp_path / "mine"
    settings = ProjectSettings("mine", "mine", orchestrator)
    generate(settings, project, "", Provenance("", "", {}, {}))
    assert not (project / importable.FILE).exists()
    for path in project.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            for module in {name.partition(".")[0] for name in names} - {"mine"}:
                assert check("package", module) is not None, f"{path}: {module}"
    folders = {path.name for path in project.iterdir() if path.is_dir() and path.name[0] != "."}
    assert folders - {"vendor"} <= load_project_names()
