"""The layers of the kit: imports go only downwards, and what is light stays light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mlpo_kit

LAYERS = (
    "setup",  # runs out of the wheel, on a Python in which nothing is installed
    "errors",
    "config",
    "store",
    "runs",
    "caching",
    "execution",
    "training",
    "models",
    "search",
    "retention",
    "reports",
    "notebook",
    "handover",
    "cluster",
    "consistency",
    "testing",
    "adapters",
    "cli",
)
ADAPTERS = ("metaflow", "kubeflow", "zenml")  # one layer: they never import each other
TOP = ""  # mlpo_kit itself: its names are loaded when they are used
ROOT = Path(mlpo_kit.__file__).parent


def find_layer(module: str) -> str:
    """The layer of `mlpo_kit.training.loop`: the folder, or the module, under mlpo_kit."""
    return ".".join(module.split(".")[1:2])


def rank(layer: str) -> int:
    return LAYERS.index("adapters" if layer in ADAPTERS else layer)


def list_modules() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(ROOT.rglob("*.py")):
        words = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(words).removesuffix(".__init__")] = path
    return found


MODULES = list_modules()


def list_imports(module: str, text: str) -> list[str]:
    """What a module imports of the kit, by full names: in functions and by name, too."""
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = module.split(".")[: -node.level] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            found += [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            texts = [str(part.value) for part in ast.walk(node) if isinstance(part, ast.Constant)]
            found += [text for text in texts if text.startswith("mlpo_kit.")]
    return [name for name in found if name.partition(".")[0] == "mlpo_kit"]


def find_problems(modules: dict[str, str]) -> list[str]:
    """Every import that goes upwards, or from one adapter to another."""
    problems = []
    for module, text in modules.items():
        layer = find_layer(module)
        for name in list_imports(module, text):
            other = find_layer(name)
            if other in mlpo_kit.__all__ or other in (TOP, layer, "STARTED", "_MODULES"):
                continue
            if other not in (*LAYERS, *ADAPTERS):
                problems.append(f"{module} imports {name}, which is in no layer")
            elif rank(other) >= rank(layer):
                problems.append(f"{module} imports {name}, which is above it")
    return problems


def test_every_module_is_in_a_layer() -> None:
    layers = {find_layer(module) for module in MODULES}
    assert layers <= {*LAYERS, *ADAPTERS, TOP}


def test_imports_go_only_downwards() -> None:
    texts = {name: path.read_text(encoding="utf-8") for name, path in MODULES.items()}
    del texts["mlpo_kit"]
    assert not find_problems(texts)


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("mlpo_kit.store.base", "def f():\n    from mlpo_kit.runs import records"),
        ("mlpo_kit.store.base", "import mlpo_kit.runs.records"),
        ("mlpo_kit.store.base", "import_module('mlpo_kit.runs.records')"),
        ("mlpo_kit.metaflow.adapter", "from mlpo_kit.zenml import steps"),
        ("mlpo_kit.store.base", "from mlpo_kit.fresh import thing"),
        ("mlpo_kit.store.base", "from ..runs import records"),
    ],
)
def test_an_import_upwards_would_be_seen(module: str, text: str) -> None:
    assert find_problems({module: text})


def test_importing_the_kit_loads_nothing_of_others() -> None:
    code = (
        "import sys; before = set(sys.modules); import mlpo_kit; mlpo_kit.PipelineError; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(ROOT.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) <= {"mlpo_kit", *sys.stdlib_module_names}


def test_every_public_name_is_there() -> None:
    assert set(mlpo_kit.__all__) == set(mlpo_kit._MODULES)
    for name in mlpo_kit.__all__:
        assert getattr(mlpo_kit, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = mlpo_kit.Nothing
