"""MLP102: which functions are missing in a later step, and which are there after all."""

from __future__ import annotations

import pytest
from checking import find

FLOW = """\
from functools import lru_cache, partial
from metaflow import FlowSpec, retry, step
import re

def clean(text):
    return text

@lru_cache
def cached(text):
    return text

class TextFlow(FlowSpec):
    {member}

    @step
    def start(self):
        {set}
        self.next(self.end)

    @retry
    @step
    def end(self):
        {read}

    def work(self):
        return 1

    def prepare(self):
        self.made = lambda: 0

    def use(self):
        return self.f()
"""


def find_in(set_: str, read: str = "self.f(1)", member: str = "rows = 3") -> list[int]:
    text = FLOW.replace("{set}", set_).replace("{read}", read).replace("{member}", member)
    return [finding.place.line for finding in find(text, "flow.py")]


@pytest.mark.parametrize(
    "line",
    [
        "self.f = lambda text: text",
        "self.f = clean",
        "self.f = self.work",
        "f = lambda: 0\n        self.f = f",
        "def f(): pass\n        self.f = f",
        "self.f = f = clean",
        "self.f = lambda: 0\n        self.f()\n        self.f = clean",
    ],
)
def test_a_function_that_another_step_reads_is_reported(line):
    assert len(find_in(line)) == 1


def test_a_read_in_a_method_of_the_later_step_is_reported_where_it_is():
    assert find_in("self.f = clean", "print(self.use())") == [32]
    assert find_in("self.f = clean\n        self.use()", "self.use()") == [33]


@pytest.mark.parametrize(
    "line",
    [
        "self.f = clean(1)",
        "self.f = cached",
        "self.f = partial(clean, 1)",
        "self.f = re.compile",
        "self.f = len",
        "self.f = str",
        "self.f = unknown",
        "self.f = {'f': 1}",
        "self.f = clean if self.rows else 1",
        "self.f = lambda: 0\n        self.f = 3",
        "self.f, self.g = clean, clean",
        "clean = load()\n        self.f = clean",
        "pass",
    ],
)
def test_what_is_stored_or_unknown_is_not(line):
    assert find_in(line) == []


@pytest.mark.parametrize(
    "read",
    [
        "pass",
        "self.f = clean\n        self.f(1)",
        "self.made = self.prepare()\n        self.f = lambda: 0\n        self.f()",
        "setattr(self, 'f', clean)\n        self.f(1)",
        "restore(self)\n        self.f(1)",
        "if hasattr(self, 'f'):\n            self.f(1)",
        "try:\n            self.f(1)\n        except AttributeError:\n            pass",
        "def later():\n            self.f(1)",
        "print(other.f)",
    ],
)
def test_a_step_that_sets_it_or_asks_is_not(read):
    assert find_in("self.f = clean", read) == []


def test_a_step_that_calls_the_method_that_sets_it_is_not_reported():
    assert find_in("self.prepare()", "self.prepare()\n        self.made()") == []
    assert len(find_in("self.prepare()", "self.made()")) == 1


def test_a_method_of_the_flow_or_a_decorator_of_somebody_else_is_not_reported():
    assert find_in("self.f = clean", member="f = clean") == []
    assert find_in("self.f = clean", member="def f(self, text): return text") == []
    member = "@mine\n    @step\n    def extra(self): pass"
    assert find_in("self.f = clean", member=member) == []
