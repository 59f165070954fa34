"""Results of earlier runs, found by what they depend on.

An entry `cache/<stage>/<key>.json` names the outputs of the run that did the work. It is weak:
it keeps nothing alive, and it is used only while every payload that it names is whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from mlpo_kit.caching.key import Parts
from mlpo_kit.errors import IntegrityError
from mlpo_kit.store.base import Ref, Store

DAY = 86400
NAMED = 3  # differences that a reason spells out
SCHEMA_VERSION = 2  # 1, without a number, was written by projects that held the kit's sources
# What a reason says of a difference, by the kind of part; the first ones first.
_WORDS = {
    "input": "another {name}",
    "source": "the source holds other data",
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
    """What a stage returned, and all that it depended on."""

    stage: str
    key: str
    parts: Parts
    run_id: str  # the run that did the work
    created: float  # seconds since the epoch
    outputs: dict[str, Ref]
    values: dict[str, Any]
    place: str | None = None  # its name in that run, where it is another: a trial
    schema_version: int = SCHEMA_VERSION

    @property
    def origin(self) -> str:
        """Who did the work: a run, or a trial as `<run>/train-3`."""
        return f"{self.run_id}/{self.place}" if self.place else self.run_id


@dataclass(frozen=True)
class Lookup:
    """The entry to use, or None; and why."""

    entry: Entry | None
    reason: str


def find_entry(store: Store, stage: str, key: str, parts: Parts, oldest: float) -> Lookup:
    """Find the result for a key, made not before `oldest`, with all its payloads verified."""
    entry = _read(store, _locate(stage, key))
    if entry is None:
        return Lookup(None, explain(parts, list(read_entries(store, stage))))
    if entry.created < oldest:
        return Lookup(None, f"the result of run {entry.run_id} is older than caching.max_age_days")
    broken = _find_broken(store, entry)
    return Lookup(None, broken) if broken else Lookup(entry, f"as in run {entry.origin}")


def find_reason_to_run(store: Store, stage: str, parts: Parts, oldest: float) -> str | None:
    """Find why the stage has to run, whatever the inputs will be that `parts` lacks.

    None where there is a usable result with the same of everything else.
    """
    known = list(read_entries(store, stage))
    alike = [entry for entry in known if not _find_differences(parts, entry.parts)]
    young = [entry for entry in alike if entry.created >= oldest]
    if not alike:
        return explain(parts, known)
    if not young:
        return "the earlier result is older than caching.max_age_days"
    broken = [_find_broken(store, entry) for entry in young]
    return broken[0] if all(broken) else None


def _find_broken(store: Store, entry: Entry) -> str | None:
    """What is wrong with the payloads of an entry; None when they are whole."""
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
    """Read all entries of a stage that can be read, those of older projects too."""
    for name in store.children(f"cache/{stage}"):
        entry = _read(store, f"cache/{stage}/{name}")
        if entry is not None:
            yield entry


def _locate(stage: str, key: str) -> str:
    return f"cache/{stage}/{key}.json"


def _read(store: Store, place: str) -> Entry | None:
    """An entry; None where there is none, or half of one."""
    try:
        document = {"schema_version": 1, **store.read_json(place)}
        outputs = {name: Ref(**ref) for name, ref in document.pop("outputs").items()}
        return Entry(**document, outputs=outputs)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None


def explain(parts: Parts, others: list[Entry]) -> str:
    """Say why there is no result: what differs from the most similar one that there is.

    Those of older projects, whose keys were made of other parts, are not compared.
    """
    others = [entry for entry in others if entry.schema_version == SCHEMA_VERSION]
    if not others:
        return "no earlier result"
    closest = min(
        others, key=lambda entry: (len(_find_differences(parts, entry.parts)), -entry.created)
    )
    words = list(dict.fromkeys(_find_differences(parts, closest.parts)))
    more = [f"{len(words) - NAMED} more"] if len(words) > NAMED else []
    return ", ".join([*words[:NAMED], *more])


def _find_differences(new: Parts, old: Parts) -> list[str]:
    """What changed, in words: inputs first, then settings, code, packages.

    An input that is not known yet is no difference.
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
