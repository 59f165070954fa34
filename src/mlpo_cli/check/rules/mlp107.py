"""MLP107: an output of a ZenML step that is stored with pickle."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlpo_cli.check.model import Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Definition, Module, get_last_name
from mlpo_cli.check.names import Import
from mlpo_cli.check.zenml import list_imported, list_output_types, list_steps

RULE = Rule(
    id="MLP107",
    title="output type that ZenML pickles",
    severity=Severity.INFO,
    sdks=(Sdk.ZENML,),
    what="""
    Reports a step whose result is of a type for which ZenML has no materializer: a plain class or
    an enumeration of the project, a tensor of PyTorch, and some types of Python, such as
    `datetime`. Classes whose bases are not known, and those that a materializer in the project or
    in an imported module names, are not reported.
    """,
    why="""
    ZenML falls back to cloudpickle, which it calls "not production ready": the artifact cannot be
    read by another Python version, or after the class has moved.
    """,
    sources=("zenml 0.98.0, materializers/cloudpickle_materializer.py; each type was run there",),
    examples=(
        Example(
            bad="""\
from zenml import step


class Scores:
    def __init__(self, loss: float, accuracy: float):
        self.loss = loss
        self.accuracy = accuracy


@step
def evaluate(weights: str) -> Scores:
    return Scores(*measure(weights))
""",
            good="""\
from dataclasses import dataclass

from zenml import step


@dataclass
class Scores:
    loss: float
    accuracy: float


@step
def evaluate(weights: str) -> Scores:
    return Scores(*measure(weights))
""",
        ),
    ),
    advice="""
    Return a dataclass, a pydantic model, a dictionary or an array of numpy, or give the step a
    materializer of its own with `output_materializers`.
    """,
)

PICKLED = frozenset({
    *("torch.Tensor", "numpy.random.Generator", "re.Pattern", "types.SimpleNamespace"),
    *("datetime.datetime", "datetime.date", "datetime.timedelta", "decimal.Decimal"),
    *("fractions.Fraction", "collections.deque", "pathlib.PurePath"),
    *(f"builtins.{name}" for name in ("frozenset", "complex", "bytearray", "range")),
})  # fmt: skip
# Bases that change nothing about how ZenML stores an object.
PLAIN_BASES = ("builtins.object", "abc.ABC", "enum.Enum", "typing.Protocol", "builtins.Exception")
MOST_BASES = 20
MOST_NAMES = 200
REGISTERING = ("register_materializer_type", "register_and_overwrite_type")


def check(module: Module) -> Iterator[Finding]:
    """Find the steps of a module whose result is pickled."""
    for step in list_steps(module):
        if step.get_option("output_materializers") is not None or step.has_open_options:
            continue
        for node in list_output_types(module, step.function.returns):
            if is_pickled(module, node) and not is_registered(module, node):
                name = module.get_text(node)
                yield RULE.report(module, node, f"ZenML has no materializer for `{name}`.")


def is_pickled(module: Module, node: ast.expr) -> bool:
    """Whether ZenML has no materializer for a type."""
    if module.resolve(node) in PICKLED:
        return True
    definition = module.find_definition(node)
    return definition is not None and is_plain_class(definition)


def is_plain_class(definition: Definition) -> bool:
    """Whether a class and all of its bases are known and say nothing about how they are stored."""
    to_do, count = [definition], 0
    while to_do:
        found, count = to_do.pop(), count + 1
        if not isinstance(found.node, ast.ClassDef) or count > MOST_BASES:
            return False
        if found.node.decorator_list or found.node.keywords:
            return False
        for base in found.node.bases:
            local = found.module.find_definition(base)
            if local is not None:
                to_do.append(local)
            elif found.module.resolve(base) not in PLAIN_BASES:
                return False
    return True


def is_registered(module: Module, node: ast.expr) -> bool:
    """Whether the code could name a materializer for a type."""
    name = get_last_name(node)
    definition = module.find_definition(node)
    modules = list_near(module)
    if definition is not None and definition.module not in modules:
        modules = [*modules, *list_near(definition.module)]
    return any(name in list_materialized(near) or "" in list_materialized(near) for near in modules)


def list_near(module: Module) -> list[Module]:
    """Return a module, the local ones that it imports, and what a project calls `materializers`."""
    key = "modules that may register materializers"
    if key not in module.memory:
        near = {module}
        for bindings in list(module.names.scopes.get(module.tree, {}).values())[:MOST_NAMES]:
            target = bindings[0].value
            if isinstance(target, Import):
                inner = f"{target.module}.{target.name}".strip(".")
                near |= {
                    local
                    for name in (target.module, inner)
                    if (local := module.find_local(name, target.level))
                }
        for package in ("materializers", "steps.materializers"):
            local = module.find_local(package, 0)
            if local is not None:
                near |= {local, *list_imported(local)}
        module.memory[key] = list(near)
    return module.memory[key]  # type: ignore[no-any-return]


def list_materialized(module: Module) -> frozenset[str]:
    """Return the names of the types that materializers of a module are for.

    An empty name stands for types that the code does not name.
    """
    key = "types with a materializer"
    if key not in module.memory:
        names = {"" for _ in module.list_method_calls(*REGISTERING)}
        for cls in module.list_nodes(ast.ClassDef):
            for binding in module.names.scopes.get(cls, {}).get("ASSOCIATED_TYPES", []):
                value = binding.value
                parts = value.elts if isinstance(value, (ast.Tuple, ast.List)) else []
                names |= {get_last_name(part) for part in parts} or {""}
        module.memory[key] = frozenset(names)
    return module.memory[key]  # type: ignore[no-any-return]
