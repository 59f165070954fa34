"""MLP104 reports models in parameters, and no digest or number that is made from one."""

from __future__ import annotations

import pytest
from checking import find

HEAD = """\
import base64, hashlib, json, pickle
from collections import namedtuple
from typing import NamedTuple
from kfp import dsl
from kfp.dsl import Model, Output
class Result(NamedTuple):
    model: str
"""


def list_reported(code: str, returns: str = "str") -> list[str]:
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    text = f"{HEAD}@dsl.component(base_image='a:1')\ndef train(m: Output[Model]) -> {returns}:\n"
    return [f.message.split("`")[3] for f in find(text + lines) if f.rule == "MLP104"]


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("return base64.b64encode(pickle.dumps(fit())).decode('ascii')", "pickle.dumps"),
        ("import dill as d\nreturn d.dumps(fit()).hex()", "d.dumps"),
        ("data = pickle.dumps(fit())\ntext = data.hex()\nreturn text", "pickle.dumps"),
        ("return {'weights': net.state_dict(), 'epochs': 3}", "net.state_dict"),
        ("return {k: v.cpu().tolist() for k, v in net.state_dict().items()}", "net.state_dict"),
        ("return json.dumps([w.tolist() for w in net.get_weights()])", "net.get_weights"),
        ("return (base64.b64encode(pickle.dumps(m)).decode(), 0.9)", "pickle.dumps"),
        ("return Result(model=pickle.dumps(m).hex())", "pickle.dumps"),
        ("Out = namedtuple('Out', ['a'])\nreturn Out(pickle.dumps(m).hex())", "pickle.dumps"),
    ],
)
def test_a_model_in_a_parameter_is_reported(code, call):
    assert list_reported(code) == [call]


@pytest.mark.parametrize(
    "code",
    [
        "return hashlib.sha256(pickle.dumps(fit())).hexdigest()",
        "return len(pickle.dumps(fit()))",
        "return {k: v.mean().tolist() for k, v in net.state_dict().items()}",
        "return [k for k in names(net.state_dict())]",
        "return {k: v.shape for k, v in net.state_dict().items()}",
        "return list(net.state_dict().keys())",
        "return predictions.tolist()",
        "return upload(pickle.dumps(fit()))",
        "with open(m.path, 'wb') as f:\n    f.write(pickle.dumps(fit()))\nreturn m.path",
        "data = 'none'\nif a():\n    data = pickle.dumps(b())\nreturn data",
        "def inner():\n    return pickle.dumps(fit())\nreturn 'a'",
        "return json.dumps({'accuracy': 0.5 + f()})",
        "return cache.state_dict('key')",
    ],
)
def test_what_is_no_model_or_cannot_be_told_is_not_reported(code):
    assert list_reported(code) == []


def test_only_components_have_parameters():
    code = "import pickle\nfrom kfp import dsl\ndef f() -> bytes:\n    return pickle.dumps(1)\n"
    assert find(code + "dsl.Input") == []
