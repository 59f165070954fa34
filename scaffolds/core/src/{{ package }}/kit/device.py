"""Which device does the work. Managed by mlpo."""

from __future__ import annotations

import platform

import torch

from .errors import PipelineError


def choose(device: str) -> torch.device:
    """The device that a setting asks for; `auto` takes the best one there is.

    Raises PipelineError when the device that was asked for is not there, so that nothing
    trains for hours on a CPU by mistake.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return torch.device(next(name for name, here in present.items() if here))
    if not present[device]:
        found = ", ".join(name for name, here in present.items() if here)
        raise PipelineError(
            f"the settings ask for device {device!r}, which torch {torch.__version__} does not "
            f"find here; it finds: {found}. Use `device: auto`, or install the build of torch "
            "for your GPU with `make setup`."
        )
    return torch.device(device)


def describe(device: torch.device) -> str:
    """A name for people, such as `cuda: NVIDIA H100`."""
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    return f"{device.type}: {platform.processor() or platform.machine()}"
