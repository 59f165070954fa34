"""Measure how well a stage used its device.

For a GPU, torch asks NVML, NVIDIA's library, for the share of the time in which a kernel ran. For a
CPU, the share is the process's CPU time divided by wall time and cores.
"""

from __future__ import annotations

import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from mlpo_kit.runs.usage import Usage
from mlpo_kit.training.device import describe_device

PERIOD = 0.2  # seconds between two samples of a GPU


@contextmanager
def meter_usage(
    device: torch.device, cores: int = 1, gpus: int = 1
) -> Iterator[Callable[[float], Usage]]:
    """Meter a device; yields a function that returns its usage so far.

    The function takes the seconds spent waiting for rows. If `gpus` GPUs do the same work, only
    `device` is metered, and it stands for all.
    """
    gpus = gpus if device.type == "cuda" else 0
    began, computed, samples = time.perf_counter(), time.process_time(), list[float]()
    read_share = find_gpu_reader(device) if gpus else None
    done = threading.Event()

    def sample(read_share: Callable[[], float]) -> None:
        while not done.wait(PERIOD):
            samples.append(read_share())

    def measure_usage(waited: float) -> Usage:
        seconds = max(time.perf_counter() - began, 1e-9)
        if gpus:
            share = sum(samples) / len(samples) if samples else None
            peak = torch.cuda.max_memory_allocated(device)
        else:
            share = (time.process_time() - computed) / seconds / cores
            unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return Usage(
            device=describe_device(device),
            gpus=gpus,
            seconds=round(seconds, 3),
            busy_share=None if share is None else round(min(share, 1.0), 3),
            waiting_share=round(min(waited / seconds, 1.0), 3),
            peak_memory=peak,
        )

    if gpus:
        torch.cuda.reset_peak_memory_stats(device)
    if read_share is not None:
        threading.Thread(target=sample, args=[read_share], daemon=True).start()
    try:
        yield measure_usage
    finally:
        done.set()


def find_gpu_reader(device: torch.device) -> Callable[[], float] | None:
    """Find a function that reads the share of the last moments in which a kernel ran.

    None if NVML does not support the device, for example a partition of a GPU (MIG).
    """
    try:
        torch.cuda.utilization(device)
    except Exception:  # the package is missing, or one of NVML's many errors
        return None
    return lambda: torch.cuda.utilization(device) / 100
