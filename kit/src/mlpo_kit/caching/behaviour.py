"""Behaviour numbers: one per part of the kit; they are included in cache keys.

The kit's version is not included, or every release would invalidate all results. If a change to a
part can change results, raise its number: the stages that use the part then run again. The tests
record a digest of each part, and fail after a change until somebody decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mlpo_kit

KIT = "mlpo_kit"


@dataclass(frozen=True)
class Part:
    """A part of the kit that can change a stage's result.

    `modules` are named relative to mlpo_kit; a package stands for all its modules. `packages` are
    the third-party top-level modules that they import, `uses` the parts that they import.
    """

    behaviour: int
    modules: tuple[str, ...]
    packages: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


ALWAYS = "stages"  # the part that runs every stage
PARTS = {
    ALWAYS: Part(
        1,
        (
            "execution.lookup",
            "execution.results",
            "execution.runner",
            "runs.gate",
            "runs.usage",
            "runs.workspace",
            "store.base",
            "store.files",
        ),
        packages=("pydantic", "pydantic_core"),
    ),
    "arrays": Part(1, ("store.arrays",), packages=("numpy",)),
    "checks": Part(1, ("training.checks",), packages=("numpy",), uses=("arrays", "splits")),
    "measures": Part(1, ("models.classification",), packages=("numpy", "sklearn")),
    "models": Part(
        1,
        ("models",),
        packages=("fastapi", "mlflow", "numpy", "pydantic", "requests", "uvicorn"),
        uses=("predictor", "splits", "stages"),
    ),
    "notebook": Part(
        1,
        ("notebook",),
        packages=("numpy",),
        uses=("arrays", "models", "predictor", "splits"),
    ),
    "predictor": Part(1, ("models.predictor",), packages=("numpy",)),
    "search": Part(1, ("search",), packages=("pydantic", "pydantic_core"), uses=("stages",)),
    "splits": Part(2, ("training.splits",), packages=("numpy",), uses=("arrays",)),
    "testing": Part(
        1,
        ("testing.samples", "testing.synthetic"),
        packages=("PIL", "numpy", "pyarrow", "sklearn"),
    ),
    "training": Part(
        1,
        ("training",),
        packages=("numpy", "pydantic", "pydantic_core", "torch"),
        uses=("splits", "stages"),
    ),
}
# These modules observe a run or transport its data, and are not included in keys. So keys are
# equal on all orchestrators, and a change to a report or the store invalidates no result.
CARRIERS = (
    "",  # mlpo_kit itself
    "caching",
    "cli",
    "cluster",
    "config",
    "consistency",
    "errors",
    "execution",
    "handover",
    "kubeflow",
    "metaflow",
    "models.deletion",
    "models.following",
    "models.mlflow_environment",
    "models.sending",
    "models.tracked",
    "models.tracking",
    "models.ui_environment",
    "models.ui_server",
    "reports",
    "retention",
    "runs",
    "search.view",
    "setup",
    "store",
    "testing",
    "training.meter",
    "zenml",
)
_OWNERS: dict[str, str | None] = {
    **dict.fromkeys(CARRIERS),
    **{module: name for name, part in PARTS.items() for module in part.modules},
}


def find_parts(module: str) -> set[str] | None:
    """Find the names of all parts that importing `module` of the kit uses, also indirectly.

    A public name such as `mlpo_kit.Ref` stands for the module that defines it. None if the kit
    has no such module.
    """
    words = module.split(".")[1:]
    if words[:1] and words[0] in mlpo_kit._MODULES:
        words = mlpo_kit._MODULES[words[0]].split(".")
    if words[-1:] == ["*"]:
        package = ".".join(words[:-1])
        inside = [name for name in _OWNERS if name == package or name.startswith(f"{package}.")]
        return _add_uses({owner for name in inside if (owner := _OWNERS[name]) is not None})
    for end in range(len(words), 0, -1):
        name = ".".join(words[:end])
        if name in _OWNERS:
            owner = _OWNERS[name]
            return _add_uses({owner}) if owner is not None else set()
    return None if words else set()


def _add_uses(names: set[str]) -> set[str]:
    """Return the parts and all parts that they use, directly or indirectly."""
    closure: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in closure:
            closure.add(name)
            waiting += PARTS[name].uses
    return closure


def find_owner(module: str) -> str | None:
    """Find the part that contains a module of the kit, by full name; None for CARRIERS."""
    words = module.split(".")[1:]
    for end in range(len(words), 0, -1):
        if (name := ".".join(words[:end])) in _OWNERS:
            return _OWNERS[name]
    return None


def group_modules() -> dict[str | None, dict[str, Path]]:
    """Group the modules of the kit, as full name and file, by the part that contains them."""
    groups: dict[str | None, dict[str, Path]] = {}
    for name, path in list_kit_modules():
        groups.setdefault(find_owner(name), {})[name] = path
    return groups


def list_kit_modules() -> Iterator[tuple[str, Path]]:
    """List the modules of the kit: their full names and files."""
    folder = find_kit_folder()
    for path in sorted(folder.rglob("*.py")):
        words = path.relative_to(folder).with_suffix("").parts
        name = ".".join((KIT, *words)).removesuffix(".__init__")
        yield name, path


def find_kit_folder() -> Path:
    """Find the folder of the kit's package."""
    return Path(mlpo_kit.__file__).resolve().parent


def is_kit_installed() -> bool:
    """Whether the kit was installed as a package; if not, its sources count as project code."""
    return is_installed(find_kit_folder())


def is_installed(path: Path) -> bool:
    """Whether a file was installed as a package with a version."""
    return not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
