"""The same data, settings and seed give the same model, whoever runs the stages.

`make test` compares the runs that the tests of the three projects make: projects.compare_defaults.
"""

import pytest
from environments import borrow, environment
from projects import MINIMAL, generate

from mlpo_cli.scaffold import list_scaffolds

pytestmark = [pytest.mark.slow, pytest.mark.full]


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The run that the others are compared with: Metaflow's."""
    return newest_run(tmp_path_factory.mktemp("metaflow"), "metaflow", tmp_path_factory)


def newest_run(folder, orchestrator, factory):
    project = generate(folder, *MINIMAL, orchestrator=orchestrator)
    lent = borrow(project, environment(orchestrator, factory))
    project.make("run", "ARGS=--set train.epochs=3", **lent)
    return project.latest()


@pytest.mark.parametrize("orchestrator", [name for name in list_scaffolds() if name != "metaflow"])
def test_the_weights_are_the_same_to_the_last_bit(first, orchestrator, tmp_path, tmp_path_factory):
    other = newest_run(tmp_path, orchestrator, tmp_path_factory)
    assert (other["orchestrator"], first["orchestrator"]) == (orchestrator, "metaflow")
    for part in ("dataset", "model", "metrics", "device"):
        assert other[part] == first[part]
    assert other.keys() == first.keys()
