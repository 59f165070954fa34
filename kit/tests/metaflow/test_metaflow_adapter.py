"""What the adapter imports, its verbs, and the error of a task with another version of the kit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("metaflow.plugins")  # and not this folder

from metaflow_runs import call, make_project, run_flow, run_kit, write_profile

HEAVY = "import sys; print(*[name for name in sys.modules if name in {!r}])"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "unwanted"),
    [
        ("import mlpo_kit.metaflow.adapter", ("metaflow", "torch", "mlflow", "kubernetes")),
        ("from mlpo_kit.metaflow import PipelineFlow, main", ("torch", "mlflow", "kubernetes")),
    ],
)
def test_the_adapter_is_light(code: str, unwanted: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; {HEAVY.format(unwanted)}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "\n"


@pytest.mark.slow
def test_an_image_with_another_kit_says_so_and_what_to_do(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    done = run_flow(root, "show", MLPO_KIT_VERSION="0.0.1")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: this image holds mlpo-kit ")
    assert "was started with 0.0.1" in line
    assert "make setup image push" in line


@pytest.mark.slow
def test_an_unknown_variant_is_refused(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    done = run_flow(root, "show", MLPO_KIT_VARIANT="sweeps")
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no variant 'sweeps' of a flow; did you mean sweep?" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "show"])
def test_a_flow_of_one_machine_says_how_to_start_several(tmp_path: Path, command: str) -> None:
    root = make_project(tmp_path)
    done = run_flow(root, command, "--set", "train.nodes=2", MLPO_KIT_VARIANT="plain")
    assert done.returncode == 1
    assert "start it with `make run`, or set MLPO_KIT_VARIANT=nodes" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (root / "runs").exists()


@pytest.mark.slow
def test_the_verbs_of_metaflow_are_there(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    shown = run_kit(root, "--help").stdout
    for verb in ("resume", "card", "workflow", "trigger", "workflow-delete", "flow"):
        assert f"\n  {verb} " in shown
    done = run_kit(root, "trigger", "--profile", "local")
    assert done.returncode == 1
    assert done.stderr.startswith("error: nothing to trigger: this profile runs on this machine")


@pytest.mark.slow
def test_the_path_of_a_profile_is_that_of_the_folder_where_the_command_is_called(
    tmp_path: Path,
) -> None:
    root = make_project(tmp_path)
    write_profile(root, "two", train={"nodes": 2})
    code = "import os, mlpo_kit.cli.__main__ as cli; os.chdir('configs'); exit(cli.main())"
    done = call(root, "-c", code, "flow", "--profile", "./two.yaml", "--variant", "plain", "show")
    assert "train.nodes is 2, but this flow trains on one machine" in done.stderr
