"""Thousands of documents nobody should write: exit 0, 1 or 2, a sentence, quickly, no file.

Run in this process through the real entry point, as `mlpo recommend --answers FILE --json`.
"""

from __future__ import annotations

import json
import os
import sys
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import IDS, RULES, Output, answer_to, some_answers, some_weights

from mlpo_cli.__main__ import main
from mlpo_cli.answers.several import write_answer

pytestmark = pytest.mark.slow

LIMIT = 1.0  # seconds that the process computes: a loaded machine is no hang


@pytest.fixture(scope="module", autouse=True)
def few_draws():
    """Confidence is no part of this: one draw instead of 2,000 for the documents that are valid."""
    from dataclasses import replace

    from mlpo_cli import rules

    sure = replace(RULES.policy.confidence, draws=1)
    quick = replace(RULES, policy=replace(RULES.policy, confidence=sure))
    patch = pytest.MonkeyPatch()
    patch.setattr(rules, "load", lambda *_: quick)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An empty folder to run in; the answers lie beside it."""
    here = tmp_path_factory.mktemp("run") / "empty"
    here.mkdir()
    before = os.getcwd()
    os.chdir(here)
    yield here
    os.chdir(before)


def put(data, folder, *arguments):
    """Run it on these bytes. Returns the exit code and the document on stdout."""
    file = folder.parent / "answers"
    file.write_bytes(data)
    out, err = Output(), Output()
    patch = pytest.MonkeyPatch()
    patch.setattr(sys, "argv", ["mlpo", "recommend", "--answers", str(file), "--json", *arguments])
    patch.setattr(sys, "stdout", out)
    patch.setattr(sys, "stderr", err)
    patch.setenv("XDG_STATE_HOME", str(folder))
    started = time.process_time()
    try:
        code = main()
    finally:
        patch.undo()
    took = time.process_time() - started
    assert code in (0, 1, 2), (code, out.text, err.text)
    assert "Traceback" not in out.text + err.text
    assert took < LIMIT, took
    assert os.listdir(folder) == []
    document = json.loads(out.text)
    assert ("error" in document) == (code == 2)
    return code, document


def many(examples):
    is_thorough = settings.get_current_profile_name() == "thorough"
    return settings(
        max_examples=examples if is_thorough else examples // 4,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


numbers = (
    st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**30), 1e308, float("nan"), float("inf"), 0, -0.0])
)
words = st.text(max_size=20) | st.sampled_from([*IDS, "criteria", "project", "name", "__class__"])
scalars = st.none() | st.booleans() | numbers | words
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "schema_version": st.just(1) | scalars,
        "criteria": some_answers() | st.dictionaries(st.sampled_from(IDS), anything) | anything,
        "project": st.dictionaries(st.sampled_from(["name", "ci", "package", "x"]), anything),
        "overrides": st.fixed_dictionaries({"weights": some_weights() | anything}) | anything,
    },
)


@many(1700)
@given(data=documents | anything)
def test_json_of_any_shape(folder, data):
    put(json.dumps(data).encode(), folder)


@many(400)
@given(criteria=some_answers(), weights=some_weights())
def test_valid_documents_of_any_content(folder, criteria, weights):
    data = {"schema_version": 1, "criteria": criteria, "overrides": {"weights": weights}}
    put(json.dumps(data).encode(), folder)


tokens = st.sampled_from(
    [
        "schema_version: 1", "criteria:", "  ", "    ", "\n", "\r\n", "\r", "- ", "? ", ": ", ", ",
        "{", "}", "[", "]", "&a ", "*a", "!!python/object/apply:os.system ", "!x ", "!!binary ",
        "<<: ", "|", ">", "'", '"', "#", "---\n", "...\n", "%YAML 1.2\n", "%TAG ! x:\n", "@", "`",
        "~", ".nan", ".inf", "1e999", "9" * 50, "0x1F", "0o17", "1_000", "12:30:45", "2026-01-01",
        "\t", "\ufeff", "\x00", "\x1b[31m", "\u202e", "\ud7ff", "\U0001f600", "{{ 7 * 7 }}",
        "$(id)",
        *IDS, "team_size: 5", "cloud: aws", "project:", "name: ../x", "overrides:", "weights:",
    ]
)  # fmt: skip


@many(1500)
@given(parts=st.lists(tokens, max_size=40), bom=st.booleans(), crlf=st.booleans())
def test_yaml_of_any_tokens(folder, parts, bom, crlf):
    text = "".join(parts).replace("\n", "\r\n" if crlf else "\n")
    put(("\ufeff" * bom + text).encode("utf-8", "surrogatepass"), folder)


@many(700)
@given(data=st.binary(max_size=300))
def test_bytes_of_any_kind(folder, data):
    put(data, folder)


@many(600)
@given(
    ids=st.lists(st.sampled_from(RULES.criteria), min_size=1, max_size=8),
    data=st.data(),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_near_misses_of_valid_yaml(folder, ids, data, ending):
    """Valid but for duplicates, one cut, or one byte that is another."""
    lines = ["schema_version: 1", "criteria:"]
    lines += [f"  {c.id}: {write_answer(data.draw(answer_to(c)))}" for c in ids]
    text = bytearray(ending.join(lines).encode())
    if data.draw(st.booleans()):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    put(bytes(text[: data.draw(st.integers(0, len(text)))]), folder)


@many(200)
@given(pairs=st.lists(st.tuples(words, words), min_size=1, max_size=4))
def test_flags_of_any_text(folder, pairs):
    sets = [f"--set={key}={value}" for key, value in pairs]
    put(b"schema_version: 1\n", folder, *sets)


HEAD = b"schema_version: 1\ncriteria:\n"
MEGABYTE = 1_000_000
HUGE = {
    "empty": b"",
    "10 MB": b"a" * 10_000_000,
    "10 MB of spaces": b" " * 10_000_000,
    "wrong keys": HEAD + b"".join(b"  k%d: 1\n" % n for n in range(80_000)),
    "near misses": HEAD + b"".join(b"  team_siz%d: 1\n" % n for n in range(49_000)),
    "all shown": HEAD + b"".join(b"  team_siz%d: 1\n" % n for n in range(24_900)),
    "one long list": b"[" + b"1," * 490_000 + b"1]",
    "one key again and again": b"{" + b"a: 1," * 190_000 + b"a: 1}",
    "deep lists": b"[" * 900_000,
    "deep mappings": b"{a: " * 200_000,
    "deep by indentation": b"\n".join(b" " * n + b"a:" for n in range(1_300)),
    "deep sequences": b"- " * 400_000,
    "questions": b"? " * 400_000,
    "one long word": HEAD + b"  cloud: " + b"a" * 900_000,
    "one long key": b"a" * 900_000 + b": 1",
    "one long number": HEAD + b"  team_size: " + b"9" * 900_000,
    "comments": b"# x\n" * 240_000,
    "line ends": b"\n" * MEGABYTE,
    "documents": b"---\n" * 240_000,
    "quotes": b"'" * 900_001,
    "escapes": b'"' + b"\\n" * 400_000 + b'"',
    "folded text": b">\n" + b" a\n" * 300_000,
    "a cycle": b"&a [*a, *a]",
    "a billion laughs": b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
    "an anchor nobody uses": b"schema_version: &v 1\n",
    "a Python object": b"!!python/object/apply:os.system ['touch x']",
    "a merge key": b"<<: {a: 1}\n",
    "UTF-16": "schema_version: 1".encode("utf-16"),
    "UTF-32": "schema_version: 1".encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbfschema_version: 1\n",
    "nothing but a mark": b"\xef\xbb\xbf",
    "null bytes": b"\0" * 1000,
}  # fmt: skip


@pytest.mark.parametrize("name", HUGE)
def test_documents_that_are_huge_or_known_to_hurt(folder, name):
    put(HUGE[name], folder)


@pytest.mark.parametrize(
    ("criteria", "code"),
    [("{team_size: 3}", 0), ("{workload: single_job}", 1), ("{team_size: none}", 2)],
)
def test_every_exit_code_can_be_reached(folder, criteria, code):
    """The documents above are checked whichever of these they end with."""
    assert put(f"schema_version: 1\ncriteria: {criteria}\n".encode(), folder)[0] == code
