"""Which SDK a file uses, and which generation of KFP."""

from __future__ import annotations

import pytest
from checking import make_module, write_files

from mlpo_cli.check.model import Sdk
from mlpo_cli.check.sdk import find_sdks


@pytest.mark.parametrize(
    ("text", "sdks"),
    [
        ("from metaflow import step", {Sdk.METAFLOW}),
        ("import zenml.integrations", {Sdk.ZENML}),
        ("from kfp import dsl\n@dsl.pipeline\ndef p(): pass", {Sdk.KFP}),
        ("from kfp.dsl import Output, component", {Sdk.KFP_V2}),
        ("import kfp\nwith kfp.dsl.If(x): pass", {Sdk.KFP_V2}),
        ("from kfp import dsl, kubernetes", {Sdk.KFP_V2}),
        ("from kfp import dsl\n@dsl.component(base_image='x:1')\ndef f(): pass", {Sdk.KFP_V2}),
        ("from kfp import dsl\n@dsl.component()\ndef f(): pass", {Sdk.KFP_V2}),
        ("from kfp import dsl\n@dsl.component\ndef f() -> str: pass", {Sdk.KFP_V2}),
        ("from kfp import dsl\n@dsl.component\ndef f(): return make(1)", {Sdk.KFP}),
        ("from kfp import dsl\nf = dsl.component(g)", {Sdk.KFP}),
        ("from kfp import dsl\ndsl.ContainerOp('a', 'b')", {Sdk.KFP_V1}),
        ("from kfp.components import func_to_container_op as f", {Sdk.KFP_V1}),
        ("from kfp.v2 import dsl\nfrom kfp.v2.dsl import Output", {Sdk.KFP_V1}),
        ("import kfp\nfrom metaflow import step\nkfp.dsl.RUN_ID_PLACEHOLDER",
         {Sdk.METAFLOW, Sdk.KFP_V1}),
        ("# metaflow, kfp and zenml", set()),
        ("from .kfp import dsl", set()),
    ],
)  # fmt: skip
def test_the_sdk_is_told_by_what_is_used_of_it(text, sdks):
    assert find_sdks(make_module(text)) == sdks


def test_the_generation_is_told_by_the_components_of_another_module(tmp_path):
    write_files(tmp_path, {"parts.py": "from kfp import dsl\nfrom kfp.dsl import Output\n"})
    text = "from kfp import dsl\nfrom parts import train\n"
    assert find_sdks(make_module(text, tmp_path / "main.py")) == {Sdk.KFP_V2}
