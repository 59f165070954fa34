"""Where the data that ships with mlpo lies: beside the code in a wheel, above it in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _find(name: str) -> Path:
    in_wheel = _PACKAGE / "_data" / name
    in_checkout = _PACKAGE.parents[1] / name
    for candidate in (in_wheel, in_checkout):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"mlpo is installed without its {name}: {in_wheel} is missing")


def rules_dir() -> Path:
    """The directory of criteria.yaml, policy.yaml and orchestrators/.

    Raises FileNotFoundError if the installation is damaged.
    """
    return _find("rules")


def scaffolds_dir() -> Path:
    """The directory of the project templates.

    Raises FileNotFoundError if the installation is damaged.
    """
    return _find("scaffolds")
