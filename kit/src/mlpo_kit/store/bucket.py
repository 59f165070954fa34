"""The store in a bucket: `storage_root: s3://bucket/prefix`.

Access goes through fsspec, so every fsspec file system that is installed works. S3 and compatible
servers are configured as for AWS's tools: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or the role of the machine.

A bucket has no locks. A stage recorded as `running` counts as alive until it is older than
`retention.max_run_hours`. Pruning marks files in one pass and deletes them in a later one, so that
a run which is about to use a file can record this in between.
"""

from __future__ import annotations

import atexit
import hashlib
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

for name in ("aiobotocore", "botocore"):  # they log which credentials they use
    logging.getLogger(name).setLevel(logging.WARNING)


class BucketStore(Store):
    """A prefix in a bucket. Local copies of payloads are in a scratch folder of the process."""

    grace = 3600.0

    def __init__(self, url: str, dead_after: float) -> None:
        """Connect to `url`; a stage that has run for `dead_after` seconds counts as dead."""
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
        """Put an object atomically."""
        with self._explain_errors():
            self._fs.pipe_file(f"{self._root}/{key}", content)

    def files(self, prefix: str) -> Iterator[Item]:
        """List the objects under the prefix."""
        with self._explain_errors():
            objects = self._fs.find(f"{self._root}/{prefix}", detail=True)
        folder = f"{self._root}/{prefix}".rstrip("/") + "/"
        for path, details in objects.items():
            if not path.startswith(folder):  # an object whose name is the prefix itself
                continue
            when = details.get("LastModified") or details.get("mtime")
            modified = when.timestamp() if hasattr(when, "timestamp") else float(when or 0)
            yield Item(path[len(self._root) + 1 :], int(details["size"]), modified)

    def children(self, prefix: str) -> list[str]:
        """List the names directly under the prefix."""
        with self._explain_errors():
            try:
                paths = self._fs.ls(f"{self._root}/{prefix}", detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        folder = f"{self._root}/{prefix}/"
        names = {path.rstrip("/")[len(folder) :] for path in paths if path.startswith(folder)}
        return sorted(name for name in names if name)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, many per request, and the local copies of this process."""
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
        """Return a folder inside the scratch folder."""
        path = _scratch(self.url) / key
        path.mkdir(parents=True, exist_ok=True)
        return path

    def machine_path(self, key: str) -> Path:
        """Return a path for temporary files that belong to this user and this store."""
        name = f"mlpo-kit-{os.getuid()}-{hashlib.sha256(self.url.encode()).hexdigest()[:12]}"
        return Path(tempfile.gettempdir()) / name / key

    def put(self, key: str) -> Ref:
        """Upload a file from the scratch folder."""
        path = _scratch(self.url) / key
        with self._explain_errors():
            self._fs.put_file(str(path), f"{self._root}/{key}")
        return Ref(SCHEME + key, hash_file(path), path.stat().st_size)

    def open(self, ref: Ref) -> Path:
        """Download the payload unless this process already has a copy; verify its content."""
        path = self.folder(ref.key.rpartition("/")[0]) / ref.key.rpartition("/")[2]
        if not path.is_file():
            partial = path.with_name(f".{path.name}.{os.getpid()}")
            with self._explain_errors(), self._explain_missing(ref):
                self._fs.get_file(f"{self._root}/{ref.key}", str(partial))
            partial.replace(path)
        verify_content(path, ref)
        return path

    def check(self, ref: Ref) -> None:
        """Download again and verify; the caller usually opens the payload next."""
        (_scratch(self.url) / ref.key).unlink(missing_ok=True)
        self.open(ref)

    def guard(self) -> AbstractContextManager[object]:
        """Return a context that locks nothing: deleting in two passes replaces the lock."""
        return nullcontext()

    def stage_lock(self, run_id: str, stage: str) -> AbstractContextManager[object]:
        """Return a context that locks nothing."""
        return nullcontext()

    def is_running(self, run_id: str, stage: str, started: float) -> bool:
        """Whether the stage may still run, judged by its age."""
        return time.time() - started < self._dead_after

    @contextmanager
    def _explain_missing(self, ref: Ref) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise IntegrityError(f"{ref.uri} is not in the store at {self.url}") from None

    @contextmanager
    def _explain_errors(self) -> Iterator[None]:
        """Turn errors that a person can fix into PipelineError, except FileNotFoundError."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError, PipelineError):
            raise
        except ImportError as error:
            raise PipelineError(f"the store at {self.url} needs a package: {error}") from None
        except PermissionError as error:
            raise PipelineError(
                f"the store at {self.url} refuses access: {_first_line(error)}. Check "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE) and their permissions"
            ) from None
        except Exception as error:  # the libraries' errors have no common base class
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
    """Open the file system of a URL; returns it and the path inside it.

    Each process checks the bucket once. Raises PipelineError if it does not exist.
    """
    filesystem, root = fsspec.core.url_to_fs(url, **_options(url, endpoint))
    if url.startswith("s3://"):
        bucket = root.partition("/")[0]
        try:
            filesystem.call_s3("head_bucket", Bucket=bucket)
        except FileNotFoundError:
            raise PipelineError(
                f"there is no bucket {bucket!r}: create it, or set another storage_root"
            ) from None
    return filesystem, root.rstrip("/")


def _options(url: str, endpoint: str | None) -> dict[str, Any]:
    """Return the options for S3: short timeouts, and path-style addressing for other servers."""
    if not url.startswith("s3://"):
        return {"use_listings_cache": False}
    config: dict[str, Any] = {
        "connect_timeout": 5,
        "read_timeout": 60,
        "retries": {"max_attempts": 3},
        # Many servers do not support AWS's newer checksums; each payload has its SHA-256 anyway.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    options = {"use_listings_cache": False, "config_kwargs": config}
    if endpoint:
        config["s3"] = {"addressing_style": "path"}
        # fsspec caches one file system per set of options: without this, that of another server.
        options["endpoint_url"] = endpoint
    return options


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


@cache
def _scratch(url: str) -> Path:
    """Return the folder for local copies of payloads: SCRATCH, or one of this process alone."""
    if SCRATCH in os.environ:
        return Path(os.environ[SCRATCH])
    folder = tempfile.mkdtemp(prefix="store-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
