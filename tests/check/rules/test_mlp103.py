"""MLP103: which artifacts are weights or loaders."""

from __future__ import annotations

import pytest
from checking import find

FLOW = """\
import copy
from torch.utils.data import DataLoader as Loader
from metaflow import FlowSpec, step

class TrainFlow(FlowSpec):
    @step
    def start(self):
        {line}
        self.next(self.end)

    @step
    def end(self):
        pass
"""
STEP = """\
from torch.utils.data import DataLoader as Loader
from zenml import step

@step{options}
def train(rows: list) -> dict:
    {line}
"""


@pytest.mark.parametrize(
    "line",
    [
        "self.weights = net.state_dict()",
        "self.weights = self.load().state_dict()",
        "state = net.state_dict()\n        self.weights = state",
        "self.weights = copy.deepcopy(net.state_dict())",
        "self.weights = {k: v.cpu() for k, v in net.state_dict().items()}",
        "self.point = {'net': net.state_dict(), 'epoch': 3}",
        "self.rows = Loader(rows)",
    ],
)
def test_weights_and_loaders_on_self_are_reported(line):
    assert [finding.rule for finding in find(FLOW.replace("{line}", line), "flow.py")] == ["MLP103"]


@pytest.mark.parametrize(
    "line",
    [
        "weights = net.state_dict()",
        "self.state = scheduler.state_dict()",
        "self.count = len(net.state_dict())",
        "self.names = list(net.state_dict())",
        "self.names = {k: 1 for k in net.state_dict()}",
        "self.uri = save(net.state_dict())",
        "self.rows = load(Loader(rows))",
        "self.rows = Loader(rows)\n        del self.rows",
        "self.weights = net.state_dict()\n        self.weights = save(self.weights)",
        "self.net.state_dict()",
        "state = net.state_dict()\n        state = save(state)\n        self.weights = state",
    ],
)
def test_what_is_small_or_not_kept_is_not(line):
    assert find(FLOW.replace("{line}", line), "flow.py") == []


@pytest.mark.parametrize(
    ("line", "options", "count"),
    [
        ("return net.state_dict()", "", 1),
        ("return net.state_dict(), 3", "", 1),
        ("return {'net': net.state_dict()}", "(enable_cache=False)", 1),
        ("return Loader(rows)", "", 1),
        ("return net.state_dict()", "(output_materializers=StateMaterializer)", 0),
        ("return net.state_dict()", "(**options)", 0),
        ("return save(net.state_dict())", "", 0),
        ("def inner():\n        return net.state_dict()", "", 0),
    ],
)
def test_what_a_step_of_zenml_returns(line, options, count):
    text = STEP.replace("{line}", line).replace("{options}", options)
    assert len(find(text)) == count
