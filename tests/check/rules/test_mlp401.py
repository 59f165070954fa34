"""MLP401 reports what is read from a fixed place, and nothing that has a version or no cache."""

from __future__ import annotations

import pytest
from checking import find

HEAD = """\
import pandas as pd
import requests
from datasets import load_dataset
from kfp import dsl
from kfp.dsl import Dataset, Input, Output
from zenml import pipeline, step
URL = "https://example.com/a.csv"
def read():
    return pd.read_csv(URL)
"""
PIPELINE = "\n@pipeline\ndef p():\n    load()\n"
COMPONENT = "@dsl.component(base_image='a:1')\ndef load(d: Output[Dataset]{}):\n    return {}\n"
URL = "https://example.com/a.csv"


def list_reported(code: str) -> list[str]:
    return [f.message.split("`")[3] for f in find(HEAD + code) if f.rule == "MLP401"]


@pytest.mark.parametrize(
    ("code", "place"),
    [
        ("pd.read_csv(URL)", URL),
        ("read()", URL),
        ("requests.get('https://example.com/api')", "https://example.com/api"),
        ("load_dataset('a/b', split='train')", "a/b"),
        ("pd.read_sql('select * from orders', con)", "select * from orders"),
        ("pd.read_parquet(path='s3://bucket/data')", "s3://bucket/data"),
    ],
)
def test_a_cached_step_that_reads_outside_is_reported_once(code, place):
    step = f"@step\ndef load() -> int:\n    return {code}\n"
    assert list_reported(step + PIPELINE + "    load()\n") == [place]
    component = COMPONENT.format("", code)
    assert list_reported(component + "@dsl.pipeline\ndef p():\n    load()\n") == [place]


@pytest.mark.parametrize(
    "code",
    [
        "pd.read_csv('data/a.csv')",
        "pd.read_csv(path)",
        "pd.read_csv(f'https://example.com/{day}.csv')",
        "pd.read_csv('https://example.com/v2/a.csv')",
        "pd.read_csv('https://example.com/2026-11/a.csv')",
        "pd.read_csv('https://raw.example.com/a/0123abc/a.csv')",
        "load_dataset('a/b', revision='main')",
        "load_dataset('json', data_files=x)",
        "load_dataset(name)",
        "requests.post('https://example.com')",
        "self.get('https://example.com')",
    ],
)
def test_local_data_and_data_with_a_version_are_not_reported(code):
    assert list_reported(f"@step\ndef load() -> int:\n    return {code}\n{PIPELINE}") == []


@pytest.mark.parametrize(
    "code",
    [
        f"@step\ndef load(version: str) -> int:\n    return read()\n{PIPELINE}",
        f"@step(enable_cache=False)\ndef load() -> int:\n    return read()\n{PIPELINE}",
        f"@step(enable_cache=CACHE)\ndef load() -> int:\n    return read()\n{PIPELINE}",
        f"@step(cache_policy=x)\ndef load() -> int:\n    return read()\n{PIPELINE}",
        f"@step\ndef load() -> int:\n    return read()\n{PIPELINE}p.configure(enable_cache=x)\n",
        f"@step\ndef load() -> int:\n    return read()\n{PIPELINE}o['enable_cache'] = False\n",
        # Not called here: what calls it may switch caching off.
        "@step\ndef load() -> int:\n    return read()\n",
        f"def load() -> int:\n    return read()\n{PIPELINE}",
        COMPONENT.format(", x: str", "read()") + "@dsl.pipeline\ndef p():\n    load(x=1)\n",
        COMPONENT.format(", x: Input[Dataset]", "read()") + "@dsl.pipeline\ndef p():\n    load()\n",
        COMPONENT.format("", "read()")
        + "@dsl.pipeline\ndef p():\n    t = load()\n    t.set_caching_options(False)\n",
        COMPONENT.format("", "read()") + "@dsl.pipeline\ndef p():\n    configure(load())\n",
        COMPONENT.format("", "read()")
        + "@dsl.pipeline\ndef p():\n    load()\nc.run_pipeline(enable_caching=False)\n",
    ],
)
def test_a_step_with_inputs_or_perhaps_without_a_cache_is_not_reported(code):
    assert list_reported(code) == []
