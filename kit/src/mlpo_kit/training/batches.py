"""Load the rows of a split as batches on the device.

If the rows fit, they are kept on the device. If not, they stay in the dataset's memory-mapped file,
and threads load the next batches into pinned memory while the device computes. Threads, unlike the
processes of a DataLoader, need no shared memory, of which a container has 64 MiB by default.
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

AHEAD = 4  # batches to prefetch
SHARE = 0.5  # of the device's free memory that the rows may use

Batch = tuple[Tensor, Tensor]


class Batches:
    """The rows of a split, as batches of samples (unchanged from the file) and targets."""

    def __init__(self, split: Split, device: torch.device, where: str, threads: int = 2) -> None:
        """Copy the rows to the device if `where` is `device`, or is `auto` and they fit.

        A CPU reads them directly from the memory-mapped file. `threads` stream rows otherwise.
        """
        self.resident = where == "device" or (where == "auto" and fits(split.nbytes, device))
        self.device = device
        self.waited = 0.0  # seconds spent waiting for rows
        self._threads = threads
        self._split = split
        self._side = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            self._x = torch.from_numpy(split.all_samples)
            # The position in `_x` of each row of the split; None if the positions are the same.
            self._places: Tensor | None = torch.from_numpy(split.rows)
        self._y = torch.from_numpy(split.targets)
        if self.resident and device.type != "cpu":
            self._x, self._places = self._copy_samples(), None
            self._y = self._y.to(device)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._split)

    @property
    def where(self) -> str:
        """The size of the rows and where they are kept, for people."""
        size = f"{self._split.nbytes / 2**20:,.1f} MiB"
        if not self.resident:
            return f"{size} streamed from the disk"
        return f"{size} in memory" if self.device.type == "cpu" else f"{size} on the device"

    def take(self, batches: Sequence[Tensor]) -> Iterator[Batch]:
        """Yield samples and targets of each batch of row numbers, in order, on the device."""
        return self._take_resident(batches) if self.resident else self._stream(batches)

    def _copy_samples(self) -> Tensor:
        """Copy the split's samples to the device, a part at a time to save memory."""
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
            # NumPy, because torch would start its own compute threads in each of these threads.
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
                with torch.cuda.stream(side):  # the device copies while it computes
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
    """Whether `size` bytes of rows fit on the device; always true on a CPU, which reads a file."""
    if device.type != "cuda":
        return True
    free: int = torch.cuda.mem_get_info(device)[0]
    return size <= free * SHARE


def shuffle_batches(rows: int, size: int, seed: int, epoch: int, parts: int = 1) -> list[Tensor]:
    """Return an epoch's batches of row numbers, all of one size that `parts` divides.

    Rows that do not fill a batch are left out. The order depends on seed and epoch only.
    """
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(mix_seeds(seed, epoch)))
    size = min(size - size % parts, rows - rows % parts)
    return list(torch.split(order[: rows - rows % size], size))


def mix_seeds(*numbers: int) -> int:
    """Combine several numbers into one seed."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
