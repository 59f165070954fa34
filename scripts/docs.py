"""Write the generated files in docs/, and the generated sentence in README.md: `make docs`.

    python scripts/docs.py

The reference comes from the code and the rules, the index from the pages themselves, and the
picture from a real run. tests/test_docs.py fails if one of them is out of date.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import picture
import reference

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
WRITTEN_BY = "Written by `make docs`"


@cache
def shown(*arguments: str) -> str:
    """Return what mlpo prints, in 80 columns and without colour."""
    return picture.printed(*arguments, COLUMNS="80", TERMINAL_WIDTH="80", NO_COLOR="1")


def command_line() -> str:
    """docs/cli.md: the help of every command, exit codes, environment variables."""
    head = "# The command line\n\nEvery command, option, exit code and environment variable."
    parts = [f"{head} {WRITTEN_BY} from\n`--help` and the code.\n"]
    for words in ((), *((verb,) for verb in reference.verbs())):
        command = " ".join(("mlpo", *words))
        lines = "\n".join(line.rstrip() for line in shown(*words, "--help").strip().splitlines())
        parts.append(f"## {command}\n\n```text\n{lines}\n```\n")
    return "\n".join([*parts, reference.exit_codes(), reference.variables()])


def answer_keys() -> str:
    """docs/answer-keys.md: every key of an answers document."""
    head = (
        "# Every answer\n\nEach key of an answers document, what it may be and what else sets it. "
        f"{WRITTEN_BY} from the\nrules. The whole document: "
        "[Write down your answers](write-answers.md).\n"
    )
    return "\n".join([head, *reference.answer_keys()])


def decision_rules() -> str:
    """docs/decision-rules.md: every rule that stands beside the points."""
    head = (
        "# Every rule\n\nThe rules that apply regardless of the points. "
        f"{WRITTEN_BY} from `rules/`.\n\n"
        "The criteria: [Every answer](answer-keys.md). Their points and the evidence: "
        "[Orchestrators compared](comparison.md).\n"
        "How to change any of it: [Change the rules](change-the-rules.md).\n"
    )
    return "\n".join([head, *reference.rules()])


def comparison() -> str:
    """docs/comparison.md: each score with its evidence."""
    title, _, rest = shown("compare", "--format", "markdown").partition("\n\n")
    head = "Every score of every orchestrator, with its evidence: what "
    return f"{title}\n\n{head}`mlpo compare --format markdown` prints.\n\n{rest}"


def index() -> str:
    """docs/README.md: every page, in groups, with its first sentence."""
    written = [page for page in sorted(DOCS.glob("*.md")) if page.name not in NOT_LISTED]
    groups = {
        "How to": [_link(page) for page in written],
        "Extending": [_link(page) for page in sorted((DOCS / "extending").glob("*.md"))],
        "Reference": [*(_link(DOCS / name) for name in GENERATED), *OTHER_FILES],
    }
    parts = [f"# Documentation\n\nEvery page. Start at the [README](../README.md). {WRITTEN_BY}.\n"]
    parts += [f"## {title}\n\n" + "\n".join(links) + "\n" for title, links in groups.items()]
    return "\n".join(parts)


def _link(page: Path) -> str:
    """A line of the index."""
    title, sentence = _title_and_sentence(page)
    return f"- [{title}]({page.relative_to(DOCS).as_posix()}): {sentence}"


def _title_and_sentence(page: Path) -> tuple[str, str]:
    """Return the heading of a page and the first sentence below it, without links."""
    text = GENERATED[page.name]() if page.name in GENERATED else page.read_text(encoding="utf-8")
    title, _, rest = text.removeprefix("# ").partition("\n\n")
    first = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", " ".join(rest.split("\n\n")[0].split()))
    return title, re.split(r"(?<=[.:?])\s", first)[0].rstrip(":.") + "."


def readme() -> str:
    """README.md, with the sentence on what can be generated brought up to date."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return filled(text, "templates", reference.templates())


def start_a_project() -> str:
    """docs/start-a-project.md, with the table of options brought up to date."""
    text = (DOCS / "start-a-project.md").read_text(encoding="utf-8")
    return filled(text, "settings", reference.settings())


def filled(text: str, name: str, content: str) -> str:
    """A text with new content between `<!-- name -->` and `<!-- /name -->`."""
    marks = re.compile(rf"(<!-- {name} -->).*?(<!-- /{name} -->)", re.S)
    if len(marks.findall(text)) != 1:
        raise ValueError(f"there must be one place marked <!-- {name} -->")
    return marks.sub(lambda found: f"{found[1]}{content}{found[2]}", text)


GENERATED: dict[str, Callable[[], str]] = {
    "answer-keys.md": answer_keys,
    "cli.md": command_line,
    "comparison.md": comparison,
    "decision-rules.md": decision_rules,
}
NOT_LISTED = ("README.md", *GENERATED)  # with the pages that are written by hand
OTHER_FILES = (
    "- [answers.schema.json](answers.schema.json): The JSON Schema of the answers, for editors.",
    "- [rules.schema.json](rules.schema.json): The JSON Schema of rules files, for editors.",
    "- [SKILL.md](../src/mlpo_cli/SKILL.md): How a coding agent uses mlpo; `mlpo skill` prints it.",
)
FILES: dict[str, Callable[[], str]] = {
    **{f"docs/{name}": write for name, write in GENERATED.items()},
    "docs/answers.schema.json": lambda: shown("schema", "answers"),
    "docs/rules.schema.json": lambda: shown("schema", "rules"),
    "docs/recommend.svg": picture.draw,
    "docs/start-a-project.md": start_a_project,
    "docs/README.md": index,
    "README.md": readme,
}


def main(names: Iterable[str] = FILES) -> None:
    """Write all files."""
    for name in names:
        (ROOT / name).write_text(FILES[name](), encoding="utf-8")


if __name__ == "__main__":
    main()
