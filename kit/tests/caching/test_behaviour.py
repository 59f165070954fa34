"""The table of the kit's parts is correct, and no part changes without a decision."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from record_behaviour import FILE, describe_parts

from mlpo_kit.caching import behaviour
from mlpo_kit.caching.behaviour import CARRIERS, KIT, PARTS, find_owner, find_parts, group_modules
from mlpo_kit.caching.source import hash_code, read_source

MODULES = {name: path for group in group_modules().values() for name, path in group.items()}


def test_no_part_changed_since_its_behaviour_was_recorded() -> None:
    recorded = json.loads(FILE.read_text(encoding="utf-8"))
    now = describe_parts()
    changed = sorted(name for name in now if now[name] != recorded.get(name))
    assert not changed, (
        f"{', '.join(changed)} changed. Where results can change, raise the number in "
        "caching/behaviour.py; in either case run `python tests/caching/record_behaviour.py`, and "
        "commit what it writes: it says that you decided."
    )
    assert now.keys() == recorded.keys()


def test_every_module_is_in_a_part_or_in_CARRIERS() -> None:
    known = {name for part in PARTS.values() for name in part.modules} | set(CARRIERS)
    for module in MODULES:
        words = module.split(".")[1:]
        assert any(".".join(words[:end]) in known for end in range(len(words) + 1)), module
        if words:
            assert any(".".join(words[:end]) in known for end in range(1, len(words) + 1)), module


def test_the_modules_in_the_table_exist() -> None:
    for name in (*CARRIERS, *(name for part in PARTS.values() for name in part.modules)):
        module = f"{KIT}.{name}".rstrip(".")
        written = name not in ("kubeflow", "metaflow", "zenml")  # they come and go by themselves
        assert module in MODULES or not written, name


def list_imports(part: str) -> Iterator[str]:
    for path in group_modules()[part].values():
        for name in read_source(path).imports:
            if not name.startswith("."):
                yield name


@pytest.mark.parametrize("part", PARTS)
def test_a_part_declares_everything_that_it_imports(part: str) -> None:
    names = list(list_imports(part))
    tops = {name.partition(".")[0] for name in names} - {KIT} - sys.stdlib_module_names
    uses = {owner for name in names if name.startswith(KIT) and (owner := find_owner(name))}
    assert tops == set(PARTS[part].packages)
    assert uses - {part} == set(PARTS[part].uses)


@pytest.mark.parametrize(
    ("module", "parts"),
    [
        ("mlpo_kit", set()),
        ("mlpo_kit.Ref", {"stages"}),
        ("mlpo_kit.Stage", set()),
        ("mlpo_kit.store.arrays.map_arrays", {"arrays"}),
        ("mlpo_kit.store.*", {"arrays", "stages"}),
        ("mlpo_kit.models.predictor.ClassPredictor", {"predictor"}),
        ("mlpo_kit.models.tracking", set()),
        ("mlpo_kit.nothing.x", None),
    ],
)
def test_parts_are_found_by_module_or_public_name(module: str, parts: set[str] | None) -> None:
    assert find_parts(module) == parts


def test_comments_docstrings_and_layout_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    digests = set()
    for text in (
        "def f(x):\n    return x + 1\n",
        '"""Adds."""\n\n\ndef f(x):  # adds\n    """It adds."""\n    return (x +\n        1)\n',
    ):
        path.write_text(text)
        digests.add(hash_code(path))
    assert len(digests) == 1
    for text in ("def f(x):\n    return x + 2\n", "def f(x):\n    return x + 1.0\n"):
        path.write_text(text)
        digests.add(hash_code(path))
    assert len(digests) == 3


def test_the_digest_of_a_source_is_the_same_under_every_python(tmp_path: Path) -> None:
    """What newer Pythons name in a tree, or leave out of it, does not count."""
    path = tmp_path / "x.py"
    path.write_text("class A[T]: ...\n" if sys.version_info >= (3, 12) else "class A: ...\n")
    assert hash_code(path)
    path.write_text(
        "@f\nclass A(B, c=1):\n    x: int = 1\n    async def g(self): yield f'{x!r:>3}'\n"
    )
    known = "d0bcbc2aba18c5e5a24db70bfa9524df2fdb411593e72ac5fe7eccfb238280ae"
    assert hash_code(path) == known


def test_an_installed_kit_is_recognized(tmp_path: Path) -> None:
    assert not behaviour.is_kit_installed()  # these tests run on its sources
    assert behaviour.is_installed(tmp_path / "site-packages" / "mlpo_kit")
