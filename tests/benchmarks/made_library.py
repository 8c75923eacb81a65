"""Libraries of any size that no model has seen: small files, rows and clustered unit vectors.

Everything goes in through the library's own calls. A file holds its number, so that its SHA-256 is
that of the catalogue; nothing decodes it, for the catalogue knows it and its thumbnail is there.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmsearch_desktop.domain import Photo, Preparation, VectorSpace
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.library.tables import Arrival, NewContent, as_stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from PIL import Image

    from mmsearch_desktop.library.vectors import MilvusIndex

    Vectors = NDArray[np.float32]

WIDTH = 768
SPACE = VectorSpace("benchmark", "1", WIDTH, Preparation.APP)
FOLDER_PHOTOS = 1000
_CLUSTERS = 200
_BATCH = 2000
_FIRST_DAY = datetime(2010, 1, 1)
_DAYS = 5000  # over which the photos are spread
_THUMBNAIL = b"RIFF\x04\0\0\0WEBP"


class NoEmbedder:
    """Has the space of the made libraries, and counts what it is asked for; its vectors are 1."""

    name = "none"
    space = SPACE
    batch_size = 32
    picture_side_pixels = 224

    def __init__(self) -> None:
        self.pictures_embedded = 0

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> Vectors:
        self.pictures_embedded += len(pictures)
        return clustered(len(pictures), seed=self.pictures_embedded)

    def embed_words(self, words: Sequence[str]) -> Vectors:
        """Any text is a number that chooses the vector."""
        return np.concatenate([clustered(1, seed=1_000_000 + int(text)) for text in words])

    def embed_pictures_with_words(
        self,
        pictures: Sequence[Image.Image],
        words: Sequence[str],  # noqa: ARG002 - as every embedder
    ) -> Vectors:
        return self.embed_pictures(pictures)

    def cut_notice(self, words: str, *, with_picture: bool) -> str | None:  # noqa: ARG002 - the same
        return None


@dataclass(frozen=True)
class Made:
    """A library that was made and closed, and the photos it knows."""

    folder: Path  # of the library
    photos: Path
    count: int


def clustered(count: int, *, seed: int) -> Vectors:
    """Unit vectors [count, WIDTH] in 200 loose clusters, as photos of few subjects are."""
    centres = np.random.default_rng(0).standard_normal((_CLUSTERS, WIDTH), dtype=np.float32)
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((count, WIDTH), dtype=np.float32)
    rows += centres[generator.integers(0, _CLUSTERS, count)]
    return as_stored(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def made_library(folder: Path, count: int) -> Made:
    """Make one in `folder`."""
    made = Made(folder / "library", folder / "photos", count)
    made.photos.mkdir(parents=True)
    with Library(made.folder) as library:
        index = library.open_index(SPACE)
        folder_id = library.catalogue.add_folder(made.photos)
        for start in range(0, count, _BATCH):
            numbers = range(start, min(start + _BATCH, count))
            for number in numbers:
                _write(_arrival(made, number, 0), number)
                library.thumbnails.keep(hashlib.sha256(_data(number)).hexdigest(), _THUMBNAIL)
            added(made, library, index, numbers, folder_id=folder_id)
        for _ in index.reconcile(library.catalogue):
            pass
    return made


def added(
    made: Made, library: Library, index: MilvusIndex, numbers: range, *, folder_id: int
) -> list[Photo]:
    """Rows and vectors for the photos of these numbers, as indexing puts them in."""
    vectors = clustered(len(numbers), seed=numbers.start)
    arrivals = [_arrival(made, number, folder_id) for number in numbers]
    contents = [
        NewContent(arrival.sha256, 4000, 3000, "JPEG", None, vector)
        for arrival, vector in zip(arrivals, vectors, strict=True)
    ]
    photos = library.catalogue.store(SPACE, contents=contents, arrivals=arrivals)
    index.insert([photo.content_id for photo in photos], vectors)
    return photos


def day_range(first: float, last: float) -> tuple[date, date]:
    """From one share of the days over which the photos are spread to another."""
    begin, end = (_FIRST_DAY + timedelta(days=round(_DAYS * share)) for share in (first, last))
    return begin.date(), end.date()


def vectors_of(library: Library, ids: Sequence[int]) -> Vectors:
    """As the catalogue has them, [len(ids), WIDTH], in this order."""
    found = np.empty((len(ids), WIDTH), dtype=np.float32)
    for start in range(0, len(ids), _BATCH):
        part = ids[start : start + _BATCH]
        stored = library.catalogue.embeddings(part, SPACE)
        found[start : start + len(part)] = [stored[id_] for id_ in part]
    return found


def _arrival(made: Made, number: int, folder_id: int) -> Arrival:
    below = f"{number // FOLDER_PHOTOS:04d}"
    moment = _FIRST_DAY + timedelta(days=_DAYS * number / made.count)
    data = _data(number)
    return Arrival(
        made.photos / below / f"IMG_{number:06d}.jpg",
        folder_id,
        hashlib.sha256(data).hexdigest(),
        len(data),
        int(moment.timestamp()) * 10**9,
    )


def _data(number: int) -> bytes:
    return f"photo {number}".encode()


def _write(arrival: Arrival, number: int) -> None:
    if number % FOLDER_PHOTOS == 0:
        arrival.path.parent.mkdir()
    arrival.path.write_bytes(_data(number))
    os.utime(arrival.path, ns=(arrival.modified_ns, arrival.modified_ns))
