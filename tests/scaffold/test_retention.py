"""Retention over random histories of a real store and a real registry, crashes included."""

import json
import subprocess
from pathlib import Path

import pytest
from environments import borrow, environment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from projects import MINIMAL, bare_environment, generate

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
STAGES = ("ingest", "preprocess", "validate", "train", "evaluate", "register", "deploy")


def event(name, **arguments):
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


seeds = st.integers(0, 2)
numbers = st.integers(0, 30)
policies = st.fixed_dictionaries(
    {
        "keep_last": st.integers(1, 3),
        "keep_days": st.just(30),
        "keep_failed_days": st.sampled_from([0.25, 7]),
        "keep_versions": st.integers(1, 2),
        "max_gib": st.sampled_from([6_000 / 2**30, 15_000 / 2**30, 20]),
        "max_run_hours": st.just(48),
    }
)
green = event("run", data=seeds, seed=seeds, cache=st.sampled_from([True, True, True, False]))
events = st.one_of(
    green,
    green,
    event("run", data=seeds, seed=seeds, fail=st.sampled_from(STAGES[:5])),
    event("run", data=seeds, seed=seeds, stop=st.integers(1, 6)),
    event("finish"),
    event("kill"),
    event("age", days=st.sampled_from([0.5, 3, 8, 15, 31])),
    event("age", days=st.sampled_from([0.5, 3, 8, 15, 31])),
    event("spoil", which=numbers, how=st.sampled_from(["file", "cut", "record", "run"])),
    event(
        "mark",
        which=numbers,
        how=st.sampled_from(["keep", "undo", "tag", "rollback", "alias", "version"]),
    ),
    event("checkpoint"),
    event("prune"),
    event("prune", crash=st.integers(1, 25)),
    event("prune", unreachable=st.just(True)),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Asks a process that acts out histories with a generated project's own kit."""
    project = generate(tmp_path_factory.mktemp("retention"), *MINIMAL)
    variables = borrow(project, environment("metaflow", tmp_path_factory))
    with subprocess.Popen(
        [project.path / ".venv" / "bin" / "python", HERE / "retention_world.py"],
        env={**bare_environment(), **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def ask(history):
            print(json.dumps(history), file=process.stdin, flush=True)
            return json.loads(process.stdout.readline())

        yield ask
        process.stdin.close()


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(events, min_size=3, max_size=14), policies)
def test_after_every_history_what_lives_is_whole_and_what_is_left_is_needed(world, events, policy):
    wrong = world({"events": events, "policy": policy})
    assert wrong is None, wrong
