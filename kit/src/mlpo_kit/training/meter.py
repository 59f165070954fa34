"""How well a stage used its device.

torch asks NVML, NVIDIA's own library, in which share of the time a kernel ran on a GPU; a CPU's
share is the time that its cores computed.
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

PERIOD = 0.2  # seconds between two looks at a GPU


@contextmanager
def meter_usage(
    device: torch.device, cores: int = 1, gpus: int = 1
) -> Iterator[Callable[[float], Usage]]:
    """Watch a device; what is yielded tells how well it was used so far.

    It takes the seconds that were waited for rows. Of `gpus` that do the same, one stands for all.
    """
    gpus = gpus if device.type == "cuda" else 0
    began, computed, looks = time.perf_counter(), time.process_time(), list[float]()
    look = find_gpu_look(device) if gpus else None
    done = threading.Event()

    def watch(look: Callable[[], float]) -> None:
        while not done.wait(PERIOD):
            looks.append(look())

    def usage(waited: float) -> Usage:
        seconds = max(time.perf_counter() - began, 1e-9)
        if gpus:
            share = sum(looks) / len(looks) if looks else None
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
    if look is not None:
        threading.Thread(target=watch, args=[look], daemon=True).start()
    try:
        yield usage
    finally:
        done.set()


def find_gpu_look(device: torch.device) -> Callable[[], float] | None:
    """Find what tells the share of the last moments in which a kernel ran.

    None where NVML can't tell, as with a part of a GPU (MIG).
    """
    try:
        torch.cuda.utilization(device)
    except Exception:  # no such package, or one of NVML's many reasons
        return None
    return lambda: torch.cuda.utilization(device) / 100
