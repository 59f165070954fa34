"""The store in a bucket: a real S3 server over HTTP, and processes that share no disk."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from environments import environment
from projects import MINIMAL, generate
from s3 import serving

pytestmark = pytest.mark.slow

BUCKET = "models"
ROOT = f"s3://{BUCKET}/team/project"
QUICK = "train: {epochs: 1}\nregister: {min_accuracy: 0, max_regression: 1}\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The variables that lead to an S3 server with an empty bucket, and the bucket's folder."""
    folder = tmp_path_factory.mktemp("s3")
    with serving(folder, BUCKET) as variables:
        yield variables, folder / BUCKET


class Machine:
    """A checkout of the project with a disk of its own, and the environment of another."""

    def __init__(self, folder: Path, lent: Path, server: tuple[dict[str, str], Path]) -> None:
        self.project = generate(folder, *MINIMAL, orchestrator="metaflow")
        profile = self.project.path / "configs" / "local.yaml"
        profile.write_text(f"storage_root: {ROOT}\n{QUICK}")
        self.python = lent / "bin" / "python"
        paths = (self.project.path / "src", self.project.path / "tests")
        variables, bucket = server
        mlflow = f"sqlite:///{bucket.parent}/mlflow.db"  # stands for the server of a team
        self.variables = {
            **variables,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "MLFLOW_TRACKING_URI": mlflow,
        }

    def run(self, code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-c", code, *arguments],
            cwd=self.project.path,
            env={**os.environ, **self.variables, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    def tell(self, code: str, *arguments: str, **variables: str):
        """What a piece of code prints as JSON on its last line."""
        done = self.run(code, *arguments, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="module")
def machine(server, tmp_path_factory):
    lent = environment("metaflow", tmp_path_factory)
    return lambda name: Machine(tmp_path_factory.mktemp(name), lent, server)


RUN = """
import json, sys
from my_project import settings
from mlpo_kit.runs import records
from mlpo_kit.runs.workspace import Run
from inprocess import run_all
config = settings.load()
run_all(Run(sys.argv[1], "none", config))
print(json.dumps(records.refresh_latest(config.store)))
"""
CUT = """
import json, sys
from my_project import settings
store = settings.load().store
store.write(sys.argv[1], store.read(sys.argv[1])[:-1])
print(json.dumps("cut"))
"""


def test_machines_that_share_a_bucket_hand_over_and_reuse(machine):
    one, two = machine("one"), machine("two")
    first = one.tell(RUN, "run-1")
    assert first["status"] == "ok"
    assert first["model"]["alias"] == "champion"
    assert not (one.project.path / "runs").exists()  # nothing stayed on the machine

    second = two.tell(RUN, "run-2")
    assert [stage["cache"] for stage in second["stages"]] == ["hit"] * 5 + ["off"] * 2
    assert second["model"] == first["model"]
    third = two.tell(
        RUN.replace("settings.load()", 'settings.load("local", ["train.seed=8"])'), "run-3"
    )
    assert [stage["cache"] for stage in third["stages"][:5]] == ["hit"] * 3 + ["miss"] * 2

    # A payload that somebody cut is made again.
    assert one.tell(CUT, "runs/run-3/train/model.safetensors") == "cut"
    again = one.tell(
        RUN.replace("settings.load()", 'settings.load("local", ["train.seed=8"])'), "run-4"
    )
    assert [stage["cache"] for stage in again["stages"][:5]] == ["hit"] * 3 + ["miss", "hit"]
    assert again["model"]["digest"] == third["model"]["digest"]


MANY = """
import json
from my_project import settings
from mlpo_kit.errors import IntegrityError
store = settings.load().store
keys = [f"many/{number}/a b+%41é.json" for number in range(1100)]
for key in keys:
    store.write(key, b"{}")
listed = {item.key for item in store.files("many")} == set(keys)
store.delete([*keys[:1050], "many/nothing.json"])
left = len(list(store.files("many"))), len(store.children("many"))
folder = store.folder("runs/big/train")
(folder / "weights").write_bytes(b"0123456789abcdef" * (4 << 20))  # more than one part
ref = store.put("runs/big/train/weights")
store.check(ref)
(folder / "weights").unlink()
size = store.open(ref).stat().st_size
for prefix in ("many", "runs/big", "runs/big"):
    store.delete_tree(prefix)
try:
    store.check(ref)
    gone = "still there"
except IntegrityError as error:
    gone = str(error)
print(json.dumps([listed, left, size, gone, list(store.children("many"))]))
"""


def test_many_objects_odd_names_and_large_ones(machine):
    listed, left, size, gone, children = machine("many").tell(MANY)
    assert listed
    assert left == [50, 50]
    assert size == 64 << 20
    assert "is not in the store at s3://models/team/project" in gone
    assert children == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "refuses access"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "can't be reached at http://127.0.0.1:9"),
        (
            {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_CONFIG_FILE": "/none",
             "AWS_SHARED_CREDENTIALS_FILE": "/none"},
            "there are no credentials",
        ),
    ],
)  # fmt: skip
def test_a_store_that_does_not_answer_is_one_sentence(machine, variables, words):
    plan = "import sys; from my_project.kit.__main__ import main; sys.exit(main(['plan']))"
    done = machine("refused").run(plan, **variables)
    assert done.returncode == 1
    assert words in done.stderr
    assert "AWS_" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_bucket_that_is_not_there_is_named(machine):
    plan = (
        "import sys; from my_project.kit.__main__ import main;"
        "sys.exit(main(['plan', '--set', 'storage_root=s3://nowhere/x']))"
    )
    done = machine("nowhere").run(plan)
    assert done.returncode == 1
    assert done.stderr == (
        "error: there is no bucket 'nowhere': make it, or name another storage_root\n"
    )
