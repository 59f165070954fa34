"""Check a run configuration in YAML for names that ZenML ignores or that belong elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import reduce
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from zenml.config import DockerSettings
from zenml.config.pipeline_run_configuration import PipelineRunConfiguration
from zenml.config.retry_config import StepRetryConfig
from zenml.config.step_configurations import StepConfigurationUpdate

from mlpo_kit.config.documents import merge
from mlpo_kit.errors import suggest

RUN = frozenset({"environment", "extra", "retry", "secrets", "settings", "steps", "tags"})
STEP = frozenset({"environment", "extra", "retry", "secrets", "settings"})
REFUSED = {
    "cache_policy": "ZenML's cache does not see changes in the modules that a step imports",
    "enable_cache": "ZenML's cache does not see changes in the modules that a step imports",
    "model": "every run would create a version, good or not; the register step creates it",
    "parameters": "the settings of a run are in configs/",
    "resources": "set them in `resources` of the profile in configs/",
    "run_name": "each run needs a name of its own",
}
KUBERNETES = {
    "affinity": "V1Affinity",
    "env": "V1EnvVar",
    "env_from": "V1EnvFromSource",
    "tolerations": "V1Toleration",
    "volumes": "V1Volume",
    "volume_mounts": "V1VolumeMount",
}
Document = dict[str, Any]


def find_problems(file: Path, known: Collection[str], derived: Document | None = None) -> list[str]:
    """Find everything that is wrong with a run configuration; return a sentence for each problem.

    `known` are the names of the steps. `derived` is the configuration that follows from profile
    and cluster: it would silently override values in the file, so such values are problems.
    """
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        return [f"it is not valid YAML: {error}"]
    if not isinstance(document, dict):
        return ["it must consist of `name: value` lines"]
    return [*_check_run(document, known), *_check_overridden(document, derived or {})]


def _check_overridden(document: Document, derived: Document) -> Iterator[str]:
    """Find values in the file that the derived configuration would override."""
    steps = {name: step["settings"] for name, step in derived.get("steps", {}).items()}
    of_run = derived.get("settings", {})
    of_all = reduce(merge, steps.values(), of_run)
    yield from _find_overridden(document, of_all, "")
    for name, step in _as_mapping(document.get("steps")).items():
        yield from _find_overridden(step, merge(of_run, steps.get(name, {})), f"steps.{name}.")


def _find_overridden(document: Any, derived: Document, place: str) -> Iterator[str]:
    for kind, values in _as_mapping(_as_mapping(document).get("settings")).items():
        derived_values = derived.get(kind.partition(".")[0])  # or orchestrator.kubernetes
        if kind not in REFUSED:
            yield from _compare(values, derived_values, f"{place}settings.{kind}")


def _compare(value: Any, derived: Any, place: str) -> Iterator[str]:
    if isinstance(value, dict) and isinstance(derived, dict):
        for name in value:
            if name in derived:
                yield from _compare(value[name], derived[name], f"{place}.{name}")
    elif derived is not None:
        yield f"{place}: not here: it follows from deploy/cluster.yaml and the profile"


def _check_run(document: Document, known: Collection[str]) -> Iterator[str]:
    yield from _check_names(document, "", RUN, PipelineRunConfiguration)
    yield from _check_settings(document, "")
    yield from _check_retry(document, "")
    for name, step in _as_mapping(document.get("steps")).items():
        if name not in known:
            yield f"steps.{name}: there is no such step{_suggest(name, known)}"
            continue
        place = f"steps.{name}."
        yield from _check_names(_as_mapping(step), place, STEP, StepConfigurationUpdate)
        yield from _check_settings(_as_mapping(step), place)
        yield from _check_retry(_as_mapping(step), place)
    yield from _check_values(PipelineRunConfiguration, document, "")


def _check_settings(document: Document, place: str) -> Iterator[str]:
    for kind, values in _as_mapping(document.get("settings")).items():
        here = f"{place}settings.{kind}"
        if kind == "docker":
            yield from _check_model(DockerSettings, _as_mapping(values), here)
        elif kind in ("orchestrator", "orchestrator.kubernetes"):
            from zenml.integrations.kubernetes.flavors import KubernetesOrchestratorSettings

            yield from _check_model(KubernetesOrchestratorSettings, _as_mapping(values), here)
        elif kind in REFUSED:
            yield f"{here}: not here: {REFUSED[kind]}"
        else:
            yield f"{here}: not known; there is: docker, orchestrator"


def _check_retry(document: Document, place: str) -> Iterator[str]:
    yield from _check_model(StepRetryConfig, _as_mapping(document.get("retry")), f"{place}retry")


def _check_model(model: type[BaseModel], values: Document, place: str) -> Iterator[str]:
    """Find names that the model or its parts do not have, and values that it does not accept."""
    yield from _check_names(values, f"{place}.", frozenset(model.model_fields), model)
    for name, value in values.items():
        field = model.model_fields.get(name)
        kinds = [] if field is None else [field.annotation, *get_args(field.annotation)]
        nested = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if nested and isinstance(value, dict):
            yield from _check_model(nested[0], value, f"{place}.{name}")
        elif name in KUBERNETES and field is not None:
            yield from _check_kubernetes(KUBERNETES[name], value, f"{place}.{name}")
    yield from _check_values(model, values, f"{place}.")


def _check_kubernetes(kind: str, value: Any, place: str) -> Iterator[str]:
    """Find names that a Kubernetes object, or each object of a list, does not have."""
    from zenml.integrations.kubernetes.serialization_utils import deserialize_kubernetes_model

    for item in value if isinstance(value, list) else [value]:
        try:
            deserialize_kubernetes_model(_as_mapping(item), kind)
        except KeyError as error:
            yield f"{place}: {error.args[0]}"


def _check_names(
    document: Document, place: str, allowed: frozenset[str], model: Any
) -> Iterator[str]:
    for name in document:
        if name in allowed:
            continue
        if name in REFUSED:
            yield f"{place}{name}: not here: {REFUSED[name]}"
        elif name in model.model_fields:
            yield f"{place}{name}: the pipeline decides this, in pipeline/training.py"
        else:
            yield f"{place}{name}: not known{_suggest(name, allowed)}"


def _check_values(model: type[BaseModel], document: Document, place: str) -> Iterator[str]:
    try:
        model.model_validate(document)
    except ValidationError as error:
        for problem in error.errors():
            yield f"{place}{'.'.join(map(str, problem['loc']))}: {problem['msg']}"


def _as_mapping(value: Any) -> Document:
    """Return a mapping unchanged, and {} for anything else, which `_check_values` reports."""
    return value if isinstance(value, dict) else {}


def _suggest(name: Any, known: Collection[str]) -> str:
    """Return the end of a message about an unknown name: the nearest known name, or all names."""
    return suggest(str(name), known) or f"; there is: {', '.join(sorted(known))}"
