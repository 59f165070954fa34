"""MLP107: which types ZenML pickles, and which have a materializer."""

from __future__ import annotations

import pytest
from checking import find, make_module, write_files

from mlpo_cli.check.rules.mlp107 import check

TEXT = """\
import abc, datetime, enum, re, typing
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Dict, List, NamedTuple, Optional, Tuple, TypedDict
import numpy as np
import torch
from pydantic import BaseModel
from unknown import Base
from zenml import step

class Plain: pass
class Child(Plain): pass
class Abstract(abc.ABC): pass
class Colour(enum.Enum): RED = 1
@dataclass
class Data: pass
class DataChild(Data): pass
class Model(BaseModel): pass
class Text(str, enum.Enum): A = "a"
class Number(enum.IntEnum): A = 1
class Row(NamedTuple): a: int
class Typed(TypedDict): a: int
class Rows(list): pass
class Net(torch.nn.Module): pass
class Unknown(Base): pass
class Meta(metaclass=Base): pass

{more}
@step{options}
def make(rows: int) -> {type}:
    return build(rows)
"""


def count(type_: str, options: str = "", more: str = "") -> int:
    return len(
        find(TEXT.replace("{type}", type_).replace("{options}", options).replace("{more}", more))
    )


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("Plain", 1),
        ("Child", 1),
        ("Abstract", 1),
        ("Colour", 1),
        ("torch.Tensor", 1),
        ("datetime.datetime", 1),
        ("deque", 1),
        ("frozenset", 1),
        ("Annotated[Plain, 'name']", 1),
        ("Optional[Plain]", 1),
        ("Tuple[Annotated[Plain, 'a'], Annotated[torch.Tensor, 'b'], int]", 2),
    ],
)
def test_types_without_a_materializer_are_reported(type_, expected):
    assert count(type_) == expected


@pytest.mark.parametrize(
    "type_",
    [
        *("int", "str", "dict", "bytes", "None", "list[int]", "Dict[str, Plain]", "List[Plain]"),
        *("Path", "np.ndarray", "np.float64", "torch.nn.Module", "Unknown", "Meta", "missing"),
        *("Data", "DataChild", "Model", "Text", "Number", "Row", "Typed", "Rows", "Net"),
        *("Annotated[int, Plain]", "Tuple[int, str]", "'Plain'", "int | str", "object"),
    ],
)
def test_types_that_zenml_stores_or_that_are_not_known_are_not(type_):
    assert count(type_) == 0


def test_a_materializer_for_the_type_is_seen():
    assert count("Plain", "(output_materializers=PlainMaterializer)") == 0
    assert count("Plain", "(**options)") == 0
    own = "class M(Base):\n    ASSOCIATED_TYPES = ({},)\n"
    assert count("Plain", more=own.format("Plain")) == 0
    assert count("Plain", more=own.format("Data")) == 1
    assert count("Plain", more="class M(Base):\n    ASSOCIATED_TYPES = TYPES\n") == 0
    assert count("Plain", more=own.format("*TYPES")) == 0
    assert count("Plain", more="registry.register_materializer_type(key, value)\n") == 0


@pytest.mark.parametrize("is_registered", [True, False])
def test_a_materializer_in_the_project_is_seen(tmp_path, is_registered):
    cls = "Plain" if is_registered else "Other"
    text = "from steps.types import Plain\nfrom zenml import step\n\n@step\ndef a() -> Plain: ...\n"
    write_files(
        tmp_path,
        {
            "pyproject.toml": "",
            "materializers/__init__.py": "from .plain import PlainMaterializer\n",
            "materializers/plain.py": f"class Any:\n    ASSOCIATED_TYPES = ({cls},)\n",
            "steps/__init__.py": "",
            "steps/types.py": "class Plain: pass\n",
        },
    )
    module = make_module(text, tmp_path / "steps" / "make.py")
    assert len(list(check(module))) == (0 if is_registered else 1)
