"""What a project records of its making: enough to make it again, and to tell what was edited."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from projects import MAXIMAL, generate, new

from mlpo_cli import __version__, resources
from mlpo_cli.scaffold import origin, vendor
from mlpo_cli.scaffold.place import list_files
from mlpo_cli.yamlmap import parse_yaml

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return generate(tmp_path_factory.mktemp("a folder"), *MAXIMAL).path


@pytest.mark.slow
def test_the_archive_and_the_hashes_hold_every_file_as_it_was_generated(project):
    with zipfile.ZipFile(project / ".mlpo" / "generated.zip") as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    generated = [name for name in list_files(project) if not name.startswith(".mlpo/")]
    replaced = [name for name in generated if name.endswith((".lock", ".whl"))]
    assert "requirements-kit.lock" in replaced
    assert sorted(kept) == sorted(set(generated) - set(replaced))
    assert {name: (project / name).read_bytes() for name in kept} == kept
    lines = (project / ".mlpo" / "generated.sha256").read_text().splitlines()
    digests = dict(reversed(line.split("  ", 1)) for line in lines)  # type: ignore[misc]
    assert digests == {
        name: hashlib.sha256((project / name).read_bytes()).hexdigest() for name in generated
    }


def test_an_edit_is_told_by_sha256sum(project, tmp_path):
    copy = shutil.copytree(project, tmp_path / "copy")
    with (copy / "Makefile").open("a") as file:
        file.write("# mine\n")
    asked = ["sha256sum", "--check", "--quiet", ".mlpo/generated.sha256"]
    done = subprocess.run(asked, cwd=copy, capture_output=True, text=True, check=False)
    assert done.stdout == "Makefile: FAILED\n"


def test_the_versions_that_made_it_are_there(project):
    text = (project / ".mlpo" / "versions.yaml").read_text(encoding="utf-8")
    versions = parse_yaml(text, "versions.yaml").data
    assert set(versions) == {"mlpo", "rules"}
    assert versions["mlpo"] == __version__


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ("--answers", str(EXAMPLES / "startup.yaml"), "--set", "overrides.weights.cloud=2.5"),
        ("--answers", str(EXAMPLES / "platform.yaml"), "--set", "overrides.weights.cloud=2.5"),
        ("--defaults", "--set", "project.name=mine"),
        ("mine", "--orchestrator", "zenml", "--decided-on", "2026-12-24"),
    ],
    ids=["startup", "platform", "defaults", "decided"],
)
def test_its_answers_make_the_same_project_again(options, tmp_path):
    trees, is_dated = [], "--decided-on" in options
    for name in ("first", "again"):
        (tmp_path / name).mkdir()
        made = new(tmp_path / name, *options)
        options = ("--answers", str(Path(made["path"]) / ".mlpo" / "answers.yaml"))
        trees.append(made["tree_hash"])
        record = (Path(made["path"]) / "docs" / "adr" / "0001-orchestrator.md").read_text()
        assert ("date: 2026-12-24" in record) == is_dated
    assert trees[0] == trees[1]


@pytest.mark.parametrize("name", ["README.md", ".mlpo/answers.yaml"])
def test_a_project_promises_no_command_that_mlpo_does_not_have(project, name):
    text = (project / name).read_text(encoding="utf-8")
    assert "`mlpo new --answers" in text
    assert "update" not in text


def test_the_same_project_gives_the_same_bytes_whatever_the_umask_and_the_dates(tmp_path):
    written = []
    for name, mask, date in (("a", 0o022, 1), ("b", 0o077, 10**9)):
        tree, before = tmp_path / name, os.umask(mask)
        try:
            (tree / "src").mkdir(parents=True)
            (tree / "src" / "x.py").write_text("x = 1\n")
            (tree / "run").write_text("#!/bin/sh\n")
            (tree / "run").chmod(0o777 & ~mask)
            os.utime(tree / "src" / "x.py", (date, date))
            origin.write_origin(tree, {"schema_version": 1}, {"mlpo": "1"})
        finally:
            os.umask(before)
        written.append({n: (tree / n).read_bytes() for n in list_files(tree) if "mlpo" in n})
    assert written[0] == written[1]
    with zipfile.ZipFile(tmp_path / "a" / ".mlpo" / "generated.zip") as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    assert modes == {"run": 0o100755, "src/x.py": 0o100644}


def test_the_kit_of_an_installed_mlpo_is_the_one_it_carries(tmp_path, monkeypatch):
    built = resources.write_kit_wheel(tmp_path / "built")
    carried = tmp_path / "mlpo_cli" / "_data" / "kit"
    carried.mkdir(parents=True)
    shutil.copy(built, carried)
    monkeypatch.setattr(resources, "_PACKAGE", tmp_path / "mlpo_cli")
    tree = tmp_path / "tree"
    tree.mkdir()
    vendor.write_kit(tree)
    assert (tree / "vendor" / built.name).read_bytes() == built.read_bytes()
    shutil.copy(built, carried / "mlpo_kit-0.1-py3-none-any.whl")
    with pytest.raises(FileNotFoundError, match="must hold one wheel of mlpo-kit"):
        vendor.write_kit(tree)


def test_the_lock_that_mlpo_writes_is_the_one_that_the_kit_writes(project):
    from mlpo_kit.setup import vendored

    wheel = vendored.find_checked_wheel(project)
    assert (project / vendored.LOCK).read_text() == vendored.make_pin(wheel)
