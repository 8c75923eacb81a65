"""Reads, hashes and decodes files ahead of the model, in order and within bounds.

Threads wait for the processes of `library.decoders`, which do it. Each file is read once. A content
is decoded for the first file that shows it, in the order given, and goes with that file. Its
thumbnail is on disk before the file is handed on.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import Embedder, UnreadablePhoto
from mmsearch_desktop.library.decoders import DECODERS, DecoderLost, Decoders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mmsearch_desktop.library.decode import DecodedPhoto
    from mmsearch_desktop.library.decoders import OpenedFile
    from mmsearch_desktop.library.scan import FoundFile
    from mmsearch_desktop.library.stores import Library

_MOST_BYTES_IN_WORK = 64_000_000  # of files; one larger than this goes alone
THREADS = max(1, min(8, (os.cpu_count() or 2) // 2))  # each waits for a process
MOST_BYTES_DECODED = 256_000_000  # of pictures that wait; a very long one has up to 80 MB


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file and its content."""

    file: FoundFile
    sha256: str
    decoded: DecodedPhoto | None  # None: its content is known, or came with a file before it
    needs_vector: bool

    @property
    def picture_bytes(self) -> int:
        if self.decoded is None:
            return 0
        picture = self.decoded.picture
        return picture.width * picture.height * len(picture.getbands())


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that cannot be read or decoded."""

    file: FoundFile
    reason: str
    sha256: str | None  # None: the fault need not be its content's, so another try may go better


Outcome = Prepared | Unreadable


@dataclass(frozen=True, slots=True)
class _Turn:
    """A file and its place in the order."""

    place: int
    file: FoundFile


class DecodeAhead:
    """Iterate over it once for the outcome of each file, in the order given; then `close` it.

    NoSpace and LibraryProblem come out where a thumbnail cannot be kept.
    """

    def __init__(
        self,
        files: Iterable[FoundFile],
        library: Library,
        embedder: Embedder,
        *,
        most_bytes: int = MOST_BYTES_DECODED,
        decoders: Decoders = DECODERS,
    ) -> None:
        """`most_bytes` of pictures may wait; threads that are at work go beyond by theirs."""
        self._turns = (_Turn(place, file) for place, file in enumerate(files))
        self._library = library
        self._space = embedder.space
        self._side_pixels = embedder.picture_side_pixels
        self._most_bytes = most_bytes
        self._most_ahead = 2 * (embedder.batch_size + THREADS)
        self._most_in_work = max(4 * THREADS, embedder.batch_size)
        self._queue: deque[tuple[_Turn, Future[Outcome | None]]] = deque()
        self._next: _Turn | None = next(self._turns, None)
        self._lock = threading.Lock()
        self._claimed: dict[str, int] = {}  # sha256 -> the first place that decodes it
        self._bytes_waiting = 0  # of decoded pictures in the queue
        self._handed_on: set[str] = set()  # sha256 of what was decoded
        self._lost: set[str] = set()  # sha256 of what may be decoded another time
        self._decoders = decoders
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="decode")

    def __iter__(self) -> Iterator[Outcome]:
        while True:
            self._submit()
            if not self._queue:
                return
            turn, future = self._queue.popleft()
            outcome = future.result()
            if outcome is None:
                outcome = self._prepare(turn)
            else:
                self._count(-_picture_bytes(outcome))
            if self._was_lost_with_another(outcome):
                outcome = self._prepare(turn)
            yield self._once(outcome)

    def close(self) -> None:
        """Returns when no thread is left, within a second: what takes longer is given up."""
        self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._decoders.rest()

    def _submit(self) -> None:
        while self._next is not None and self._has_room(self._next.file):
            future = self._pool.submit(self._prepare_ahead, self._next)
            self._queue.append((self._next, future))
            self._next = next(self._turns, None)

    def _has_room(self, file: FoundFile) -> bool:
        in_work = [turn.file.size_bytes for turn, future in self._queue if not future.done()]
        if not in_work:
            return len(self._queue) < self._most_ahead
        return (
            len(self._queue) < self._most_ahead
            and len(in_work) < self._most_in_work
            and sum(in_work) + file.size_bytes <= _MOST_BYTES_IN_WORK
        )

    def _prepare_ahead(self, turn: _Turn) -> Outcome | None:
        """None where too many pixels wait already: then it is done when it is wanted."""
        if self._bytes_waiting >= self._most_bytes:
            return None
        outcome = self._prepare(turn)
        self._count(_picture_bytes(outcome))
        return outcome

    def _count(self, picture_bytes: int) -> None:
        with self._lock:
            self._bytes_waiting += picture_bytes

    def _prepare(self, turn: _Turn) -> Outcome:
        file = turn.file
        try:
            with self._decoders.opened(file.path, file.size_bytes, self._stop) as opened:
                return self._outcome(turn, opened)
        except UnreadablePhoto as problem:
            return Unreadable(file, problem.reason, None)

    def _outcome(self, turn: _Turn, opened: OpenedFile) -> Outcome:
        file, sha256 = turn.file, opened.sha256
        embedded = self._library.catalogue.is_embedded(sha256, self._space)
        if not self._claim(sha256, turn.place, embedded=embedded):
            return Prepared(file, sha256, None, needs_vector=False)
        thumbnails = self._library.thumbnails
        try:
            decoded, thumbnail = opened.decode(
                self._space.preparation,
                model_side_pixels=self._side_pixels,
                thumbnail_pixels=thumbnails.side_pixels,
            )
        except DecoderLost as problem:
            self._give_up(sha256)
            return Unreadable(file, problem.reason, None)
        except UnreadablePhoto as problem:
            return Unreadable(file, problem.reason, sha256)
        thumbnails.keep(sha256, thumbnail)
        return Prepared(file, sha256, decoded, needs_vector=not embedded)

    def _claim(self, sha256: str, place: int, *, embedded: bool) -> bool:
        """Whether this file's content is to be decoded.

        Threads overtake each other: a file after this one may have claimed it. It goes with this
        one all the same, for a batch may end between the two.
        """
        with self._lock:
            thumbnails = self._library.thumbnails
            if embedded and (thumbnails.exists(sha256) or not thumbnails.has_room()):
                return False
            first = min(place, self._claimed.get(sha256, place))
            self._claimed[sha256] = first
            return first == place

    def _give_up(self, sha256: str) -> None:
        with self._lock:
            self._claimed.pop(sha256, None)
            self._lost.add(sha256)

    def _was_lost_with_another(self, outcome: Outcome) -> bool:
        """Whether it relied on a file before it, whose decoder was lost: then it is its turn."""
        return (
            isinstance(outcome, Prepared)
            and outcome.decoded is None
            and outcome.sha256 in self._lost - self._handed_on
        )

    def _once(self, outcome: Outcome) -> Outcome:
        """What was decoded with a file before this one is not handed on again."""
        if isinstance(outcome, Unreadable) or outcome.decoded is None:
            return outcome
        if outcome.sha256 in self._handed_on:
            return replace(outcome, decoded=None, needs_vector=False)
        self._handed_on.add(outcome.sha256)
        return outcome


def _picture_bytes(outcome: Outcome) -> int:
    return outcome.picture_bytes if isinstance(outcome, Prepared) else 0
