"""Choose and prepare the device and the precision of the computation."""

from __future__ import annotations

import os
import platform
import shutil

import torch

from mlpo_kit.errors import PipelineError


def choose_device(device: str, number: int = 0, of: int = 1) -> torch.device:
    """Choose the device for a setting, for process `number` `of` several on this machine.

    `auto` takes the best available device. Raises PipelineError if the device is not available or
    there are fewer GPUs than processes, so that nothing trains for hours on a CPU by mistake.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        device = next(name for name, is_present in present.items() if is_present)
    if not present[device]:
        available = ", ".join(name for name, is_present in present.items() if is_present)
        raise PipelineError(
            f"the settings ask for device {device!r}, which torch {torch.__version__} does not "
            f"find here; it finds: {available}. Use `device: auto`, or install the build of torch "
            "for your GPU with `make setup`."
        )
    if device == "cuda":
        if torch.cuda.device_count() < of:
            raise PipelineError(
                f"train.processes is {of}, one for each GPU, but there are "
                f"{torch.cuda.device_count()} GPUs here"
            )
        torch.cuda.set_device(number)
        return torch.device(device, number)
    return torch.device(device)


def describe_device(device: torch.device) -> str:
    """Describe a device for people, such as `cuda: NVIDIA H100`."""
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    return f"{device.type}: {platform.processor() or platform.machine()}"


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """Choose the data type that a network computes in; its weights are always float32.

    `auto` is bfloat16 on GPUs that support it, float16 on other GPUs, float32 elsewhere.
    """
    if wanted != "auto":
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[wanted]
    if device.type != "cuda":
        return torch.float32
    emulated = {"including_emulation": False}
    return torch.bfloat16 if torch.cuda.is_bf16_supported(**emulated) else torch.float16


def prepare_device(device: torch.device, threads: int) -> None:
    """Set torch up: for bit-identical results on a CPU, for speed on a GPU."""
    torch.set_num_threads(threads)
    on_gpu = device.type == "cuda"
    torch.use_deterministic_algorithms(not on_gpu, warn_only=True)
    torch.backends.cudnn.benchmark = on_gpu  # the shapes never change
    torch.backends.cudnn.allow_tf32 = True
    torch.set_float32_matmul_precision("high" if on_gpu else "highest")


def prepare_exact_device() -> None:
    """Set torch up to compute as precisely on a GPU as on a CPU, so that predictions agree."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.benchmark = False
    torch.set_float32_matmul_precision("highest")


def check_compiler() -> None:
    """Raise PipelineError if the C++ compiler that torch.compile needs is missing."""
    names = [os.environ.get("CXX", "g++"), "clang++"]
    if not any(shutil.which(name) for name in names):
        raise PipelineError(
            "train.compile needs a C++ compiler, but there is neither g++ nor clang++ here: "
            "install one, or set `compile: false`"
        )
