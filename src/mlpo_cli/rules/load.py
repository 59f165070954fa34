"""Read a directory of rules: criteria.yaml, policy.yaml and orchestrators/*.yaml."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mlpo_cli.decision.model import Criterion, Orchestrator, Policy, Rules
from mlpo_cli.errors import Problem, RulesError
from mlpo_cli.rules import parse
from mlpo_cli.rules.node import Node
from mlpo_cli.yamlmap import Mapped, read

SCHEMA_VERSION = 1


def load(directory: Path) -> Rules:
    """The rules in `directory`, complete and checked.

    Raises RulesError with every problem of every file, each with file and line.
    """
    texts: dict[str, str] = {}
    documents: list[Mapped] = []
    criteria_doc = _open(directory, Path("criteria.yaml"), texts, documents)
    criteria_node = Node(criteria_doc)
    criteria_node.keys("schema_version", "reviewed", "criteria")
    criteria = _by_id(criteria_node, "criteria")
    orchestrators: dict[str, Orchestrator] = {}
    for file in sorted((directory / "orchestrators").glob("*.yaml")):
        document = _open(directory, file.relative_to(directory), texts, documents)
        found = parse.orchestrator(Node(document), criteria)
        orchestrators[found.id] = found
    policy_doc = _open(directory, Path("policy.yaml"), texts, documents)
    policy = parse.policy(Node(policy_doc), criteria, tuple(orchestrators))
    _check_indifference(criteria, orchestrators, policy, criteria_doc)
    if problems := [problem for document in documents for problem in document.problems]:
        raise RulesError(problems)
    reviewed = max(Node(document).get("reviewed").value for document in documents)
    return Rules(
        criteria=tuple(criteria.values()),
        orchestrators=tuple(orchestrators.values()),
        policy=policy,
        reviewed=reviewed,
        version=f"{reviewed}+{_digest(texts)}",
    )


def _open(directory: Path, file: Path, texts: dict[str, str], documents: list[Mapped]) -> Mapped:
    """Parse one file and check its head."""
    name = file.as_posix()
    try:
        text = (directory / file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError([Problem(str(directory / file), f"cannot be read: {error}")]) from error
    document = read(text, str(directory / file))
    texts[name] = text
    documents.append(document)
    if document.data is None and document.problems:
        raise RulesError(document.problems)
    node = Node(document)
    node.get("schema_version").whole(SCHEMA_VERSION, SCHEMA_VERSION)
    parse.date(node.get("reviewed"))
    return document


def _by_id(node: Node, key: str) -> dict[str, Criterion]:
    found: dict[str, Criterion] = {}
    for entry in node.get(key).entries():
        criterion = parse.criterion(entry)
        if criterion.id in found:
            entry.problem(f"{criterion.id} is there twice", "give each criterion its own id")
        found[criterion.id] = criterion
    if not found:
        node.problem("there are no criteria")
    return found


def _check_indifference(
    criteria: dict[str, Criterion],
    orchestrators: dict[str, Orchestrator],
    policy: Policy,
    document: Mapped,
) -> None:
    """An answer that means "no preference" must not be able to move the result."""
    conditions = [veto.when for veto in policy.vetoes]
    conditions += [c for gate in policy.gates for c in (gate.when, *gate.any_of)]
    adjustments = [a for o in orchestrators.values() for a in o.adjustments]
    conditions += [a.when for a in adjustments]
    for position, (id, criterion) in enumerate(criteria.items()):
        node = Node(document, ("criteria", position))
        for choice in sorted(criterion.indifferent):
            rows = [o.rows[id].scores.at(choice) for o in orchestrators.values() if id in o.rows]
            moved = any(a.scores[id].at(choice) is not None for a in adjustments if id in a.scores)
            if len(set(rows)) > 1 or moved:
                fix = "give every orchestrator the same score there"
                node.problem(f"{id}: {choice} is indifferent but scores differ", fix)
            if any(choice in words.get(id, ()) for c in conditions for words in (c.met, c.unless)):
                node.problem(f"{id}: {choice} is indifferent but a rule reads it", "drop one")


def _digest(texts: dict[str, str]) -> str:
    """A short hash of all files; line endings do not count."""
    digest = hashlib.sha256()
    for name in sorted(texts):
        digest.update(f"{name}\0{texts[name]}\0".encode())
    return digest.hexdigest()[:8]
