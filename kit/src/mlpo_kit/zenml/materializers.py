"""How a reference into the store becomes a ZenML artifact: one line of JSON, no pickle.

ZenML finds the materializer by the type it is registered for, once this module is imported.
"""

import json
from dataclasses import asdict
from typing import Any, ClassVar

from zenml.config.source import DistributionPackageSource, SourceType
from zenml.enums import ArtifactType
from zenml.materializers.base_materializer import BaseMaterializer

from mlpo_kit.store.base import Ref


class RefMaterializer(BaseMaterializer):
    """Keeps where a payload is, its SHA-256 and its size; the payload stays in the store."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Ref,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.DATA

    @property
    def _path(self) -> str:
        return f"{self.uri}/reference.json"  # no path: s3://bucket would lose a slash

    def save(self, data: Ref) -> None:
        """Write the reference."""
        with self.artifact_store.open(self._path, "w") as file:
            file.write(json.dumps(asdict(data)))

    def load(self, data_type: type[Any]) -> Ref:
        """Read the reference back."""
        with self.artifact_store.open(self._path, "r") as file:
            return Ref(**json.loads(file.read()))

    def extract_metadata(self, data: Ref) -> dict[str, Any]:
        """What ZenML shows beside the artifact."""
        return asdict(data)

    def compute_content_hash(self, data: Ref) -> str:
        """Two references with the same hash stand for the same bytes."""
        return data.sha256


# Without a version: else ZenML warns of every artifact that another version of the kit made.
RefMaterializer.__zenml_source__ = DistributionPackageSource(  # type: ignore[attr-defined]
    module=__name__,
    attribute="RefMaterializer",
    type=SourceType.DISTRIBUTION_PACKAGE,
    package_name="mlpo-kit",
)
