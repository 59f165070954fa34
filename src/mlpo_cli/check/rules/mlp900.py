"""MLP900: a file that does not parse."""

from __future__ import annotations

from collections.abc import Iterator

from mlpo_cli.check.model import EVERY_SDK, Example, Finding, Rule, Severity
from mlpo_cli.check.parse import Unparsed

RULE = Rule(
    id="MLP900",
    title="file that cannot be read",
    severity=Severity.ERROR,
    sdks=EVERY_SDK,
    what="""
    Reports a pipeline's file that your Python does not parse, and says which Python does. What only
    a newer Python reads is checked by all other rules nevertheless. Notebooks and compiled
    pipelines are reported if they are broken. Your Python is `target-version` in the configuration,
    else the oldest that `requires-python` of your project allows, else the one that runs mlpo.
    """,
    why="The file is not imported, or not even decoded: nothing in it runs.",
    sources=("docs.python.org/3/whatsnew: what each version's grammar adds",),
    examples=(
        Example(
            file="flow.py",
            bad="""\
from metaflow import FlowSpec, step


class EvaluateFlow(FlowSpec):
    @step
    def start(self):
        self.metrics = evaluate()
        print(f"Accuracy: {self.metrics["accuracy"]:.4f}")
        self.next(self.end)

    @step
    def end(self):
        pass
""",
            good="""\
from metaflow import FlowSpec, step


class EvaluateFlow(FlowSpec):
    @step
    def start(self):
        self.metrics = evaluate()
        print(f"Accuracy: {self.metrics['accuracy']:.4f}")
        self.next(self.end)

    @step
    def end(self):
        pass
""",
        ),
    ),
    advice="Correct the syntax.",
)


def check_text(unparsed: Unparsed) -> Iterator[Finding]:
    """Report why a text cannot be read."""
    target = "Python {}.{}".format(*unparsed.target)
    if unparsed.kind != "python" and unparsed.needs is None:
        message, advice = f"It cannot be read: {unparsed.reason}.", "Correct it, or write it again."
    elif unparsed.needs is None:
        message, advice = f"No Python reads it: {unparsed.reason}.", ""
    else:
        needed = "Python {}.{}".format(*unparsed.needs)
        message = f"{target} does not parse it, {needed} does: {unparsed.reason}."
        advice = f"Write it in another way, or require {needed}."
    yield RULE.report(unparsed, None, message, advice=advice)
