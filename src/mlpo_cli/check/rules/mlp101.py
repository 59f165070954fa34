"""MLP101: an attribute of a flow that cannot be pickled."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from mlpo_cli.check.flows import Flow, Use, find_set_value, is_kept, list_flows
from mlpo_cli.check.model import Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import FUNCTIONS, Module
from mlpo_cli.check.names import FunctionNode, Import
from mlpo_cli.check.values import find_assigned

RULE = Rule(
    id="MLP101",
    title="artifact that cannot be pickled",
    severity=Severity.ERROR,
    sdks=(Sdk.METAFLOW,),
    what="""
    Reports what cannot be pickled and is kept on `self` in a step or in a method that a step calls,
    or is set in the body of the flow: open files, connections, clients of cloud services, locks,
    threads, generators, views of a dictionary, modules, classes that are defined in a function, and
    lists or dictionaries with a lambda in them. Not reported is what is deleted or replaced in the
    same step.
    """,
    why="""
    Metaflow pickles all that is on `self` at the end of a step. The step runs to its end and then
    fails with "Cannot pickle dump artifact", and its results are lost.
    """,
    sources=(
        "metaflow 2.19.39, datastore/task_datastore.py, `TaskDataStore.persist`; run there",
        "`pickle.dumps`, run for each type: those of Python in 3.10 to 3.13, boto3 1.43, "
        "sqlalchemy 2.0, redis 8.1, pymongo 4.20, duckdb 2.0, openai 3.57, anthropic 2.14, "
        "grpcio 1.85, h5py 3.16",
    ),
    examples=(
        Example(
            file="flow.py",
            bad="""\
import sqlite3

from metaflow import FlowSpec, step


class RowsFlow(FlowSpec):
    @step
    def start(self):
        self.database = sqlite3.connect("rows.db")
        self.rows = self.database.execute("SELECT * FROM rows").fetchall()
        self.next(self.end)

    @step
    def end(self):
        print(len(self.rows))
""",
            good="""\
import sqlite3

from metaflow import FlowSpec, step


class RowsFlow(FlowSpec):
    @step
    def start(self):
        database = sqlite3.connect("rows.db")
        self.rows = database.execute("SELECT * FROM rows").fetchall()
        self.next(self.end)

    @step
    def end(self):
        print(len(self.rows))
""",
        ),
    ),
    advice="""
    Keep it in a local variable and make it again where it is needed. On `self` goes what it is made
    from, such as a path, or what it gives, such as a list.
    """,
)

# Calls whose result cannot be pickled, and what that is. Each was run.
FILE, CONNECTION, CLIENT = "an open file", "a connection", "a client with open connections"
LOCK, THREADS, QUEUE = "a lock", "a thread or process", "a queue with a lock in it"
UNPICKLABLE = {
    **dict.fromkeys(
        (
            *("builtins.open", "io.open", "gzip.open", "zipfile.ZipFile", "tarfile.open"),
            *("tempfile.NamedTemporaryFile", "tempfile.TemporaryFile", "mmap.mmap", "h5py.File"),
            "urllib.request.urlopen",
        ),
        FILE,
    ),
    **dict.fromkeys(
        (
            *(f"csv.{name}" for name in ("reader", "writer", "DictReader", "DictWriter")),
            "os.scandir",
        ),
        "an open reader or writer",
    ),
    **dict.fromkeys(("sqlite3.connect", "socket.socket", "duckdb.connect"), CONNECTION),
    **dict.fromkeys(
        (
            *("boto3.client", "boto3.resource", "boto3.Session", "boto3.session.Session"),
            *("sqlalchemy.create_engine", "redis.Redis", "pymongo.MongoClient"),
            *("openai.OpenAI", "anthropic.Anthropic", "grpc.insecure_channel"),
        ),
        CLIENT,
    ),
    **dict.fromkeys(
        (
            *(f"threading.{name}" for name in ("Lock", "RLock", "Condition", "Event", "Barrier")),
            *("threading.Semaphore", "threading.BoundedSemaphore", "threading.local"),
            *("multiprocessing.Lock", "multiprocessing.Event", "multiprocessing.Value"),
        ),
        LOCK,
    ),
    **dict.fromkeys(
        (
            *("threading.Thread", "multiprocessing.Pool", "multiprocessing.Process"),
            *("multiprocessing.Manager", "subprocess.Popen"),
            *(f"concurrent.futures.{name}PoolExecutor" for name in ("Thread", "Process")),
        ),
        THREADS,
    ),
    **dict.fromkeys(
        (
            *(f"queue.{name}" for name in ("Queue", "SimpleQueue", "LifoQueue", "PriorityQueue")),
            "multiprocessing.Queue",
        ),
        QUEUE,
    ),
    **dict.fromkeys(("logging.FileHandler", "logging.StreamHandler"), "a handler with a lock"),
    **dict.fromkeys(("hashlib.md5", "hashlib.sha1", "hashlib.sha256"), "a hash that goes on"),
    "ssl.create_default_context": "an SSL context",
    "weakref.ref": "a weak reference",
    "builtins.memoryview": "a view of memory",
    "argparse.ArgumentParser": "a parser of arguments",
}
HOLDERS = ("collections.defaultdict", "functools.partial")  # pickle the functions they are given
PLAIN_BASES = ("builtins.object", "abc.ABC", "torch.nn.Module", "torch.utils.data.Dataset")
MOST_STEPS = 10  # from an attribute to what it is
NEVER_PICKLED = ("index", "input")  # properties of every flow


def check(module: Module) -> Iterator[Finding]:
    """Find the attributes of flows that cannot be pickled."""
    for flow in list_flows(module):
        members = module.names.scopes.get(flow.node, {})
        for name, bindings in members.items():
            value = bindings[0].value if len(bindings) == 1 else None
            if isinstance(value, ast.expr) and (kind := find_kind(module, value)):
                message = f"`{name}`, which each task stores, is {kind}: it cannot be pickled."
                yield RULE.report(module, bindings[0].node, message)
        for name, uses in flow.uses.items():
            if name in members or name in NEVER_PICKLED or name.startswith("__"):
                continue
            for use in uses:
                if not use.is_read and not use.is_nested and use.method in flow.run:
                    yield from check_use(module, flow, use)


def check_use(module: Module, flow: Flow, use: Use) -> Iterator[Finding]:
    """Report an attribute that is set, if it cannot be pickled."""
    kind = find_kind(module, find_set_value(module, use)) or find_entered(module, use)
    if kind and is_kept(module, flow, use):
        message = f"`self.{use.node.attr}` is {kind}: it cannot be pickled."
        yield RULE.report(module, use.node, message)


def find_entered(module: Module, use: Use) -> str:
    """Return what `with open(...) as self.NAME` keeps: a file can be pickled as little closed."""
    item = module.get_parent(use.node)
    if isinstance(item, ast.withitem) and isinstance(item.context_expr, ast.Call):
        kind = find_kind(module, item.context_expr)
        return kind if kind == FILE else ""
    return ""


def find_kind(module: Module, node: ast.expr | None, steps: int = MOST_STEPS) -> str:
    """Return what an expression is that cannot be pickled; empty if it can or if nobody knows."""
    if node is None or steps <= 0:
        return ""
    key = ("what cannot be pickled", node)
    if key not in module.memory:
        module.memory[key] = ""  # while it is looked for: a name can lead back to itself
        module.memory[key] = _find_kind(module, node, steps)
    return module.memory[key]  # type: ignore[no-any-return]


def _find_kind(module: Module, node: ast.expr, steps: int) -> str:
    if isinstance(node, ast.GeneratorExp):
        return "a generator"
    if isinstance(node, (ast.List, ast.Tuple, ast.Set, ast.Dict)):
        parts = node.values if isinstance(node, ast.Dict) else node.elts
        return find_part(module, parts[:100], steps)
    if isinstance(node, ast.Call):
        return find_call(module, node, steps)
    if isinstance(node, ast.Name):
        if is_local_class(module, node):
            return "a class that is defined in a function"
        found = module.names.look_up(node.id, node)
        bindings = found[1] if found else []
        if len(bindings) == 1 and isinstance(bindings[0].value, Import):
            return "" if bindings[0].value.name else "a module"
        assigned = find_assigned(module, node)
        if assigned and assigned[0] is module and not isinstance(assigned[1], ast.Lambda):
            return find_kind(module, assigned[1], steps - 1)
    return ""


def find_part(module: Module, parts: list[ast.expr], steps: int) -> str:
    """Return what cannot be pickled among the parts of a list, a dictionary or a call."""
    for part in parts:
        kind = "a lambda" if isinstance(part, ast.Lambda) else find_kind(module, part, steps - 1)
        if kind:
            return kind if kind.startswith("something with") else f"something with {kind} in it"
    return ""


def find_call(module: Module, call: ast.Call, steps: int) -> str:
    """Return what a call gives that cannot be pickled."""
    name = module.resolve(call.func)
    if name:
        return UNPICKLABLE.get(name) or (
            find_part(module, call.args[:1], steps) if name in HOLDERS else ""
        )
    if is_local_class(module, call.func):
        return "an object of a class that is defined in a function"
    if isinstance(call.func, ast.Attribute) and call.func.attr in ("keys", "values", "items"):
        return "a view of a dictionary" if is_dictionary(module, call.func.value) else ""
    found = module.find_definition(call.func)
    if found and isinstance(found.node, FUNCTIONS) and is_generator(found.module, found.node):
        return "a generator"
    return ""


def is_dictionary(module: Module, node: ast.expr) -> bool:
    """Whether an expression is a dictionary of Python."""
    found = find_assigned(module, node)
    value = found[1] if found else node
    if isinstance(value, ast.Call) and found:
        return found[0].resolve(value.func) == "builtins.dict"
    return isinstance(value, (ast.Dict, ast.DictComp))


def is_local_class(module: Module, node: ast.expr) -> bool:
    """Whether a name is a class that a function defines and that says nothing about pickling."""
    if not isinstance(node, ast.Name):
        return False
    found = module.names.look_up(node.id, node)
    if not found or len(found[1]) != 1 or not isinstance(found[0], FUNCTIONS):
        return False
    value = found[1][0].value
    if not isinstance(value, ast.ClassDef) or value.decorator_list or value.keywords:
        return False
    members = module.names.scopes.get(value, {})
    bases = [module.resolve(base) for base in value.bases]
    return all(base in PLAIN_BASES for base in bases) and not any(
        name.startswith("__reduce") for name in members
    )


def is_generator(module: Module, function: FunctionNode) -> bool:
    """Whether a function that nothing wraps yields."""
    key = "functions that yield"
    if key not in module.memory:
        module.memory[key] = {
            module.find_function(node) for node in module.list_nodes(ast.Yield, ast.YieldFrom)
        }
    plain = ("builtins.staticmethod", "builtins.classmethod")
    decorators = [module.resolve(decorator) for decorator in function.decorator_list]
    return function in module.memory[key] and all(name in plain for name in decorators)
