"""The store: payloads that references point to, in a folder or a bucket, and files of arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlpo_kit.store.base import Item, Ref, Store

if TYPE_CHECKING:
    from mlpo_kit.config.settings import BaseSettings

__all__ = ["Item", "Ref", "Store", "open_store"]


def open_store(settings: BaseSettings) -> Store:
    """Open the store that the settings name; raises PipelineError if it can't be reached."""
    if settings.is_remote:
        from mlpo_kit.store.bucket import BucketStore  # takes half a second to import

        return BucketStore(settings.storage_root, settings.retention.max_run_hours * 3600)
    from mlpo_kit.store.folder import FolderStore

    return FolderStore(settings.local_root)
