"""The pictures of a labelled set as vectors in memory: decoded ahead, embedded in batches."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    Embedder,
    LabelsProblem,
    Problem,
    Progress,
    QueryPicture,
    Stage,
    UnreadablePhoto,
)
from mmsearch_desktop.library.decode import read_file
from mmsearch_desktop.library.decoders import decode_apart

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    Vectors = NDArray[np.float32]
    Rows = NDArray[np.intp]

_log = logging.getLogger("mmsearch.evaluation")


class Pace:
    """Where a stage stands, with its rate and the time that is left."""

    def __init__(self, stage: Stage, total: int, clock: Callable[[], float]) -> None:
        self._stage, self._total, self._clock = stage, total, clock
        self._began = clock()

    def at(self, done: int) -> Progress:
        seconds = self._clock() - self._began
        rate = done / seconds if done and seconds > 0 else None
        left = (self._total - done) / rate if rate else None
        return Progress(self._stage, done, self._total, per_second=rate, seconds_left=left)


@dataclass(frozen=True, slots=True)
class Gallery:
    """What can be found. A picture goes by the id that the set gives it.

    By content, equal files are one picture that goes by the first of their ids.
    """

    vectors: Vectors  # [N, D], rows of unit length
    ids: tuple[str, ...]  # of the rows
    paths: tuple[Path, ...]
    sha256s: tuple[str, ...]
    places: Mapping[str, int]  # the row of each of `ids`
    known_as: Mapping[str, str]  # for each id of the set that could be read, the id of its row
    contents: Mapping[str, str] | None  # sha256 -> id; None where equal files are not one picture
    problems: tuple[Problem, ...]

    def rows(self, ids: Iterable[str]) -> Rows:
        """The rows of these pictures, each once, in the order of `ids`; without the unreadable."""
        known = dict.fromkeys(self.known_as[id_] for id_ in ids if id_ in self.known_as)
        return np.array([self.places[id_] for id_ in known], dtype=np.intp)

    def names(self, ids: Iterable[str]) -> frozenset[str]:
        """The same pictures by the ids of their rows; one that could not be read keeps its own."""
        return frozenset(self.known_as.get(id_, id_) for id_ in ids)

    def own(self, id_: str | None, picture: QueryPicture | None) -> str | None:
        """The query picture among what can be found: by content, or by the id it has there."""
        if picture is None:
            return None
        if self.contents is not None:
            return self.contents.get(picture.sha256)
        return None if id_ is None else self.known_as.get(id_)


def embedding_gallery(
    pictures: Mapping[str, Path], embedder: Embedder, pace: Pace, *, by_content: bool
) -> Generator[Progress, None, Gallery]:
    """Yields after each batch. LabelsProblem where no picture can be read.

    One that cannot be read costs itself. Out of memory, batches become smaller.
    """
    growing = _Growing(len(pictures), embedder, by_content=by_content)
    done = 0
    with closing(_read_ahead(pictures, embedder)) as arriving:
        for one in arriving:
            growing.take(one)
            done += 1
            if growing.is_full:
                growing.embed()
                yield pace.at(done)
    growing.embed()
    yield pace.at(done)
    return growing.gallery()


@dataclass(frozen=True, slots=True)
class _Arrived:
    id: str
    path: Path
    sha256: str
    picture: Image.Image | None
    reason: str = ""  # why there is no picture


class _Growing:
    """A gallery in the making."""

    def __init__(self, most: int, embedder: Embedder, *, by_content: bool) -> None:
        self._embedder = embedder
        self._batch_size = embedder.batch_size
        self._by_content = by_content
        self._vectors = np.empty((most, embedder.space.dimensions), np.float32)
        self._kept: list[_Arrived] = []  # one for each row, without its picture
        self._waiting: list[_Arrived] = []
        self._first_of: dict[str, str] = {}  # sha256 -> id
        self._known_as: dict[str, str] = {}
        self._unusable: set[str] = set()  # read, but without a vector
        self._problems: list[Problem] = []

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= self._batch_size

    def take(self, one: _Arrived) -> None:
        if one.picture is None:
            self._problems.append(Problem(one.path, one.reason))
            return
        first = self._first_of.setdefault(one.sha256, one.id) if self._by_content else one.id
        self._known_as[one.id] = first
        if first == one.id:
            self._waiting.append(one)

    def embed(self) -> None:
        while self._waiting:
            batch = self._waiting[: self._batch_size]
            try:
                rows = self._embedder.embed_pictures([_picture(one) for one in batch])
            except DeviceOutOfMemory as error:
                if len(batch) == 1:
                    raise
                self._batch_size = len(batch) // 2
                _log.warning("out of memory (%s): batches of %d now", error, self._batch_size)
                continue
            del self._waiting[: len(batch)]
            for one, row in zip(batch, rows, strict=True):
                self._keep(one, row)

    def _keep(self, one: _Arrived, row: NDArray[np.float32]) -> None:
        if not np.isfinite(row).all():
            self._problems.append(Problem(one.path, "the model gave no usable vector for it"))
            self._first_of.pop(one.sha256, None)
            self._unusable.add(one.id)
            return
        self._vectors[len(self._kept)] = row
        self._kept.append(_Arrived(one.id, one.path, one.sha256, None))

    def gallery(self) -> Gallery:
        if not self._kept:
            first = f" The first: {self._problems[0].reason}." if self._problems else ""
            raise LabelsProblem(f"No picture of the gallery can be read.{first} Choose another.")
        return Gallery(
            vectors=self._vectors[: len(self._kept)],
            ids=tuple(one.id for one in self._kept),
            paths=tuple(one.path for one in self._kept),
            sha256s=tuple(one.sha256 for one in self._kept),
            places={one.id: place for place, one in enumerate(self._kept)},
            known_as={one: row for one, row in self._known_as.items() if row not in self._unusable},
            contents=self._first_of if self._by_content else None,
            problems=tuple(self._problems),
        )


def _picture(one: _Arrived) -> Image.Image:
    if one.picture is None:
        raise ValueError(f"{one.path} was not decoded")
    return one.picture


def _read_ahead(
    pictures: Mapping[str, Path], embedder: Embedder
) -> Generator[_Arrived, None, None]:
    """In order, on a few threads; closing it waits for those that are being read."""
    threads = max(1, min(8, (os.cpu_count() or 2) // 2))
    most = 2 * (embedder.batch_size + threads)
    waiting: deque[Future[_Arrived]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for id_, path in pictures.items():
            waiting.append(pool.submit(_read, id_, path, embedder))
            if len(waiting) >= most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read(id_: str, path: Path, embedder: Embedder) -> _Arrived:
    sha256 = ""
    try:
        data = read_file(path)
        sha256 = hashlib.sha256(data).hexdigest()
        side = embedder.picture_side_pixels
        photo = decode_apart(data, path, embedder.space.preparation, model_side_pixels=side)
    except UnreadablePhoto as error:
        return _Arrived(id_, path, sha256, None, error.reason)
    return _Arrived(id_, path, sha256, photo.picture)
