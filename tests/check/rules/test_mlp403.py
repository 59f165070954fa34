"""MLP403 reports a written key, and no key that may follow what the task reads."""

from __future__ import annotations

import pytest
from checking import PIPELINE, find

HEAD = "import kfp\nVERSION = '2026-11'\n"


def list_reported(line: str) -> list[str]:
    return [f.rule for f in find(HEAD + PIPELINE + f"    {line}\n") if f.rule == "MLP403"]


@pytest.mark.parametrize(
    "line",
    [
        "train().set_caching_options(True, 'train')",
        "train().set_caching_options(enable_caching=True, cache_key='train').set_retry(1)",
        "kfp.Client().run_pipeline(e, 'job', cache_key='nightly')",
        "kfp.Client().create_run_from_pipeline_func(pipeline, cache_key='nightly')",
        "train().set_caching_options(enabled, cache_key='train')",
    ],
)
def test_a_written_key_is_reported(line):
    assert list_reported(line) == ["MLP403"]


@pytest.mark.parametrize(
    "line",
    [
        "train().set_caching_options(True)",
        "train().set_caching_options(True, None)",
        "train().set_caching_options(True, cache_key='')",
        "train().set_caching_options(True, VERSION)",
        "train().set_caching_options(True, f'train-{VERSION}')",
        "train().set_caching_options(True, cache_key=make_key())",
        "train().set_caching_options(False, 'train')",
        "train().set_caching_options(enable_caching=False, cache_key='train')",
        "other(cache_key='train')",
        "store.get(cache_key='train')",
    ],
)
def test_a_key_that_is_made_or_has_no_effect_is_not_reported(line):
    assert list_reported(line) == []
