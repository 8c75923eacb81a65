"""Brings the library up to date with a folder: scan, decode ahead, embed, store; one batch a step.

    scan_folder -> unchanged files are counted, never opened
                -> the others: DecodeAhead (threads) -> embedder -> catalogue -> index -> Progress
    at the end  -> what is gone leaves the catalogue, then the index

The catalogue is written first. Whatever happens between the two writes, `VectorIndex.reconcile`
makes the index equal again when it is next opened. A server that is gone stops nothing: photos go
on into the catalogue, and the index catches up at the end of the run, or when the server is back.
"""

from __future__ import annotations

import logging
import math
import os
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

import mmsearch_desktop
from mmsearch_desktop.domain import (
    Embedder,
    IndexSummary,
    LibraryBusy,
    LibraryProblem,
    NoSpace,
    Photo,
    Problem,
    Progress,
    ServerGone,
    Stage,
)
from mmsearch_desktop.library.picture_vectors import PictureVectors
from mmsearch_desktop.library.prepare import (
    MOST_BYTES_DECODED,
    DecodeAhead,
    Prepared,
    Unreadable,
)
from mmsearch_desktop.library.survey import Survey
from mmsearch_desktop.library.tables import Arrival, NewContent, NewProblem

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mmsearch_desktop.library.decode import DecodedPhoto
    from mmsearch_desktop.library.scan import FoundFile
    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.library.vectors import VectorIndex

    Vector = NDArray[np.float32]

_log = logging.getLogger("mmsearch.ingest")

_KEEP_FORGOTTEN = timedelta(days=30)
_MOST_FILES_A_STEP = 200
_MOST_SECONDS_A_STEP = 0.5
_SERVER_PAUSE_SECONDS = 30.0  # before a server that was gone is asked again


def add_folder(
    folder: Path,
    library: Library,
    index: VectorIndex,
    embedder: Embedder,
    within: Collection[Path] | None = None,
) -> Generator[Progress, None, None]:
    """Make the library hold exactly the photos of `folder`; the last item carries the summary.

    `within`: only of those that lie directly in these folders of it; the rest is not looked at.
    Files that did not change are not opened, contents that are known are not embedded again.
    Closing the generator between two items cancels: everything yielded before is kept.
    FolderProblem if the folder or its drive is not there (its photos are kept); NoSpace after
    storing what was done; LibraryBusy while another run goes on; ServerGone, at the end, where the
    index could not follow.
    """
    if not library.indexing.acquire(blocking=False):
        raise LibraryBusy(f"{library.folder} is being indexed. Wait for it, or cancel it first.")
    try:
        gone = None if index.checked else (yield from _gone_while_healing(index, library))
        run = _Run(folder, library, index, embedder, within)
        if gone is not None:
            run.index_has_gone(gone)
        try:
            yield from run.scan()
            yield from run.process()
            yield from run.finish()
        finally:
            run.sweep()
    finally:
        library.indexing.release()


def forget_folder(folder_id: int, library: Library, index: VectorIndex | None) -> None:
    """Drop a folder from the library with all that was kept of its photos; never the photos.

    `index` may be None where none is open: it is put right when it is next opened.
    """
    if not library.indexing.acquire(blocking=False):
        raise LibraryBusy(f"{library.folder} is being indexed. Wait for it, or cancel it first.")
    try:
        forgotten = library.catalogue.remove_folder(folder_id)
        for content in forgotten:
            library.thumbnails.remove(content.sha256)
        if index is not None:
            _remove([content.content_id for content in forgotten], index)
    finally:
        library.indexing.release()


def _remove(content_ids: Sequence[int], index: VectorIndex) -> None:
    try:
        index.remove(content_ids)
    except ServerGone as error:  # what the catalogue does not know is found by nobody
        _log.warning(
            "%s The index keeps what was forgotten until it is next looked through.", error
        )


def _gone_while_healing(
    index: VectorIndex, library: Library
) -> Generator[Progress, None, ServerGone | None]:
    try:
        yield from index.reconcile(library.catalogue)
    except ServerGone as error:
        return error
    return None


class _Run:
    """One run of `add_folder`: what is still to be done, and what was."""

    def __init__(
        self,
        folder: Path,
        library: Library,
        index: VectorIndex,
        embedder: Embedder,
        within: Collection[Path] | None,
    ) -> None:
        self._library = library
        self._index = index
        self._embedder = embedder
        self._space = embedder.space
        self._started_ns = time.time_ns()
        self._started = time.monotonic()
        self._clock = _Clock()
        self._vectors = PictureVectors(embedder)
        program = f"{mmsearch_desktop.__version__} {self._space.preparation}"
        self._by_decoder = program  # what this program cannot decode, it need not try again
        self._by_model = f"{program} {self._space.key}"
        finders = (self._by_decoder, self._by_model)
        self._survey = Survey(folder, library, self._space, finders, within)
        self._pending: list[Prepared] = []
        self._problems: list[NewProblem] = []  # stored with the next batch
        self._untold: list[Problem] = []  # told with the next Progress
        self._failed: dict[str, tuple[str, str]] = {}  # sha256 -> reason, who found it
        self._unreadable: list[Problem] = []
        self._wrote = False
        self._is_behind = False  # the index, which has not got all that the catalogue has
        self._server_gone_until = -math.inf  # by the monotonic clock
        self._done_before = 0  # files that need no work
        self._done = self._indexed = self._moved = self._unchanged = self._removed = 0

    # -- the three parts -------------------------------------------------------------------

    def scan(self) -> Iterator[Progress]:
        for found in self._survey.look():
            if isinstance(found, Problem):
                self._tell(found)
            if self._clock.since_step() > _MOST_SECONDS_A_STEP:
                yield self._progress(Stage.SCANNING, self._survey.files, None)
                self._clock.go_on()
        self._problems.extend(self._survey.new_problems)
        self._unchanged = self._survey.unchanged
        self._done = self._done_before = self._survey.files - len(self._survey.work)
        yield self._progress(Stage.SCANNING, self._survey.files, None)

    def process(self) -> Iterator[Progress]:
        self._clock = _Clock(len(self._survey.work))
        prepared = DecodeAhead(self._survey.work, self._library, self._embedder)
        try:
            for outcome in prepared:
                self._take(outcome)
                if self._is_full():
                    yield self._flush()
                    self._clock.go_on()
        except NoSpace:
            self._flush()
            raise
        finally:
            prepared.close()
        if self._pending or self._problems:
            yield self._flush()
            self._clock.go_on()

    def finish(self) -> Iterator[Progress]:
        catalogue = self._library.catalogue
        gone, gone_problems = self._survey.gone, self._survey.gone_problems
        self._removed = len(gone)
        if gone or gone_problems:
            catalogue.remove_photos([known.photo_id for known in gone.values()], gone_problems)
            self._wrote = True
        if self._survey.reached_folders:
            catalogue.folder_table.absorb(self._survey.reached_folders, self._survey.folder_id)
        self.sweep()
        for content in catalogue.drop_forgotten(_KEEP_FORGOTTEN):
            self._library.thumbnails.remove(content.sha256)
        if self._wrote or self._is_behind or not self._index.checked:
            yield from self._index.reconcile(catalogue, thorough=self._is_behind)
        yield replace(
            self._progress(Stage.FINISHED, self._done, self._survey.files),
            summary=self._summary(),
        )

    def sweep(self) -> None:
        """Take out of the index what lost its last photo; many at once, for each call is slow."""
        try:
            forgotten = self._library.catalogue.forgotten_since(self._started_ns)
            absent = set(self._index.missing(forgotten))
            there = [id_ for id_ in forgotten if id_ not in absent]
            if there:
                self._index.remove(there)
        except LibraryProblem as error:
            self._is_behind = True
            _log.warning("the index keeps some removed photos until it is next opened: %s", error)

    # -- one file --------------------------------------------------------------------------

    def _take(self, outcome: Prepared | Unreadable) -> None:
        if isinstance(outcome, Prepared):
            self._pending.append(outcome)
        elif outcome.sha256 is not None:
            self._failed[outcome.sha256] = (outcome.reason, self._by_decoder)
            self._fail(outcome.file, outcome.reason, self._by_decoder)
        elif os.path.lexists(outcome.file.path):
            self._fail(outcome.file, outcome.reason, "")  # try again next time
        else:
            self._survey.is_gone(outcome.file)  # deleted since it was seen

    def _fail(self, file: FoundFile, reason: str, valid_for: str) -> None:
        self._done += 1
        self._problems.append(
            NewProblem(file.path, reason, file.size_bytes, file.modified_ns, valid_for)
        )
        self._tell(Problem(file.path, reason))

    def _tell(self, problem: Problem) -> None:
        self._unreadable.append(problem)
        self._untold.append(problem)

    # -- one batch -------------------------------------------------------------------------

    def _is_full(self) -> bool:
        return (
            sum(one.needs_vector for one in self._pending) >= self._vectors.batch_size
            or sum(one.picture_bytes for one in self._pending) >= MOST_BYTES_DECODED
            or len(self._pending) + len(self._problems) >= _MOST_FILES_A_STEP
            or self._clock.since_step() > _MOST_SECONDS_A_STEP
        )

    def _flush(self) -> Progress:
        pending, self._pending = self._pending, []
        vectors = self._vectors.embed([one for one in pending if one.needs_vector])
        for sha256, failed in self._vectors.failed.items():
            self._failed[sha256] = (failed.reason, self._by_model if failed.lasting else "")
        good = [one for one in pending if one.sha256 not in self._failed]
        for one in pending:
            if one.sha256 in self._failed:
                self._fail(one.file, *self._failed[one.sha256])
        photos = self._store(good, vectors)
        return self._progress(Stage.EMBEDDING, self._done, self._survey.files, photos)

    def _store(self, good: Sequence[Prepared], vectors: dict[str, Vector]) -> tuple[Photo, ...]:
        """Catalogue, then index. The photos that are new or changed."""
        problems, self._problems = self._problems, []
        if not good and not problems:
            return ()
        self._library.require_space(sum(vector.nbytes for vector in vectors.values()))
        same = [self._survey.is_same(one.file) for one in good]
        arrivals = [self._arrival(one) for one in good]
        photos = self._library.catalogue.store(
            self._space,
            contents=[
                _content(one.sha256, one.decoded, vectors.get(one.sha256))
                for one in good
                if one.decoded is not None
            ],
            arrivals=arrivals,
            problems=problems,
        )
        self._wrote = True
        self._follow(photos, vectors)
        moved = [arrival.moved_photo is not None for arrival in arrivals]
        self._done += len(good)
        self._unchanged += sum(same)
        self._moved += sum(moved)
        self._indexed += len(good) - sum(same) - sum(moved)
        told = zip(photos, same, moved, strict=True)
        return tuple(photo for photo, is_same, is_moved in told if not is_same and not is_moved)

    def _arrival(self, one: Prepared) -> Arrival:
        return Arrival(
            path=one.file.path,
            folder_id=self._survey.folder_of(one.file.path),
            sha256=one.sha256,
            size_bytes=one.file.size_bytes,
            modified_ns=one.file.modified_ns,
            moved_photo=self._survey.moved_from(one.file, one.sha256),
        )

    def _follow(self, photos: Sequence[Photo], vectors: dict[str, Vector]) -> None:
        """Have the index follow; while its server is gone, that is left for later."""
        if time.monotonic() < self._server_gone_until:
            return
        try:
            self._insert(photos, vectors)
        except ServerGone as error:
            self.index_has_gone(error)

    def index_has_gone(self, error: ServerGone) -> None:
        _log.warning("%s Photos go on into the catalogue.", error)
        self._is_behind = True
        self._server_gone_until = time.monotonic() + _SERVER_PAUSE_SECONDS

    def _insert(self, photos: Sequence[Photo], vectors: dict[str, Vector]) -> None:
        """Those just embedded, and known contents that had no photo until now."""
        rows = {p.content_id: vectors[p.sha256] for p in photos if p.sha256 in vectors}
        others = self._index.missing(sorted({p.content_id for p in photos} - rows.keys()))
        rows |= self._library.catalogue.embeddings(others, self._space)
        if rows:
            self._index.insert(list(rows), np.stack(list(rows.values())))

    # -- what is told ----------------------------------------------------------------------

    def _progress(
        self, stage: Stage, done: int, total: int | None, photos: tuple[Photo, ...] = ()
    ) -> Progress:
        self._clock.stop(self._done - self._done_before)
        problems, self._untold = tuple(self._untold), []
        return Progress(
            stage,
            done,
            total,
            per_second=self._clock.per_second,
            seconds_left=self._clock.seconds_left,
            photos=photos,
            problems=problems,
        )

    def _summary(self) -> IndexSummary:
        return IndexSummary(
            photos=self._unchanged + self._indexed + self._moved,
            indexed=self._indexed,
            unchanged=self._unchanged,
            moved=self._moved,
            removed=self._removed,
            unreadable=tuple(sorted(self._unreadable, key=lambda problem: problem.path)),
            seconds=time.monotonic() - self._started,
        )


class _Clock:
    """How fast files are dealt with, and how long the rest takes; pauses do not count."""

    def __init__(self, work: int = 0) -> None:
        self._work = work  # files to be dealt with
        self._active_seconds = 0.0
        self._went_on = time.monotonic()
        self.per_second: float | None = None
        self.seconds_left: float | None = None

    def since_step(self) -> float:
        return time.monotonic() - self._went_on

    def stop(self, worked: int) -> None:
        self._active_seconds += self.since_step()
        self._went_on = time.monotonic()
        if worked and self._work:
            self.per_second = worked / max(self._active_seconds, 1e-3)
            self.seconds_left = (self._work - worked) / self.per_second

    def go_on(self) -> None:
        self._went_on = time.monotonic()


def _content(sha256: str, decoded: DecodedPhoto, vector: Vector | None) -> NewContent:
    return NewContent(sha256, decoded.width, decoded.height, decoded.format, decoded.taken, vector)
