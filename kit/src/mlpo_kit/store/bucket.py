"""The store in a bucket: `storage_root: s3://bucket/prefix`.

fsspec does the talking, so any of its file systems that is installed will do. S3 and servers that
speak its protocol take what AWS's tools take: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the role of the machine.

A bucket has no locks. A stage that says `running` counts as alive until it is older than
`retention.max_run_hours`; and what is pruned is marked in one pass and deleted in a later one, so
that whoever was about to use it has said so by then.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped,unused-ignore]

from mlpo_kit.errors import IntegrityError, PipelineError
from mlpo_kit.store.base import SCHEME, SCRATCH, Item, Ref, Store, verify_content
from mlpo_kit.store.files import hash_file

for name in ("aiobotocore", "botocore"):  # they announce which credentials they found
    logging.getLogger(name).setLevel(logging.WARNING)


class BucketStore(Store):
    """A prefix in a bucket. Payloads pass through a scratch folder that goes with the process."""

    grace = 3600.0

    def __init__(self, url: str, dead_after: float) -> None:
        """Use `url`; a stage without an end is dead after `dead_after` seconds."""
        self.url = url.rstrip("/")
        self._dead_after = dead_after
        with self._explain_errors():
            self._fs, self._root = _connect(self.url, _endpoint())

    def read(self, key: str) -> bytes:
        """Get an object; raises FileNotFoundError."""
        with self._explain_errors():
            content: bytes = self._fs.cat_file(f"{self._root}/{key}")
        return content

    def write(self, key: str, content: bytes) -> None:
        """Put an object: whole, or not at all."""
        with self._explain_errors():
            self._fs.pipe_file(f"{self._root}/{key}", content)

    def files(self, prefix: str) -> Iterator[Item]:
        """List the objects under the prefix."""
        with self._explain_errors():
            found = self._fs.find(f"{self._root}/{prefix}", detail=True)
        below = f"{self._root}/{prefix}".rstrip("/") + "/"
        for path, facts in found.items():
            if not path.startswith(below):  # the object that is called so itself
                continue
            when = facts.get("LastModified") or facts.get("mtime")
            modified = when.timestamp() if hasattr(when, "timestamp") else float(when or 0)
            yield Item(path[len(self._root) + 1 :], int(facts["size"]), modified)

    def children(self, prefix: str) -> list[str]:
        """The names directly under the prefix."""
        with self._explain_errors():
            try:
                paths = self._fs.ls(f"{self._root}/{prefix}", detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        here = f"{self._root}/{prefix}"
        names = {path.rstrip("/")[len(here) + 1 :] for path in paths if path.startswith(f"{here}/")}
        return sorted(name for name in names if name)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, many in a request, and this process's copies of them."""
        keys = list(keys)
        for key in keys:
            (_scratch(self.url) / key).unlink(missing_ok=True)
        paths = [f"{self._root}/{key}" for key in keys]
        if paths:
            with self._explain_errors():
                self._fs.rm(paths)

    def delete_tree(self, prefix: str) -> None:
        """Delete all objects under the prefix."""
        self.delete([item.key for item in self.files(prefix)])

    def folder(self, key: str) -> Path:
        """A folder in the scratch folder."""
        path = _scratch(self.url) / key
        path.mkdir(parents=True, exist_ok=True)
        return path

    def put(self, key: str) -> Ref:
        """Upload."""
        path = _scratch(self.url) / key
        with self._explain_errors():
            self._fs.put_file(str(path), f"{self._root}/{key}")
        return Ref(SCHEME + key, hash_file(path), path.stat().st_size)

    def open(self, ref: Ref) -> Path:
        """Download, unless this process has it already."""
        path = self.folder(ref.key.rpartition("/")[0]) / ref.key.rpartition("/")[2]
        if not path.is_file():
            partial = path.with_name(f".{path.name}.{os.getpid()}")
            with self._explain_errors(), self._explain_missing(ref):
                self._fs.get_file(f"{self._root}/{ref.key}", str(partial))
            partial.replace(path)
        verify_content(path, ref)
        return path

    def check(self, ref: Ref) -> None:
        """Download anew and compare: whoever looks for a payload most often wants it next."""
        (_scratch(self.url) / ref.key).unlink(missing_ok=True)
        self.open(ref)

    def guard(self) -> AbstractContextManager[object]:
        """Nothing: deletion in two passes takes its place."""
        return nullcontext()

    def stage_lock(self, run_id: str, stage: str) -> AbstractContextManager[object]:
        """Nothing."""
        return nullcontext()

    def is_running(self, run_id: str, stage: str, started: float) -> bool:
        """Whether it may still run, by its age."""
        return time.time() - started < self._dead_after

    @contextmanager
    def _explain_missing(self, ref: Ref) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise IntegrityError(f"{ref.uri} is not in the store at {self.url}") from None

    @contextmanager
    def _explain_errors(self) -> Iterator[None]:
        """Say in a sentence what a person can mend; FileNotFoundError stays what it is."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, PipelineError):
            raise
        except ImportError as error:
            raise PipelineError(f"the store at {self.url} needs a package: {error}") from None
        except PermissionError as error:
            raise PipelineError(
                f"the store at {self.url} refuses access: {_first_line(error)}. Check "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE), and what they may do"
            ) from None
        except Exception as error:  # of several libraries, without a common base
            kind = type(error).__name__
            if kind in ("NoCredentialsError", "PartialCredentialsError"):
                raise PipelineError(
                    f"there are no credentials for the store at {self.url}: set AWS_ACCESS_KEY_ID "
                    "and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
                ) from None
            if isinstance(error, OSError) or "Connect" in kind or "Timeout" in kind:
                endpoint = _endpoint() or "AWS"
                raise PipelineError(
                    f"the store at {self.url} can't be reached at {endpoint} (AWS_ENDPOINT_URL): "
                    f"{_first_line(error)}"
                ) from None
            raise


@cache
def _connect(url: str, endpoint: str | None) -> tuple[Any, str]:
    """The file system and the path in it; the bucket is looked for once in a process.

    Raises PipelineError when it is not there.
    """
    filesystem, root = fsspec.core.url_to_fs(url, **_options(url, endpoint))
    if url.startswith("s3://"):
        bucket = root.partition("/")[0]
        try:
            filesystem.call_s3("head_bucket", Bucket=bucket)
        except FileNotFoundError:
            raise PipelineError(
                f"there is no bucket {bucket!r}: make it, or name another storage_root"
            ) from None
    return filesystem, root.rstrip("/")


def _options(url: str, endpoint: str | None) -> dict[str, Any]:
    """How to talk to S3: quick to give up, and with the bucket in the path at other servers."""
    if not url.startswith("s3://"):
        return {"use_listings_cache": False}
    config: dict[str, Any] = {
        "connect_timeout": 5,
        "read_timeout": 60,
        "retries": {"max_attempts": 3},
        # Many servers get AWS's newer checksums wrong; each payload has its SHA-256 anyway.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    options = {"use_listings_cache": False, "config_kwargs": config}
    if endpoint:
        config["s3"] = {"addressing_style": "path"}
        # fsspec keeps one file system per set of options: without this, another server's.
        options["endpoint_url"] = endpoint
    return options


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


@cache
def _scratch(url: str) -> Path:
    """The folder for payloads on their way: this process's own, unless it was told of another."""
    if SCRATCH in os.environ:
        return Path(os.environ[SCRATCH])
    folder = tempfile.mkdtemp(prefix="store-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
