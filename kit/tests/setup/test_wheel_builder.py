"""The wheel: reproducible bytes, a new version for new bytes, and valid for pip and uv."""

from __future__ import annotations

import email
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from interpreters import interpreter
from packaging.metadata import Metadata
from packaging.utils import parse_wheel_filename
from packaging.version import Version
from set_up import KIT

from mlpo_kit.setup import wheel_builder

BUILDER = "src/mlpo_kit/setup/wheel_builder.py"
BUILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1] + "/src/mlpo_kit/setup")
import wheel_builder
print(wheel_builder.write_wheel(Path(sys.argv[1]), Path(sys.argv[2])))
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sources that somebody works in."""
    left_out = shutil.ignore_patterns("__pycache__", "tests", "*.pyc")
    return shutil.copytree(KIT, tmp_path / "a copy", ignore=left_out)


def build(python: str, root: Path, folder: Path, **variables: str) -> bytes:
    """The bytes of a wheel that another process built."""
    done = subprocess.run(
        [python, "-c", BUILD, str(root), str(folder)],
        env={**os.environ, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip()).read_bytes()


def test_another_folder_other_dates_modes_and_caches_give_the_same_bytes(wheel, copy, tmp_path):
    for number, path in enumerate(sorted(copy.rglob("*"))):
        os.utime(path, (10**9 + number, 10**9 + number))
        path.chmod(0o700)
    for junk in ("__pycache__/x.pyc", ".DS_Store", "old.pyc", "errors.py~", "../../tests/x.py"):
        path = copy / "src" / "mlpo_kit" / junk
        path.parent.mkdir(exist_ok=True)
        path.write_text("junk")
    before = os.umask(0o077)
    try:
        again = build(sys.executable, copy, tmp_path / "dist", SOURCE_DATE_EPOCH="1700000000")
    finally:
        os.umask(before)
    assert again == wheel.read_bytes()


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_other_pythons_give_the_same_bytes(version, wheel, tmp_path):
    python, variables = interpreter(version), {}
    if version == "3.10":  # it has no tomllib: what a build would bring is in pip
        spec = find_spec("pip._vendor.tomli")
        assert spec is not None and spec.origin is not None
        shutil.copytree(Path(spec.origin).parent, tmp_path / "lent" / "tomli")
        variables["PYTHONPATH"] = str(tmp_path / "lent")
    assert build(python, KIT, tmp_path, **variables) == wheel.read_bytes()


@pytest.mark.parametrize(
    "name", ["pyproject.toml", "README.md", "LICENSE", "src/mlpo_kit/errors.py", BUILDER]
)
def test_every_edit_changes_the_version(name, wheel, copy):
    with (copy / name).open("a") as file:
        file.write("\n# a thought\n")
    changed = wheel_builder.write_wheel(copy, copy / "dist")
    assert changed.name != wheel.name
    assert changed.read_bytes() != wheel.read_bytes()


def test_a_file_that_is_renamed_or_empty_counts_too(wheel, copy):
    names = {wheel.name}
    for change in ("added", "renamed"):
        if change == "added":
            (copy / "src/mlpo_kit/new.py").write_text("")
        else:
            (copy / "src/mlpo_kit/new.py").rename(copy / "src/mlpo_kit/newer.py")
        names.add(wheel_builder.write_wheel(copy, copy / "dist").name)
    assert len(names) == 3


def test_a_development_version_sorts_before_its_release_and_names_the_sources(wheel, copy):
    version = parse_wheel_filename(wheel.name)[1]
    assert version.public == "0.2.0.dev0"
    assert version < Version("0.2.0")
    assert version.local is not None and version.local.startswith("h") and len(version.local) == 9
    text = (copy / "pyproject.toml").read_text()
    (copy / "pyproject.toml").write_text(text.replace("0.2.0.dev0", "0.2.0"))
    released = wheel_builder.write_wheel(copy, copy / "dist")
    assert released.name == "mlpo_kit-0.2.0-py3-none-any.whl"


def test_the_metadata_is_valid_and_says_what_pyproject_says(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        content = archive.read(name)
        entries = archive.infolist()
        recorded = archive.read(name.replace("METADATA", "RECORD")).decode().splitlines()
    metadata = Metadata.from_email(content)
    assert (metadata.name, str(metadata.requires_python)) == ("mlpo-kit", ">=3.10")
    assert metadata.license_expression == "Apache-2.0"
    assert metadata.provides_extra == ["kubeflow", "metaflow", "s3", "zenml"]
    wanted = {str(r).replace('"', "'") for r in metadata.requires_dist or ()}
    assert {"numpy>=2", "s3fs>=2025.3; extra == 's3'"} <= wanted
    assert "tomli>=2; python_version < '3.11'" in wanted
    # Exactly: the adapter uses parts of it that are not public.
    assert any(re.match(r"zenml\[local,server\]==[\d.]+; extra == 'zenml'", r) for r in wanted)
    readme = email.message_from_bytes(content).get_payload()
    assert readme == (KIT / "README.md").read_text(encoding="utf-8")
    assert [line.split(",")[0] for line in recorded] == [entry.filename for entry in entries]


def test_the_wheel_is_not_compressed(wheel):
    with zipfile.ZipFile(wheel) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}


def run(*command: str | Path) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_pip_uv_and_build_make_the_same_wheel(wheel, copy, tmp_path):
    tools = {
        "pip": ["pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index", "-w"],
        "build": ["build", "-q", "--wheel", "--no-isolation", "-o"],
        "uv": ["uv", "build", "-q", "--wheel", "--no-build-isolation", "--offline", "-o"],
    }
    for name, command in tools.items():
        run(sys.executable, "-m", *command, tmp_path / name, copy)
        assert (tmp_path / name / wheel.name).read_bytes() == wheel.read_bytes(), name


@pytest.mark.slow
def test_a_wheel_of_the_sdist_is_a_wheel_of_the_sources(wheel, copy, tmp_path):
    run(sys.executable, "-m", "build", "-q", "--no-isolation", "-o", tmp_path / "dist", copy)
    assert (tmp_path / "dist" / wheel.name).read_bytes() == wheel.read_bytes()
    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    first = hashlib.sha256(sdist.read_bytes()).hexdigest()
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "PKG-INFO", BUILDER} <= names
    run(sys.executable, "-m", "build", "-q", "--no-isolation", "-o", tmp_path / "dist", copy)
    assert hashlib.sha256(sdist.read_bytes()).hexdigest() == first
