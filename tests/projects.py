"""Generated projects for the tests, and the commands that a user would type in them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlpo_cli.answers.kinds import Choice
from mlpo_cli.answers.project import list_settings

# What may be chosen of a project besides the orchestrator: the least first, as in the table.
CHOICES = {
    setting.key: list(setting.kind.texts)
    for setting in list_settings()
    if isinstance(setting.kind, Choice) and setting.kind.texts
}


def choose(position: int) -> dict[str, str]:
    """The first (0) or the last (-1) choice of each setting."""
    return {key: choices[position] for key, choices in CHOICES.items()}


def options(settings: Mapping[str, str]) -> list[str]:
    """The options of `mlpo new` for these settings."""
    names = {setting.key: setting.option for setting in list_settings()}
    return [word for key, value in settings.items() for word in (names[key], value)]


MINIMAL = ("my-project", *options(choose(0)))
MAXIMAL = ("Odd.Name-2", *options({"package": "pets_v2", **choose(-1)}))
# No user name, as in many containers; and nothing of the `make test` that may run these tests.
NOT_PASSED_ON = (
    *("USER", "USERNAME", "SUDO_USER", "LOGNAME"),
    *("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES", "ARGS"),
)


def bare_environment() -> dict[str, str]:
    """The environment of a user who types a command."""
    return {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}


@dataclass(frozen=True)
class Project:
    """A generated project."""

    path: Path

    def make(self, *arguments: str, check: bool = True, **variables: str):
        """Run make in the project, as who has no user name."""
        done = subprocess.run(
            ["make", *arguments],
            cwd=self.path,
            env={**bare_environment(), **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        if check:
            assert done.returncode == 0, done.stdout + done.stderr
        return done

    def latest(self) -> Any:
        """The newest run's summary."""
        return json.loads((self.path / "runs" / "latest.json").read_text())

    def states(self) -> dict[str, str]:
        """The newest run's stages and how they ended."""
        return {stage["name"]: stage["status"] for stage in self.latest()["stages"]}

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file as a user would; `old` must be in it once."""
        path = self.path / name
        text = path.read_text()
        assert text.count(old) == 1, (name, old, text.count(old))
        path.write_text(text.replace(old, new))

    def champion(self) -> int | None:
        """The number of the version that is served, asked of the registry itself."""
        code = (
            "from mlpo_kit.config import load_settings;"
            "from mlpo_kit.models.registry import open_registry;"
            "champion = open_registry(load_settings()).champion();"
            "print(champion.number if champion else None)"
        )
        python = self.path / ".venv" / "bin" / "python"
        environment = {**os.environ, "PYTHONPATH": str(self.path / "src")}
        done = subprocess.run(
            [python, "-c", code],
            cwd=self.path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return json.loads(done.stdout.strip().splitlines()[-1].replace("None", "null"))

    def borrow_environment(self, lent: Path) -> None:
        """Use the packages of another project's .venv, and this one's own code."""
        (self.path / ".venv").symlink_to(lent)
        (lent / "ready").touch()  # newer than the locks here: nothing to install
        # The environment holds the lender's package; this one's must come first.
        self.edit("Makefile", "SHELL := /bin/sh", f"export PYTHONPATH := {self.path}/src")

    def kill_in_training(self) -> None:
        """Start a run, and kill all of its processes while it trains."""
        before = self.latest()["run_id"]
        running = subprocess.Popen(
            ["make", "run", "ARGS=--no-cache"],
            cwd=self.path,
            env=bare_environment(),
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + 120
        while self.latest()["run_id"] == before or self.states()["train"] != "running":
            assert time.monotonic() < deadline
            time.sleep(0.2)
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def compare_defaults(latest: Any, factory: pytest.TempPathFactory) -> None:
    """Compare a run of a default project with those of the other orchestrators.

    Of those that came before, in whichever worker: the last one is compared with all.
    """
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "defaults"
    shared.mkdir(exist_ok=True)
    half = shared / f".{latest['orchestrator']}"
    half.write_text(json.dumps(latest))
    half.rename(shared / f"{latest['orchestrator']}.json")
    for path in shared.glob("*.json"):
        other = json.loads(path.read_text())
        assert other.keys() == latest.keys()
        for part in ("dataset", "model", "metrics", "device"):
            assert other[part] == latest[part], path.stem


def generate(folder: Path, *arguments: str, orchestrator: str = "metaflow") -> Project:
    """Generate a project with the real command."""
    return Project(Path(new(folder, *arguments, "--orchestrator", orchestrator)["path"]))


def new(folder: Path, *arguments: str) -> Any:
    """What `mlpo new` says in JSON, as who has no user name."""
    done = subprocess.run(
        [sys.executable, "-m", "mlpo_cli", "new", *arguments, "--json"],
        cwd=folder,
        env=bare_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)
