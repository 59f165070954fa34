"""MLP407: packages that are installed in whatever version is the newest."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mlpo_cli.check.model import EVERY_SDK, Example, Finding, Rule, Severity
from mlpo_cli.check.module import Module
from mlpo_cli.check.values import UNKNOWN, find_assigned, find_text, get_argument

RULE = Rule(
    id="MLP407",
    title="package without an upper limit of its version",
    severity=Severity.WARNING,
    sdks=EVERY_SDK,
    what="""
    Reports packages that a component, a step or Docker settings install and whose version has no
    upper limit: `pandas`, `pandas>=2`, and a Git repository without a revision. Not reported are
    versions (`==`), ranges with an end (`>=2,<3`, `~=2.1`), what is excluded, files and URLs, and
    what is written as a variable.
    """,
    why="""
    The packages are installed when the step starts or the image is built. A new release changes
    the results or breaks the step without a change of the code.
    """,
    sources=(
        "kfp 2.17.0, kfp/dsl/component_factory.py: `pip install` in the command of the step",
        "metaflow 2.19.39, plugins/pypi: an empty version takes what the index offers",
        "zenml 0.98.0, config/docker_settings.py: requirements are installed while building",
    ),
    examples=(
        Example(
            bad="""\
from kfp import dsl


@dsl.component(base_image="python:3.12-slim", packages_to_install=["pandas", "shap==0.50.0"])
def evaluate(threshold: float) -> bool:
    return score() > threshold
""",
            good="""\
from kfp import dsl


@dsl.component(base_image="python:3.12-slim", packages_to_install=["pandas==2.3.3", "shap==0.50.0"])
def evaluate(threshold: float) -> bool:
    return score() > threshold
""",
        ),
        Example(
            file="flow.py",
            bad="""\
from metaflow import FlowSpec, pypi, step


class TrainFlow(FlowSpec):
    @pypi(packages={"scikit-learn": ">=1.7"})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
""",
            good="""\
from metaflow import FlowSpec, pypi, step


class TrainFlow(FlowSpec):
    @pypi(packages={"scikit-learn": "1.7.2"})
    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass
""",
        ),
    ),
    advice="Name the version that your lock file has, or build an image from the lock file.",
)

# The calls that list packages: the keyword, and the position if it has one.
LISTS: dict[str, tuple[tuple[str, int | None], ...]] = {
    "kfp.dsl.component": (("packages_to_install", None),),
    "kfp.v2.dsl.component": (("packages_to_install", None),),
    "kfp.dsl.notebook_component": (("packages_to_install", None),),
    "kfp.components.create_component_from_func": (("packages_to_install", 3),),
    "kfp.components.func_to_container_op": (("packages_to_install", None),),
    "metaflow.pypi": (("packages", None),),
    "metaflow.pypi_base": (("packages", None),),
    "metaflow.conda": (("packages", None), ("libraries", None)),
    "metaflow.conda_base": (("packages", None), ("libraries", None)),
    "zenml.config.DockerSettings": (("requirements", None),),
    "zenml.config.docker_settings.DockerSettings": (("requirements", None),),
}
NAME = re.compile(r"\s*([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*")
REVISION = re.compile(r"\.git@|/[^/]*[^/:]@[^/]+(?:#.*)?$")


def check(module: Module) -> Iterator[Finding]:
    """Find the lists of packages in a module that leave a version open."""
    seen: set[ast.expr] = set()
    for call, name in module.list_calls(*LISTS):
        for keyword, position in LISTS[name]:
            node = get_argument(call, keyword, position)
            where, packages = find_packages(module, node)
            if node is None or packages is None or packages in seen:
                continue
            seen.add(packages)
            open_ones = list_open(where, packages)
            if open_ones:
                some = ", ".join(f"`{package}`" for package in open_ones[:5])
                more = f" and {len(open_ones) - 5} more" if len(open_ones) > 5 else ""
                verb = "has" if len(open_ones) == 1 else "have"
                message = f"{some}{more} {verb} no upper limit of the version."
                place = packages if where is module else node
                yield RULE.report(module, place, message)


def find_packages(module: Module, node: ast.expr | None) -> tuple[Module, ast.expr | None]:
    """Return the list or the dictionary of packages that an argument is, and its module."""
    found = find_assigned(module, node)
    module, node = found or (module, node)
    is_list = isinstance(node, (ast.List, ast.Tuple, ast.Dict))
    return module, node if is_list else None


def list_open(module: Module, packages: ast.expr) -> list[str]:
    """Return the packages of a list, or of a dictionary with versions, that leave it open."""
    if isinstance(packages, ast.Dict):
        pairs = zip(packages.keys, packages.values, strict=True)
        known = ((find_text(module, key), find_text(module, value)) for key, value in pairs)
        return [key for key, value in known if key and value is not None and leaves_open(value)]
    elements = packages.elts if isinstance(packages, (ast.List, ast.Tuple)) else []
    texts = (find_text(module, element) for element in elements)
    return [text for text in texts if text and is_open(text)]


def is_open(requirement: str) -> bool:
    """Whether a requirement of pip can mean a release that is not there yet."""
    if UNKNOWN in requirement:
        return False
    if requirement.startswith(("git+", "hg+")):
        return not REVISION.search(requirement)
    match = NAME.match(requirement)
    rest = requirement[match.end() :] if match else ""
    if not match or rest.startswith(("/", "\\", ":", "@")) or requirement.startswith("."):
        return False  # a file, a URL
    return leaves_open(rest.partition(";")[0])


def leaves_open(version: str) -> bool:
    """Whether a specification of a version has no end: empty, `*`, `>=2`, `>=2,!=2.1`."""
    version = version.strip().strip("()")
    parts = [part.strip() for part in version.split(",")]
    return UNKNOWN not in version and all(
        part in ("", "*") or part.startswith((">", "!=")) for part in parts
    )
