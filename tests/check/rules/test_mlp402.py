"""MLP402: which steps return old results after a helper has changed, and what the fix adds."""

from __future__ import annotations

import pytest
from checking import check, find, make_module, write_files

from mlpo_cli.check.fix import apply_fixes, choose_fixes
from mlpo_cli.check.rules import mlp402

TEXT = """\
from zenml import pipeline, step

def scale(rows: list) -> list:
    return rows

{decorator}
def prepare(rows: list) -> list:
    {line}

{more}
"""


RUN = "@pipeline\ndef run(): prepare([])"


def make(line: str = "return scale(rows)", decorator: str = "@step", more: str = RUN) -> str:
    text = TEXT.replace("{line}", line).replace("{decorator}", decorator)
    return text.replace("{more}", more)


def fix(text: str) -> str:
    result = check(text)
    assert result.source is not None
    return apply_fixes(result.source, choose_fixes(result.findings, with_unsafe=True))[0]


@pytest.mark.parametrize("decorator", ["@step", "@step()", "@step(enable_cache=True)"])
def test_a_cached_step_that_uses_a_helper_is_reported(decorator):
    assert [finding.rule for finding in find(make(decorator=decorator))] == ["MLP402"]


@pytest.mark.parametrize(
    "decorator",
    [
        "@step(enable_cache=False)",
        "@step(enable_cache=IS_CACHED)",
        "@step(cache_policy=POLICY)",
        "@step(**options)",
        "@other",
        "",
    ],
)
def test_a_step_without_caching_or_with_a_policy_is_not(decorator):
    assert find(make(decorator=decorator)) == []


@pytest.mark.parametrize(
    "line",
    [
        "return sorted(rows)",
        "scale(rows)",
        "log_metadata(metadata={'rows': scale(rows)})",
        "print(len(scale(rows)))",
        "logger.info('%s', scale(rows))",
        "def inner(): return 1\n    return inner()",
        "return rows.scale()",
        "return unknown(rows)",
        "return list(map(scale, rows))",
        "scale = load()\n    return scale(rows)",
    ],
)
def test_what_is_no_function_of_the_project_or_gives_nothing_is_not(line):
    assert find(make(line)) == []


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ("@pipeline(enable_cache=False)\ndef run(): prepare([])", 0),
        ("@pipeline(enable_cache=IS_CACHED)\ndef run(): prepare([])", 0),
        ("@pipeline(**options)\ndef run(): prepare([])", 0),
        (f"{RUN}\nprepare.configure(enable_cache=False)", 0),
        (f"{RUN}\nprepare.with_options(enable_cache=False)()", 0),
        (f"{RUN}\nrun.with_options(config_path='run.yaml')()", 0),
        (f"{RUN}\n@pipeline(enable_cache=False)\ndef again(): prepare([])", 0),
        (f"{RUN}\n@pipeline(enable_cache=False)\ndef again(): other([])", 1),
        ("", 0),
        ("def run(): prepare([])", 0),
        ("@pipeline(enable_cache=True)\ndef run(): prepare([])", 1),
        ("@pipeline\ndef run(): prepare([])", 1),
    ],
)
def test_a_pipeline_without_caching_is_seen(more, count):
    assert len(find(make(more=more))) == count


def test_what_a_step_says_counts_more_than_its_pipeline():
    more = "@pipeline(enable_cache=False)\ndef run(): prepare([])"
    assert len(find(make(decorator="@step(enable_cache=True)", more=more))) == 1


def test_a_pipeline_in_the_package_of_pipelines_is_seen(tmp_path):
    off = "from zenml import pipeline\n\n@pipeline(enable_cache=False)\ndef run():\n    prepare()\n"
    files = {"pyproject.toml": "", "pipelines/__init__.py": "from .run import run\n"}
    write_files(tmp_path, {**files, "pipelines/run.py": off, "steps/__init__.py": ""})
    module = make_module(make(), tmp_path / "steps" / "prepare.py")
    assert list(mlp402.check(module)) == []
    (tmp_path / "pipelines" / "run.py").write_text(off.replace("(enable_cache=False)", ""))
    module = make_module(make(more=""), tmp_path / "steps" / "prepare.py")
    assert list(mlp402.check(module)) == []  # a configuration may turn it off
    (tmp_path / "pipelines" / "run.py").write_text(off.replace("False", "True"))
    module = make_module(make(more=""), tmp_path / "steps" / "prepare.py")
    assert len(list(mlp402.check(module))) == 1


def test_a_run_file_that_sets_caching_makes_it_uncertain(tmp_path):
    run = "from steps.prepare import run\nrun.with_options(config_path='run.yaml')()\n"
    write_files(tmp_path, {"pyproject.toml": "", "run.py": run, "steps/__init__.py": ""})
    file = tmp_path / "steps" / "prepare.py"
    assert list(mlp402.check(make_module(make(), file))) == []
    said = make(decorator="@step(enable_cache=True)")
    assert len(list(mlp402.check(make_module(said, file)))) == 1
    (tmp_path / "run.py").write_text(run.replace("with_options(config_path='run.yaml')", ""))
    assert len(list(mlp402.check(make_module(make(), file)))) == 1


POLICY = "cache_policy=CachePolicy(source_dependencies=[scale])"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@step", f"@step({POLICY})"),
        ("@step()", f"@step({POLICY})"),
        ("@step(name='a')", f"@step(name='a', {POLICY})"),
        ("@step(\n    name='a',  # b\n)", f"@step(\n    name='a', {POLICY},  # b\n)"),
    ],
)
def test_the_fix_adds_the_policy_to_the_decorator(before, after):
    fixed = fix(make(decorator=before))
    imported = "step\nfrom zenml.config import CachePolicy\n"
    assert fixed == make(decorator=after).replace("step\n", imported, 1)
    assert find(fixed) == []


@pytest.mark.parametrize(
    "text",
    [
        make("return later(rows)", more=f"def later(rows): return rows\n{RUN}"),
        make().replace("def scale", "@cached\ndef scale", 1),
        make(decorator="@step(name=('a'))"),
        make() + "scale = scale\n",
    ],
)
def test_what_the_decorator_cannot_name_is_not_fixed(text):
    findings = find(text)
    assert all(finding.fix is None for finding in findings)


def test_functions_of_another_module_are_named_as_the_step_calls_them(tmp_path):
    write_files(tmp_path, {"pyproject.toml": "", "rows.py": "def scale(rows): return rows\n"})
    head = "import rows as r\nfrom zenml import step\n\n"
    text = f"{head}@step(enable_cache=True)\ndef a() -> list:\n    return r.scale([])\n"
    (finding,) = mlp402.check(make_module(text, tmp_path / "run.py"))
    assert finding.fix is not None
    assert "[r.scale]" in finding.fix.edits[0].text
