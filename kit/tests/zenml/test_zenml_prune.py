"""What a prune deletes in ZenML, and what it leaves."""

from __future__ import annotations

import pytest
from zenrun import Zen, set_values

pytestmark = pytest.mark.slow

REGISTER = {"max_regression": 1}


@pytest.fixture(scope="module")
def zen(tmp_path_factory: pytest.TempPathFactory) -> Zen:
    """After one green run."""
    fresh = Zen(tmp_path_factory.mktemp("zen"))
    fresh.run()
    return fresh


@pytest.mark.full
def test_a_prune_takes_what_zenml_keeps_of_a_run_and_no_more(zen: Zen) -> None:
    old = zen.records()
    for seed in (8, 9):
        zen.run(*set_values(f"train.learning_rate=0.00{seed}", "register.max_regression=1"))
    before = zen.records()
    marked, newest = sorted(before["runs"].keys() - old["runs"].keys())

    zen.keep(marked)
    zen.write(retention={"keep_last": 1, "max_gib": 1e-6, "keep_versions": 1})
    dropped = {run["run_id"] for run in zen.prune()["runs"] if not run["kept"]}
    assert dropped == old["runs"].keys()
    after = zen.records()
    assert sorted(after["runs"]) == [marked, newest]
    assert after["artifacts"] < before["artifacts"]
    weights = {name: version["weights"] for name, version in after["versions"]["toy"].items()}
    assert weights[min(weights)] == "pruned"
    assert list(weights.values()).count("there") == 2

    # The next run makes them again, and the version that it has known says so.
    zen.write(register=REGISTER)
    again = zen.run()
    assert again["model"]["version"] == 1
    assert zen.records()["versions"]["toy"][min(weights)]["weights"] == "there"
