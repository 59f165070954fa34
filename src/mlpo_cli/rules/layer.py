"""Lay one document of rules over another, and keep the file and line of each value.

Mappings are merged key by key. Lists whose entries have an `id` are merged entry by entry: an id
that exists is changed, a new one is added, and `{id: X, drop: true}` removes one. Everything else
is replaced. A prior, a condition and evidence are replaced as a whole, because half of one makes no
sense. A key without a value changes nothing.
"""

from __future__ import annotations

from typing import Any

from mlpo_cli.errors import Problem
from mlpo_cli.yamlmap import Mapped, Path

_WHOLE = frozenset(
    {"prior", "priors_when", "when", "evidence", "points", "may_win_if_any", "when_any"}
)
_DROPPABLE = frozenset(
    {"vetoes", "gates", "combined_outcomes", "notes", "contradictions", "adjustments"}
)


def over(base: Mapped, layer: Mapped) -> Mapped:
    """Lay `layer` over `base`. The result has the problems of both, and those of merging them."""
    merged = Mapped(base.name, problems=[*base.problems, *layer.problems])
    merged.data = _merge(merged, base, (), layer, (), ())
    return merged


def _merge(out: Mapped, base: Mapped, at: Path, layer: Mapped, by: Path, to: Path) -> Any:
    """Merge the value at `by` of the layer into that at `at` of the base; place it at `to`."""
    old, new = _value(base, at), _value(layer, by)
    if to and to[-1] in _WHOLE:
        return _copy(out, layer, by, to)
    if isinstance(old, dict) and isinstance(new, dict):
        _place(out, base, at, to)
        _require_evidence(out, old, new, layer, by)
        result = {}
        for key in {**old, **new}:
            if key == "brief" and key not in new and "scores" in new:
                continue  # the brief describes the old scores
            if key not in new:
                result[key] = _copy(out, base, (*at, key), (*to, key))
            elif key not in old:
                result[key] = _copy(out, layer, (*by, key), (*to, key))
            else:
                result[key] = _merge(out, base, (*at, key), layer, (*by, key), (*to, key))
        return result
    if new is None and isinstance(old, (dict, list)):
        return _copy(out, base, at, to)
    if old and _has_ids(old) and isinstance(new, list):
        if _has_ids(new):
            _place(out, base, at, to)
            return _merge_entries(out, base, at, layer, by, to)
        fix = "say which one it changes, or give a new one an id of its own"
        _problem(out, layer, by, "an entry has no id", fix)
        return _copy(out, base, at, to)
    return _copy(out, layer, by, to)


def _merge_entries(out: Mapped, base: Mapped, at: Path, layer: Mapped, by: Path, to: Path) -> Any:
    old, new = _value(base, at), _value(layer, by)
    known = {entry["id"] for entry in old}
    changed: dict[Any, Path] = {}
    added: list[Path] = []
    dropped = set()
    for position, entry in enumerate(new):
        place = (*by, position)
        if entry.get("drop") is True and to[-1] in _DROPPABLE and entry["id"] in known:
            dropped.add(entry["id"])
        elif "drop" in entry:
            fix = "a criterion is switched off by weight: 0"
            _problem(out, layer, (*place, "drop"), f"{entry['id']} cannot be dropped", fix)
        elif entry["id"] in known:
            changed[entry["id"]] = place
        else:
            added.append(place)
    result: list[Any] = []
    for position, entry in enumerate(old):
        if entry["id"] in dropped:
            continue
        here, goes = (*at, position), (*to, len(result))
        if entry["id"] in changed:
            result.append(_merge(out, base, here, layer, changed[entry["id"]], goes))
        else:
            result.append(_copy(out, base, here, goes))
    for place in added:
        result.append(_copy(out, layer, place, (*to, len(result))))
    return result


def _require_evidence(out: Mapped, old: Any, new: Any, layer: Mapped, by: Path) -> None:
    """Note a problem where scores change without new evidence: the old is for the old scores."""
    scored = {"scores", "points", "set"} & new.keys()
    if "evidence" in old and scored and not new.get("evidence"):
        fix = "give a claim, its source, date and version for the scores you change"
        _problem(out, layer, by, "scores are changed without evidence", fix)


def _problem(out: Mapped, source: Mapped, path: Path, what: str, fix: str) -> None:
    out.problems.append(Problem(source.where(path), what, fix))


def _copy(out: Mapped, source: Mapped, path: Path, to: Path) -> Any:
    """Copy a value with its lines."""
    _place(out, source, path, to)
    value = _value(source, path)
    if isinstance(value, dict):
        return {key: _copy(out, source, (*path, key), (*to, key)) for key in value}
    if isinstance(value, list):
        return [_copy(out, source, (*path, i), (*to, i)) for i in range(len(value))]
    return value


def _place(out: Mapped, source: Mapped, path: Path, to: Path) -> None:
    name, _, line = source.where(path).rpartition(":")
    out.lines[to] = int(line)
    out.names[to] = name


def _value(source: Mapped, path: Path) -> Any:
    value = source.data
    for key in path:
        value = value[key]
    return value


def _has_ids(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("id"), str) for entry in value
    )
