"""The real ZenML server of the kit's tests, for the tests of generated projects."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

FILE = Path(__file__).parents[1] / "kit" / "tests" / "zenml" / "zenml_server.py"
_spec = spec_from_file_location("kit_zenml_server", FILE)
assert _spec is not None and _spec.loader is not None
_module = module_from_spec(_spec)
_spec.loader.exec_module(_module)

serving = _module.serving
