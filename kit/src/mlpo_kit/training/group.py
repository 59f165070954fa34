"""The processes that train one model together."""

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
    """This process among those of one training. Alone it is rank 0 of 1."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    def share(self, model: nn.Module) -> nn.Module:
        """A model whose gradients are the mean over the group's.

        On GPUs batches are normalised over the group, too, so the result does not depend on how
        many there are; torch has that for no other device, and waits for the device to do it.
        """
        if self.size == 1:
            return model
        if self.device.type == "cuda":
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
            return DistributedDataParallel(model, device_ids=[self.device.index])
        return DistributedDataParallel(model)

    def own(self, rows: Tensor) -> Tensor:
        """This process's part of a batch's rows."""
        return rows[self.rank :: self.size]

    def total(self, values: Tensor) -> Tensor:
        """The sum over the group."""
        if self.size > 1:
            distributed.all_reduce(values)
        return values


@contextmanager
def join_group(device: str, timeout: float) -> Iterator[Group]:
    """Join the group that torchrun started this process for.

    Whoever waits for another for longer than `timeout` seconds gives up, with an error.
    """
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    chosen = choose_device(device, int(os.environ["LOCAL_RANK"]), here)
    on_gpu = chosen.type == "cuda"
    distributed.init_process_group(
        "nccl" if on_gpu else "gloo",
        timeout=timedelta(seconds=timeout),
        device_id=chosen if on_gpu else None,
    )
    yield Group(chosen, rank, size)
    # Not after an error: with NCCL that would wait for the others, who wait for this one.
    distributed.barrier()  # nobody leaves while another still needs it
    distributed.destroy_process_group()
