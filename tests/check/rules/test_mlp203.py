"""MLP203: only a step of which all is known to compute on the CPU is reported."""

from __future__ import annotations

import pytest
from checking import check, find, write_files

from mlpo_cli.check.engine import check_data
from mlpo_cli.check.tree import Tree

FLOW = """\
import os
import subprocess
import joblib
import numpy as np
import pandas as pd
import torch
from metaflow import FlowSpec, kubernetes, resources, step
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

class Network:
    def run(self):
        return torch.ones(1)

class TrainFlow(FlowSpec):
    @resources(gpu={gpu})
    @step
    def start(self):
        {body}
        self.next(self.end)

    def fit(self):
        return LogisticRegression().fit(self.x, self.y)

    def fit_network(self):
        return torch.nn.Linear(1, 1)

    @step
    def end(self):
        pass
"""


def list_rules(body: str, gpu: str = "1") -> list[str]:
    return [f.rule for f in find(FLOW.format(body=body, gpu=gpu)) if f.rule == "MLP203"]


@pytest.mark.parametrize(
    "body",
    [
        "self.fit()",
        "self.rows = pd.read_csv('rows.csv').dropna()",
        "model = LogisticRegression(); model.fit(self.x, self.y); self.model = model",
        "print(cross_val_score(LogisticRegression(), self.x, np.asarray(self.y)).mean())",
        "self.model = LogisticRegression(); self.model.fit(self.x, self.y)",
    ],
)
def test_a_step_that_computes_on_the_cpu_is_reported(body):
    assert list_rules(body) == ["MLP203"]


@pytest.mark.parametrize(
    "body",
    [
        "self.fit(); self.fit_network()",
        "self.fit(); torch.ones(1)",
        "self.fit(); Network().run()",
        "self.fit(); Network()",
        "self.fit(); subprocess.run(['train'])",
        "self.fit(); os.system('train')",
        "self.fit(); self.model.predict(self.x)",
        "self.fit(); joblib.load('model').predict(self.x)",
        "self.fit(); run(self.x)",
        "self.fit(); from local import run; run(self.x)",
        "self.fit(); import xgboost; xgboost.train({}, self.x)",
        "self.fit(); self.functions['train']()",
        "self.fit(); list(map(self.fit_network, [1]))",
        "self.fit(); getattr(torch, 'ones')(1)",
        "import cuml.accel; cuml.accel.install(); self.fit()",
        "import sklearn; sklearn.set_config(array_api_dispatch=True); self.fit()",
        "print(len(self.rows))",
        "self.total = np.asarray(self.rows).sum()",
    ],
)
def test_what_may_use_the_gpu_or_shows_no_cpu_library_is_not(body):
    assert list_rules(body) == []


@pytest.mark.parametrize("gpu", ["0", "None", "COUNT", "os.environ.get('GPUS')"])
def test_a_number_of_gpus_that_may_be_none_is_not(gpu):
    assert list_rules("self.fit()", gpu) == []


def test_a_helper_in_another_file_that_uses_the_gpu_is_followed(tmp_path):
    body = "from network import run; self.fit(); run(self.x)"
    files = {
        "flow.py": FLOW.format(body=body, gpu=1),
        "network.py": "import torch\n\ndef run(x):\n",
    }
    for use, expected in (("    return torch.ones(x)\n", []), ("    return [x]\n", ["MLP203"])):
        write_files(tmp_path, files | {"network.py": files["network.py"] + use})
        file = tmp_path / "flow.py"
        result = check_data(file.read_bytes(), "flow.py", "python", file, Tree())
        assert [f.rule for f in result.findings if f.rule == "MLP203"] == expected


KFP = """\
from kfp import dsl

@dsl.component(packages_to_install=["scikit-learn==1.9.1"])
def train(rows: str):
    from sklearn.svm import SVC
    {body}

@dsl.pipeline
def training():
    task = train(rows="a")
    task.set_accelerator_type("{type}").set_accelerator_limit(1)
"""


@pytest.mark.parametrize(
    ("body", "type", "count"),
    [
        ("SVC().fit([[1], [2]], [0, 1])", "nvidia.com/gpu", 1),
        ("SVC().fit([[1], [2]], [0, 1])", "TPU_V3", 0),
        ("import torch; SVC().fit(torch.ones(1), [0])", "nvidia.com/gpu", 0),
        ("pass", "nvidia.com/gpu", 0),
    ],
)
def test_a_component_of_kfp_is_judged_by_its_function(body, type, count):
    assert [f.rule for f in find(KFP.format(body=body, type=type))] == ["MLP203"] * count


def test_the_settings_of_a_step_of_zenml_are_read():
    text = """\
from sklearn.svm import SVC
from zenml import step
from zenml.config import ResourceSettings

settings = {"resources": ResourceSettings(gpu_count=1)}

@step(settings=settings)
def train(x: list, y: list) -> float:
    return SVC().fit(x, y).score(x, y)
"""
    assert [f.rule for f in check(text).findings] == ["MLP203"]
