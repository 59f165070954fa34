"""The rows of a split as batches on the device.

Rows wait on the device where they fit, and otherwise in the dataset's memory-mapped file: then
threads gather the next batches while the device computes, into memory from which the device copies
by itself. Threads, as unlike the processes of a DataLoader they need no shared memory, of which a
container has 64 MiB unless told otherwise.
"""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from mlpo_kit.training.splits import Split

AHEAD = 4  # batches that are being gathered
SHARE = 0.5  # of the device's free memory that rows may take

Batch = tuple[Tensor, Tensor]


class Batches:
    """The rows of a split: samples as they are in the file, and their targets."""

    def __init__(self, split: Split, device: torch.device, where: str, threads: int = 2) -> None:
        """Bring the rows to the device if `where` is `device`, or is `auto` and they fit.

        A CPU reads them where they are, in the memory-mapped file.
        """
        self.resident = where == "device" or (where == "auto" and fits(split.nbytes, device))
        self.device = device
        self.waited = 0.0  # seconds that the device was given nothing to do for lack of rows
        self._threads = threads
        self._split = split
        self._side = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            self._x = torch.from_numpy(split.all_samples)
            # Where a row is in `_x`, by its number in the split; None: in the same place.
            self._places: Tensor | None = torch.from_numpy(split.rows)
        self._y = torch.from_numpy(split.targets)
        if self.resident and device.type != "cpu":
            self._x, self._places = self._copy_samples(), None
            self._y = self._y.to(device)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._split)

    @property
    def where(self) -> str:
        """Where the rows wait, for people."""
        size = f"{self._split.nbytes / 2**20:,.1f} MiB"
        if not self.resident:
            return f"{size} streamed from the disk"
        return f"{size} in memory" if self.device.type == "cpu" else f"{size} on the device"

    def take(self, batches: Sequence[Tensor]) -> Iterator[Batch]:
        """Samples and labels of each batch of row numbers, in this order, on the device."""
        return self._take_resident(batches) if self.resident else self._stream(batches)

    def _copy_samples(self) -> Tensor:
        """The split's samples on the device: through memory goes a part at a time."""
        shape = (len(self._split), *self._split.shape)
        samples = torch.empty(shape, dtype=self._x.dtype, device=self.device)
        for part in self._split.split_rows():
            samples[part] = torch.from_numpy(self._split.read_samples(part)).to(self.device)
        return samples

    def _take_resident(self, batches: Sequence[Tensor]) -> Iterator[Batch]:
        rows = torch.cat(list(batches)) if batches else torch.empty(0, dtype=torch.int64)
        rows = rows.to(self.device)
        for part in torch.split(rows, [len(batch) for batch in batches]):
            places = part if self._places is None else self._places[part]
            yield self._x[places], self._y[part]

    def _stream(self, batches: Sequence[Tensor]) -> Iterator[Batch]:
        side, on_gpu = self._side, self._side is not None

        def gather(rows: Tensor) -> Batch:
            shape = (len(rows), *self._split.shape)
            x = torch.empty(shape, dtype=self._x.dtype, pin_memory=on_gpu)
            places = self._split.rows[rows.numpy()]
            # Not torch's: each thread would start as many again as compute.
            np.take(self._split.all_samples, places, axis=0, out=x.numpy(), mode="clip")
            y = self._y[rows]
            return x, (y.pin_memory() if on_gpu else y)

        with ThreadPoolExecutor(self._threads) as pool:
            jobs = deque(pool.submit(gather, rows) for rows in batches[:AHEAD])
            for number in range(len(batches)):
                began = time.perf_counter()
                x, y = jobs.popleft().result()
                self.waited += time.perf_counter() - began
                if number + AHEAD < len(batches):
                    jobs.append(pool.submit(gather, batches[number + AHEAD]))
                with torch.cuda.stream(side):  # the device copies beside what it computes
                    batch = (
                        x.to(self.device, non_blocking=True),
                        y.to(self.device, non_blocking=True),
                    )
                if side is not None:
                    now = torch.cuda.current_stream(self.device)
                    now.wait_stream(side)
                    for tensor in batch:
                        tensor.record_stream(now)
                yield batch


def fits(size: int, device: torch.device) -> bool:
    """Whether `size` bytes leave the device room to compute. A CPU reads the file as it is."""
    if device.type != "cuda":
        return True
    free: int = torch.cuda.mem_get_info(device)[0]
    return size <= free * SHARE


def shuffle_batches(rows: int, size: int, seed: int, epoch: int, parts: int = 1) -> list[Tensor]:
    """An epoch's batches of row numbers, all of one size that `parts` divides; a rest stays out.

    The order depends on seed and epoch alone, on every device and whatever was done before.
    """
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(mix_seeds(seed, epoch)))
    size = min(size - size % parts, rows - rows % parts)
    return list(torch.split(order[: rows - rows % size], size))


def mix_seeds(*numbers: int) -> int:
    """Make one seed out of several numbers, of which each counts."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
