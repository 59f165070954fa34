"""Read the champion without importing MLflow, which takes seconds."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from mlpo_kit.config.settings import REGISTRY_VARIABLE

CHAMPION = "champion"  # an alias of the served version
SCHEMA_VERSION = "2"  # a tag; versions without it come from an older project or another tool
_QUERY = """
SELECT tag.version, tag.key, tag.value
FROM registered_model_aliases AS alias
JOIN model_version_tags AS tag ON tag.name = alias.name AND tag.version = alias.version
WHERE alias.name = ? AND alias.alias = ?
"""


@dataclass(frozen=True)
class Champion:
    """The number of the champion's version, the gate's metric and its value."""

    number: int
    metric: str
    value: float


def read_champion(name: str, root: Path) -> Champion | None:
    """Read the champion of the model `name`; None before the first deployment.

    Reads the tables of MLflow (3.17) in the local registry in `root`, the store's root folder.
    Raises LookupError if only MLflow can tell: the registry is on a server, or can't be read.
    """
    if os.environ.get(REGISTRY_VARIABLE):
        raise LookupError("the registry is on a server")
    database = root / "registry" / "mlflow.db"
    if not database.is_file():
        return None
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            rows = opened.execute(_QUERY, (name, CHAMPION)).fetchall()
        tags = {key: value for _, key, value in rows}
        if tags.get("schema") != SCHEMA_VERSION:
            return None
        return Champion(int(rows[0][0]), tags["metric"], float(tags["value"]))
    except (sqlite3.Error, KeyError, ValueError) as error:
        raise LookupError(f"{database} can't be read: {error}") from None
