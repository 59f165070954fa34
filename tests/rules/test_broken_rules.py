"""One mistake in small made-up rules is refused with file and line."""

from __future__ import annotations

import copy
import re

import pytest
from small_rules import DOCUMENTS, load_documents

from mlpo_cli.errors import RulesError


def change(file, path, value=None):
    """The small rules with another value in one place; without a value the key is taken out."""
    documents = copy.deepcopy(DOCUMENTS)
    around = documents[file]
    for key in path[:-1]:
        around = around[key]
    if value is None:
        del around[path[-1]]
    else:
        around[path[-1]] = value
    return documents


ALDER = "orchestrators/alder.yaml"
ROWS = DOCUMENTS[ALDER]["criteria"]
PLACE = ("criteria", "place", "scores")
CLAIM = ("criteria", "place", "evidence", 0)


@pytest.mark.parametrize(
    ("file", "path", "value", "message"),
    [
        (ALDER, (*PLACE, "desk"), 5, "desk must be a whole number from 0 to 4"),
        (ALDER, (*PLACE, "desk"), None, "no score for desk"),
        (ALDER, ("criteria",), {**ROWS, "plaice": ROWS["place"]}, "did you mean place?"),
        (ALDER, ("criteria", "place"), None, "there is no row for place"),
        (ALDER, (*CLAIM, "clam"), "A claim.", "did you mean claim?"),
        (ALDER, (*CLAIM, "date"), "last year", "'last year' is not a date"),
        (ALDER, ("criteria", "people", "points"), [[5, 1], [2, 3]], "rising numbers"),
        (ALDER, ("criteria", "laptop", "scores", "never"), 4, "is indifferent but scores differ"),
        ("policy.yaml", ("vetoes", 0, "when"), {"laptop": "never"}, "indifferent but a rule reads"),
        ("policy.yaml", ("vetoes", 0, "when"), {"clustr": "none"}, "did you mean cluster?"),
        ("policy.yaml", ("gates", 0, "orchestrator"), "elm", "'elm' is not known"),
        ("policy.yaml", ("confidence", "draws"), "many", "draws must be a whole number"),
        ("criteria.yaml", ("criteria", 1, "prior", "none"), 0.9, "add up to 1"),
        ("criteria.yaml", ("criteria", 0, "prior"), {"2": 1}, "'2' is not a whole number"),
        ("criteria.yaml", ("criteria", 1, "weight"), "heavy", "weight must be a whole number"),
        ("criteria.yaml", ("criteria", 1, "id"), "place", "place is there twice"),
        ("criteria.yaml", ("schema_version",), 9, "schema_version must be"),
    ],
)
def test_broken_rules_are_refused_with_file_and_line(file, path, value, message):
    with pytest.raises(RulesError) as caught:
        load_documents(change(file, path, value))
    found = [p for p in caught.value.problems if message in f"{p.what} {p.fix}"]
    assert found, caught.value.problems
    assert re.search(r"\.yaml:\d+$", found[0].where)


def test_all_problems_of_all_files_come_at_once():
    broken = change(ALDER, (*PLACE, "desk"), 5)
    broken["policy.yaml"]["confidence"]["draws"] = "many"
    with pytest.raises(RulesError) as caught:
        load_documents(broken)
    assert len(caught.value.problems) == 2
