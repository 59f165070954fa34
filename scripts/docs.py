"""Write what is generated in docs/ and README.md: `make docs`.

    python scripts/docs.py

The reference comes from the code and the rules, the index from the pages themselves, and the
picture from a real run. tests/test_docs.py fails when one of them is not in step.
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
    """What mlpo prints, in 80 columns and without colour."""
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
        f"{WRITTEN_BY} from the\nrules. How a document looks: "
        "[Write down your answers](write-answers.md).\n"
    )
    return "\n".join([head, *reference.answer_keys()])


def decision_rules() -> str:
    """docs/decision-rules.md: every rule that stands beside the points."""
    head = (
        f"# Every rule\n\nWhat holds whatever the points say. {WRITTEN_BY} from `rules/`.\n\n"
        "The criteria: [Every answer](answer-keys.md). Their points and the evidence: "
        "[Orchestrators compared](comparison.md).\n"
        "How to change any of it: [Change the rules](change-the-rules.md).\n"
    )
    return "\n".join([head, *reference.rules()])


def comparison() -> str:
    """docs/comparison.md: each score with its evidence."""
    title, _, rest = shown("compare", "--format", "markdown").partition("\n\n")
    head = "Every score of every candidate, with its evidence: what "
    return f"{title}\n\n{head}`mlpo compare --format markdown` prints.\n\n{rest}"


def index() -> str:
    """docs/README.md: every page, in groups, with its first sentence."""
    pages = [page for page in sorted(DOCS.glob("*.md")) if page.name != "README.md"]
    told = {page.name: _title_and_sentence(page) for page in pages}
    generated = [name for name in told if name in GENERATED]
    groups = {"How to": [n for n in told if n not in generated], "Reference": generated}
    parts = [f"# Documentation\n\nAll pages; [mlpo](../README.md) is one up. {WRITTEN_BY}.\n"]
    for group, names in groups.items():
        lines = [f"- [{told[name][0]}]({name}): {told[name][1]}" for name in names]
        if group == "Reference":
            lines += [f"- [{name}]({name}): {text}" for name, text in SCHEMAS.items()]
        parts.append(f"## {group}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def _title_and_sentence(page: Path) -> tuple[str, str]:
    """The heading of a page, and the first sentence below it as it reads outside the page."""
    text = GENERATED[page.name]() if page.name in GENERATED else page.read_text(encoding="utf-8")
    title, _, rest = text.removeprefix("# ").partition("\n\n")
    first = " ".join(rest.split("\n\n")[0].split())
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


SCHEMAS = {
    "answers.schema.json": "The JSON Schema of the answers document, for editors.",
    "rules.schema.json": "The JSON Schema of rules files, for editors.",
}
GENERATED: dict[str, Callable[[], str]] = {
    "answer-keys.md": answer_keys,
    "cli.md": command_line,
    "comparison.md": comparison,
    "decision-rules.md": decision_rules,
}
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
