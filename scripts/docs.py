"""Write the generated pages in docs/ and the generated parts of other pages: `make docs`.

    python scripts/docs.py

The reference is made from the code and the rules, the index from the pages, and the picture from a
real run. tests/test_docs.py fails if one of them is out of date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

import picture
import reference

from mlpo_cli.check.catalog import list_rules
from mlpo_cli.reports import check_rules

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
WRITTEN_BY = "Written by `make docs`"


@cache
def run_mlpo(*arguments: str) -> str:
    """Return the output of mlpo, 80 columns wide and without colour."""
    return picture.run_mlpo(*arguments, COLUMNS="80", TERMINAL_WIDTH="80", NO_COLOR="1")


def render_command_line() -> str:
    """Render docs/cli.md: the help of every command, exit codes, environment variables."""
    head = "# The command line\n\nEvery command, option, exit code and environment variable."
    parts = [f"{head} {WRITTEN_BY} from\n`--help` and the code.\n"]
    for words in ((), *((command,) for command in reference.list_commands())):
        command = " ".join(("mlpo", *words))
        lines = "\n".join(line.rstrip() for line in run_mlpo(*words, "--help").strip().splitlines())
        parts.append(f"## {command}\n\n```text\n{lines}\n```\n")
    return "\n".join([*parts, reference.render_exit_codes(), reference.render_variables()])


def render_answer_keys() -> str:
    """Render docs/answer-keys.md: every key of an answers document."""
    head = (
        "# Every answer\n\nEach key of an answers document, with its values and what else sets it. "
        f"{WRITTEN_BY} from the\nrules. How to write such a document: "
        "[Write down your answers](write-answers.md).\n"
    )
    return "\n".join([head, *reference.render_answer_keys()])


def render_decision_rules() -> str:
    """Render docs/decision-rules.md: every rule that applies besides the points."""
    head = (
        "# Every rule\n\nEvery rule that applies besides the points. "
        f"{WRITTEN_BY} from `rules/`.\n\n"
        "The criteria: [Every answer](answer-keys.md). Their points and the evidence: "
        "[Orchestrators compared](comparison.md).\n"
        "How to change them: [Change the rules](change-the-rules.md).\n"
    )
    return "\n".join([head, *reference.render_rules()])


def render_check_rules() -> str:
    """Render docs/check-rules.md: every rule of `mlpo check`, with a link to its page."""
    head = (
        "# Every rule of mlpo check\n\nEach rule of `mlpo check`, with its severity and what it is "
        f"for. {WRITTEN_BY} from\n`src/mlpo_cli/check/rules/`. How to use them: "
        "[Check pipelines](check.md). How to add one:\n"
        "[Add a rule to mlpo check](extending/add-a-check-rule.md).\n"
    )
    return "\n".join([head, reference.render_check_rules()])


def render_comparison() -> str:
    """Render docs/comparison.md: each score with its evidence."""
    title, _, rest = run_mlpo("compare", "--format", "markdown").partition("\n\n")
    head = "Every score of every orchestrator, with its evidence: the output of "
    return f"{title}\n\n{head}`mlpo compare --format markdown`.\n\n{rest}"


def render_index() -> str:
    """Render docs/README.md: every page, in groups, with its first sentence."""
    how_to = [page for page in sorted(DOCS.glob("*.md")) if page.name not in NOT_LISTED]
    groups = {
        "How to": [_render_link(page) for page in how_to],
        "Extending": [_render_link(page) for page in sorted((DOCS / "extending").glob("*.md"))],
        "Reference": [*(_render_link(DOCS / name) for name in GENERATED), *OTHER_FILES],
    }
    parts = [f"# Documentation\n\nEvery page. Start at the [README](../README.md). {WRITTEN_BY}.\n"]
    parts += [f"## {title}\n\n" + "\n".join(links) + "\n" for title, links in groups.items()]
    return "\n".join(parts)


def _render_link(page: Path) -> str:
    """Render a line of the index."""
    title, sentence = _read_head(page)
    return f"- [{title}]({page.relative_to(DOCS).as_posix()}): {sentence}"


def _read_head(page: Path) -> tuple[str, str]:
    """Return the heading of a page and the first sentence below it, without links."""
    text = GENERATED[page.name]() if page.name in GENERATED else page.read_text(encoding="utf-8")
    title, _, rest = text.removeprefix("# ").partition("\n\n")
    first = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(rest.split("\n\n")[0].split()))
    return title, re.split(r"(?<=[.:?])\s", first)[0].rstrip(":.") + "."


def update_readme() -> str:
    """Return README.md with the current list of orchestrators that projects are generated for."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return replace_part(text, "templates", reference.render_templates())


def update_start_a_project() -> str:
    """Return docs/start-a-project.md with the current table of options."""
    text = (DOCS / "start-a-project.md").read_text(encoding="utf-8")
    return replace_part(text, "settings", reference.render_settings())


def replace_part(text: str, name: str, content: str) -> str:
    """Replace what is between `<!-- name -->` and `<!-- /name -->` in a text."""
    marks = re.compile(rf"(<!-- {name} -->).*?(<!-- /{name} -->)", re.S)
    if len(marks.findall(text)) != 1:
        raise ValueError(f"there must be one place marked <!-- {name} -->")
    return marks.sub(lambda match: f"{match[1]}{content}{match[2]}", text)


GENERATED: dict[str, Callable[[], str]] = {
    "answer-keys.md": render_answer_keys,
    "check-rules.md": render_check_rules,
    "cli.md": render_command_line,
    "comparison.md": render_comparison,
    "decision-rules.md": render_decision_rules,
}
CHECK_RULES: dict[str, Callable[[], str]] = {
    f"check/{rule.id}.md": partial(check_rules.render_page, rule) for rule in list_rules()
}
NOT_LISTED = ("README.md", *GENERATED)  # not among the pages written by hand
OTHER_FILES = (
    "- [answers.schema.json](answers.schema.json): The JSON Schema of the answers, for editors.",
    "- [rules.schema.json](rules.schema.json): The JSON Schema of rules files, for editors.",
    "- [look-at-a-model.ipynb](examples/look-at-a-model.ipynb): A notebook that opens the champion,"
    " draws its curves and shows its mistakes.",
    "- [SKILL.md](../src/mlpo_cli/SKILL.md): How a coding agent uses mlpo; `mlpo skill` prints it.",
)
FILES: dict[str, Callable[[], str]] = {
    **{f"docs/{name}": write for name, write in {**GENERATED, **CHECK_RULES}.items()},
    "docs/answers.schema.json": lambda: run_mlpo("schema", "answers"),
    "docs/rules.schema.json": lambda: run_mlpo("schema", "rules"),
    "docs/recommend.svg": picture.draw_picture,
    "docs/start-a-project.md": update_start_a_project,
    "docs/README.md": render_index,
    "README.md": update_readme,
}


def main(names: Iterable[str] = FILES) -> None:
    """Write the files with these names, or all."""
    for name in names:
        (ROOT / name).parent.mkdir(exist_ok=True)
        (ROOT / name).write_text(FILES[name](), encoding="utf-8")


if __name__ == "__main__":
    main()
