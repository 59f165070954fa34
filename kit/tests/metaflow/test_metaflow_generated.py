"""Generated steps: what Metaflow reads from them, and what a traceback shows."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("metaflow.plugins")  # and not this folder

from metaflow_runs import call, make_project, run_flow, write_profile


@pytest.mark.slow
def test_a_traceback_shows_the_generated_step_and_the_kit_s_file(tmp_path: Path) -> None:
    """The join step of a sweep is generated, and calls a method of the kit."""
    root = make_project(tmp_path)
    sweeping = (
        "import mlpo_kit.metaflow.sweeping as sweeping\n"
        "def fail(*_):\n    raise RuntimeError('a defect behind the join')\n"
        "sweeping.choose_trial = fail\n"
    )
    path = root / "pipeline" / "flow.py"
    path.write_text(path.read_text().replace("class TrainFlow", f"{sweeping}\n\nclass TrainFlow"))
    write_profile(root, "sweep", space={"train.learning_rate": [0.003]})
    done = run_flow(root, "run", MLPO_KIT_VARIANT="sweep")
    assert done.returncode == 1
    lines = [line.partition("] ")[2] for line in done.stdout.splitlines()]
    (made,) = (n for n, line in enumerate(lines) if 'File "<mlpo_kit.metaflow: choose' in line)
    assert "line 3, in choose" in lines[made]
    assert lines[made + 1].strip() == "self.choose_trial(inputs)"
    after = "\n".join(lines[made:])
    assert 'mlpo_kit/metaflow/sweeping.py", line' in after
    assert "in choose_trial" in after
    assert "RuntimeError: a defect behind the join" in after


@pytest.mark.slow
def test_a_trial_has_the_decorators_of_the_project_s_training_step(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    path = root / "pipeline" / "flow.py"
    text = path.read_text().replace("import card, step", "import card, retry, step, timeout")
    path.write_text(
        text.replace(
            "    @step\n    def train",
            "    @retry(times=4)\n    @timeout(hours=1)\n    @step\n    def train",
        )
    )
    script = (
        "import sys; sys.path.insert(0, 'pipeline')\n"
        "from flow import TrainFlow\n"
        "from mlpo_kit.metaflow.start import make_variant, name_user\n"
        "name_user()\n"
        "for variant, step in (('sweep', 'trial'), ('nodes', 'train_node')):\n"
        "    flow = make_variant(TrainFlow, variant)\n"
        "    for one in getattr(flow, step).decorators:\n"
        "        print(step, one.name, one.attributes.get('times'), one.attributes.get('hours'))\n"
        "    print(*[one.name for one in flow.train.decorators])\n"
    )
    done = call(root, "-c", script)
    assert done.returncode == 0, done.stderr
    shown = done.stdout.splitlines()
    assert "trial retry 4 None" in shown
    assert "trial timeout None 1" in shown
    assert "trial catch None None" in shown
    assert not any(line.startswith("trial card") for line in shown)
    assert "train_node retry 4 None" in shown
    assert "train_node card None None" in shown
    assert "" in shown  # `train` itself only starts them
