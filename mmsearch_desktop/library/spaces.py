"""The vector spaces that a library is searchable in: which there are, filling one, removing one.

A library may hold its photos in several spaces, one of which answers queries. Another is filled
beside it from the catalogue alone: nothing is scanned, no photo or problem is written, so that the
serving space never notices, and going on after a break is filling what is missing.
"""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    Embedder,
    LibraryProblem,
    Progress,
    ServerGone,
    Stage,
    VectorSpace,
)
from mmsearch_desktop.library.picture_vectors import PictureVectors
from mmsearch_desktop.library.prepare import MOST_BYTES_DECODED, DecodeAhead, Prepared
from mmsearch_desktop.library.scan import FoundFile
from mmsearch_desktop.library.tables import space_columns

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.library.vectors import VectorIndex

    Vector = NDArray[np.float32]

_log = logging.getLogger("mmsearch.ingest")

_NAMES = "spaces.json"  # who made which space; lost, they are shown by what the catalogue knows
_LOOKED_UP = 500  # contents whose files are looked up at once
_MOST_SECONDS_A_STEP = 0.5


@dataclass(frozen=True, slots=True)
class SpaceName:
    """What a person calls the model of a space, and how to open it."""

    title: str
    choice: str  # a name of an offer, or a folder; "" = not known any more


@dataclass(frozen=True, slots=True)
class KeptSpace:
    """A space that the library has vectors in."""

    space: VectorSpace
    name: SpaceName
    photos: int  # different contents that can be found in it
    size_bytes: int  # on disk: in the catalogue, and its index


# --------------------------------------------------------------------------- which there are


def kept_spaces(library: Library) -> list[KeptSpace]:
    """Every space with vectors, oldest first. At 100,000 photos in each some 20 ms."""
    names = _names(library.folder)
    sizes = library.catalogue.space_table.sizes()
    kept = []
    for space in library.catalogue.spaces():
        columns = space_columns(space)
        if columns in sizes:
            name = names.get(space.key) or SpaceName(f"{space.model} {space.revision}", "")
            photos = library.catalogue.embedded_count(space)
            bytes_ = sizes[columns][1] + library.index_bytes(space)
            kept.append(KeptSpace(space, name, photos, bytes_))
    return kept


def remember(library: Library, space: VectorSpace, name: SpaceName) -> None:
    """Note who made this space, so that it can be named and opened again later."""
    names = _names(library.folder)
    if names.get(space.key) == name:
        return
    names[space.key] = name
    stored = {key: [one.title, one.choice] for key, one in names.items()}
    file = library.folder / _NAMES
    temporary = file.with_suffix(".new")
    try:
        temporary.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
        temporary.replace(file)
    except OSError as error:  # then it is shown by what the catalogue knows
        _log.warning("%s cannot be written: %s", file, error)


def _names(folder: Path) -> dict[str, SpaceName]:
    try:
        stored = json.loads((folder / _NAMES).read_text(encoding="utf-8"))
        return {key: SpaceName(str(title), str(choice)) for key, (title, choice) in stored.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        _log.warning("%s cannot be read: %s", folder / _NAMES, error)
        return {}


def remove_space(space: VectorSpace, library: Library, *, serving: VectorSpace | None) -> None:
    """Drop all vectors of a space, in catalogue and index. Photos, and other spaces, stay.

    LibraryProblem for the space that answers queries. Nothing may be filling it.
    """
    if space == serving:
        raise LibraryProblem(
            f"{space.model} is what the library is searched with. Use another model first."
        )
    library.catalogue.space_table.remove(space)
    library.drop_index(space)


# --------------------------------------------------------------------------- filling one


def fill_space(
    library: Library, index: VectorIndex, embedder: Embedder
) -> Generator[Progress, None, None]:
    """Embed every photo at hand that has no vector in this space yet.

    The counts are of contents with a photo at hand. The last item (FINISHED) says how many can be
    found; what is left over could not be read or embedded. Closing it between two items keeps what
    was done. Others may add and forget photos meanwhile, in other spaces.
    NoSpace after storing what was done; DeviceOutOfMemory, ModelProblem; ServerGone, at the end,
    where the index could not follow.
    """
    if not index.checked:
        yield from index.reconcile(library.catalogue)
    yield from _Filling(library, index, embedder).run()
    yield from index.reconcile(library.catalogue)  # photos may have gone meanwhile
    library.catalogue.changes += 1  # hours of work: worth a backup when the library is closed
    contents, missing = _missing(library, embedder.space)
    yield Progress(Stage.FINISHED, len(contents) - len(missing), len(contents))


def _missing(library: Library, space: VectorSpace) -> tuple[list[int], list[int]]:
    """All contents at hand, and those without a vector."""
    contents = list(library.catalogue.content_ids())
    return contents, library.catalogue.space_table.without(contents, space)


class _Filling:
    """One run of `fill_space`."""

    def __init__(self, library: Library, index: VectorIndex, embedder: Embedder) -> None:
        self._library, self._index, self._embedder = library, index, embedder
        self._vectors = PictureVectors(embedder)
        self._tried: set[Path] = set()
        self._again: set[Path] = set()  # tried twice, for no fault of the content's
        self._looked_at = 0  # files
        self._pending: list[Prepared] = []
        self._total = self._done = self._worked = self._left = 0
        self._seconds = 0.0
        self._went_on = time.monotonic()

    def run(self) -> Iterator[Progress]:
        """Passes over what is missing: another copy, another try, photos that came since."""
        while True:
            contents, missing = _missing(self._library, self._embedder.space)
            self._total, self._done = len(contents), len(contents) - len(missing)
            self._left = len(missing)
            before = self._looked_at
            yield self._progress()
            self._went_on = time.monotonic()
            yield from self._pass(missing)
            if self._looked_at == before:
                return

    def _pass(self, missing: Sequence[int]) -> Iterator[Progress]:
        prepared = DecodeAhead(self._files(missing), self._library, self._embedder)
        try:
            for outcome in prepared:
                self._left -= 1
                if isinstance(outcome, Prepared):
                    self._pending.append(outcome)
                elif outcome.sha256 is None and outcome.file.path not in self._again:
                    self._again.add(outcome.file.path)
                    self._tried.discard(outcome.file.path)
                if self._is_full():
                    self._store()
                    yield self._progress()
                    self._went_on = time.monotonic()
            self._store()
            yield self._progress()
        finally:
            prepared.close()

    def _files(self, content_ids: Sequence[int]) -> Iterator[FoundFile]:
        """One file of each content, which was not tried before."""
        for start in range(0, len(content_ids), _LOOKED_UP):
            part = content_ids[start : start + _LOOKED_UP]
            for photos in self._library.catalogue.photos_of(part).values():
                photo = next((one for one in photos if one.path not in self._tried), None)
                if photo is not None:
                    self._tried.add(photo.path)
                    self._looked_at += 1
                    yield FoundFile(photo.path, photo.size_bytes, photo.modified_ns)

    def _is_full(self) -> bool:
        return (
            len(self._pending) >= self._vectors.batch_size
            or sum(one.picture_bytes for one in self._pending) >= MOST_BYTES_DECODED
            or time.monotonic() - self._went_on > _MOST_SECONDS_A_STEP
        )

    def _store(self) -> None:
        """Catalogue, then index. What a file shows now counts, not what it showed before."""
        pending, self._pending = self._pending, []
        vectors = self._vectors.embed([one for one in pending if one.needs_vector])
        if any(not failed.lasting for failed in self._vectors.failed.values()):
            raise DeviceOutOfMemory(
                f"The device has too little free memory for {self._embedder.name} to go on."
            )
        if not vectors:
            return
        self._library.require_space(sum(vector.nbytes for vector in vectors.values()))
        kept = self._library.catalogue.space_table.add(self._embedder.space, vectors)
        if kept:
            self._follow(kept)
        self._done += len(kept)
        self._worked += len(kept)

    def _follow(self, kept: dict[int, Vector]) -> None:
        """What a server that is gone lacks, it gets at the end of the run, or when it is back."""
        try:
            self._index.insert(list(kept), np.stack(list(kept.values())))
        except ServerGone as error:
            _log.warning("%s Its vectors go on into the catalogue.", error)

    def _progress(self) -> Progress:
        self._seconds += time.monotonic() - self._went_on
        rate = self._worked / max(self._seconds, 1e-3) if self._worked else None
        return Progress(
            Stage.EMBEDDING,
            min(self._done, self._total),
            self._total,
            per_second=rate,
            seconds_left=None if rate is None else max(0, self._left) / rate,
        )
