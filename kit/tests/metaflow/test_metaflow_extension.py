"""An eighth stage is one function, one line in PIPELINE, and one step in the flow."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("metaflow.plugins")  # and not this folder

from metaflow_runs import has_step, make_project, read_latest, read_states, run_kit, run_well

pytestmark = pytest.mark.slow

STAGE = '''\
"""Shift the numbers."""

from dataclasses import dataclass

from mlpo_kit import Ref, Workspace


@dataclass(frozen=True)
class Augmented:
    """The splits, shifted."""

    splits: Ref


def augment(settings: object, work: Workspace, splits: Ref) -> Augmented:
    """Add one to each number."""
    found = work.read_json(splits)
    return Augmented(
        work.save_json("splits.json", {name: [n + 1 for n in part] for name, part in found.items()})
    )
'''


def edit(path: Path, edits: dict[str, str]) -> None:
    text = path.read_text()
    for old, new in edits.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path.write_text(text)


@pytest.mark.full
def test_an_eighth_stage_runs_is_recorded_and_reused(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    package = root / "src" / "toy"
    (package / "stages" / "augment.py").write_text(STAGE)
    taken = 'dataset="preprocess.dataset", splits="preprocess.splits"'
    line = f'    Stage("validate", Validated, {taken}),\n'
    more = '    Stage("augment", Augmented, splits="preprocess.splits"),\n'
    edit(
        package / "pipeline.py",
        {
            line: more + line,
            "from .stages import (": "from .stages.augment import Augmented\nfrom .stages import (",
            f'Stage("train", Trained, {taken})': 'Stage("train", Trained, '
            'dataset="preprocess.dataset", splits="augment.splits")',
        },
    )
    edit(
        package / "settings.py",
        {
            "    validate: ValidateSettings": "    augment: DeploySettings = DeploySettings()\n"
            "    validate: ValidateSettings"
        },
    )
    with (root / "deploy" / "cluster.yaml").open("a") as description:
        description.write("metaflow: {datastore: s3://bucket/metaflow}\n")
    done = run_kit(root, "check")
    assert done.returncode == 1
    assert "no step runs the stage augment" in done.stderr

    step = (
        "    @step\n    def augment(self):\n"
        '        self.augmented = self.run_stage("augment")\n        self.next(self.validate)\n\n'
    )
    edit(
        root / "pipeline" / "flow.py",
        {
            "self.next(self.validate)\n\n    @step\n    def validate": "self.next(self.augment)\n\n"
            f"{step}    @step\n    def validate"
        },
    )
    run_well(root, "check")
    run_well(root, "run")
    assert read_states(root) == ["completed"] * 8
    assert [one["name"] for one in read_latest(root)["stages"]][2] == "augment"
    done = run_well(root, "run")
    assert [one["cache"] for one in read_latest(root)["stages"]][:6] == ["hit"] * 6
    assert not has_step(root, "train")
    assert "augment" in done.stdout
