"""The steps that ask for GPUs, whatever the SDK."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from mlpo_cli.check.kfp import find_component_call, find_task
from mlpo_cli.check.module import FUNCTIONS, Definition, Module
from mlpo_cli.check.values import find_assigned, find_constant, find_text, get_argument

MOST_LINKS = 100  # of one chain of calls
COUNTS = ("set_gpu_limit", "set_accelerator_limit")
GPU_TYPES = ("nvidia", "amd.com", "gpu", "tesla")
RESOURCES = (
    "zenml.config.ResourceSettings",
    "zenml.config.resource_settings.ResourceSettings",
)
DOCKER = ("zenml.config.DockerSettings", "zenml.config.docker_settings.DockerSettings")


@dataclass(frozen=True)
class GpuStep:
    """A function that runs as a step with GPUs.

    `request` is where the checked module asks for them: a node, or a pair of offsets. `image` and
    `packages` are what is named there for the step's environment.
    """

    definition: Definition
    request: ast.expr | tuple[int, int]
    image: str
    packages: tuple[str, ...]


def list_gpu_steps(module: Module) -> list[GpuStep]:
    """Return the steps for which a module asks for one GPU or more.

    A number that the code does not say is left out: it may be 0.
    """
    if "gpu steps" not in module.memory:
        found = [*_list_decorated(module), *_list_configured(module), *_list_tasks(module)]
        module.memory["gpu steps"] = found
    return module.memory["gpu steps"]  # type: ignore[no-any-return]


def _is_positive(module: Module, node: ast.expr | None) -> bool:
    value = find_constant(module, node)
    return (isinstance(value, int) and value > 0) or (
        isinstance(value, str) and value.isascii() and value.isdigit() and value.strip("0") != ""
    )


def _list_decorated(module: Module) -> Iterator[GpuStep]:
    """Yield the steps of Metaflow and of ZenML: their decorators ask for GPUs."""
    for function in module.functions:
        calls = {name: call for name, _, call in module.list_decorators(function) if call}
        requests = [
            (name, get_argument(call, "gpu"))
            for name, call in calls.items()
            if name in ("metaflow.batch", "metaflow.kubernetes", "metaflow.resources")
        ]
        settings = _read_settings(module, calls.get("zenml.step"))
        resources = settings.get("resources")
        if resources is not None and module.resolve(resources.func) in RESOURCES:
            requests.append(("zenml.step", get_argument(resources, "gpu_count")))
        for _, request in requests:
            if request is not None and _is_positive(module, request):
                image = _find_image(module, calls, settings)
                packages = tuple(_list_packages(module, calls, settings))
                yield GpuStep(Definition(module, function), request, image, packages)
                break


def _list_configured(module: Module) -> Iterator[GpuStep]:
    """Yield the steps of ZenML for which `step.with_options(settings=...)` asks for GPUs."""
    for call, attribute in module.list_method_calls("with_options", "configure"):
        definition = module.find_definition(attribute.value)
        settings = _read_settings(module, call)
        resources = settings.get("resources")
        if definition is None or not isinstance(definition.node, FUNCTIONS):
            continue
        if resources is None or module.resolve(resources.func) not in RESOURCES:
            continue
        names = {name for name, _, _ in definition.module.list_decorators(definition.node)}
        request = get_argument(resources, "gpu_count")
        if request is not None and "zenml.step" in names and _is_positive(module, request):
            image = _find_image(module, {}, settings)
            packages = tuple(_list_packages(module, {}, settings))
            yield GpuStep(definition, request, image, packages)


def _read_settings(module: Module, call: ast.Call | None) -> dict[str, ast.Call]:
    """Return the calls that make the settings of a step of ZenML, by key."""
    settings = get_argument(call, "settings") if call else None
    found = find_assigned(module, settings)
    value = found[1] if found and found[0] is module else settings
    calls: dict[str, ast.Call] = {}
    if not isinstance(value, ast.Dict):
        return calls
    for key, inner in zip(value.keys, value.values, strict=True):
        assigned = find_assigned(module, inner)
        made = assigned[1] if assigned and assigned[0] is module else inner
        name = find_constant(module, key)
        if isinstance(name, str) and isinstance(made, ast.Call):
            calls[name] = made
    return calls


def _find_image(module: Module, calls: dict[str, ast.Call], settings: dict[str, ast.Call]) -> str:
    """Return the image that the decorators of a step name; empty if they name none."""
    nodes = [get_argument(calls[n], "image") for n in calls if n.startswith("metaflow.")]
    docker = settings.get("docker")
    if docker is not None and module.resolve(docker.func) in DOCKER:
        nodes.append(get_argument(docker, "parent_image"))
    return next((text for text in (find_text(module, node) for node in nodes) if text), "")


def _list_packages(
    module: Module, calls: dict[str, ast.Call], settings: dict[str, ast.Call]
) -> Iterator[str]:
    """Yield the packages that the decorators of a step name, as `name==version`."""
    for name in ("metaflow.pypi", "metaflow.conda"):
        for keyword in ("packages", "libraries"):
            node = get_argument(calls[name], keyword) if name in calls else None
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    yield f"{find_constant(module, key)}=={find_constant(module, value)}"
    docker = settings.get("docker")
    if docker is not None and module.resolve(docker.func) in DOCKER:
        yield from _read_list(module, get_argument(docker, "requirements"))


def _read_list(module: Module, node: ast.expr | None) -> Iterator[str]:
    found = find_assigned(module, node)
    value = found[1] if found else node
    for element in value.elts if isinstance(value, (ast.List, ast.Tuple)) else ():
        text = find_text(module, element)
        if text:
            yield text


def _list_tasks(module: Module) -> Iterator[GpuStep]:
    """Yield the components of KFP whose tasks ask for GPUs."""
    for call, attribute in module.list_method_calls(*COUNTS):
        count = get_argument(call, "limit", 0) or get_argument(call, "gpu")
        definition = _find_component(module, attribute)
        if definition is None or not _is_positive(module, count):
            continue
        task = find_task(module, call)
        if attribute.attr != "set_gpu_limit" and not _names_gpu(module, task.methods):
            continue
        component = find_component_call(definition.module, definition.node)  # type: ignore[arg-type]
        image = get_argument(component, "base_image") if component else None
        set_image = task.methods.get("set_container_image")
        set_text = find_text(module, get_argument(set_image, "name", 0)) if set_image else None
        text = set_text if set_image else find_text(definition.module, image)
        packages = [
            text
            for keyword in ("packages_to_install", "pip_index_urls")
            for text in _read_list(
                definition.module, get_argument(component, keyword) if component else None
            )
        ]
        yield GpuStep(definition, module.span_name(attribute), text or "", tuple(packages))


def _names_gpu(module: Module, methods: dict[str, ast.Call]) -> bool:
    """Whether the type of a task's accelerators is one of GPUs, and not of TPUs."""
    call = methods.get("set_accelerator_type")
    text = find_text(module, get_argument(call, "accelerator", 0)) if call else None
    return text is not None and any(word in text.lower() for word in GPU_TYPES)


def _find_component(module: Module, attribute: ast.Attribute) -> Definition | None:
    """Return the Python function whose task a method is called on."""
    node: ast.expr = attribute.value
    for _ in range(MOST_LINKS):
        if isinstance(node, ast.Name):
            found = find_assigned(module, node)
            if found is None or found[0] is not module:
                return None
            node = found[1]
        elif isinstance(node, ast.Call):
            definition = module.find_definition(node.func)
            if definition and isinstance(definition.node, FUNCTIONS):
                is_component = any(
                    name in ("kfp.dsl.component", "kfp.v2.dsl.component")
                    for name, _, _ in definition.module.list_decorators(definition.node)
                )
                return definition if is_component else None
            node = node.func
        elif isinstance(node, ast.Attribute):
            node = node.value
        else:
            return None
    return None
