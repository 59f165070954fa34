"""What several tests share: the shipped rules, random answers, and the real command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hypothesis import strategies as st

from mlpo_cli import rules
from mlpo_cli.decision.model import Answer, Criterion, Rules
from mlpo_cli.resources import rules_dir

RULES = rules.load(rules_dir())
IDS = [c.id for c in RULES.criteria]
WEIGHTS = {c.id: c.weight for c in RULES.criteria}
EXAMPLES = Path(__file__).parents[1] / "examples"


def answer_to(criterion: Criterion) -> st.SearchStrategy[Answer]:
    """A valid answer to one criterion."""
    if criterion.choices:
        return st.sampled_from(list(criterion.choices))
    return st.integers(criterion.minimum, 200)


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
        env={**keep, "XDG_STATE_HOME": str(cwd / "state"), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
