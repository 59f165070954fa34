"""MLP402: a cached ZenML step whose helpers are not a part of its cache key."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mlpo_cli.check.edits import add_import
from mlpo_cli.check.model import Edit, Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import FUNCTIONS, Definition, Module, get_last_name
from mlpo_cli.check.names import Import
from mlpo_cli.check.values import find_constant, get_argument
from mlpo_cli.check.zenml import STEPS, Step, list_imported, list_steps

RULE = Rule(
    id="MLP402",
    title="cached step that calls functions outside it",
    severity=Severity.WARNING,
    sdks=(Sdk.ZENML,),
    what="""
    Reports a step of ZenML that uses what functions of the project return, has no cache policy, and
    is certainly cached: it says `enable_cache=True`, a pipeline that calls it says so, or a
    pipeline in the same file calls it and nothing there turns caching off. Pipelines are looked for
    in the same file and in the package `pipelines`. What is only logged does not count, and a
    `run.py` that starts pipelines with other options makes it uncertain.
    """,
    why="""
    ZenML's cache knows the code of the step and not that of the functions it calls. After they have
    changed, the next run still gets the old result.
    """,
    sources=(
        "zenml 0.98.0, orchestrators/cache_utils.py, `generate_cache_key`; run there",
        "zenml-io/zenml issues 1011 and 3993; `source_dependencies` came with pull request 4040",
    ),
    examples=(
        Example(
            bad="""\
from zenml import pipeline, step


def scale(rows: list) -> list:
    return [row / 255 for row in rows]


@step
def prepare(rows: list) -> list:
    return scale(rows)


@pipeline
def preparation(rows: list):
    prepare(rows)
""",
            good="""\
from zenml import pipeline, step
from zenml.config import CachePolicy


def scale(rows: list) -> list:
    return [row / 255 for row in rows]


@step(cache_policy=CachePolicy(source_dependencies=[scale]))
def prepare(rows: list) -> list:
    return scale(rows)


@pipeline
def preparation(rows: list):
    prepare(rows)
""",
            is_fixed=True,
        ),
    ),
    advice="""
    Name the functions in `cache_policy=CachePolicy(source_dependencies=[...])`, or turn caching off
    with `enable_cache=False`.
    """,
    fix="""
    Adds the policy, with the functions that the step itself calls. Unsafe: the step runs once more,
    versions of ZenML before October 2025 do not know the option, and what these functions call in
    turn is still not seen. Functions that are not defined above the step are left to you.
    """,
)

PIPELINES = ("zenml.pipeline", "zenml.pipelines.pipeline")
POLICY = "zenml.config.CachePolicy"
RECORDING = re.compile(r"^(?:print|debug|info|warning|error|exception|log)$|^log_|metadata")
MOST_DEPTH = 20  # from a call to the statement that it is in
MOST_HELPERS = 20


def check(module: Module) -> Iterator[Finding]:
    """Find the cached steps of a module that use functions outside them."""
    steps = {step.function: step for step in list_steps(module) if is_cached(module, step)}
    if not steps or is_set_later(module):
        return
    run = module.find_local("run", 0)  # of the project: it may start a pipeline in another way
    cached = set() if run is not None and is_set_later(run) else list_cached(module)
    helpers = list_helpers(module, steps)
    for function, step in steps.items():
        found = helpers.get(function, {})
        is_explicit = step.get_option("enable_cache") is not None  # counts more than the pipeline's
        if found and (is_explicit or function.name in cached):
            names = list(found)
            listed = ", ".join(f"`{name}`" for name in names[:3])
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            message = f"A change of {listed}{more} does not run this step again."
            edits = make_edits(module, step, list(found.values()))
            yield RULE.report(module, step.decorator, message, edits=edits)


def is_cached(module: Module, step: Step) -> bool:
    """Whether a step says nothing against caching and nothing about what it depends on."""
    option = step.get_option("enable_cache")
    is_on = option is None or find_constant(module, option) is True
    return is_on and not step.has_open_options and step.get_option("cache_policy") is None


def is_set_later(module: Module) -> bool:
    """Whether the module sets caching of steps or pipelines in another way than by decorators."""
    return any(
        keyword.arg in ("enable_cache", "cache_policy", "config_path")
        for call, _ in module.list_method_calls("configure", "with_options")
        for keyword in call.keywords
    )


def list_helpers(
    module: Module, steps: dict[ast.FunctionDef | ast.AsyncFunctionDef, Step]
) -> dict[ast.AST, dict[str, tuple[ast.expr, Definition]]]:
    """Return the functions of the project whose results each step uses, by name."""
    helpers: dict[ast.AST, dict[str, tuple[ast.expr, Definition]]] = {}
    for call in module.list_nodes(ast.Call):
        function = module.find_function(call)
        if function not in steps or is_only_recorded(module, call):
            continue
        found = module.find_definition(call.func)
        if found and is_helper(found):
            of_step = helpers.setdefault(function, {})
            if len(of_step) < MOST_HELPERS:
                of_step.setdefault(get_last_name(call.func), (call.func, found))
    return helpers


def is_only_recorded(module: Module, call: ast.Call) -> bool:
    """Whether the result of a call is dropped, or goes to a log or into metadata."""
    node: ast.AST | None = module.get_parent(call)
    for _ in range(MOST_DEPTH):
        if not isinstance(node, (ast.expr, ast.keyword)):
            break
        if isinstance(node, ast.Call) and RECORDING.search(get_last_name(node.func)):
            return True
        node = module.get_parent(node)
    return isinstance(module.get_parent(call), ast.Expr)


def is_helper(definition: Definition) -> bool:
    """Whether a definition is a function of a module, and no step or pipeline."""
    module, node = definition.module, definition.node
    if not isinstance(node, FUNCTIONS) or module.names.find_scope(node) is not module.tree:
        return False
    return all(name not in (*STEPS, *PIPELINES) for name, _, _ in module.list_decorators(node))


def list_cached(module: Module) -> set[str]:
    """Return the names of the functions that pipelines call, all of which are certainly cached."""
    modules = [module]
    package = module.find_local("pipelines", 0)
    if package is not None:
        modules += [package, *list_imported(package)]
    cached: set[str] = set()
    uncached: set[str] = set()
    for near in modules:
        states = list_states(near)
        for call in near.list_nodes(ast.Call) if states else ():
            state = states.get(near.find_function(call), "")
            if state == "on" or (state == "default" and near is module):
                cached.add(get_last_name(call.func))
            elif state == "off":
                uncached.add(get_last_name(call.func))
    return cached - uncached


def list_states(module: Module) -> dict[ast.AST | None, str]:
    """Return what each pipeline of a module says about caching: `on`, `off`, `default`.

    What is not known is `off`.
    """
    states: dict[ast.AST | None, str] = {}
    for function in module.functions:
        for name, _, call in module.list_decorators(function):
            if name in PIPELINES:
                option = get_argument(call, "enable_cache") if call else None
                is_open = any(keyword.arg is None for keyword in (call.keywords if call else ()))
                if is_open or (option and find_constant(module, option) is not True):
                    states[function] = "off"
                else:
                    states[function] = "on" if option else "default"
    return states


def make_edits(
    module: Module, step: Step, helpers: list[tuple[ast.expr, Definition]]
) -> list[Edit]:
    """Return the edits that name the functions in the cache policy of a step; none if they cannot.

    The decorator is run where it stands: the functions must be known there.
    """
    if not all(is_known_before(module, step, node, found) for node, found in helpers):
        return []
    name, edits = add_import(module, POLICY)
    listed = ", ".join(module.get_text(node) for node, _ in helpers)
    option = f"cache_policy={name}(source_dependencies=[{listed}])"
    _, end = module.span(step.decorator)
    if step.call is None:
        return [Edit(end, end, f"({option})"), *edits]
    given = [*step.call.args, *(keyword.value for keyword in step.call.keywords)]
    if not given:
        return [Edit(end - 1, end - 1, option), *edits]
    last = max(module.span(argument)[1] for argument in given)
    if module.source.text[last : last + 1] == ")" and last + 1 < end:
        return []  # the last argument is in parentheses
    return [Edit(last, last, f", {option}"), *edits]


def is_known_before(module: Module, step: Step, node: ast.expr, found: Definition) -> bool:
    """Whether a function that nothing wraps has its name when a step's decorator is run."""
    root: ast.expr = node
    for _ in range(MOST_HELPERS):
        if not isinstance(root, ast.Attribute):
            break
        root = root.value
    if not isinstance(root, ast.Name) or found.node.decorator_list:
        return False
    bindings = module.names.look_up(root.id, root)
    if not bindings or bindings[0] is not module.tree or len(bindings[1]) != 1:
        return False
    binding = bindings[1][0]
    is_early = getattr(binding.node, "lineno", 0) < step.decorator.lineno
    return is_early and isinstance(binding.value, (Import, *FUNCTIONS))
