"""MLP204: which work of a step lets its GPU wait."""

from __future__ import annotations

import pytest
from checking import find

FLOW = """\
import pandas as pd
import torchvision
from datasets import Dataset, load_dataset, load_from_disk
from metaflow import FlowSpec, kubernetes, step

class TrainFlow(FlowSpec):
    @kubernetes(gpu={gpu})
    @step
    def start(self):
        {body}
        self.next(self.end)

    def load(self):
        return load_dataset("org/rows", revision="1a2b3c")

    @step
    def end(self):
        pass
"""


def list_rules(body: str, gpu: int = 1) -> list[str]:
    return [f.rule for f in find(FLOW.format(body=body, gpu=gpu)) if f.rule == "MLP204"]


@pytest.mark.parametrize(
    "body",
    [
        "rows = self.load()",
        "rows = load_from_disk('rows')['train'].map(tokenize)",
        "rows = load_from_disk('rows'); part = rows['train']; part.map(tokenize, batched=True)",
        "rows = Dataset.from_list(self.rows); rows.map(tokenize)",
        "torchvision.datasets.CIFAR10('data', download=True)",
        "pd.read_csv('https://example.com/rows.csv')",
    ],
)
def test_a_download_and_a_change_row_by_row_are_reported(body):
    assert list_rules(body) == ["MLP204"]
    assert list_rules(body, gpu=0) == []


@pytest.mark.parametrize(
    "body",
    [
        "load_dataset('org/rows', revision='1a2b3c', streaming=True).map(tokenize)",
        "load_dataset('org/rows', revision='1a2b3c', streaming=self.streams)",
        "load_dataset('csv', data_files='rows.csv')",
        "load_dataset('./rows')",
        "load_dataset(self.name)",
        "load_from_disk('rows')",
        "torchvision.datasets.CIFAR10('data')",
        "pd.read_csv('rows.csv')",
        "pd.read_csv(self.path)",
        "pd.Series([1]).map(str)",
        "pool.map(train, [1, 2])",
    ],
)
def test_files_streams_and_what_is_not_known_are_not(body):
    assert list_rules(body) == []
