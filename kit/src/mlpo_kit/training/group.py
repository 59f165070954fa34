"""The group of processes that train one model together."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from mlpo_kit.training.device import choose_device


@dataclass(frozen=True)
class Group:
    """This process and its place among the processes of one training; rank 0 of 1 if alone."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes results and logs."""
        return self.rank == 0

    def share(self, model: nn.Module) -> nn.Module:
        """Wrap a model so that its gradients are averaged over the group.

        On GPUs, batch normalization also covers the group, so the result does not depend on the
        number of GPUs. torch supports this on no other device, and it synchronizes with the GPU.
        """
        if self.size == 1:
            return model
        if self.device.type == "cuda":
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
            return DistributedDataParallel(model, device_ids=[self.device.index])
        return DistributedDataParallel(model)

    def own(self, rows: Tensor) -> Tensor:
        """Return this process's share of a batch's rows."""
        return rows[self.rank :: self.size]

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over the group."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values


@contextmanager
def join_group(device: str, timeout: float) -> Iterator[Group]:
    """Join the group of processes that torchrun started.

    A process that waits for another for longer than `timeout` seconds fails with an error.
    """
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    local_size = int(os.environ["LOCAL_WORLD_SIZE"])
    chosen = choose_device(device, int(os.environ["LOCAL_RANK"]), local_size)
    on_gpu = chosen.type == "cuda"
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo",
        timeout=timedelta(seconds=timeout),
        device_id=chosen if on_gpu else None,
    )
    yield Group(chosen, rank, size)
    # Not after an error: with NCCL the processes would wait for each other forever.
    distributed.barrier()  # no process leaves while another still needs it
    distributed.destroy_process_group()
