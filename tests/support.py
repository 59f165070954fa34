"""What several tests share: the shipped rules, random answers, and the real command line."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

from hypothesis import strategies as st

from mlpo_cli import rules
from mlpo_cli.decision.conditions import Answer
from mlpo_cli.decision.model import Criterion, Rules
from mlpo_cli.resources import rules_dir

RULES = rules.load(rules_dir())
IDS = [c.id for c in RULES.criteria]
WEIGHTS = {c.id: c.weight for c in RULES.criteria}
EXAMPLES = Path(__file__).parents[1] / "examples"


def answer_to(criterion: Criterion) -> st.SearchStrategy[Answer]:
    """A valid answer to one criterion: one choice or, where it takes them, several."""
    if not criterion.choices:
        return st.integers(criterion.minimum, 200)
    one = st.sampled_from(list(criterion.choices))
    return one | several_of(criterion) if criterion.several else one


def several_of(criterion: Criterion) -> st.SearchStrategy[Answer]:
    """Several choices of a criterion that can be given together."""
    choices = [choice for choice in criterion.choices if choice not in criterion.indifferent]
    lists = st.lists(st.sampled_from(choices), min_size=2, max_size=len(choices), unique=True)
    return lists.map(criterion.normalise)


def every_answer(criterion: Criterion) -> list[Answer]:
    """All valid answers to a criterion with choices."""
    together = [choice for choice in criterion.choices if choice not in criterion.indifferent]
    sizes = range(2, len(together) + 1) if criterion.several else ()
    return [*criterion.choices, *(a for size in sizes for a in combinations(together, size))]


def some_answers(rules: Rules = RULES) -> st.SearchStrategy[dict[str, Answer]]:
    """Valid answers to some of the criteria, none to all of them."""
    return st.fixed_dictionaries({}, optional={c.id: answer_to(c) for c in rules.criteria})


def all_answers(rules: Rules = RULES) -> st.SearchStrategy[dict[str, Answer]]:
    """Valid answers to all criteria."""
    return st.fixed_dictionaries({c.id: answer_to(c) for c in rules.criteria})


def some_weights(rules: Rules = RULES) -> st.SearchStrategy[dict[str, float]]:
    """Overrides for some of the weights, 0 included."""
    weight = st.sampled_from([0, 0.1, 0.5, 1, 2, 3, 7])
    return st.dictionaries(st.sampled_from([c.id for c in rules.criteria]), weight, max_size=4)


class Output:
    """A stream that remembers."""

    encoding = "utf-8"

    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False


def mlpo(
    *arguments: str, cwd: Path, stdin: str | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run the real command line in `cwd`, with only these changes to the environment."""
    keep = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "TERM")}
    return subprocess.run(
        [sys.executable, "-m", "mlpo_cli", *arguments],
        cwd=cwd,
        input=stdin,
        env={
            **keep,
            "XDG_STATE_HOME": str(cwd / "state"),
            "XDG_CACHE_HOME": str(cwd / ".cache"),
            **env,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
