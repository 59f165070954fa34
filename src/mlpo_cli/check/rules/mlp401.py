"""MLP401: a cached step that reads outside data and has no input."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mlpo_cli.check.kfp import find_task
from mlpo_cli.check.model import Edit, Example, Finding, Rule, Sdk, Severity
from mlpo_cli.check.module import Definition, Module, get_last_name
from mlpo_cli.check.names import FunctionNode
from mlpo_cli.check.reach import list_reached
from mlpo_cli.check.values import UNKNOWN, find_constant, find_text, get_argument

RULE = Rule(
    id="MLP401",
    title="cached step that reads outside data",
    severity=Severity.INFO,
    sdks=(Sdk.KFP_V2, Sdk.ZENML),
    what="""
    Reports a step without inputs that is called in a pipeline, reads data from a fixed URL, from a
    data set on Hugging Face or with a fixed query, and is cached. Not reported are places with a
    version or a date in them, and all steps of a file that sets caching in any way but `True`.
    """,
    why="""
    KFP and ZenML cache by default and compare the inputs and the code of a step, not what it reads.
    When the data changes, a run still gets what the first one has read.
    """,
    sources=(
        "kubeflow/pipelines 2.17.0, backend/src/v2/driver/cache.go",
        "zenml 0.98.0, orchestrators/cache_utils.py",
    ),
    examples=(
        Example(
            bad="""\
from kfp import dsl
from kfp.dsl import Dataset, Output


@dsl.component(base_image="python:3.12-slim", packages_to_install=["pandas==2.3.3"])
def ingest(dataset: Output[Dataset]):
    import pandas as pd

    pd.read_csv("https://data.example.com/orders.csv").to_csv(dataset.path)


@dsl.pipeline
def training():
    ingest()
""",
            good="""\
from kfp import dsl
from kfp.dsl import Dataset, Output


@dsl.component(base_image="python:3.12-slim", packages_to_install=["pandas==2.3.3"])
def ingest(dataset: Output[Dataset]):
    import pandas as pd

    pd.read_csv("https://data.example.com/orders.csv").to_csv(dataset.path)


@dsl.pipeline
def training():
    ingest().set_caching_options(False)
""",
            is_fixed=True,
        ),
        Example(
            bad="""\
import pandas as pd
from zenml import pipeline, step


@step
def load_reviews() -> pd.DataFrame:
    return pd.read_json("https://data.example.com/reviews.json")


@pipeline
def training():
    load_reviews()
""",
            good="""\
import pandas as pd
from zenml import pipeline, step


@step(enable_cache=False)
def load_reviews() -> pd.DataFrame:
    return pd.read_json("https://data.example.com/reviews.json")


@pipeline
def training():
    load_reviews()
""",
            is_fixed=True,
        ),
    ),
    advice="""
    Give the step the version of the data as an input, or switch its caching off. If the data never
    changes, all is well.
    """,
    fix="""
    Switches the caching of the step off, where it is defined or called in the same file. Unsafe:
    the step runs each time then.
    """,
)

# What reads data: the keyword and the position of the place.
READERS: dict[str, tuple[str, int]] = {
    "pandas.read_csv": ("filepath_or_buffer", 0),
    "pandas.read_parquet": ("path", 0),
    "pandas.read_json": ("path_or_buf", 0),
    "pandas.read_excel": ("io", 0),
    "pandas.read_table": ("filepath_or_buffer", 0),
    "pandas.read_sql": ("sql", 0),
    "pandas.read_sql_query": ("sql", 0),
    "pandas.read_sql_table": ("table_name", 0),
    "pandas.read_gbq": ("query", 0),
    "pandas_gbq.read_gbq": ("query_or_table", 0),
    "polars.read_csv": ("source", 0),
    "polars.read_parquet": ("source", 0),
    "requests.get": ("url", 0),
    "httpx.get": ("url", 0),
    "urllib.request.urlopen": ("url", 0),
    "urllib.request.urlretrieve": ("url", 0),
    "wget.download": ("url", 0),
    "gdown.download": ("url", 0),
    "datasets.load_dataset": ("path", 0),
}
QUERIES = ("pandas.read_sql", "pandas.read_gbq", "pandas_gbq.")
VERSION = re.compile(
    r"\d+\.\d+[./_-]|[/_-]v\d|\d{4}[-_/]?\d{2}|\b[0-9a-f]{7,64}\b|[?&](?:versionId|generation)=",
    re.IGNORECASE,
)
COMPONENTS = ("kfp.dsl.component", "kfp.v2.dsl.component")
PIPELINES = {
    "kfp.dsl.pipeline": COMPONENTS,
    "kfp.v2.dsl.pipeline": COMPONENTS,
    "zenml.pipeline": ("zenml.step",),
    "zenml.pipelines.pipeline": ("zenml.step", "zenml.steps.step"),
}
SWITCHES = ("enable_cache", "enable_caching", "cache_policy", "cache_expiration")
SWITCHES_OF_KFP = ("set_caching_options", "KFP_DISABLE_EXECUTION_CACHING")


def check(module: Module) -> Iterator[Finding]:
    """Find the calls of cached steps that read outside data, each step once."""
    calls = list(list_calls_of_steps(module))
    seen: set[ast.AST] = set()
    for call, definition, decorator in calls:
        step = definition.node
        if step in seen or isinstance(step, ast.ClassDef):
            continue
        seen.add(step)
        is_quiet = has_inputs(step) or sets_caching(definition.module)
        place = None if is_quiet or sets_caching(module) else find_place(definition.module, step)
        if place is None:
            continue
        is_kfp = (definition.module.resolve(decorator_name(decorator)) or "").startswith("kfp.")
        if is_kfp and not find_task(module, call).is_complete:
            continue
        message = f"`{step.name}` is cached, and reads `{shorten(place)}` which may change."
        edits = switch_off(module, call, definition, decorator, is_kfp)
        yield RULE.report(module, call.func, message, edits=edits)


def list_calls_of_steps(module: Module) -> Iterator[tuple[ast.Call, Definition, ast.expr]]:
    """Yield the calls of steps in the pipelines of a module, with each step and its decorator."""
    for function in module.functions:
        names = {name for name, _, _ in module.list_decorators(function)}
        of_steps = {step for name in names for step in PIPELINES.get(name, ())}
        for call in (
            node for node in ast.walk(function) if of_steps and isinstance(node, ast.Call)
        ):
            definition = module.find_definition(call.func)
            if definition is None or isinstance(definition.node, ast.ClassDef):
                continue
            decorators = list(definition.module.list_decorators(definition.node))
            if len(decorators) == 1 and decorators[0][0] in of_steps:
                yield call, definition, decorators[0][1]


def decorator_name(decorator: ast.expr) -> ast.expr:
    """Return what a decorator names, without its call."""
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def has_inputs(step: FunctionNode) -> bool:
    """Whether a step has a parameter that is no output of KFP."""
    arguments = step.args
    if arguments.vararg or arguments.kwarg:
        return True
    parameters = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    return not all(is_output(parameter.annotation) for parameter in parameters)


def is_output(annotation: ast.expr | None) -> bool:
    """Whether an annotation is `Output[...]` or `OutputPath(...)`."""
    if isinstance(annotation, ast.Subscript):
        return get_last_name(annotation.value) == "Output"
    return isinstance(annotation, ast.Call) and get_last_name(annotation.func) == "OutputPath"


def sets_caching(module: Module) -> bool:
    """Whether a module sets the caching of a step, a pipeline or a run to anything but True."""
    if "sets caching" not in module.memory:
        module.memory["sets caching"] = _sets_caching(module)
    return bool(module.memory["sets caching"])


def _sets_caching(module: Module) -> bool:
    text = module.source.text
    if not any(name in text for name in (*SWITCHES, *SWITCHES_OF_KFP)):
        return False
    keywords = [node for node in module.list_nodes(ast.keyword) if node.arg in SWITCHES]
    known = sum(find_constant(module, node.value) is True for node in keywords)
    return known < sum(len(re.findall(rf"\b{name}\b", text)) for name in SWITCHES) or any(
        name in text for name in SWITCHES_OF_KFP
    )


def find_place(module: Module, step: FunctionNode) -> str | None:
    """Return the fixed place outside that a step reads, also in functions that it calls."""
    for definition in list_reached(module, step):
        memory = definition.module.memory
        key = ("place", definition.node)
        if key not in memory:
            memory[key] = find_place_in(definition)
        if memory[key]:
            return str(memory[key])
    return None


def find_place_in(definition: Definition) -> str | None:
    """Return the first fixed place outside that the code of a function reads."""
    module = definition.module
    for node in ast.walk(definition.node):
        name = module.resolve(node.func) if isinstance(node, ast.Call) else None
        if isinstance(node, ast.Call) and name in READERS:
            place = find_text(module, get_argument(node, *READERS[name]))
            if place and is_outside(name, place, node) and not VERSION.search(place):
                return place
    return None


def is_outside(name: str, place: str, call: ast.Call) -> bool:
    """Whether what a call reads is outside, always in the same place and without a version."""
    if UNKNOWN in place:
        return False
    if name.startswith(QUERIES):
        return True
    if name == "datasets.load_dataset":
        return place.count("/") == 1 and place[0].isalnum() and not get_argument(call, "revision")
    return bool(re.match(r"(?:https?|s3|gs|gcs|abfss?|ftp)://", place))


def shorten(place: str) -> str:
    """Return a place in one line of at most 60 characters."""
    line = " ".join(place.split())
    return line if len(line) <= 60 else f"{line[:57]}..."


def switch_off(
    module: Module, call: ast.Call, definition: Definition, decorator: ast.expr, is_kfp: bool
) -> list[Edit]:
    """Return the edits that switch the caching of a step off; none if it is in another file."""
    if is_kfp:
        _, end = module.span(call)
        return [Edit(end, end, ".set_caching_options(False)")]
    if definition.module is not module:
        return []
    _, end = module.span(decorator_name(decorator))
    if not isinstance(decorator, ast.Call):
        return [Edit(end, end, "(enable_cache=False)")]
    if decorator.args or module.source.text[end : end + 1] != "(":
        return []
    comma = ", " if decorator.keywords else ""
    return [Edit(end + 1, end + 1, f"enable_cache=False{comma}")]
