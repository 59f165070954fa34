"""The shipped rules with made-up scores, for tests that need the orchestrators mlpo generates for.

All weights are 1, and every orchestrator fits every answer equally well but where a test says
otherwise. So the test says who leads and why, whatever the scores are that mlpo ships.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from small_rules import EVIDENCE, HEAD, write_documents
from support import RULES

from mlpo_cli import rules
from mlpo_cli.decision.model import Criterion, Rules
from mlpo_cli.resources import rules_dir

LEVEL = 3
Fits = Mapping[str, Mapping[str, int]]
"""Criterion to the fits of some of its choices."""


def write_level_rules(folder: Path, always_toss_up: bool = False, **fits: Fits) -> Path:
    """Write a layer for `--rules` into a folder, and return the folder.

    `fits` are those that differ, by orchestrator. A leader whom most variations favour is sure, or
    no result is with `always_toss_up`.
    """
    share = 1 if always_toss_up else 0
    documents: dict[str, Any] = {
        "criteria.yaml": {**HEAD, "criteria": [{"id": c.id, "weight": 1} for c in RULES.criteria]},
        "policy.yaml": {**HEAD, "confidence": {"labels": {"robust": share, "leaning": share}}},
    }
    for orchestrator in RULES.orchestrators:
        name = f"orchestrators/{orchestrator.id}.yaml"
        shipped = yaml.load((rules_dir() / name).read_text(encoding="utf-8"), yaml.CSafeLoader)
        own = fits.get(orchestrator.id, {})
        documents[name] = {
            **HEAD,
            "criteria": {c.id: _row(c, own.get(c.id, {})) for c in RULES.criteria},
            "adjustments": [{"id": a["id"], "drop": True} for a in shipped["adjustments"]],
        }
    return write_documents(documents, folder)


def load_level_rules(always_toss_up: bool = False, **fits: Fits) -> Rules:
    """The shipped rules with the layer of `write_level_rules`."""
    with tempfile.TemporaryDirectory() as folder:
        layer = write_level_rules(Path(folder), always_toss_up, **fits)
        return rules.load(rules_dir(), layer)


def _row(criterion: Criterion, own: Mapping[str, int]) -> dict[str, Any]:
    if not criterion.choices:
        return {"points": [[1, LEVEL]], "evidence": EVIDENCE}
    return {"scores": {**dict.fromkeys(criterion.choices, LEVEL), **own}, "evidence": EVIDENCE}


# Metaflow leads a team that must work on laptops.
LAPTOP: dict[str, Fits] = {"metaflow": {"local_dev_need": {"must": 4}}}
# Kubeflow leads a team on Vertex AI, until it must work on laptops.
VERTEX: dict[str, Fits] = {
    "kubeflow": {"existing_platform": {"vertex": 4}, "local_dev_need": {"must": 0}}
}
