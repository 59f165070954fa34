"""Find the data that ships with mlpo: beside the code in a wheel, above it in a checkout."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

_PACKAGE = Path(__file__).resolve().parent


def _find_data(name: str) -> Path:
    in_wheel = _PACKAGE / "_data" / name
    in_checkout = _PACKAGE.parents[1] / name
    for candidate in (in_wheel, in_checkout):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"mlpo is installed without its {name}: {in_wheel} is missing")


def rules_dir() -> Path:
    """Find the folder of criteria.yaml, policy.yaml and orchestrators/.

    Raises FileNotFoundError if the installation is damaged.
    """
    return _find_data("rules")


def scaffolds_dir() -> Path:
    """Find the folder of the project templates.

    Raises FileNotFoundError if the installation is damaged.
    """
    return _find_data("scaffolds")


def skill_file() -> Path:
    """The page that tells coding agents how to use mlpo."""
    return _PACKAGE / "SKILL.md"


def write_kit_wheel(folder: Path) -> Path:
    """Write the wheel of mlpo-kit into a folder, which may be missing. Returns the wheel's path.

    An installed mlpo contains the wheel. A checkout builds it from kit/: that takes milliseconds,
    and the same sources give the same bytes. Raises FileNotFoundError if the installation is
    damaged.
    """
    source = _find_data("kit")
    if (source / "pyproject.toml").is_file():
        return Path(_load_wheel_builder(source).write_wheel(source, folder))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        (wheel,) = source.glob("mlpo_kit-*.whl")
    except ValueError:
        raise FileNotFoundError(f"{source} must hold one wheel of mlpo-kit") from None
    return Path(shutil.copyfile(wheel, folder / wheel.name))


def _load_wheel_builder(kit: Path) -> ModuleType:
    """Load the kit's build backend from its file: it is not installed, and needs nothing else."""
    path = kit / "src" / "mlpo_kit" / "setup" / "wheel_builder.py"
    spec = importlib.util.spec_from_file_location("mlpo_kit_wheel_builder", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{path} is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
