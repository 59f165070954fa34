"""Merge two documents of rules, a base and a layer over it. Each value keeps its file and line.

Mappings are merged key by key. Lists whose entries have an `id` are merged entry by entry: an entry
with an id of the base changes that entry, one with a new id is added, and `{id: X, drop: true}`
removes one. Any other value of the layer replaces that of the base. So do priors, conditions and
evidence as a whole, because a mixture of two makes no sense. A key without a value changes nothing.
"""

from __future__ import annotations

from typing import Any

from mlpo_cli.errors import Problem
from mlpo_cli.yamlmap import Path, YamlDocument

_REPLACED_AS_A_WHOLE = frozenset(
    {"prior", "priors_when", "when", "evidence", "points", "may_win_if_any", "when_any"}
)
_DROPPABLE = frozenset(
    {"vetoes", "gates", "combined_outcomes", "notes", "contradictions", "adjustments"}
)


def merge_layer(base: YamlDocument, layer: YamlDocument) -> YamlDocument:
    """Merge `layer` into `base`. The result has the problems of both, and those of the merge."""
    merged = YamlDocument(base.name, problems=[*base.problems, *layer.problems])
    merged.data = _merge(merged, base, (), layer, (), ())
    return merged


def _merge(
    out: YamlDocument, base: YamlDocument, at: Path, layer: YamlDocument, by: Path, to: Path
) -> Any:
    """Merge the value at path `by` of the layer into that at `at` of the base, for path `to`.

    Returns the merged value. Its lines and problems go into `out`.
    """
    old, new = _get_value(base, at), _get_value(layer, by)
    if to and to[-1] in _REPLACED_AS_A_WHOLE:
        return _copy(out, layer, by, to)
    if isinstance(old, dict) and isinstance(new, dict):
        _copy_line(out, base, at, to)
        _require_evidence(out, old, new, layer, by)
        result = {}
        for key in {**old, **new}:
            if key == "brief" and key not in new and "scores" in new:
                continue  # the brief of the base describes the old scores
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
            _copy_line(out, base, at, to)
            return _merge_entries(out, base, at, layer, by, to)
        fix = "give it the id of the entry that it changes, or a new id"
        _add_problem(out, layer, by, "an entry has no id", fix)
        return _copy(out, base, at, to)
    return _copy(out, layer, by, to)


def _merge_entries(
    out: YamlDocument, base: YamlDocument, at: Path, layer: YamlDocument, by: Path, to: Path
) -> Any:
    old, new = _get_value(base, at), _get_value(layer, by)
    base_ids = {entry["id"] for entry in old}
    changed: dict[Any, Path] = {}
    added: list[Path] = []
    dropped = set()
    for position, entry in enumerate(new):
        place = (*by, position)
        if entry.get("drop") is True and to[-1] in _DROPPABLE and entry["id"] in base_ids:
            dropped.add(entry["id"])
        elif "drop" in entry:
            fix = "weight: 0 switches a criterion off"
            _add_problem(out, layer, (*place, "drop"), f"{entry['id']} cannot be dropped", fix)
        elif entry["id"] in base_ids:
            changed[entry["id"]] = place
        else:
            added.append(place)
    result: list[Any] = []
    for position, entry in enumerate(old):
        if entry["id"] in dropped:
            continue
        old_path, new_path = (*at, position), (*to, len(result))
        if entry["id"] in changed:
            result.append(_merge(out, base, old_path, layer, changed[entry["id"]], new_path))
        else:
            result.append(_copy(out, base, old_path, new_path))
    for place in added:
        result.append(_copy(out, layer, place, (*to, len(result))))
    return result


def _require_evidence(out: YamlDocument, old: Any, new: Any, layer: YamlDocument, by: Path) -> None:
    """Add a problem if scores change without new evidence: the old evidence is for old scores."""
    changes_scores = bool({"scores", "points", "set"} & new.keys())
    if "evidence" in old and changes_scores and not new.get("evidence"):
        fix = "give a claim, its source, date and version for the scores you change"
        _add_problem(out, layer, by, "scores are changed without evidence", fix)


def _add_problem(out: YamlDocument, source: YamlDocument, path: Path, what: str, fix: str) -> None:
    out.problems.append(Problem(source.locate(path), what, fix))


def _copy(out: YamlDocument, source: YamlDocument, path: Path, to: Path) -> Any:
    """Copy a value with its lines."""
    _copy_line(out, source, path, to)
    value = _get_value(source, path)
    if isinstance(value, dict):
        return {key: _copy(out, source, (*path, key), (*to, key)) for key in value}
    if isinstance(value, list):
        return [_copy(out, source, (*path, i), (*to, i)) for i in range(len(value))]
    return value


def _copy_line(out: YamlDocument, source: YamlDocument, path: Path, to: Path) -> None:
    name, _, line = source.locate(path).rpartition(":")
    out.lines[to] = int(line)
    out.names[to] = name


def _get_value(source: YamlDocument, path: Path) -> Any:
    value = source.data
    for key in path:
        value = value[key]
    return value


def _has_ids(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict) and isinstance(entry.get("id"), str) for entry in value
    )
