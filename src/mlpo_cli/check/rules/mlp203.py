"""MLP203: a GPU for a step that computes on the CPU."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator

from mlpo_cli.check.gpu import GpuStep, list_gpu_steps
from mlpo_cli.check.model import Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import FUNCTIONS, Definition, Module
from mlpo_cli.check.reach import MOST_FUNCTIONS, list_reached

HEAD = """\
from metaflow import FlowSpec, kubernetes, step


class TrainFlow(FlowSpec):
"""
BODY = """\
    @step
    def start(self):
        from sklearn.ensemble import RandomForestClassifier

        self.model = RandomForestClassifier(n_estimators=500)
        self.model.fit(self.features, self.labels)
        self.next(self.end)

    @step
    def end(self):
        pass
"""
RULE = Rule(
    id="MLP203",
    title="GPU for a step that computes on the CPU",
    severity=Severity.INFO,
    sdks=(Sdk.METAFLOW, Sdk.KFP_V2, Sdk.ZENML),
    what="""
    Reports a step that asks for a GPU, fits or computes something with scikit-learn or pandas, and
    uses nothing else than these, NumPy, SciPy, plots and the standard library, also in all
    functions that it calls. It is silent as soon as the step uses another library, starts a
    process, loads an object, or calls what cannot be followed.
    """,
    why="""
    scikit-learn and pandas compute on the CPU. The GPU is paid for and waits, and the step waits
    for a node that has one.
    """,
    sources=("scikit-learn 1.9.1: on a GPU only with `array_api_dispatch`, which is not reported",),
    examples=(
        Example(
            file="flow.py",
            bad=f"{HEAD}    @kubernetes(gpu=1, memory=16000)\n{BODY}",
            good=f"{HEAD}    @kubernetes(memory=16000)\n{BODY}",
        ),
    ),
    advice="Ask for CPUs and memory instead. If the GPU is used in another way, ignore this.",
)

# What computes on the CPU, or on nothing.
CPU = frozenset({
    "numpy", "pandas", "sklearn", "scipy", "statsmodels", "matplotlib", "seaborn", "yaml", "tqdm",
    "typing_extensions",
})  # fmt: skip
ACCELERATORS = frozenset({"cudf", "cuml", "sklearnex", "skorch", "numba", "cupy"})
SDKS = frozenset({"metaflow", "kfp", "zenml"})  # what they return is not known
STANDARD = frozenset({*sys.stdlib_module_names, "builtins"})
# What can run or load something that does not stand in the code.
OPEN_DOORS = frozenset({
    "subprocess", "multiprocessing", "concurrent", "importlib", "ctypes", "runpy", "socket", "pty",
    "pickle", "shelve", "marshal", "http", "xmlrpc", "code", "codeop", "pkgutil", "zipimport",
    "asyncio", "threading", "signal", "sys", "gc", "inspect", "types", "functools", "operator",
})  # fmt: skip
OPEN_NAMES = frozenset({
    *(f"builtins.{name}" for name in (
        "exec", "eval", "compile", "__import__", "getattr", "globals", "locals", "vars", "map",
        "filter", "type", "setattr",
    )),
    *(f"os.{name}" for name in ("system", "popen", "fork", "posix_spawn", "startfile")),
})  # fmt: skip
# Methods of texts and collections, and of the SDKs: whatever has them, no GPU is used.
NEUTRAL = frozenset({
    *(name for kind in (str, bytes, list, dict, set, int, float) for name in dir(kind)),
    *("next", "mean", "sum", "std", "min", "max", "head", "drop", "astype", "reshape", "tolist"),
    *("to_csv", "to_parquet", "read", "write", "close", "read_text", "write_text", "mkdir"),
    *("exists", "log_metric", "log_confusion_matrix", "log_roc_curve"),
})  # fmt: skip
MOST_LINKS = 20


def check(module: Module) -> Iterator[Finding]:
    """Find the steps with a GPU that only compute on the CPU."""
    for step in list_gpu_steps(module):
        library = find_library(step)
        if library:
            message = f"The step asks for a GPU, and all that it computes with is {library}."
            yield RULE.report(module, step.request, message)


def find_library(step: GpuStep) -> str:
    """Return the CPU library that a step computes with; empty if it may use the GPU."""
    used: set[str] = set()
    function = step.definition.node
    if not isinstance(function, FUNCTIONS):
        return ""
    for count, definition in enumerate(list_reached(step.definition.module, function)):
        if count >= MOST_FUNCTIONS or _has_accelerators(definition.module):
            return ""
        if not _reads_only_cpu(definition, used):
            return ""
    return "scikit-learn" if "sklearn" in used else "pandas" if "pandas" in used else ""


def _has_accelerators(module: Module) -> bool:
    """Whether a file imports what makes scikit-learn or pandas compute on the GPU."""
    names = [alias.name for node in module.list_nodes(ast.Import) for alias in node.names]
    names += [node.module or "" for node in module.list_nodes(ast.ImportFrom)]
    return any(name.partition(".")[0] in ACCELERATORS for name in names)


def _reads_only_cpu(definition: Definition, used: set[str]) -> bool:
    """Whether all that a function names computes on the CPU. Adds the libraries it computes with.

    `used` gets `sklearn` for an estimator and `pandas` for any call.
    """
    module = definition.module
    for node in ast.walk(definition.node):
        if isinstance(node, ast.keyword) and node.arg == "array_api_dispatch":
            return False
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if not _imports_only_cpu(module, node):
                return False
        elif isinstance(node, ast.Call):
            if not _calls_only_cpu(module, node, used):
                return False
        elif isinstance(node, (ast.Name, ast.Attribute)) and not _is_known(module, node):
            return False
    return True


def _imports_only_cpu(module: Module, node: ast.Import | ast.ImportFrom) -> bool:
    if isinstance(node, ast.ImportFrom) and node.level:
        return True  # local: what is called of it is followed
    names = (
        [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
    )
    return all(_is_cpu(name) or module.find_local(name, 0) is not None for name in names)


def _is_cpu(name: str) -> bool:
    package = name.partition(".")[0]
    if package in OPEN_DOORS or name in OPEN_NAMES or name.startswith(("os.exec", "os.spawn")):
        return False
    return package in CPU or package in SDKS or package in STANDARD


def _is_known(module: Module, node: ast.Name | ast.Attribute) -> bool:
    """Whether a name that is read is one that is called and followed, or harmless."""
    parent = module.get_parent(node)
    if isinstance(parent, ast.Attribute) or not isinstance(node.ctx, ast.Load):
        return True  # of an attribute the whole is looked at
    name = module.resolve(node)
    if name is not None:
        return _is_cpu(name)
    found = module.find_definition(node)
    if found is not None:
        is_called = isinstance(parent, ast.Call) and parent.func is node
        return is_called or _is_next(module, parent) or found.node is module.find_class(node)
    root: ast.expr = node
    while isinstance(root, ast.Attribute):
        root = root.value
    return not isinstance(root, ast.Name) or module.names.look_up(root.id, root) is not None


def _is_next(module: Module, parent: ast.AST | None) -> bool:
    """Whether a node is passed to `self.next`, as the step that follows."""
    return (
        isinstance(parent, ast.Call)
        and isinstance(parent.func, ast.Attribute)
        and parent.func.attr == "next"
    )


def _calls_only_cpu(module: Module, call: ast.Call, used: set[str]) -> bool:
    name = module.resolve(call.func)
    if name is not None:
        package, last = name.partition(".")[0], name.rpartition(".")[2]
        if package == "pandas" or (package == "sklearn" and last[:1].isupper()):
            used.add(package)
        return _is_cpu(name)
    found = module.find_definition(call.func)
    if found is not None:  # the methods of a class are not followed
        return isinstance(found.node, FUNCTIONS)
    if not isinstance(call.func, ast.Attribute):
        return False
    return call.func.attr in NEUTRAL or _is_cpu_value(module, call.func.value, MOST_LINKS)


def _is_cpu_value(module: Module, node: ast.expr, steps: int) -> bool:
    """Whether an expression is made by a library that computes on the CPU."""
    if steps <= 0:
        return False
    if isinstance(node, ast.Constant | ast.JoinedStr | ast.List | ast.Dict | ast.Tuple):
        return True
    if isinstance(node, ast.Call):
        name = module.resolve(node.func)
        if name is not None:
            return _is_cpu(name) and name.partition(".")[0] not in SDKS
        return isinstance(node.func, ast.Attribute) and _is_cpu_value(
            module, node.func.value, steps - 1
        )
    if isinstance(node, ast.Subscript):
        return _is_cpu_value(module, node.value, steps - 1)
    if isinstance(node, ast.Attribute):
        value = _find_attribute(module, node)
        return _is_cpu_value(module, value or node.value, steps - 1)
    if isinstance(node, ast.Name):
        found = module.names.look_up(node.id, node)
        values = [binding.value for binding in found[1]] if found else []
        return bool(values) and all(
            isinstance(value, ast.expr) and _is_cpu_value(module, value, steps - 1)
            for value in values[:5]
        )
    return False


def _find_attribute(module: Module, node: ast.Attribute) -> ast.expr | None:
    """Return what `self.NAME` is, if the function assigns it once and nothing else does."""
    if not isinstance(node.value, ast.Name):
        return None
    key = "attributes"
    if key not in module.memory:
        assigned: dict[str, list[ast.expr | None]] = {}
        for target in module.list_nodes(ast.Attribute):
            if not isinstance(target.ctx, ast.Load):
                parent = module.get_parent(target)
                value = parent.value if isinstance(parent, ast.Assign) else None
                assigned.setdefault(target.attr, []).append(value)
        module.memory[key] = assigned
    values = module.memory[key].get(node.attr, [])
    return values[0] if len(values) == 1 else None
