"""Reads, hashes and decodes files on threads ahead of the model, in order and within bounds.

Each file is read once. A content is decoded once, however many files show it: the first one to
come claims it. Its thumbnail is on disk before the file is handed on.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import Embedder, UnreadablePhoto
from mmsearch_desktop.library.decode import DecodedPhoto, decode_photo, read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mmsearch_desktop.library.scan import FoundFile
    from mmsearch_desktop.library.stores import Library

_MOST_BYTES_IN_WORK = 64_000_000  # of files; one larger than this goes alone


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file and its content."""

    file: FoundFile
    sha256: str
    decoded: DecodedPhoto | None  # None: its content is known, or came with a file before it
    needs_vector: bool


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that cannot be read or decoded."""

    file: FoundFile
    reason: str
    sha256: str | None  # None: not even its bytes could be read, so another try may go better


class DecodeAhead:
    """Iterate over it once for the outcome of each file, in the order given; then `close` it.

    NoSpace and LibraryProblem come out where a thumbnail cannot be kept.
    """

    def __init__(self, files: Iterable[FoundFile], library: Library, embedder: Embedder) -> None:
        threads = max(1, min(8, (os.cpu_count() or 2) // 2))
        self._files = iter(files)
        self._library = library
        self._space = embedder.space
        self._side_pixels = embedder.picture_side_pixels
        self._most_ahead = 2 * (embedder.batch_size + threads)
        self._most_in_work = max(4 * threads, embedder.batch_size)
        self._queue: deque[tuple[FoundFile, Future[Prepared | Unreadable]]] = deque()
        self._next: FoundFile | None = next(self._files, None)
        self._claimed: set[str] = set()
        self._claiming = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def __iter__(self) -> Iterator[Prepared | Unreadable]:
        while True:
            self._submit()
            if not self._queue:
                return
            yield self._queue.popleft()[1].result()

    def close(self) -> None:
        """Returns when no thread is left; what is being decoded is finished first."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self) -> None:
        while self._next is not None and self._has_room(self._next):
            self._queue.append((self._next, self._pool.submit(self._prepare, self._next)))
            self._next = next(self._files, None)

    def _has_room(self, file: FoundFile) -> bool:
        in_work = [waiting.size_bytes for waiting, future in self._queue if not future.done()]
        if not in_work:
            return len(self._queue) < self._most_ahead
        return (
            len(self._queue) < self._most_ahead
            and len(in_work) < self._most_in_work
            and sum(in_work) + file.size_bytes <= _MOST_BYTES_IN_WORK
        )

    def _prepare(self, file: FoundFile) -> Prepared | Unreadable:
        try:
            data = read_file(file.path)
        except UnreadablePhoto as problem:
            return Unreadable(file, problem.reason, None)
        sha256 = hashlib.sha256(data).hexdigest()
        embedded = self._library.catalogue.is_embedded(sha256, self._space)
        if not self._claim(sha256, embedded=embedded):
            return Prepared(file, sha256, None, needs_vector=False)
        try:
            decoded = decode_photo(
                data, file.path, self._space.preparation, model_side_pixels=self._side_pixels
            )
        except UnreadablePhoto as problem:
            return Unreadable(file, problem.reason, sha256)
        self._library.thumbnails.save(sha256, decoded.picture)
        return Prepared(file, sha256, decoded, needs_vector=not embedded)

    def _claim(self, sha256: str, *, embedded: bool) -> bool:
        """Whether this file is the one whose content is to be decoded."""
        with self._claiming:
            if sha256 in self._claimed or (embedded and self._library.thumbnails.exists(sha256)):
                return False
            self._claimed.add(sha256)
            return True
