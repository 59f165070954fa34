"""Read a directory of rules: criteria.yaml, policy.yaml and orchestrators/*.yaml."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mlpo_cli.decision.model import Criterion, Orchestrator, Rules
from mlpo_cli.decision.policy_model import Policy
from mlpo_cli.errors import Problem, RulesError
from mlpo_cli.rules import parse, parse_policy
from mlpo_cli.rules.node import Node
from mlpo_cli.yamlmap import Mapped, read

SCHEMA_VERSION = 1


def load(directory: Path, layer: Path | None = None) -> Rules:
    """Load the rules in `directory`, with those in `layer` laid over them, and check them.

    A layer holds any of the files, and in them only what it changes or adds. Raises RulesError
    with every problem of every file, each with file and line.
    """
    files = _Files(directory, layer)
    criteria_doc = files.open("criteria.yaml")
    criteria_node = Node(criteria_doc)
    criteria_node.keys("schema_version", "reviewed", "criteria", "contradictions")
    criteria = _parse_criteria(criteria_node, "criteria")
    contradictions = tuple(
        parse.contradiction(n, criteria) for n in criteria_node.get("contradictions").entries()
    )
    orchestrators: dict[str, Orchestrator] = {}
    for name in files.orchestrators():
        node = Node(files.open(name))
        orchestrator = parse.orchestrator(node, criteria)
        id = orchestrator.id
        if id in orchestrators:
            node.get("id").problem(f"{id} is there twice", f"change it in {id}.yaml")
        orchestrators[id] = orchestrator
    policy_doc = files.open("policy.yaml")
    policy = parse_policy.policy(Node(policy_doc), criteria, tuple(orchestrators))
    _check_indifference(criteria, orchestrators, policy, criteria_doc)
    if problems := [problem for document in files.documents for problem in document.problems]:
        raise RulesError(problems)
    reviewed = max(Node(document).get("reviewed").value for document in files.documents)
    return Rules(
        criteria=tuple(criteria.values()),
        orchestrators=tuple(orchestrators.values()),
        policy=policy,
        reviewed=reviewed,
        version=f"{reviewed}+{_digest(files.texts)}",
        contradictions=contradictions,
    )


class _Files:
    """Reads the files of a directory and of the layer over it, and keeps what it read."""

    def __init__(self, directory: Path, layer: Path | None) -> None:
        self._directory, self._layer = directory, layer
        self.texts: dict[str, str] = {}
        self.documents: list[Mapped] = []
        if layer is not None:
            self._check(layer)

    def _check(self, layer: Path) -> None:
        if not layer.is_dir():
            raise RulesError([Problem(str(layer), "is not a folder", "name a folder of rules")])
        known = {"criteria.yaml", "policy.yaml", *self.orchestrators()}
        files = [p for p in layer.rglob("*") if p.is_file() and p.suffix in (".yaml", ".yml")]
        unread = [p for p in sorted(files) if p.relative_to(layer).as_posix() not in known]
        fix = "use criteria.yaml, policy.yaml and orchestrators/ID.yaml"
        if unread:
            raise RulesError([Problem(str(p), "would not be read", fix) for p in unread])
        if not files:
            raise RulesError([Problem(str(layer), "there are no rules", fix)])

    def orchestrators(self) -> list[str]:
        """List the files of the orchestrators: the shipped ones first, then those a layer adds."""
        names: dict[str, None] = {}
        for folder in filter(None, (self._directory, self._layer)):
            files = sorted((folder / "orchestrators").glob("*.yaml"))
            names |= dict.fromkeys(file.relative_to(folder).as_posix() for file in files)
        return list(names)

    def open(self, name: str) -> Mapped:
        """Read one file, and lay the file of the same name in the layer over it."""
        has_layer = self._layer is not None and (self._layer / name).is_file()
        if self._layer is not None and has_layer and not (self._directory / name).is_file():
            document = self._read(self._layer / name, f"layer/{name}")
        else:
            document = self._read(self._directory / name, name)
            if self._layer is not None and has_layer:
                from mlpo_cli.rules import layer as layers

                upper = self._read(self._layer / name, f"layer/{name}")
                document = layers.over(document, upper)
        self.documents.append(document)
        return document

    def _read(self, path: Path, name: str) -> Mapped:
        """Parse one file and check its head."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RulesError([Problem(str(path), f"cannot be read: {error}")]) from error
        document = read(text, str(path))
        self.texts[name] = text
        if document.data is None and document.problems:
            raise RulesError(document.problems)
        node = Node(document)
        node.get("schema_version").whole(SCHEMA_VERSION, SCHEMA_VERSION)
        parse.date(node.get("reviewed"))
        return document


def _parse_criteria(node: Node, key: str) -> dict[str, Criterion]:
    criteria: dict[str, Criterion] = {}
    places: dict[str, Node] = {}
    for entry in node.get(key).entries():
        criterion = parse.criterion(entry)
        if criterion.id in criteria:
            entry.problem(f"{criterion.id} is there twice", "give each criterion its own id")
        criteria[criterion.id], places[criterion.id] = criterion, entry
    if not criteria:
        node.problem("there are no criteria")
    return {id: parse.priors_when(places[id], c, criteria) for id, c in criteria.items()}


def _check_indifference(
    criteria: dict[str, Criterion],
    orchestrators: dict[str, Orchestrator],
    policy: Policy,
    document: Mapped,
) -> None:
    """Refuse rules in which an answer that means "no preference" can change the result."""
    conditions = [veto.when for veto in policy.vetoes]
    conditions += [c for gate in policy.gates for c in (gate.when, *gate.any_of)]
    adjustments = [a for o in orchestrators.values() for a in o.adjustments]
    conditions += [a.when for a in adjustments]
    conditions += [condition for note in policy.notes for condition in note.any_of]
    conditions += [prior.when for c in criteria.values() for prior in c.priors_when]
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
