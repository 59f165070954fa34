"""MLP105 reports what a component will not have, and nothing that KFP gives it."""

from __future__ import annotations

import pytest
from checking import check, find

from mlpo_cli.check.fix import apply_fixes, choose_fixes

HEAD = """\
import os
import pickle as p
from typing import List, NamedTuple
import numpy as np
from google_cloud_pipeline_components.types import artifact_types
import kfp
from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output
LIMIT = 3
def helper(): return LIMIT
def clean(): return 1
"""
COMPONENT = "@dsl.component(base_image='python:3.12-slim')\n"


def list_names(code: str) -> list[str]:
    """Return the names that MLP105 reports in the order of the code."""
    found = [finding for finding in find(HEAD + code) if finding.rule == "MLP105"]
    return [finding.message.split("`")[3] for finding in found]


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (COMPONENT + "def f(): return LIMIT + LIMIT", ["LIMIT"]),
        (COMPONENT + "def f(n: int = LIMIT): return n", ["LIMIT"]),
        (COMPONENT + "def f(): return helper(), os.getcwd()", ["helper", "os"]),
        (COMPONENT + "def f():\n  def g(): return np.zeros(3)\n  return g()", ["np"]),
        (COMPONENT + "def f():\n  class A(p.Pickler): pass\n  return A", ["p"]),
        ("@dsl.component\ndef f(): return LIMIT", ["LIMIT"]),
        ("def f(): return LIMIT\ng = dsl.component(f, base_image='python:3.12')", ["LIMIT"]),
        ("@dsl.component(additional_funcs=[helper])\ndef f(): return helper()", ["LIMIT"]),
        (f"def make(x):\n  {COMPONENT}  def f(): return x\n  return f", ["x"]),
        (COMPONENT + "def f():\n  try:\n    return LIMIT\n  except ValueError: pass", ["LIMIT"]),
    ],
)
def test_a_name_of_the_module_is_reported_once(code, names):
    assert list_names(code) == names


@pytest.mark.parametrize(
    "code",
    [
        # KFP imports these.
        COMPONENT + "def f():\n  x: List[int] = []\n  return dsl, kfp, Model, Input, NamedTuple",
        COMPONENT + "def f(m: Output[artifact_types.VertexModel]): m = artifact_types.VertexModel",
        # Its own names.
        COMPONENT + "def f(LIMIT: int): return LIMIT, f, __name__",
        COMPONENT + "def f():\n  import os, numpy as np\n  return os, np",
        COMPONENT + "def f():\n  if a():\n    LIMIT = 2\n  return [os for os in LIMIT]",
        # Annotations of names in a function are not evaluated.
        COMPONENT + "def f():\n  x: np.ndarray = 1\n  return x",
        # The module is there.
        "@dsl.component(target_image='a/b:1')\ndef f(): return LIMIT",
        "@dsl.component(**options)\ndef f(): return LIMIT",
        "@dsl.component(additional_funcs=helpers)\ndef f(): return helper()",
        "@dsl.component(additional_funcs=[clean])\ndef f(): return clean()",
        # Something else may give it the name.
        "@with_names\n" + COMPONENT + "def f(): return LIMIT",
        COMPONENT + "def f():\n  globals()['LIMIT'] = 1\n  return LIMIT",
        COMPONENT + "def f():\n  try:\n    return LIMIT\n  except NameError:\n    return 0",
        # No lightweight components.
        "@dsl.container_component\ndef f(): return dsl.ContainerSpec(image=LIMIT)",
        "@dsl.pipeline\ndef f(): return helper()",
        "def f(): return LIMIT",
    ],
)
def test_a_name_that_a_component_has_is_not_reported(code):
    assert list_names(code) == []


def test_the_first_generation_is_reported_only_for_its_preview_of_the_second():
    code = "from kfp import components, dsl\ncomponents.func_to_container_op(f)\nA = 1\n"
    assert "MLP105" not in {f.rule for f in find(code + "@dsl.component\ndef f(): return A\n")}
    code = "from kfp.v2 import dsl\nA = 1\n@dsl.component\ndef f(): return A\n"
    assert "MLP105" in {f.rule for f in find(code)}


@pytest.mark.parametrize(
    ("body", "fixed", "is_safe"),
    [
        ('    """Doc."""\n    os.sync()\n', '    """Doc."""\n    import os\n    os.sync()\n', True),
        ("    return np.e\n", "    import numpy as np\n    return np.e\n", False),
        (
            "    @p.a\n    def g(): ...\n",
            "    import pickle as p\n    @p.a\n    def g(): ...\n",
            True,
        ),
        ("    return LIMIT\n", None, False),
    ],
)
def test_an_import_is_repeated_inside_the_function(body, fixed, is_safe):
    before = HEAD + COMPONENT + "def f():\n"
    result = check(before + body)
    fixes = choose_fixes([f for f in result.findings if f.rule == "MLP105"], with_unsafe=True)
    assert [fix.is_safe for fix in fixes] == ([is_safe] if fixed else [])
    assert result.source is not None
    assert apply_fixes(result.source, fixes)[0] == before + (fixed or body)


def test_a_function_on_one_line_and_a_local_module_have_no_fix(tmp_path):
    for code in ("def f(): return os.sep\n", "def f():\n    os.sep; return helper\n"):
        findings = [f for f in find(HEAD + COMPONENT + code) if f.rule == "MLP105"]
        assert findings[0].fix is None or "import os" in findings[0].fix.edits[0].text
    relative = "from kfp import dsl\nfrom . import util\n@dsl.component()\ndef f():\n    util.a()\n"
    assert [f.fix for f in find(relative + "dsl.Input")] == [None]
