"""MLP406: which versions are not fixed."""

from __future__ import annotations

import pytest
from checking import find

HEAD = """\
import mlflow
import mlflow.pyfunc
import wandb
from datasets import load_dataset
from huggingface_hub import snapshot_download
from kfp import dsl
from metaflow import Parameter
from transformers import AutoModel
from zenml import pipeline

"""


def list_rules(code: str) -> list[str]:
    return [f.rule for f in find(HEAD + code)]


@pytest.mark.parametrize(
    "code",
    [
        "AutoModel.from_pretrained('google-bert/bert-base-uncased')",
        "NAME = 'google-bert/bert-base-uncased'\nAutoModel.from_pretrained(NAME)",
        "snapshot_download(repo_id='google-bert/bert-base-uncased')",
        "mlflow.pyfunc.load_model('models:/houses/latest')",
        "mlflow.pyfunc.load_model(model_uri=f'models:/{name}/latest')",
        "run.use_artifact('team/project/rows:latest')",
        "Parameter('model-version', default='latest')",
        "@pipeline\ndef train(*, data_revision: str = 'latest'):\n    pass",
        "@dsl.pipeline\ndef train(rows: str, data_version: str = 'latest'):\n    pass",
    ],
)
def test_what_changes_between_runs_is_reported(code):
    assert list_rules(code) == ["MLP406"]


@pytest.mark.parametrize(
    "code",
    [
        "AutoModel.from_pretrained('google-bert/bert-base-uncased', revision='86b5e09')",
        "AutoModel.from_pretrained('google-bert/bert-base-uncased', revision=REVISION)",
        "AutoModel.from_pretrained('google-bert/bert-base-uncased', local_files_only=True)",
        "AutoModel.from_pretrained('google-bert/bert-base-uncased', **options)",
        "AutoModel.from_pretrained('./model/final')",
        "AutoModel.from_pretrained('outputs/final')",
        "AutoModel.from_pretrained('outputs/final/model')",
        "AutoModel.from_pretrained(f'{owner}/bert')",
        "AutoModel.from_pretrained(path)",
        "Network.from_pretrained('owner/name')",
        "load_dataset('csv', data_files='rows.csv')",
        "mlflow.pyfunc.load_model('models:/houses/3')",
        "mlflow.pyfunc.load_model('models:/houses@champion')",
        "run.use_artifact('rows:v3')",
        "Parameter('data_version', default='2026-11-02')",
        "Parameter('mode', default='latest')",
        "Parameter('image_tag', default='latest')",
        "def train(data_version: str = 'latest'):\n    pass",
    ],
)
def test_a_fixed_version_a_local_path_and_another_parameter_are_not(code):
    assert list_rules(code) == []
