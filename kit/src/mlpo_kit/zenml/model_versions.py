"""Keep a model version in ZenML for each version in the registry, linked to its weights.

The registry (MLflow) decides which version is the champion. ZenML's version only records the
origin and has no stage, so the two can't disagree.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from zenml import Model, get_step_context, link_artifact_to_model, log_metadata
from zenml.client import Client
from zenml.exceptions import EntityExistsError

from mlpo_kit.store.base import Ref

WEIGHTS, THERE, PRUNED = "weights", "there", "pruned"  # metadata of a version: key and values


def name_version(number: int, digest: str) -> str:
    """Name ZenML's version by the registry's number and the start of the weights' SHA-256."""
    return f"v{number}-{digest[:12]}"


def link_model_version(
    name: str,
    number: int,
    model: Ref,
    metrics: Mapping[str, float],
    dataset_version: str | None,
    run_id: str,
    input_name: str | None,
) -> None:
    """Link the registered model's version in ZenML to the step's input with the weights.

    The version is created if it does not exist. `name` and `number` are the registry's;
    `input_name` is the step's input that holds the weights, or None.
    """
    client, version = Client(), name_version(number, model.sha256)
    try:
        existing = client.get_model_version(name, version)
        if existing.run_metadata.get(WEIGHTS) == PRUNED:
            note_weights(THERE, name, version)
    except KeyError:
        _create_version(client, name, version)
        log_metadata(
            metadata={
                "registry_version": number,
                "digest": model.sha256,
                "dataset_version": dataset_version or "unknown",
                "run_id": run_id,
                WEIGHTS: THERE,
                **metrics,
            },
            model_name=name,
            model_version=version,
        )
    if input_name is not None:
        (artifact,) = get_step_context().inputs[input_name]
        link_artifact_to_model(artifact, model=Model(name=name, version=version))


def note_weights(state: str, model: str, version: str) -> None:
    """Record in a version's metadata whether its weights are there or pruned."""
    log_metadata(metadata={WEIGHTS: state}, model_name=model, model_version=version)


def _create_version(client: Client, model: str, version: str) -> None:
    """Create the model and its version, unless another run creates them at the same time."""
    with suppress(EntityExistsError):
        client.create_model(model)
    with suppress(EntityExistsError):
        client.create_model_version(model, name=version)
