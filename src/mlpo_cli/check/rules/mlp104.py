"""MLP104: a model that a component returns as a parameter."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlpo_cli.check.kfp import COMPONENT_DECORATORS
from mlpo_cli.check.model import Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.names import FunctionNode
from mlpo_cli.check.values import find_assigned

RULE = Rule(
    id="MLP104",
    title="model returned as a parameter",
    severity=Severity.WARNING,
    sdks=(Sdk.KFP_V2, Sdk.KFP_V1),
    what="""
    Reports a component that returns a pickled object or the weights of a model as a text, a list or
    a dictionary: of `pickle.dumps`, `state_dict()` or `get_weights()`, also as base64, in
    hexadecimal digits or as lists. A digest of it, or numbers made from it, are not reported.
    """,
    why="""
    Parameters travel in the database and in the command line of the next step. From 128 KiB on,
    Linux does not start that step: "Argument list too long".
    """,
    sources=(
        "run with kfp 2.17.0 and kfp.local: 160 kB of base64 as a parameter end in "
        "`OSError: [Errno 7] Argument list too long`, 80 kB do not",
        "kubeflow/pipelines 2.17.0, backend/src/v2/driver: `--executor_input` has the parameters",
    ),
    examples=(
        Example(
            bad="""\
from kfp import dsl
from kfp.dsl import Dataset, Input


@dsl.component(base_image="python:3.12-slim")
def train(dataset: Input[Dataset]) -> str:
    import base64
    import pickle

    model = fit(dataset.path)
    return base64.b64encode(pickle.dumps(model)).decode()
""",
            good="""\
from kfp import dsl
from kfp.dsl import Dataset, Input, Model, Output


@dsl.component(base_image="python:3.12-slim")
def train(dataset: Input[Dataset], model: Output[Model]):
    import pickle

    with open(model.path, "wb") as file:
        pickle.dump(fit(dataset.path), file)
""",
        ),
    ),
    advice="Take an artifact, `model: Output[Model]`, and write the model to `model.path`.",
)

PICKLES = frozenset({
    "pickle.dumps", "_pickle.dumps", "cloudpickle.dumps", "dill.dumps",
})  # fmt: skip
WEIGHTS = frozenset({"state_dict", "get_weights"})
# Functions and methods whose result is as large as what they get.
FUNCTIONS_OF_SIZE = frozenset({
    "base64.b64encode", "base64.b85encode", "base64.a85encode", "base64.urlsafe_b64encode",
    "base64.standard_b64encode", "base64.encodebytes", "binascii.hexlify", "binascii.b2a_base64",
    "codecs.encode", "json.dumps", "builtins.str", "builtins.repr", "builtins.list",
    "builtins.dict", "zlib.compress", "gzip.compress", "bz2.compress", "lzma.compress",
})  # fmt: skip
METHODS_OF_SIZE = frozenset({
    "decode", "hex", "tolist", "numpy", "cpu", "detach", "items", "values", "to_dict",
})  # fmt: skip
MOST_EXPRESSIONS = 100  # in what is returned
MOST_METHODS = 10


def check(module: Module) -> Iterator[Finding]:
    """Find the components of a module that return a model."""
    for function in module.list_nodes(ast.FunctionDef):
        names = {name for name, _, _ in module.list_decorators(function)}
        if names.isdisjoint(COMPONENT_DECORATORS) or function.returns is None:
            continue
        for value in list_returned(module, function):
            call = find_model(module, value, set())
            if call is not None:
                what = "".join(module.get_text(call.func).split())[:60]
                message = f"`{function.name}` returns the result of `{what}` as a parameter."
                yield RULE.report(module, value, message)


def list_returned(module: Module, function: FunctionNode) -> Iterator[ast.expr]:
    """Yield what a function returns: each value of a tuple or of a named tuple by itself."""
    for node in ast.walk(function):
        if not isinstance(node, ast.Return) or node.value is None:
            continue
        if module.find_function(node) is not function:
            continue
        value = node.value
        if isinstance(value, ast.Tuple):
            yield from value.elts
        elif isinstance(value, ast.Call) and is_named_tuple(module, value):
            yield from (*value.args, *(keyword.value for keyword in value.keywords))
        else:
            yield value


def is_named_tuple(module: Module, call: ast.Call) -> bool:
    """Whether a call makes a named tuple, whose class stands there or has a name."""
    makers = ("collections.namedtuple", "typing.NamedTuple")
    if isinstance(call.func, ast.Call):
        return module.resolve(call.func.func) in makers
    found = find_assigned(module, call.func)
    if found and isinstance(found[1], ast.Call):
        return found[0].resolve(found[1].func) in makers
    definition = module.find_definition(call.func)
    bases = (
        definition.node.bases if definition and isinstance(definition.node, ast.ClassDef) else ()
    )
    return any(definition.module.resolve(base) in makers for base in bases if definition)


def find_model(module: Module, node: ast.expr, seen: set[ast.expr]) -> ast.Call | None:
    """Return the call that gives a pickled object or weights which an expression consists of."""
    if node in seen or len(seen) > MOST_EXPRESSIONS:
        return None
    seen.add(node)
    if isinstance(node, ast.Call):
        return find_in_call(module, node, seen)
    if isinstance(node, ast.Name):
        found = find_assigned(module, node)
        return find_model(*found, seen) if found else None
    parts: list[ast.expr] = []
    if isinstance(node, ast.Dict):
        parts = node.values
    elif isinstance(node, (ast.List, ast.Tuple)):
        parts = node.elts
    elif isinstance(node, (ast.DictComp, ast.ListComp, ast.GeneratorExp)):
        value = node.value if isinstance(node, ast.DictComp) else node.elt
        parts = [node.generators[0].iter] if is_value_of(node.generators[0], value) else []
    models = (find_model(module, part, seen) for part in parts)
    return next((model for model in models if model), None)


def find_in_call(module: Module, call: ast.Call, seen: set[ast.expr]) -> ast.Call | None:
    """Return the call that gives the model, if a call does, or passes one on in full size."""
    name = module.resolve(call.func)
    if name in PICKLES:
        return call
    if name in FUNCTIONS_OF_SIZE and call.args:
        return find_model(module, call.args[0], seen)
    if not isinstance(call.func, ast.Attribute) or name is not None:
        return None
    if call.func.attr in WEIGHTS and not call.args:
        return call
    if call.func.attr in METHODS_OF_SIZE:
        return find_model(module, call.func.value, seen)
    return None


def is_value_of(generator: ast.comprehension, value: ast.expr) -> bool:
    """Whether a comprehension gives the values it goes through, as lists or as they are."""
    for _ in range(MOST_METHODS):
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            if value.func.attr not in METHODS_OF_SIZE:
                return False
            value = value.func.value
    bound = {node.id for node in ast.walk(generator.target) if isinstance(node, ast.Name)}
    return isinstance(value, ast.Name) and value.id in bound
