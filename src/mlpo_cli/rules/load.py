"""Read a directory of rules: criteria.yaml, policy.yaml and orchestrators/*.yaml."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mlpo_cli.decision.model import Criterion, Orchestrator, Rules
from mlpo_cli.decision.policy_model import Policy
from mlpo_cli.errors import Problem, RulesError
from mlpo_cli.rules import parse, parse_policy
from mlpo_cli.rules.node import Node
from mlpo_cli.yamlmap import YamlDocument, parse_yaml

SCHEMA_VERSION = 1


def load(directory: Path, layer: Path | None = None) -> Rules:
    """Load the rules in `directory`, with the changes in the folder `layer`, and check them.

    A layer may have any of the files, with only what it changes or adds. Raises RulesError with all
    problems of all files, each with file and line.
    """
    files = _Files(directory, layer)
    criteria_doc = files.open("criteria.yaml")
    criteria_node = Node(criteria_doc)
    criteria_node.check_keys("schema_version", "reviewed", "criteria", "contradictions")
    criteria = _parse_criteria(criteria_node, "criteria")
    contradictions = tuple(
        parse.parse_contradiction(n, criteria)
        for n in criteria_node.get("contradictions").list_entries()
    )
    orchestrators: dict[str, Orchestrator] = {}
    for name in files.list_orchestrators():
        node = Node(files.open(name))
        orchestrator = parse.parse_orchestrator(node, criteria)
        id = orchestrator.id
        if id in orchestrators:
            node.get("id").add_problem(f"{id} is defined twice", f"change it in {id}.yaml")
        orchestrators[id] = orchestrator
    policy_doc = files.open("policy.yaml")
    policy = parse_policy.parse_policy(Node(policy_doc), criteria, tuple(orchestrators))
    _check_indifferent_choices(criteria, orchestrators, policy, criteria_doc)
    if problems := [problem for document in files.documents for problem in document.problems]:
        raise RulesError(problems)
    reviewed = max(Node(document).get("reviewed").value for document in files.documents)
    return Rules(
        criteria=tuple(criteria.values()),
        orchestrators=tuple(orchestrators.values()),
        policy=policy,
        reviewed=reviewed,
        version=f"{reviewed}+{_compute_digest(files.texts)}",
        contradictions=contradictions,
    )


class _Files:
    """Reads the files of a directory and of the layer over it.

    `texts` holds the text of each file that was read, `documents` the merged documents.
    """

    def __init__(self, directory: Path, layer: Path | None) -> None:
        self._directory, self._layer = directory, layer
        self.texts: dict[str, str] = {}
        self.documents: list[YamlDocument] = []
        if layer is not None:
            self._check_layer(layer)

    def _check_layer(self, layer: Path) -> None:
        if not layer.is_dir():
            raise RulesError([Problem(str(layer), "is not a folder", "name a folder of rules")])
        readable = {"criteria.yaml", "policy.yaml", *self.list_orchestrators()}
        files = [p for p in layer.rglob("*") if p.is_file() and p.suffix in (".yaml", ".yml")]
        unread = [p for p in sorted(files) if p.relative_to(layer).as_posix() not in readable]
        fix = "use criteria.yaml, policy.yaml and orchestrators/ID.yaml"
        if unread:
            raise RulesError([Problem(str(p), "would be ignored", fix) for p in unread])
        if not files:
            raise RulesError([Problem(str(layer), "has no rules", fix)])

    def list_orchestrators(self) -> list[str]:
        """List the files of the orchestrators: the shipped ones, then new ones of the layer."""
        names: dict[str, None] = {}
        for folder in filter(None, (self._directory, self._layer)):
            files = sorted((folder / "orchestrators").glob("*.yaml"))
            names |= dict.fromkeys(file.relative_to(folder).as_posix() for file in files)
        return list(names)

    def open(self, name: str) -> YamlDocument:
        """Read one file, merged with the file of the same name in the layer."""
        has_layer = self._layer is not None and (self._layer / name).is_file()
        if self._layer is not None and has_layer and not (self._directory / name).is_file():
            document = self._read(self._layer / name, f"layer/{name}")
        else:
            document = self._read(self._directory / name, name)
            if self._layer is not None and has_layer:
                from mlpo_cli.rules.layer import merge_layer

                changes = self._read(self._layer / name, f"layer/{name}")
                document = merge_layer(document, changes)
        self.documents.append(document)
        return document

    def _read(self, path: Path, name: str) -> YamlDocument:
        """Parse one file, and check `schema_version` and `reviewed`."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RulesError([Problem(str(path), f"cannot be read: {error}")]) from error
        document = parse_yaml(text, str(path))
        self.texts[name] = text
        if document.data is None and document.problems:
            raise RulesError(document.problems)
        node = Node(document)
        node.get("schema_version").read_whole(SCHEMA_VERSION, SCHEMA_VERSION)
        parse.parse_date(node.get("reviewed"))
        return document


def _parse_criteria(node: Node, key: str) -> dict[str, Criterion]:
    criteria: dict[str, Criterion] = {}
    nodes: dict[str, Node] = {}
    for entry in node.get(key).list_entries():
        criterion = parse.parse_criterion(entry)
        if criterion.id in criteria:
            entry.add_problem(f"{criterion.id} is defined twice", "give each criterion its own id")
        criteria[criterion.id], nodes[criterion.id] = criterion, entry
    if not criteria:
        node.add_problem("there are no criteria")
    return {id: parse.add_conditional_priors(nodes[id], c, criteria) for id, c in criteria.items()}


def _check_indifferent_choices(
    criteria: dict[str, Criterion],
    orchestrators: dict[str, Orchestrator],
    policy: Policy,
    document: YamlDocument,
) -> None:
    """Add a problem for each "no preference" choice that could change the result."""
    conditions = [veto.when for veto in policy.vetoes]
    conditions += [c for gate in policy.gates for c in (gate.when, *gate.any_of)]
    adjustments = [a for o in orchestrators.values() for a in o.adjustments]
    conditions += [a.when for a in adjustments]
    conditions += [condition for note in policy.notes for condition in note.any_of]
    conditions += [prior.when for c in criteria.values() for prior in c.priors_when]
    for position, (id, criterion) in enumerate(criteria.items()):
        node = Node(document, ("criteria", position))
        for choice in sorted(criterion.indifferent):
            fits = {
                o.rows[id].scores.get_fit(choice) for o in orchestrators.values() if id in o.rows
            }
            is_adjusted = any(
                a.scores[id].get_fit(choice) is not None for a in adjustments if id in a.scores
            )
            if len(fits) > 1 or is_adjusted:
                fix = "give all orchestrators the same score for it"
                node.add_problem(f"{id}: {choice} is indifferent but scores differ", fix)
            if any(choice in part.get(id, ()) for c in conditions for part in (c.met, c.unless)):
                fix = "remove it from `indifferent` or from the rule"
                node.add_problem(f"{id}: {choice} is indifferent but a rule reads it", fix)


def _compute_digest(texts: dict[str, str]) -> str:
    """Compute a short hash of all files. Line endings make no difference."""
    digest = hashlib.sha256()
    for name in sorted(texts):
        digest.update(f"{name}\0{texts[name]}\0".encode())
    return digest.hexdigest()[:8]
