"""The documentation is true: its commands run, generated pages are current, nothing is missing."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import jsonschema
import pytest
import typer
from pages import ROOT, Block, Reader, blocks, difference, pages
from support import EXAMPLES, RULES, mlpo

from mlpo_cli import rules
from mlpo_cli.answers.fields import describe
from mlpo_cli.answers.validate import validate
from mlpo_cli.cli import app
from mlpo_cli.errors import ExitCode
from mlpo_cli.resources import rules_dir
from mlpo_cli.scaffold import list_scaffolds
from mlpo_cli.yamlmap import parse_yaml

sys.path.insert(0, str(ROOT / "scripts"))
generator = import_module("docs")  # scripts/docs.py; `docs/` holds no package

# A block with one of these commands takes minutes, so that only the slow tests run it.
SLOW = ("make demo", "make setup run", "make lint", "make manifests")
# test_packaging.py installs mlpo in seconds; only `make test-full` runs these as well.
FULL = ("pipx install",)
# Its project is set up and run, and each command needs those before; only `make test-full` runs it.
WHOLE = ("docs/a-week-of-experiments.md",)
# Commands of pages that are replaced by another one here, and why.
INSTEAD = {
    # They ask questions; tests/interview/test_terminal.py answers them in a real terminal.
    "mlpo recommend": "mlpo recommend --answers examples/startup.yaml",
    "mlpo new my-project": "mlpo new my-project --answers examples/startup.yaml",
    # docs/start-a-project.md runs a project step by step; once is enough.
    "cd my-project && make setup run": "cd my-project && make help",
    "mlpo new at-once --orchestrator metaflow --run": "mlpo new at-once --orchestrator metaflow",
    # They install for the user; here into folders of the copy, with the pipx of a package index.
    "pipx install .": (
        "PIPX_HOME=$PWD/.pipx PIPX_BIN_DIR=$PWD/.pipx PIPX_MAN_DIR=$PWD/.pipx uvx -q pipx install ."
        " && .pipx/mlpo --version"
    ),
    "uv tool install .": (
        "UV_TOOL_DIR=$PWD/.uv UV_TOOL_BIN_DIR=$PWD/.uv/bin uv tool install -q ."
        " && .uv/bin/mlpo --version"
    ),
    "pip install .": (
        "uv venv -q .pip && uv pip install -q --python .pip/bin/python . && .pip/bin/mlpo --version"
    ),
    # The environment of the tests is active already.
    ". .venv/bin/activate": "test -e .venv/bin/activate",
    # They would run tests inside this test.
    'make test-kit ARGS="-k layers"': "make help",
    "python -m pytest tests/scaffold/test_generate.py --snapshot-update -q": "make help",
    "make test": "make help",
    "make test-fast": "make help",
}
# Pages whose commands cannot run here, and why; other tests cover what they say.
NOT_RUN = {
    "docs/behind-a-proxy.md": "its hosts do not exist; see tests/test_private_index.py",
}
PARTLY = ("README.md", "docs/README.md", "docs/start-a-project.md")  # written by hand too
HOW_TO = [page for page in pages() if page not in generator.FILES or page in PARTLY]
TO_RUN = [page for page in HOW_TO if page not in NOT_RUN]
MLPO: Any = typer.main.get_command(app)
COMMANDS = MLPO.commands
FIELDS = describe(RULES, list_scaffolds())


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def commands_of(block: Block) -> list[tuple[str, str | None]]:
    """Return the commands to run, without comments, each with the output that the page shows."""
    bare = [(re.sub(r"\s+# .*", "", command), output) for command, output in block.commands()]
    return [(INSTEAD.get(command, command), output) for command, output in bare]


def has_any(block: Block, words: Sequence[str]) -> bool:
    return any(word in command for command, _ in commands_of(block) for word in words)


def follow(page: str, reader: Reader, leave_out: Sequence[str] = ()) -> None:
    """Follow a page from the top, without the blocks that have one of these words in a command."""
    for block in blocks(page):
        if block.edit:
            reader.change(block)
        folder = reader.folder
        for command, output in commands_of(block) if not has_any(block, leave_out) else ():
            result, folder = reader.run(command, folder)
            where = f"{block.where}: {command}\n"
            assert result.returncode == 0, where + result.stdout
            differs = "" if output is None else difference(output, result.stdout)
            assert not differs, where + differs


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in TO_RUN if p not in WHOLE and any(commands_of(b) for b in blocks(p))]
)
def test_the_commands_of_a_page_run_and_print_what_it_shows(page, tmp_path):
    follow(page, Reader(tmp_path / "mlpo"), leave_out=(*SLOW, *FULL))


@pytest.mark.slow
def test_the_demo_of_the_readme_runs(tmp_path):
    follow("README.md", Reader(tmp_path / "a folder"), leave_out=FULL)


@pytest.mark.full
@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in TO_RUN if any(has_any(b, (*SLOW, *FULL)) for b in blocks(p))]
)
def test_all_commands_of_a_page_run_and_print_what_it_shows(page, tmp_path):
    follow(page, Reader(tmp_path / "a folder"))


def test_what_these_lists_leave_out_is_still_on_a_page():
    assert set(NOT_RUN) <= set(pages())
    bodies = "".join(block.body for page in HOW_TO for block in blocks(page))
    assert not [command for command in INSTEAD if command not in bodies]


@pytest.mark.parametrize("page", pages())
def test_every_block_is_one_that_a_test_reads(page):
    """Commands are run, edits are made, YAML is loaded below; `text` is generated."""
    read = blocks(page)
    assert len(re.findall(r"^\s*(?:```|~~~)", text_of(page), re.M)) == 2 * len(read)
    for block in read if page not in NOT_RUN else ():
        loaded = block.language == "yaml" and page in LOADED
        generated = page not in HOW_TO  # examples of rules: tests/check/test_rules.py
        assert block.edit or commands_of(block) or loaded or generated, block.where


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_command_is_run_by_a_page(verb):
    run = [command for page in TO_RUN for b in blocks(page) for command, _ in commands_of(b)]
    assert any(re.search(rf"\bmlpo {verb}\b", command) for command in run)


@pytest.mark.slow
@pytest.mark.parametrize("name", generator.FILES)
def test_a_generated_file_is_current(name):
    assert text_of(name) == generator.FILES[name](), "run `make docs`"


@pytest.mark.parametrize("verb", ["", *COMMANDS])
def test_every_option_is_documented(verb):
    title = f"mlpo {verb}".strip()
    section = text_of("docs/cli.md").split(f"\n## {title}\n")[1].split("\n## ")[0]
    for parameter in COMMANDS[verb].params if verb else MLPO.params:
        for option in parameter.opts if parameter.param_type_name == "option" else ():
            assert f" {option}" in section, option


@pytest.mark.parametrize("field", [f for f in FIELDS if f.place[0] == "project"])
def test_the_page_on_projects_says_what_each_setting_may_be(field):
    if field.key in ("name", "orchestrator"):  # each has its own section
        return
    option = f"--{field.key.replace('_', '-')}"
    (row,) = [s for s in text_of("docs/start-a-project.md").splitlines() if f"| `{option}` |" in s]
    assert all(f"`{choice}`" in row for choice in getattr(field.kind, "texts", ()))


def test_every_exit_code_is_documented():
    section = text_of("docs/cli.md").split("\n## Exit codes\n")[1].split("\n## ")[0]
    assert re.findall(r"^\| (\d+) \| \w", section, re.M) == [str(code.value) for code in ExitCode]


def test_every_environment_variable_that_the_code_reads_is_documented():
    section = text_of("docs/cli.md").split("\n## Environment variables\n")[1]
    read_by_name = {
        argument.value
        for path in (ROOT / "src").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for argument in _names_read(node)
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
    assert {"NO_COLOR", "XDG_STATE_HOME"} <= read_by_name, "the search misses what is there"
    assert [name for name in read_by_name if f"| `{name}` |" not in section] == []


def _names_read(node: ast.AST) -> list[ast.expr]:
    """Return the X of `environ.get(X)`, `environ[X]` and `os.getenv(X)`."""
    if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
        return [node.slice]
    if isinstance(node, ast.Call) and re.search(r"environ\.\w+$|getenv$", ast.unparse(node.func)):
        return node.args[:1]
    return []


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: ".".join(field.place))
def test_every_answer_is_documented_with_its_choices_and_its_variable(field):
    page = text_of("docs/answer-keys.md")
    if field.place[0] == "overrides":
        assert f"| `{field.variable}` |" in page.split("\n## overrides.weights\n")[1]
        return
    section = page.split(f"\n### {field.name}\n")[1].split("\n##")[0]
    for text in (field.help, f"`{field.variable}`", f"--set {field.name}="):
        assert text in section
    for choice, meaning in getattr(field.kind, "texts", {}).items():
        assert f"| `{choice}` | {meaning} |" in section if meaning else f"`{choice}`" in section


@pytest.mark.parametrize(
    "rule",
    [*RULES.policy.vetoes, *RULES.policy.gates, *RULES.contradictions, *RULES.policy.notes],
    ids=lambda rule: rule.id,
)
def test_every_rule_is_documented_with_what_it_reads(rule):
    (line,) = [s for s in text_of("docs/decision-rules.md").splitlines() if f"| `{rule.id}` |" in s]
    assert rule.message in line
    for condition in (
        *getattr(rule, "any_of", ()),
        *([rule.when] if hasattr(rule, "when") else []),
    ):
        for criterion, choices in {**condition.met, **condition.unless}.items():
            assert f"`{criterion}` is" in line
            assert all(f"`{choice}`" in line for choice in choices)


def test_the_pages_of_reference_name_every_criterion_and_orchestrator():
    for criterion in RULES.criteria:
        assert f"| {criterion.label} |" in text_of("docs/comparison.md")
    for orchestrator in RULES.orchestrators:
        assert orchestrator.title in text_of("README.md")


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", text_of(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: str) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", text_of(page), flags=re.S | re.M)
    return re.findall(r"\]\(([^)\s]+)\)", text)


@pytest.mark.parametrize("page", pages())
def test_no_link_is_dead(page):
    for link in links(page):
        assert "://" not in link, f"{link}: no test can check that"
        name, _, anchor = link.partition("#")
        target = ((ROOT / page).parent / name).resolve() if name else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.relative_to(ROOT).as_posix()), link


def test_every_page_can_be_reached_from_the_readme():
    reached, to_do = set(), ["README.md"]
    while to_do:
        page = to_do.pop()
        reached.add(page)
        for link in links(page):
            target = ((ROOT / page).parent / link.partition("#")[0]).resolve()
            name = target.relative_to(ROOT).as_posix()
            if name.endswith(".md") and target.is_file() and name not in reached:
                to_do.append(name)
    assert set(pages()) <= reached


def test_the_options_variables_and_keys_that_the_pages_name_exist():
    # The pages on extending name what their reader adds.
    text = "\n".join(text_of(page) for page in HOW_TO if not page.startswith("docs/extending/"))
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.S | re.M)
    commands = (MLPO, *COMMANDS.values())
    options = {name for command in commands for p in command.params for name in p.opts}
    assert set(re.findall(r"`(--[a-z-]+)", prose)) <= options
    assert set(re.findall(r"MLPO_[A-Z_]*[A-Z]", text)) <= {field.variable for field in FIELDS}
    assert set(re.findall(r"--set ([a-z_.]+)=", prose)) <= {field.name for field in FIELDS}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "heading"),
    [
        (["recommend", "--answers", str(EXAMPLES / "startup.yaml")], "`recommend` prints:"),
        (["check"], "`check` prints:"),
        (["new", "--answers", str(EXAMPLES / "startup.yaml")], "`new` prints:"),
    ],
    ids=["recommend", "check", "new"],
)
def test_every_key_of_the_json_documents_is_documented(command, heading, tmp_path):
    document = json.loads(mlpo(*command, "--json", cwd=tmp_path).stdout)
    table = text_of("docs/use-it-in-scripts.md").split(heading)[1].split("\n\n")[1]
    firsts = [line.split("|")[1] for line in table.splitlines()[2:]]
    named = {name for cell in firsts for name in re.findall(r"`(\w+)`", cell)}
    # These two are only there with --git and --run.
    assert named - {"git", "run"} == set(document) - {"schema_version"}


def test_the_page_for_contributors_names_every_folder():
    parts = [path.parent for path in (ROOT / "src" / "mlpo_cli").glob("*/__init__.py")]
    for folder in (*parts, ROOT / "rules", ROOT / "scaffolds/core", ROOT / "tests"):
        assert f"| `{folder.relative_to(ROOT).as_posix()}/` |" in text_of("CONTRIBUTING.md")


def test_the_picture_needs_no_other_host():
    picture = text_of("docs/recommend.svg")
    assert re.findall(r"https?://[^\"\s]+", picture) == ["http://www.w3.org/2000/svg"]
    assert "Metaflow" in picture


def yaml_blocks(page: str) -> list[Block]:
    return [block for block in blocks(page) if block.language == "yaml"]


LOADED = ("docs/write-answers.md", "docs/change-the-rules.md", "docs/check.md")


def schema_named_in(block: Block) -> str | None:
    """The schema in a comment for editors; None where the block is an example."""
    comment = re.fullmatch(r"# yaml-language-server: \$schema=(.*)\n", block.body)
    return comment and comment[1]


@pytest.mark.parametrize("block", yaml_blocks(LOADED[0]), ids=lambda block: block.where)
def test_each_example_of_answers_is_valid(block):
    if name := schema_named_in(block):
        assert f"docs/{name}" in generator.FILES
    else:
        assert validate(parse_yaml(block.body, "x"), RULES, list_scaffolds())[1] == []


@pytest.mark.parametrize("block", yaml_blocks(LOADED[1]), ids=lambda block: block.where)
def test_each_example_of_rules_loads_and_is_valid(block, tmp_path):
    if name := schema_named_in(block):
        assert f"docs/{name}" in generator.FILES
        return
    schema = json.loads(text_of("docs/rules.schema.json"))
    document = json.loads(json.dumps(parse_yaml(block.body, "x").data))
    assert list(jsonschema.Draft7Validator(schema).iter_errors(document)) == []
    name = "orchestrators/zenml.yaml" if "scores:" in block.body else "criteria.yaml"
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(block.body, encoding="utf-8")
    assert rules.load(rules_dir(), tmp_path) != RULES
