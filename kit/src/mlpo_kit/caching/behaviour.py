"""How the parts of the kit behave: a number for each, which the keys of stages are made of.

The kit's version is in no key, or each release would train everything anew. Raise a number when
results change: then what uses that part runs again. The tests hold a digest of each part, and fail
until somebody decides.
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

    `modules` are below mlpo_kit, where a package stands for all that is in it. `packages` are the
    top-level modules of others that they import, `uses` the parts that they import.
    """

    behaviour: int
    modules: tuple[str, ...]
    packages: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


ALWAYS = "stages"  # the part that every stage is run by
PARTS = {
    ALWAYS: Part(
        1,
        (
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
# These watch a run or carry what it makes, and add nothing to a key: so the keys of the
# orchestrators agree, and another report or store trains nothing anew.
CARRIERS = (
    "",  # mlpo_kit itself
    "caching",
    "cli",
    "cluster",
    "config",
    "errors",
    "execution",
    "kubeflow",
    "metaflow",
    "models.mlflow_environment",
    "models.tracking",
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
    """Find the parts that importing `module` of the kit uses, by name: it and what these use.

    `mlpo_kit.Ref` and the like stand for the modules that hold them. None for a module that the kit
    does not have.
    """
    words = module.split(".")[1:]
    if words[:1] and words[0] in mlpo_kit._MODULES:
        words = mlpo_kit._MODULES[words[0]].split(".")
    if words[-1:] == ["*"]:
        below = ".".join(words[:-1])
        inside = [name for name in _OWNERS if name == below or name.startswith(f"{below}.")]
        return _close({owner for name in inside if (owner := _OWNERS[name]) is not None})
    for end in range(len(words), 0, -1):
        name = ".".join(words[:end])
        if name in _OWNERS:
            owner = _OWNERS[name]
            return _close({owner}) if owner is not None else set()
    return None if words else set()


def _close(names: set[str]) -> set[str]:
    """The parts with those that they use."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += PARTS[name].uses
    return found


def find_owner(module: str) -> str | None:
    """Find the part that a module of the kit, by full name, is in; None for a carrier."""
    words = module.split(".")[1:]
    for end in range(len(words), 0, -1):
        if (name := ".".join(words[:end])) in _OWNERS:
            return _OWNERS[name]
    return None


def group_modules() -> dict[str | None, dict[str, Path]]:
    """Group the modules of the kit by the part that they are in: full names, and their files."""
    groups: dict[str | None, dict[str, Path]] = {}
    for name, path in list_kit_modules():
        groups.setdefault(find_owner(name), {})[name] = path
    return groups


def list_kit_modules() -> Iterator[tuple[str, Path]]:
    """List the modules of the kit by full name, with their files."""
    folder = find_kit_folder()
    for path in sorted(folder.rglob("*.py")):
        words = path.relative_to(folder).with_suffix("").parts
        name = ".".join((KIT, *words)).removesuffix(".__init__")
        yield name, path


def find_kit_folder() -> Path:
    """Find the folder of the kit's package."""
    return Path(mlpo_kit.__file__).resolve().parent


def is_kit_installed() -> bool:
    """Whether the kit was installed as a package; else its sources count as a project's own."""
    return is_installed(find_kit_folder())


def is_installed(path: Path) -> bool:
    """Whether a file was installed as a package with a version."""
    return not {"site-packages", "dist-packages"}.isdisjoint(path.parts)
