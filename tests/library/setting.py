"""A library, a vector index in memory and a folder of photos, for tests that add folders."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import IndexSummary, Progress, Stage
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.stores import Library
from tests.fakes import ColourEmbedder
from tests.library.memory_index import MemoryIndex
from tests.library.pictures import write_photo

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


class Setting:
    """A library, an index and a folder of photos; `add` runs to the end and gives the summary."""

    def __init__(self, folder: Path) -> None:
        self.library = Library(folder / "library", reserve_bytes=0)
        self.embedder = ColourEmbedder()
        self.index = MemoryIndex(self.embedder.space)
        self.photos = folder / "photos"
        self.photos.mkdir(exist_ok=True)

    def write(self, name: str, colour: str = "red", width: int = 8) -> Path:
        return write_photo(self.photos / name, colour, (width, 8))

    def start(self, folder: Path | None = None) -> Generator[Progress, None, None]:
        return add_folder(folder or self.photos, self.library, self.index, self.embedder)

    def add(self, folder: Path | None = None) -> IndexSummary:
        *_, last = self.start(folder)
        assert last.stage is Stage.FINISHED
        assert last.summary is not None
        self.check()
        return last.summary

    def check(self) -> None:
        """Every photo has its vector and its thumbnail, and the index has nothing else."""
        photos = self.library.catalogue.photos()
        assert self.index.ids == {photo.content_id for photo in photos}
        assert all(self.library.thumbnails.exists(photo.sha256) for photo in photos)
        assert not {p.path for p in photos} & {p.path for p in self.library.catalogue.problems()}

    @property
    def names(self) -> list[str]:
        """Of all photos in the library, below the folder of this setting."""
        base = self.photos.parent
        return sorted(str(p.path.relative_to(base)) for p in self.library.catalogue.photos())


def counts(summary: IndexSummary) -> tuple[int, int, int, int, int]:
    """photos, indexed, unchanged, moved, removed"""
    return (
        summary.photos,
        summary.indexed,
        summary.unchanged,
        summary.moved,
        summary.removed,
    )


def touch_later(path: Path) -> None:
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))
