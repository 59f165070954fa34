"""Cache entries: results of earlier runs, found by what they depend on.

An entry `cache/<stage>/<key>.json` refers to the outputs of the run that did the work. It is a weak
reference: it does not protect the payloads from pruning, and it is used only while all of them are
intact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mlpo_kit.caching.key import Parts
from mlpo_kit.errors import IntegrityError
from mlpo_kit.store.base import Ref, Store

DAY = 86400
NAMED = 3  # differences to list in a reason
SCHEMA_VERSION = 2  # 1, not written in the file, is of older projects that contained the kit
# How to describe a difference, by the kind of part, in the order to list them.
_WORDS = {
    "input": "another {name}",
    "source": "the source has other data",
    "setting": "{name} {change}",
    "code": "code of {name}",
    "file": "file {name}",
    "package": "{name} {change}",
    "kit": "{name} of mlpo-kit {change}",
    "python": "Python {change}",
    "image": "another base image",
}


@dataclass(frozen=True)
class Entry:
    """The result of a stage, and everything that it depended on."""

    stage: str
    key: str
    parts: Parts
    run_id: str  # the run that did the work
    created: float  # seconds since the epoch
    outputs: dict[str, Ref]
    values: dict[str, Any]
    place: str | None = None  # the name in that run, if it was a trial: train-3
    schema_version: int = SCHEMA_VERSION

    @property
    def origin(self) -> str:
        """The run that did the work, or the trial as `<run>/train-3`."""
        return f"{self.run_id}/{self.place}" if self.place else self.run_id


@dataclass(frozen=True)
class Lookup:
    """The entry to use, or None, and the reason."""

    entry: Entry | None
    reason: str


def find_entry(store: Store, stage: str, key: str, parts: Parts, oldest: float) -> Lookup:
    """Find the entry for a key, with all payloads verified and not older than `oldest`.

    `oldest` is in seconds since the epoch.
    """
    entry = _read(store, _locate(stage, key))
    if entry is None:
        return Lookup(None, explain(parts, list(read_entries(store, stage))))
    if entry.created < oldest:
        return Lookup(None, f"the result of run {entry.run_id} is older than caching.max_age_days")
    broken = _find_broken(store, entry)
    return Lookup(None, broken) if broken else Lookup(entry, f"as in run {entry.origin}")


def find_reason_to_run(store: Store, stage: str, parts: Parts, oldest: float) -> str | None:
    """Find why the stage has to run, regardless of the inputs that `parts` does not contain yet.

    None if there is a usable result that agrees with `parts`.
    """
    entries = list(read_entries(store, stage))
    matching = [entry for entry in entries if not _find_differences(parts, entry.parts)]
    recent = [entry for entry in matching if entry.created >= oldest]
    if not matching:
        return explain(parts, entries)
    if not recent:
        return "the earlier result is older than caching.max_age_days"
    broken = [_find_broken(store, entry) for entry in recent]
    return broken[0] if all(broken) else None


def _find_broken(store: Store, entry: Entry) -> str | None:
    """Find what is wrong with the payloads of an entry; None if all are intact."""
    for name, ref in entry.outputs.items():
        try:
            store.check(ref)
        except IntegrityError as error:
            return f"{name} of run {entry.run_id} can't be used: {error}"
    return None


def save_entry(store: Store, entry: Entry) -> None:
    """Save a result for later runs."""
    store.write_json(_locate(entry.stage, entry.key), asdict(entry))


def read_entries(store: Store, stage: str) -> Iterator[Entry]:
    """Read all readable entries of a stage, including those of older projects."""
    for name in store.children(f"cache/{stage}"):
        entry = _read(store, f"cache/{stage}/{name}")
        if entry is not None:
            yield entry


def _locate(stage: str, key: str) -> str:
    return f"cache/{stage}/{key}.json"


def _read(store: Store, place: str) -> Entry | None:
    """Read an entry; None if it is missing or damaged."""
    try:
        document = {"schema_version": 1, **store.read_json(place)}
        outputs = {name: Ref(**ref) for name, ref in document.pop("outputs").items()}
        return Entry(**document, outputs=outputs)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None


def explain(parts: Parts, entries: list[Entry]) -> str:
    """Explain why there is no result for `parts`: the differences from the most similar entry.

    Entries of older projects are not compared, because their keys were made of other parts.
    """
    entries = [entry for entry in entries if entry.schema_version == SCHEMA_VERSION]
    if not entries:
        return "no earlier result"
    closest = min(
        entries, key=lambda entry: (len(_find_differences(parts, entry.parts)), -entry.created)
    )
    differences = list(dict.fromkeys(_find_differences(parts, closest.parts)))
    rest = [f"{len(differences) - NAMED} more"] if len(differences) > NAMED else []
    return ", ".join([*differences[:NAMED], *rest])


def _find_differences(new: Parts, old: Parts) -> list[str]:
    """Describe what changed: inputs first, then settings, code, packages.

    An input that is missing in `new`, because it is not known yet, is no difference.
    """
    names = new.keys() | {name for name in old if not name.startswith("input:")}
    changed = {name for name in names if new.get(name) != old.get(name)}
    kinds = [*_WORDS, *(name.partition(":")[0] for name in changed)]
    return [
        _WORDS.get(name.partition(":")[0], name).format(
            name=name.partition(":")[2],
            change=f"{old.get(name) or 'none'} -> {new.get(name) or 'none'}",
        )
        for name in sorted(changed, key=lambda name: (kinds.index(name.partition(":")[0]), name))
    ]
