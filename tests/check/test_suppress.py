"""Comments switch rules off where they are, and only comments do."""

from __future__ import annotations

import pytest
from checking import check

HEAD = "from metaflow import current, step\n"
CALL = "current.card.append('x')"


@pytest.mark.parametrize(
    "text",
    [
        f"{CALL}  # mlpo: ignore[MLP601] it is for later",
        f"{CALL}  # mlpo: ignore",
        f"{CALL}  # noqa  # mlpo:ignore[MLP405, mlp6]",
        f"# mlpo: ignore[MLP601] it is for later\n\n# see there\n{CALL}",
        f"# mlpo: ignore-file[MLP601]\nx = 1\n{CALL}",
        f"{CALL}\n# mlpo: ignore-file",
        "current.card.append(\n    'a'\n    'b'  # mlpo: ignore[MLP601]\n)",
    ],
)
def test_a_comment_switches_a_rule_off(text):
    result = check(HEAD + text)
    assert (result.findings, result.suppressed, result.notes) == ((), 1, ())


@pytest.mark.parametrize(
    "text",
    [
        f"{CALL}  # mlpo: ignore[MLP405]",
        f"{CALL}\n# mlpo: ignore[MLP601]",
        f"# mlpo: ignore[MLP601]\nx = 1\n{CALL}",
        f'"# mlpo: ignore"; {CALL}',
        f'"""\n# mlpo: ignore-file\n"""\n{CALL}',
        f"{CALL}  # mlpo ignore",
    ],
)
def test_another_rule_or_line_or_a_text_does_not(text):
    assert [finding.rule for finding in check(HEAD + text).findings] == ["MLP601"]


def test_a_rule_that_does_not_exist_is_named():
    result = check(f"{HEAD}{CALL}  # mlpo: ignore[MLP60l]")
    assert result.notes == ("pipeline.py:2: there is no rule MLP60L to ignore",)


def test_comments_in_compiled_pipelines_count():
    text = (
        "pipelineInfo: {name: x}\ndeploymentSpec:\n  executors:\n    exec-a:\n      container:\n"
        "        image: 'a:latest#1'  # mlpo: ignore[MLP405] a demo\n"
    )
    assert check(text.replace("#1", ""), "p.yaml").suppressed == 1
