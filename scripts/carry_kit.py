"""Put the wheel of mlpo-kit into that of mlpo. Hatchling runs this hook when it builds mlpo."""

from __future__ import annotations

import runpy
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CarryKit(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the wheel of mlpo-kit to the data of mlpo.

    Not for an editable installation, which builds the kit's wheel when it is needed.
    """

    folder: str = ""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the kit's wheel from kit/, and add it to the files of mlpo's wheel."""
        if version == "editable":
            return
        kit = Path(self.root) / "kit"
        builder = runpy.run_path(str(kit / "src" / "mlpo_kit" / "setup" / "wheel_builder.py"))
        self.folder = tempfile.mkdtemp()
        wheel = builder["write_wheel"](kit, Path(self.folder))
        build_data["force_include"][str(wheel)] = f"mlpo_cli/_data/kit/{wheel.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Delete the temporary folder with the kit's wheel."""
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
