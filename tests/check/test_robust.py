"""No file makes a run fail or take long, whatever is in it."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpo_cli.check.catalog import list_rules
from mlpo_cli.check.engine import Result, check_data
from mlpo_cli.check.fix import apply_fixes, choose_fixes

LONGEST = 3.0  # seconds of CPU; one is the promise, and the machine of the tests may be slow
KINDS = {"python": "x.py", "notebook": "x.ipynb", "spec": "x.yaml"}
EXAMPLES = [example for rule in list_rules() for example in rule.examples]
CODE = [example.bad for example in EXAMPLES if example.file.endswith(".py")]
SPECS = [example.bad for example in EXAMPLES if not example.file.endswith(".py")]
HEADS = {
    "python": "from kfp import dsl\nfrom kfp.dsl import Output\nfrom metaflow import current\n",
    "notebook": "",
    "spec": "pipelineInfo:\n",
}
TOKENS = st.sampled_from(
    [
        *("from", "kfp", "import", "dsl", "metaflow", "current", "card", "append", "self", "def"),
        *("class", "lambda", "x", "set_gpu_limit", "metadata", "accuracy", "log_metric", "image"),
        *("(", ")", "[", "]", "{", "}", ".", ",", ":", "=", "@", "*", "**", ":=", "->", "\\", ";"),
        *('"', "'", '"""', 'f"', "f'''", "rb'", "#", "\n", "\n    ", "\n\t", " ", "  ", "\r", "\0"),
        *("1", "0x", "1e999", "9" * 5000, "é", "\ufeff", "\u2028", "\ud7ff", "if", "else", "for"),
        *("# mlpo: ignore", "# mlpo: ignore-file[MLP", "type ", "except*", "match x:", "lazy "),
        *("pipelineInfo:", "deploymentSpec:", "- ", "? ", "&a ", "*a", "!!python/name:x ", "|"),
        *("---", "%YAML 9.9", "<<: ", "executors:", "container:"),
    ]
)  # fmt: skip


def check_quickly(data: bytes, kind: str) -> Result:
    """Check data, apply all fixes, and compare the CPU time with the limit."""
    start = time.process_time()
    result = check_data(data, KINDS[kind], kind)
    if result.source is not None:
        apply_fixes(result.source, choose_fixes(result.findings, with_unsafe=True))
    assert time.process_time() - start < LONGEST
    return result


def make_notebook(code: str) -> str:
    cell = {"cell_type": "code", "source": code.splitlines(keepends=True)}
    return json.dumps({"cells": [cell]}, ensure_ascii=False)


def mutate(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for position, length, new in changes:
        start = position % (len(data) + 1)
        data = data[:start] + new + data[start + length :]
    return data


CHANGES = st.lists(
    st.tuples(
        st.integers(0, 10_000),
        st.integers(0, 20),
        st.sampled_from([*(bytes([b]) for b in range(256)), b"", b'"' * 3, b"(" * 90, b"{" * 40]),
    ),
    min_size=1,
    max_size=6,
)


def many(examples: int, profile: str = "") -> int:
    """A quarter of the examples in the usual run, all of them in `make test-full`."""
    return examples if settings.get_current_profile_name() == "thorough" else examples // 20


@settings(max_examples=many(4000))
@given(st.sampled_from(sorted(KINDS)), st.lists(TOKENS, max_size=60))
def test_token_soup(kind, tokens):
    text = HEADS[kind] + "".join(tokens)
    text = make_notebook("import kfp\n" + text) if kind == "notebook" else text
    check_quickly(text.encode("utf-8", "surrogatepass"), kind)


@settings(max_examples=many(4000))
@given(st.sampled_from(CODE), CHANGES, st.booleans())
def test_mutated_code(code, changes, in_notebook):
    if in_notebook:
        check_quickly(mutate(make_notebook(code).encode(), changes), "notebook")
    else:
        check_quickly(mutate(code.encode(), changes), "python")


@settings(max_examples=many(2000))
@given(st.sampled_from(SPECS), CHANGES)
def test_mutated_compiled_pipelines(spec, changes):
    check_quickly(mutate(spec.encode(), changes), "spec")


DEEP = {
    "attributes": "x" + ".a" * 100_000,
    "calls": "f" + "()" * 100_000,
    "subscripts": "x" + "[0]" * 100_000,
    "sum": "+".join(["x"] * 100_000),
    "parentheses": "(" * 5000 + ")" * 5000,
    "brackets": "[" * 190 + "]" * 190,
    "unary": "-" * 100_000 + "1",
    "not": "not " * 50_000 + "x",
    "lambdas": "lambda:" * 20_000 + "0",
    "conditions": "1 if 1 else " * 20_000 + "1",
    "elif": "if 1:\n pass\n" + "elif 1:\n pass\n" * 20_000,
    "arguments": "t = train()\nt.set_gpu_limit(1)\nf(" + "t, " * 100_000 + ")",
    "many tasks": "".join(f"t{n} = a()\nt{n}.set_gpu_limit(1)\n" for n in range(12_000)),
    "assignments": "a=" * 50_000 + "1",
    "blocks": "".join(" " * n + "if 1:\n" for n in range(99)) + " " * 99 + "pass",
    "tasks": "t = train()\n" + "t.set_gpu_limit(1)\n" * 20_000,
    "chain": "train()" + ".set_gpu_limit(1)" * 300,
    "strings": '"a"' * 150_000,
    "open strings": "f'{" * 100_000,
    "braces": 'f"' + "{" * 100_000,
    "nested f-strings": "f'{" * 200 + "}'" * 200,
    "list": "x = [\n" + "1,\n" * 170_000 + "]",
    "cards": "current.card.append('x')#mlpo:ignore\n" * 13_000,
    "fixed cards": "current.card.append('x')\n" * 5_000,
    "aliases": "".join(f"a{n} = a{n - 1}\n" for n in range(1, 20_000)),
    "bases": "".join(f"class A{n}(A{n - 1}): pass\n" for n in range(1, 9_000)),
    "comments": "#" * 500_000,
    "quotes": "'" * 500_000,
    "backslashes": "\\" * 500_000,
    "lines": "\n" * 500_000,
    "long name": "x" * 500_000,
}


QUICK = ("calls", "sum", "open strings", "braces", "conditions", "chain", "backslashes")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.full) for name in DEEP]
)
def test_deep_and_long_code(name):
    text = HEADS["python"] + DEEP[name]
    check_quickly(text.encode(), "python")


@pytest.mark.parametrize("name", ["open strings", "sum", "attributes", "quotes"])
def test_deep_and_long_code_in_a_notebook(name):
    check_quickly(make_notebook(HEADS["python"] + DEEP[name]).encode(), "notebook")


@pytest.mark.parametrize(
    ("line", "skipped"),
    [
        ("def {{ name }}_pipeline(): pass", "a template of Jinja"),
        ("{%- if tune %}", "a template of Jinja"),
        ("from steps import {{name}}_training", "a template of Jinja"),
        ("print('{{ name }}' 1)", ""),
        ("x = = 1  # {% if tune %}", ""),
        ("x = = 1", ""),
    ],
)
def test_a_template_is_skipped_and_a_broken_file_is_reported(line, skipped):
    result = check_quickly(f"import zenml\n# {{% include 'x' %}}\n{line}\n".encode(), "python")
    assert result.skipped == skipped
    assert [finding.rule for finding in result.findings] == ([] if skipped else ["MLP900"])


@pytest.mark.parametrize(
    ("kind", "size"), [("python", 600_000), ("notebook", 9_000_000), ("spec", 600_000)]
)
def test_what_is_too_large_is_skipped_with_the_reason(kind, size):
    assert "KiB" in check_quickly(b"kfp pipelineInfo" + b" " * size, kind).skipped
