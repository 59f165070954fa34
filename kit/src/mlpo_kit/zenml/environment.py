"""ZenML's own settings, made before it is imported: this project's ZenML and no other.

ZenML reads environment variables as it is imported, and where it finds none it looks into the
user's home and the folders above this one. Call one of these first, then import ZenML.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from uuid import UUID

FOLDER = ".zenml"
DATABASE = "local_stores/default_zen_store/zenml.db"  # where ZenML's own commands look, too
KEPT = ("ZENML_DEBUG", "ZENML_LOGGING_VERBOSITY")  # what a person may still set from outside


def use_local_store(local_root: Path, source_root: Path) -> Path:
    """Point ZenML at `<local_root>/.zenml`, and return that; what else it knew is forgotten."""
    home = local_root / FOLDER
    _forget_variables()
    _set_variables(
        home,
        source_root,
        ZENML_STORE_TYPE="sql",
        ZENML_STORE_URL=f"sqlite:///{home / DATABASE}",
    )
    return home


def use_server(home: Path, source_root: Path, url: str, key: str) -> None:
    """Point ZenML at a server; its key does not come into any file of `home`."""
    _forget_variables()
    _set_variables(
        home,
        source_root,
        ZENML_STORE_TYPE="rest",
        ZENML_STORE_URL=url,
        ZENML_STORE_API_KEY=key,
        ZENML_USER_ID=str(UUID(int=0)),  # in its cache keys; else a new one each time
        DISABLE_CREDENTIALS_DISK_CACHING="true",
    )


def _forget_variables() -> None:
    for name in [name for name in os.environ if name.startswith("ZENML_") and name not in KEPT]:
        del os.environ[name]
    if "ZENML_LOGGING_VERBOSITY" not in os.environ:
        # It says much, and logs with a traceback what it raises anyway.
        os.environ["ZENML_LOGGING_VERBOSITY"] = "WARNING"
        logging.getLogger("zenml").setLevel(logging.CRITICAL)


def _set_variables(home: Path, source_root: Path, **store: str) -> None:
    os.environ.update(
        store,
        ZENML_CONFIG_PATH=str(home),
        # Without it, ZenML takes the first `.zen` folder above this one for its own.
        ZENML_REPOSITORY_PATH=str(source_root),
        ZENML_CUSTOM_SOURCE_ROOT=str(source_root),
        ZENML_ANALYTICS_OPT_IN="false",
        ZENML_DISABLE_INTERACTIVE_INPUT="true",
        ZENML_AUTO_OPEN_DASHBOARD="false",
        ZENML_ENABLE_RICH_TRACEBACK="false",
        # The stages say what they do on the terminal, and their records keep it.
        ZENML_DISABLE_STEP_LOGS_STORAGE="true",
        ZENML_DISABLE_PIPELINE_LOGS_STORAGE="true",
        UV_NO_CACHE="true",  # it asks uv which packages are installed; nothing to keep for that
    )
