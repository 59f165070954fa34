"""The same answers and version give the same bytes, whoever asks, where and when."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import EXAMPLES

import mlpo_cli
from mlpo_cli.scaffold.place import hash_tree, list_files

pytestmark = pytest.mark.slow

NEW = ("-m", "mlpo_cli", "new", "--answers", str(EXAMPLES / "startup.yaml"), "--json")
WORLDS = {
    "another time zone": {"TZ": "Pacific/Kiritimati"},
    "a locale without unicode": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"},
    "another language": {"LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "another user": {"USER": "somebody", "LOGNAME": "somebody"},
    "no user": {"USER": "", "LOGNAME": "", "HOME": "/nonexistent"},
    "another order of hashes": {"PYTHONHASHSEED": "12345"},
    "optimized away": {"PYTHONOPTIMIZE": "2"},
    "coloured": {"FORCE_COLOR": "1", "TERM": "xterm-256color"},
    "a copier of one's own": {"COPIER_SETTINGS_PATH": "settings.yml"},
}


def generate(folder: Path, python: str = sys.executable, umask: int = 0o022, **env: str):
    """Generate in this world. Returns the project's folder and its hash, as told."""
    folder.mkdir(parents=True)
    done = subprocess.run(
        [python, *NEW],
        cwd=folder,
        env={**os.environ, **env},
        umask=umask,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    project = Path(document["path"])
    assert document["tree_hash"] == hash_tree(project, list_files(project))
    return project, document["tree_hash"]


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return generate(tmp_path_factory.mktemp("usual") / "here")[1]


@pytest.mark.parametrize("world", WORLDS)
def test_the_world_outside_makes_no_difference(usual, tmp_path, world):
    (tmp_path / "here").parent.mkdir(exist_ok=True)
    settings = tmp_path / "settings.yml"
    settings.write_text("defaults: {package: theirs, data_source: images}\ntrust: 7\n")
    told = {k: str(settings) if v == "settings.yml" else v for k, v in WORLDS[world].items()}
    assert generate(tmp_path / "here", **told)[1] == usual


@pytest.mark.parametrize("place", ["with spaces", "ünïcode-\u65e5\u672c", "{{ 7*7 }}", "$(id);&"])
def test_the_place_makes_no_difference(usual, tmp_path, place):
    assert generate(tmp_path / place)[1] == usual


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_the_umask_changes_permissions_and_no_byte(usual, tmp_path, mask):
    project, digest = generate(tmp_path / "here", umask=mask)
    assert digest == usual
    modes = {path.stat().st_mode & 0o777 for path in project.rglob("*")}
    assert modes == {0o777 & ~mask, 0o666 & ~mask}


def test_the_clock_makes_no_difference(usual, tmp_path):
    """A clock that is years ahead, for all that Python asks it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import time\nnow = time.time\ntime.time = lambda: now() + 10 * 365 * 86400\n"
    )
    assert generate(tmp_path / "here", PYTHONPATH=str(tmp_path))[1] == usual


def test_where_mlpo_is_installed_makes_no_difference(usual, tmp_path):
    """A copy of it elsewhere, whose files nobody else may read, and that somebody worked in."""
    root = Path(mlpo_cli.__file__).parents[2]
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("src", "rules", "scaffolds", "kit"):
        shutil.copytree(root / name, tmp_path / "else where" / name, ignore=ignore)
    for cache in ("core/.mypy_cache", "metaflow/pipeline/__pycache__"):
        (tmp_path / "else where" / "scaffolds" / cache).mkdir()
        (tmp_path / "else where" / "scaffolds" / cache / "x.pyc").touch()
    (tmp_path / "else where" / "scaffolds" / "core" / ".mypy_cache" / "x.json").touch()
    for path in (tmp_path / "else where").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    used = {"PYTHONPATH": str(tmp_path / "else where" / "src")}
    ask = [sys.executable, "-c", "import mlpo_cli; print(mlpo_cli.__file__)"]
    assert "else where" in subprocess.check_output(ask, env={**os.environ, **used}, text=True)
    project, digest = generate(tmp_path / "here", **used)
    assert digest == usual
    assert {path.stat().st_mode & 0o777 for path in project.rglob("*")} == {0o755, 0o644}


def test_nothing_of_this_machine_is_in_it(tmp_path):
    project, _ = generate(tmp_path / "a-place-to-look-for", USER="a-user-to-look-for")
    host = re.compile(rb"\b" + re.escape(os.uname().nodename.encode()) + rb"\b")
    for name in list_files(project):
        text = (project / name).read_bytes()
        assert not host.search(text), name  # a short one is a part of many words
        for told in (b"to-look-for", str(Path.home()).encode() + b"/"):
            assert told not in text, (name, told)
