"""MLP106: which paths only one container has."""

from __future__ import annotations

import pytest
from checking import find

STEP = """\
import os, tempfile, torch
from pathlib import Path
from zenml import step

@step(enable_cache=False)
def train(rows: list, folder: str) -> {type}:
    {line}
"""
FLOW = """\
import joblib, os, torch
from metaflow import FlowSpec, step

class TrainFlow(FlowSpec):
    @step
    def start(self):
        {line}
        self.next(self.end)

    @step
    def end(self):
        {read}
"""


def count(line: str, type_: str = "str") -> int:
    return len(find(STEP.replace("{line}", line).replace("{type}", type_)))


@pytest.mark.parametrize(
    "line",
    [
        "torch.save(rows, '/tmp/rows.pt')\n    return '/tmp/rows.pt'",
        "path = './rows.pt'\n    torch.save(rows, path)\n    return path",
        "path = f'/tmp/{len(rows)}.pt'\n    torch.save(rows, f=path)\n    return path",
        "out = Path('/tmp/a')\n    torch.save(rows, out / 'rows.pt')\n    return str(out)",
        "out = '/tmp/a'\n    rows.save(os.path.join(out, 'b'))\n    return os.path.join(out, 'b')",
        "path = '/tmp/rows'\n    with open(path, 'w') as f:\n        f.write('')\n    return path",
        "made = tempfile.mkdtemp()\n    return made + '/rows'",
        "_ = 0\n    made = tempfile.mkdtemp()\n    return made, 3",
        "torch.save(rows, '/tmp/a/b')\n    return '/tmp/a'",
        "p = os.path.join('/tmp', folder)\n    torch.save(rows, p)\n    return p",
        "p = Path('/tmp/a')\n    p.write_text('')\n    return str(p)",
    ],
)
def test_a_local_path_that_is_written_and_returned_is_reported(line):
    assert count(line) == 1


@pytest.mark.parametrize(
    "line",
    [
        "return '/tmp/rows.pt'",
        "return './config.yaml'",
        "torch.save(rows, '/tmp/a.pt')\n    return '/tmp/rows.pt'",
        "torch.save(rows, '/tmp/abc')\n    return '/tmp/a'",
        "torch.save(rows, f'/tmp/{folder}')\n    return f'/tmp/{len(rows)}'",
        "torch.save(rows, '/tmp/log')\n    return os.path.join('/tmp', folder)",
        "torch.save(rows, '/mnt/rows.pt')\n    return '/mnt/rows.pt'",
        "torch.save(rows, 's3://rows.pt')\n    return 's3://rows.pt'",
        "torch.save(rows, folder)\n    return folder",
        "open('/tmp/rows').read()\n    return '/tmp/rows'",
        "path = '/tmp/rows.pt'\n    torch.save(rows, path)\n    return upload(path)",
        "made = tempfile.mkdtemp()\n    return None",
        "path = '/tmp/a'\n    path = share(path)\n    torch.save(rows, path)\n    return path",
    ],
)
def test_a_path_that_others_may_have_is_not(line):
    assert count(line) == 0


def test_zenml_stores_the_file_of_a_path():
    line = "path = Path('/tmp/rows.pt')\n    torch.save(rows, path)\n    return path"
    assert count(line, "Path") == 0
    assert count(line, "dict") == 0
    assert count("p = '/tmp/a'\n    torch.save(rows, p)\n    return p", "tuple[str, int]") == 1


WRITE = "self.path = '/tmp/a'\n        joblib.dump(1, self.path)"


@pytest.mark.parametrize(
    ("line", "read", "expected"),
    [
        (WRITE, "joblib.load(self.path)", 1),
        (WRITE, "open(self.path)", 1),
        (WRITE, "print(self.path)", 0),
        (WRITE, "pass", 0),
        (WRITE, "joblib.dump(2, self.path)", 0),
        (WRITE, "os.path.exists(self.path)", 0),
        (WRITE, "self.path = fetch()\n        joblib.load(self.path)", 0),
        ("self.path = '/tmp/a'", "joblib.load(self.path)", 0),
        (f"{WRITE}\n        del self.path", "joblib.load(self.path)", 0),
        (f"{WRITE}\n        self.path = put(self.path)", "joblib.load(self.path)", 0),
    ],
)
def test_an_attribute_that_another_step_opens_is_reported(line, read, expected):
    assert len(find(FLOW.replace("{line}", line).replace("{read}", read), "flow.py")) == expected


def test_a_shared_volume_may_have_the_path():
    head = "from kfp import dsl, kubernetes\n\n@dsl.component(base_image='python:3.12-slim')\n"
    text = head + "def train() -> str:\n    fit().save('/tmp/a')\n    return '/tmp/a'\n"
    assert len(find(text)) == 1
    assert find(text + "kubernetes.mount_pvc(train(), 'rows', '/tmp')\n") == []
