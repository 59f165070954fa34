"""MLP101: what Metaflow cannot store, and what it can or never tries to."""

from __future__ import annotations

import pytest
from checking import find

FLOW = """\
import csv, gzip, json, queue, sqlite3, tempfile, threading
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
import boto3
import numpy as np
from metaflow import FlowSpec, step

def make_rows():
    yield 1

def list_rows():
    def inner():
        yield 1
    return list(inner())

@contextmanager
def opened():
    yield 1

class RowsFlow(FlowSpec):
    {member}

    @step
    def start(self):
        {line}
        self.next(self.end)

    @step
    def end(self):
        pass

    def close(self):
        del self.closed
"""


def find_in(line: str, member: str = "rows = 3") -> list[str]:
    text = FLOW.replace("{line}", line).replace("{member}", member)
    return [finding.message for finding in find(text, "flow.py")]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("self.x = open('rows.csv')", "an open file"),
        ("self._x = gzip.open('rows.gz')", "an open file"),
        ("self.x: object = sqlite3.connect('rows.db')", "a connection"),
        ("x = sqlite3.connect('rows.db')\n        self.x = x", "a connection"),
        ("self.x = boto3.client('s3')", "a client with open connections"),
        ("self.x = self.y = threading.Lock()", "a lock"),
        ("self.x = ThreadPoolExecutor(4)", "a thread or process"),
        ("self.x = queue.Queue()", "a queue with a lock in it"),
        ("self.x = (row for row in range(3))", "a generator"),
        ("self.x = make_rows()", "a generator"),
        ("self.x = {'a': 1}.keys()", "a view of a dictionary"),
        ("rows = dict(a=1)\n        self.x = rows.items()", "a view of a dictionary"),
        ("self.x = np", "a module"),
        ("self.x = {'clean': lambda row: row}", "something with a lambda in it"),
        ("self.x = defaultdict(lambda: 0)", "something with a lambda in it"),
        ("self.x = [(1, open('rows.csv'))]", "something with an open file in it"),
        ("class Row: pass\n        self.x = Row()", "an object of a class that is defined in a"),
        ("with open('rows.csv') as self.x:\n            pass", "an open file"),
        ("if json:\n            self.x = open('rows.csv')", "an open file"),
    ],
)
def test_what_cannot_be_pickled_is_reported(line, what):
    found = find_in(line)
    assert found
    assert all(what in message for message in found)


@pytest.mark.parametrize(
    "line",
    [
        "x = open('rows.csv')",
        "self.x = open('rows.csv').read()",
        "self.x = list(make_rows())",
        "self.x = list_rows()",
        "self.x = opened()",
        "self.x = {'a': 1}.get('a')",
        "self.x = frame.keys()",
        "self.x = self.frame.items()",
        "self.x = json.loads",
        "self.x = defaultdict(list)",
        "self.x = lambda row: row",  # is not stored: MLP102
        "self.x = map(str, [1])",
        "self.x = tempfile.TemporaryDirectory()",
        "self.x = open('rows.csv')\n        del self.x",
        "self.x = open('rows.csv')\n        self.x = self.x.read()",
        "self.closed = open('rows.csv')\n        self.close()",
        "self.x = open('rows.csv')\n        forget(self)",
        "self.x = open('rows.csv')\n        delattr(self, 'x')",
        "self.x.y = open('rows.csv')",
        "self.x['y'] = open('rows.csv')",
        "self.x, self.y = open('rows.csv')",
        "self.rows = open('rows.csv')",  # may be a property
        "class Row:\n            def __reduce__(self): return 'Row'\n        self.x = Row()",
        "class Row(Base): pass\n        self.x = Row()",
        "self.x = open('a')\n        def forget():\n            del self.x\n        forget()",
        "def later():\n            self.x = open('rows.csv')",
        "def open(path): return path\n        self.x = open('rows.csv')",
        "x = open('rows.csv')\n        x = x.read()\n        self.x = x",
    ],
)
def test_what_can_be_or_is_gone_is_not(line):
    assert find_in(line) == []


def test_a_method_that_no_step_calls_is_not_reported():
    helper = "def connect(self):\n        self.x = open('rows.csv')"
    assert find_in("pass", helper) == []
    assert len(find_in("self.connect()", helper)) == 1


def test_a_class_that_is_no_flow_is_not_reported():
    text = FLOW.replace("(FlowSpec)", "").replace("{line}", "self.x = open('a')")
    assert find(text.replace("{member}", ""), "flow.py") == []


def test_what_the_body_of_a_flow_sets_is_stored_too():
    assert len(find_in("pass", "_lock = threading.Lock()")) == 1
    assert find_in("pass", "clean = lambda row: row") == []
    assert find_in("pass", "lock = threading.Lock()\n    del lock") == []


def test_names_that_lead_to_each_other_do_no_harm():
    assert find_in("a = [b, b]\n        b = [a, a]\n        self.x = a") == []
