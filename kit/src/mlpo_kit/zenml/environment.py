"""Set ZenML's environment variables, so that it uses this project's records and no others.

ZenML reads the variables when it is imported. Without them it searches the user's home and the
parent folders. Call one of these functions first, then import ZenML.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from uuid import UUID

FOLDER = ".zenml"
DATABASE = "local_stores/default_zen_store/zenml.db"  # the path that ZenML's own commands use
KEPT = ("ZENML_DEBUG", "ZENML_LOGGING_VERBOSITY")  # variables that the user may set


def use_local_store(local_root: Path, source_root: Path) -> Path:
    """Point ZenML at `<local_root>/.zenml`, and return that path; other ZENML_ variables go."""
    home = local_root / FOLDER
    _unset_variables()
    _set_variables(
        home,
        source_root,
        ZENML_STORE_TYPE="sql",
        ZENML_STORE_URL=f"sqlite:///{home / DATABASE}",
    )
    return home


def use_server(home: Path, source_root: Path, url: str, key: str) -> None:
    """Point ZenML at a server; its key is not written to any file in `home`."""
    _unset_variables()
    _set_variables(
        home,
        source_root,
        ZENML_STORE_TYPE="rest",
        ZENML_STORE_URL=url,
        ZENML_STORE_API_KEY=key,
        ZENML_USER_ID=str(UUID(int=0)),  # part of ZenML's cache keys; the default is random
        DISABLE_CREDENTIALS_DISK_CACHING="true",
    )


def _unset_variables() -> None:
    for name in [name for name in os.environ if name.startswith("ZENML_") and name not in KEPT]:
        del os.environ[name]
    if "ZENML_LOGGING_VERBOSITY" not in os.environ:
        # ZenML logs a lot, and logs exceptions with a traceback although it also raises them.
        os.environ["ZENML_LOGGING_VERBOSITY"] = "WARNING"
        logging.getLogger("zenml").setLevel(logging.CRITICAL)


def _set_variables(home: Path, source_root: Path, **store: str) -> None:
    os.environ.update(
        store,
        ZENML_CONFIG_PATH=str(home),
        # Without it, ZenML uses the first `.zen` folder that it finds in the parent folders.
        ZENML_REPOSITORY_PATH=str(source_root),
        ZENML_CUSTOM_SOURCE_ROOT=str(source_root),
        ZENML_ANALYTICS_OPT_IN="false",
        ZENML_DISABLE_INTERACTIVE_INPUT="true",
        ZENML_AUTO_OPEN_DASHBOARD="false",
        ZENML_ENABLE_RICH_TRACEBACK="false",
        # The stages log to the terminal and to their records.
        ZENML_DISABLE_STEP_LOGS_STORAGE="true",
        ZENML_DISABLE_PIPELINE_LOGS_STORAGE="true",
        UV_NO_CACHE="true",  # ZenML only asks uv which packages are installed
    )
