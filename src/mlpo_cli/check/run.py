"""Check files on the disk: with results of earlier runs, and in several processes if that pays."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlpo_cli.check.cache import Cache, Done, Key
from mlpo_cli.check.engine import NOTHING, Result, check_data, is_relevant
from mlpo_cli.check.repair import Version
from mlpo_cli.check.source import TooLargeError, check_size, find_kind
from mlpo_cli.check.tree import Tree
from mlpo_cli.check.walk import Configs, name_file

PARALLEL_BYTES = 1_000_000  # for less, starting processes takes longer than they save
MOST_PROCESSES = 8
MOST_SEARCHED = 16 * 1024 * 1024  # bytes of a file that is too large, for whether it matters


@dataclass(frozen=True)
class Job:
    """A file to check: where it is, how it is shown, what it holds, for which Python."""

    path: Path
    name: str
    kind: str
    data: bytes
    target: Version

    @property
    def key(self) -> Key:
        """What its result depends on, besides what it imports."""
        digest = hashlib.sha256(self.data).hexdigest()
        return self.name, digest, "{}.{}".format(*self.target)


def check_files(paths: Sequence[Path], configs: Configs) -> Iterator[tuple[Path, Result]]:
    """Yield the result for each file, in order. It holds all findings, whatever the configuration.

    Only files that may use an SDK are read further.
    """
    tree = Tree()
    cache: Cache | None = None
    results: dict[Path, Result] = {}
    jobs: list[Job] = []
    for path in paths:
        job = read_job(path, configs.find(path.parent).target)
        if isinstance(job, Result):
            results[path] = job
            continue
        cache = cache or Cache(Path.cwd(), tree)
        known = cache.get(path, job.key)
        if known is None:
            jobs.append(job)
        else:
            results[path] = known
    for job, done in zip(jobs, _check_jobs(jobs, tree), strict=True):
        results[job.path] = done.result
        if cache is not None:
            cache.put(job.path, job.key, done)
    if cache is not None:
        cache.save()
    yield from ((path, results[path]) for path in paths)


def read_job(path: Path, target: Version) -> Job | Result:
    """Read a file, or return the result for one that is not checked further."""
    kind = find_kind(path.name) or "python"
    try:
        size = path.stat().st_size
        if size > MOST_SEARCHED:
            check_size(size, kind)
        data = path.read_bytes()
        if not is_relevant(data, kind):
            return NOTHING
        check_size(size, kind)
    except TooLargeError as error:
        return Result(skipped=str(error))
    except OSError as error:
        return Result(skipped=f"not readable: {error.strerror}")
    return Job(path, name_file(path), kind, data, target)


def check_job(job: Job, tree: Tree) -> Done:
    """Check a file."""
    tree.start_file()
    result = check_data(job.data, job.name, job.kind, job.path, tree, job.target)
    reads = {str(path): tree.hash_file(path) for path in tree.reads}
    return Done(result, reads, sorted(tree.misses))


def _check_jobs(jobs: Sequence[Job], tree: Tree) -> Iterable[Done]:
    processes = min(os.cpu_count() or 1, MOST_PROCESSES)
    if processes == 1 or sum(len(job.data) for job in jobs) < PARALLEL_BYTES:
        return [check_job(job, tree) for job in jobs]
    from concurrent.futures import ProcessPoolExecutor

    size = max(1, len(jobs) // (processes * 4))
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(_check_in_process, jobs, chunksize=size))


_TREES: list[Tree] = []  # of a process: it remembers the modules that it has read


def _check_in_process(job: Job) -> Done:
    if not _TREES:
        _TREES.append(Tree())
    done = check_job(job, _TREES[0])
    return replace(done, result=replace(done.result, source=None))
