"""MLP404 reports what is gone, once, and nothing that both generations have."""

from __future__ import annotations

import pytest
from checking import find

STALE = "t.execution_options.caching_strategy.max_cache_staleness = "


def list_reported(text: str) -> list[str]:
    found = [f.message for f in find(text) if f.rule == "MLP404"]
    return [name for message in found for name in message.split("`")[1::2]]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("from kfp import dsl\ndsl.ContainerOp()\ndsl.ContainerOp()", ["kfp.dsl.ContainerOp"]),
        ("import kfp\nkfp.dsl.ContainerOp()", ["kfp.dsl.ContainerOp"]),
        ("import kfp.dsl as d\nd.VolumeOp()", ["kfp.dsl.VolumeOp"]),
        ("from kfp import gcp\ngcp.use_gcp_secret()", ["kfp.gcp"]),
        ("from kfp.gcp import use_gcp_secret", ["kfp.gcp"]),
        ("import kfp.gcp", ["kfp.gcp"]),
        ("from kfp.dsl.types import Integer", ["kfp.dsl.types.Integer"]),
        (f"import kfp\n{STALE}'P1D'", ["max_cache_staleness"]),
        (
            "from kfp.components import InputPath, func_to_container_op as f",
            ["kfp.components.InputPath", "kfp.components.func_to_container_op"],
        ),
    ],
)
def test_what_is_gone_is_reported_once(text, names):
    assert list_reported(text + "\n") == names


@pytest.mark.parametrize(
    "text",
    [
        "from kfp import dsl\nwith dsl.Condition(a): pass\nwith dsl.ParallelFor(b): pass",
        "from kfp.components import load_component_from_url",
        "from kfp.v2 import dsl",
        "from kfp.dsl import InputPath, OutputPath",
        "try:\n    from kfp.components import func_to_container_op\nexcept ImportError: pass",
        "import kfp\ntry:\n    kfp.dsl.ContainerOp\nexcept AttributeError: pass",
        # Not of KFP.
        "import kfp\nfrom mine import gcp, ContainerOp\ngcp.a(), ContainerOp()",
        "import kfp\nfrom .components import func_to_container_op",
        "import kfp\nself.ContainerOp()\nprint(t.max_cache_staleness)",
        "'''dsl.ContainerOp'''\nimport kfp",
    ],
)
def test_what_is_still_there_is_not_reported(text):
    assert list_reported(text + "\n") == []


@pytest.mark.parametrize(
    "text",
    [
        "from kfp.components import InputPath, load_component",
        "from kfp.components import create_component_from_func",
        f"import kfp\n{STALE}'P1D'",
        f"import kfp\n{STALE}max_age",
        "import kfp\nstrategy.max_cache_staleness = 'P0D'",
        "import kfp\nkfp.components.InputPath()",
    ],
)
def test_what_has_no_equal_is_not_fixed(text):
    findings = [f for f in find(text + "\n") if f.rule == "MLP404"]
    assert findings
    assert not any(finding.fix for finding in findings)
