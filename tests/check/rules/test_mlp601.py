"""MLP601: what is text, what is not, and how the import gets in."""

from __future__ import annotations

import pytest
from checking import check, find

from mlpo_cli.check.fix import apply_fixes, choose_fixes

HEAD = "from metaflow import current, step\n"


@pytest.mark.parametrize(
    "call",
    [
        "current.card.append('x')",
        "current.card['training'].append(f'{x}')",
        "current.card.append('%d' % x)",
        "current.card.append('{}'.format(x))",
        "current.card.append(str(x))",
        "current.card.append('a' + b)",
        "current.card.extend(['a', Markdown(b)])",
    ],
)
def test_text_is_reported(call):
    assert [finding.rule for finding in find(HEAD + call)] == ["MLP601"]


@pytest.mark.parametrize(
    "call",
    [
        "current.card.append(Markdown('x'))",
        "current.card.append(chart)",
        "lines.append('x')",
        "self.card.append('x')",
        "current.card.append()",
    ],
)
def test_anything_else_is_not(call):
    assert find(HEAD + call) == []


def fix(text: str) -> str:
    result = check(text)
    assert result.source is not None
    return apply_fixes(result.source, choose_fixes(result.findings, with_unsafe=False))[0]


def test_several_texts_share_one_import_and_an_alias_is_used():
    two = "current.card.append('a')  # first\ncurrent.card.append('b')\n"
    wrapped = two.replace("'a'", "Markdown('a')").replace("'b'", "Markdown('b')")
    assert fix(HEAD + two) == HEAD + "from metaflow.cards import Markdown\n" + wrapped
    alias = "from metaflow.cards import Markdown as Md\n"
    assert fix(HEAD + alias + "current.card.append('a')\n").endswith("append(Md('a'))\n")


def test_windows_line_ends_stay():
    fixed = fix((HEAD + "current.card.append('a')\n").replace("\n", "\r\n"))
    assert fixed.count("\r\n") == fixed.count("\n") == 3
