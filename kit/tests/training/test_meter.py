"""The meter tells how busy a device was."""

from __future__ import annotations

import time

import pytest
import torch

from mlpo_kit.training.meter import meter_usage


@pytest.mark.slow
def test_a_cpu_is_busy_while_its_cores_compute() -> None:
    with meter_usage(torch.device("cpu")) as usage:
        time.sleep(0.3)
        idle = usage(0.15)
    with meter_usage(torch.device("cpu")) as usage:
        end = time.process_time() + 0.3
        while time.process_time() < end:
            pass
        busy = usage(0.0)
    assert idle.busy_share is not None
    assert busy.busy_share is not None
    assert idle.busy_share < 0.1 < busy.busy_share
    assert 0.3 < idle.waiting_share <= 0.5
    assert idle.gpus == 0
    assert idle.peak_memory > 2**20
