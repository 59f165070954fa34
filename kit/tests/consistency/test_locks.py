"""What is stale in the locks is found without the network, and only that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from set_up import KIT as KIT_SOURCES

from mlpo_kit.config import Project
from mlpo_kit.consistency.locks import find_problems, parse_lock
from mlpo_kit.setup import vendored, wheel_builder

PYPROJECT = """
[project]
name = "toy"
version = "0.1.0"
dependencies = [
    "mlpo-kit[s3]>=0.2.0.dev0",
    "polars>=1 ; sys_platform == 'nowhere'",
    "scikit_learn>=1.6",
]

[dependency-groups]
dev = ["ruff>=0.14", {include-group = "types"}]
types = ["types-pyyaml"]

[tool.mlpo]
package = "toy"
orchestrator = "metaflow"
"""
HASH = f" \\\n    --hash=sha256:{'0' * 64}\n"
DEV = f"ruff==0.14.1{HASH}types-pyyaml==6.0.1{HASH}"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the library that is small: only its metadata counts here."""
    sources = tmp_path_factory.mktemp("library")
    text = (KIT_SOURCES / "pyproject.toml").read_text()
    start, end = text.index("dependencies = ["), text.index("[project.optional-dependencies]")
    text = text[:start] + 'dependencies = ["numpy>=2"]\n\n' + text[end:]
    (sources / "pyproject.toml").write_text(text)
    (sources / "src" / "mlpo_kit").mkdir(parents=True)
    (sources / "src" / "mlpo_kit" / "__init__.py").write_text("")
    for name in ("README.md", "LICENSE"):
        (sources / name).write_bytes((KIT_SOURCES / name).read_bytes())
    return wheel_builder.write_wheel(sources, tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def locked(toy: Project, wheel: Path) -> Project:
    """The small project with locks and a wheel that fit."""
    root = toy.root
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "vendor").mkdir()
    (root / "vendor" / wheel.name).write_bytes(wheel.read_bytes())
    small = (
        f"numpy==1.1.0 ; python_full_version < '3.4'{HASH}numpy==2.3.0{HASH}"
        f"s3fs==2026.1{HASH}scikit-learn==1.7.0{HASH}"
    )
    write(toy, "requirements.lock", small)
    write(toy, "requirements-cuda.lock", f"{small}torch==2.13.0{HASH}")
    write(toy, "requirements-dev.lock", DEV)
    write(toy, "requirements-kit.lock", vendored.make_pin(wheel))
    return toy


def write(project: Project, name: str, text: str) -> None:
    (project.root / name).write_text(text)


def replace(project: Project, name: str, old: str, new: str) -> None:
    text = (project.root / name).read_text()
    assert old in text, old
    write(project, name, text.replace(old, new))


def test_locks_that_fit_and_a_project_without_locks_are_no_problem(
    locked: Project, toy: Project
) -> None:
    assert find_problems() == []
    for path in locked.root.glob("*.lock"):
        path.unlink()
    assert find_problems() == []


def test_what_pyproject_asks_for_since_the_last_lock_is_named(locked: Project) -> None:
    replace(locked, "pyproject.toml", "scikit_learn>=1.6", "scikit_learn>=1.8,<2")
    replace(locked, "pyproject.toml", "dependencies = [", 'dependencies = [\n    "polars>=1",')
    replace(locked, "pyproject.toml", '"types-pyyaml"', '"types-pyyaml", "mypy"')
    assert find_problems() == [
        "pyproject.toml:6: requirements-cuda.lock does not pin polars, which is asked for here: "
        "run `make lock`",
        "requirements-cuda.lock:7: it pins scikit-learn 1.7.0, but pyproject.toml:9 asks for "
        "scikit-learn<2,>=1.8: run `make lock`",
        "pyproject.toml:14: requirements-dev.lock does not pin mypy, which is asked for here: "
        "run `make lock`",
    ]


def test_what_the_library_asks_for_is_named(locked: Project, wheel: Path) -> None:
    for name in ("requirements.lock", "requirements-cuda.lock"):
        replace(locked, name, "numpy==2.3.0", "numpy==1.9.0")
        replace(locked, name, f"s3fs==2026.1{HASH}", "")
    assert find_problems() == [
        f"requirements-cuda.lock:3: it pins numpy 1.9.0, but vendor/{wheel.name} asks for "
        "numpy>=2: run `make lock`",
        f"vendor/{wheel.name}: requirements-cuda.lock does not pin s3fs, which is asked for here: "
        "run `make lock`",
    ]


def test_a_requirement_that_is_none_is_named_once(locked: Project) -> None:
    replace(locked, "pyproject.toml", "scikit_learn>=1.6", "scikit_learn>>1")
    assert find_problems() == [
        "pyproject.toml:8: 'scikit_learn>>1' is not a requirement such as numpy>=2: correct it"
    ]


def test_another_wheel_in_vendor_is_named(locked: Project, wheel: Path) -> None:
    path = locked.root / "vendor" / wheel.name
    path.write_bytes(path.read_bytes() + b"more")
    (problem,) = find_problems()
    assert problem.startswith(
        f"requirements-kit.lock:1: vendor/{wheel.name} is not the file in requirements-kit.lock"
    )
    os.rename(path, path.with_name("mlpo_kit-0.9.0-py3-none-any.whl"))
    (problem,) = find_problems()
    assert "but vendor/ has 0.9.0: pin the wheel in vendor/ with `make lock`" in problem
    (path.parent / "mlpo-kit").mkdir()  # the library's sources replace the wheel
    assert find_problems() == []


def test_a_version_of_the_library_that_pyproject_refuses_is_named(locked: Project) -> None:
    replace(locked, "pyproject.toml", "mlpo-kit[s3]>=0.2.0.dev0", "mlpo-kit[s3]>=0.9")
    (problem,) = find_problems()
    assert problem.startswith("requirements-kit.lock:1: it pins mlpo-kit 0.2.0.dev0+h")
    assert "but pyproject.toml:6 asks for mlpo-kit>=0.9: run `make lock`" in problem


def test_locks_that_contradict_each_other_are_named(locked: Project) -> None:
    replace(locked, "requirements.lock", "s3fs==2026.1", "s3fs==2026.2")
    write(locked, "requirements-dev.lock", f"{DEV}numpy==2.2.0{HASH}")
    assert find_problems() == [
        "requirements.lock:5: it is not the part of requirements-cuda.lock without CUDA: "
        "run `make lock`",
        "requirements-dev.lock:5: it pins numpy 2.2.0, but requirements-cuda.lock pins 2.3.0: "
        "run `make lock`",
    ]


def test_a_missing_lock_is_named(locked: Project) -> None:
    (locked.root / "requirements-kit.lock").unlink()
    (locked.root / "requirements-dev.lock").unlink()
    assert find_problems() == [
        f"pyproject.toml: there is no requirements-{name}.lock: run `make lock`"
        for name in ("dev", "kit")
    ]


def test_an_address_has_no_version_and_what_is_no_entry_is_passed_over() -> None:
    lock = f"# a comment\n-e ./own\nown @ https://example.org/own.whl\n./path\nNum_Py==2{HASH}"
    assert [(pin.name, pin.version) for pin in parse_lock(lock)] == [("own", None), ("num-py", "2")]
