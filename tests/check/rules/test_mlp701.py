"""MLP701: which texts are keys, and which files run code."""

from __future__ import annotations

import pytest
from checking import find

HEAD = """\
import io
import joblib
import pickle
import requests
import torch
from huggingface_hub import hf_hub_download
from urllib.request import urlopen
from metaflow import FlowSpec

"""
MIXED = "q7WmZ2tRkL9pXvB4nYcDsG5hJfUaE1oTi8Qw"  # 36 characters, not of a real key


def list_rules(code: str) -> list[str]:
    return [f.rule for f in find(HEAD + code)]


@pytest.mark.parametrize(
    "key",
    [
        "AK" + "IAQ3EGWZPLN5TRKXHM",
        "gh" + "p_" + MIXED,
        "gl" + "pat-" + MIXED[:20],
        "AI" + "za" + MIXED[:35],
        "h" + "f_qWmZtRkLpXvBnYcDsGhJfUaEoTiQwPzKxM",
        "xo" + "xb-3920174658-" + MIXED[:24],
        "-----BEGIN PRIVATE" + " KEY-----\\n" + MIXED * 4,
    ],
)
def test_a_key_in_the_code_is_reported(key):
    assert list_rules(f"key = '{key}'") == ["MLP701"]
    assert list_rules(f"headers = {{'Authorization': f'Bearer {key}'}}") == ["MLP701"]


@pytest.mark.parametrize(
    "text",
    [
        "AK" + "IAIOSFODNN7EXAMPLE",
        "gh" + "p_" + "x" * 36,
        "gh" + "p_" + "abcdefghijklmnopqrstuvwxyz0123456789",
        "h" + "f_" + "YOUR" + "tokenWmZtRkLpXvBnYcDsGhJfUaEoTi",
        "sk" + "-learn-" + MIXED,
        "-----BEGIN PRIVATE" + " KEY-----\\n...",
        "-----BEGIN PUBLIC" + " KEY-----\\n" + MIXED * 4,
        "registry.example.com/train@sha256:" + "0f1e2d3c" * 8,
    ],
)
def test_a_placeholder_is_not(text):
    assert list_rules(f"key = '{text}'") == []


@pytest.mark.parametrize(
    "code",
    [
        "pickle.loads(requests.get(url, timeout=9).content)",
        "pickle.load(io.BytesIO(requests.get(url, timeout=9).content))",
        "response = urlopen(url)\npickle.loads(response.read())",
        "with urlopen(url) as response:\n    pickle.load(response)",
        "joblib.load(hf_hub_download('o/n', 'model.joblib', revision='1f0c3a9'))",
        "torch.load(hf_hub_download('o/n', 'm.pt', revision='1f0c3a9'), weights_only=False)",
        "file = hf_hub_download('o/n', 'm', revision='1f0c3a9')\n"
        "with open(file, 'rb') as f:\n    pickle.load(f)",
    ],
)
def test_a_fetched_file_that_runs_code_is_reported(code):
    assert list_rules(code) == ["MLP701"]


@pytest.mark.parametrize(
    "code",
    [
        "with open('model.pkl', 'rb') as f:\n    pickle.load(f)",
        "pickle.load(self.input)",
        "joblib.load(path)",
        "torch.load('model.pt', weights_only=False)",
        "torch.load(hf_hub_download('o/n', 'm.pt', revision='1f0c3a9'))",
        "torch.load(hf_hub_download('o/n', 'm.pt', revision='1f0c3a9'), weights_only=SAFE)",
        "requests.get(url, timeout=9).json()",
        "pickle.dumps(requests.get(url, timeout=9).content)",
    ],
)
def test_files_of_the_pipeline_and_the_default_of_torch_are_not(code):
    assert list_rules(code) == []


def test_what_is_used_for_more_than_weights_is_not_fixed():
    fetch = "torch.load(hf_hub_download('o/n', 'm.pt', revision='1f0c3a9'), weights_only=False)"
    (alone,) = find(f"{HEAD}checkpoint = {fetch}\n")
    (weights,) = find(f"{HEAD}network.load_state_dict({fetch})\n")
    assert alone.fix is None
    assert weights.fix is not None
    assert not weights.fix.is_safe
