"""Edits: whole fixes or nothing, and all other characters stay."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlpo_cli.check.fix import apply_edits, apply_fixes
from mlpo_cli.check.model import Edit, Fix
from mlpo_cli.check.source import Source

TEXT = "abcdefgh"
EDITS = st.builds(
    lambda start, length, text: Edit(start, min(start + length, len(TEXT)), text),
    st.integers(0, len(TEXT)),
    st.integers(0, 3),
    st.sampled_from(["", "X", "YY"]),
)
FIXES = st.lists(
    st.builds(Fix, st.lists(EDITS, min_size=1, max_size=2).map(tuple), st.booleans()), max_size=5
)


@given(FIXES)
def test_fixes_are_applied_wholly_or_not_at_all_and_the_rest_stays(fixes):
    source = Source("x.py", TEXT, "python")
    text, applied = apply_fixes(source, fixes)
    assert applied <= len(fixes)
    changed = {i for fix in fixes for e in fix.edits for i in range(e.start, e.end)}
    kept = "".join(char for i, char in enumerate(TEXT) if i not in changed)
    assert "".join(char for char in text if char in kept) == kept


def test_of_two_that_overlap_the_first_is_applied():
    source = Source("x.py", TEXT, "python")
    fixes = [Fix((Edit(0, 2, "X"),), True), Fix((Edit(1, 3, "Y"), Edit(5, 6, "Z")), True)]
    assert apply_fixes(source, fixes) == ("Xcdefgh", 1)


def test_an_edit_that_two_fixes_share_is_made_once():
    source = Source("x.py", TEXT, "python")
    shared = Edit(0, 0, "import; ")
    fixes = [Fix((Edit(2, 3, "C"), shared), True), Fix((Edit(4, 5, "E"), shared), True)]
    assert apply_fixes(source, fixes) == ("import; abCdEfgh", 2)


def test_edits_are_in_any_order():
    assert apply_edits(TEXT, [Edit(7, 8, ""), Edit(0, 1, "A")]) == "Abcdefg"
