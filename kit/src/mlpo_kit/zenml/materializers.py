"""Store references as ZenML artifacts: one line of JSON, without pickle.

Importing this module registers the materializer for `Ref`.
"""

import json
from dataclasses import asdict
from typing import Any, ClassVar

from zenml.config.source import DistributionPackageSource, SourceType
from zenml.enums import ArtifactType
from zenml.materializers.base_materializer import BaseMaterializer

from mlpo_kit.store.base import Ref


class RefMaterializer(BaseMaterializer):
    """Save and load a reference: URI, SHA-256 and size; the payload stays in the store."""

    ASSOCIATED_TYPES: ClassVar[tuple[type[Any], ...]] = (Ref,)
    ASSOCIATED_ARTIFACT_TYPE: ClassVar[ArtifactType] = ArtifactType.DATA

    @property
    def _path(self) -> str:
        return f"{self.uri}/reference.json"  # not Path, which would drop a slash of s3://bucket

    def save(self, data: Ref) -> None:
        """Write the reference."""
        with self.artifact_store.open(self._path, "w") as file:
            file.write(json.dumps(asdict(data)))

    def load(self, data_type: type[Any]) -> Ref:
        """Read the reference back."""
        with self.artifact_store.open(self._path, "r") as file:
            return Ref(**json.loads(file.read()))

    def extract_metadata(self, data: Ref) -> dict[str, Any]:
        """Return the metadata that ZenML shows with the artifact."""
        return asdict(data)

    def compute_content_hash(self, data: Ref) -> str:
        """Return the payload's SHA-256: equal hashes mean equal bytes."""
        return data.sha256


# Without a version, as ZenML would warn about artifacts from other versions of the kit.
RefMaterializer.__zenml_source__ = DistributionPackageSource(  # type: ignore[attr-defined]
    module=__name__,
    attribute="RefMaterializer",
    type=SourceType.DISTRIBUTION_PACKAGE,
    package_name="mlpo-kit",
)
