"""The vector index that Milvus keeps, on this computer or on a server.

Nothing exists only here: it is made from the catalogue, at any time. The index holds content ids
and unit vectors, no folders and no dates: a scope is a list of ids from the catalogue. A file that
moves then changes one row of SQLite and nothing here, where Milvus Lite 2.5.1 takes 0.3 s for any
update among 100,000 rows.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from mmsearch_desktop.domain import (
    LibraryDamaged,
    LibraryProblem,
    ModelProblem,
    NoSpace,
    Progress,
    ServerGone,
    Stage,
    VectorSpace,
)
from mmsearch_desktop.library.index_check import (
    Difference,
    full_difference,
    quick_difference,
    unusable,
)
from mmsearch_desktop.library.index_engine import open_or_create
from mmsearch_desktop.library.milvus_engine import RESERVE_BYTES, MilvusEngine, engine_folder
from mmsearch_desktop.library.milvus_server import WRITE_SECONDS, ServerEngine, Shelf
from mmsearch_desktop.library.turns import Turns
from mmsearch_desktop.library.vector_index import VectorIndex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from mmsearch_desktop.library.catalogue import Catalogue
    from mmsearch_desktop.library.index_engine import Engine

    Vectors = NDArray[np.float32]
    Hits = list[tuple[int, float]]

__all__ = ["MilvusIndex", "VectorIndex", "index_file"]

_log = logging.getLogger("mmsearch.library")

_READ_SECONDS = 10.0
_MOST_ROWS = 16_384  # one answer of Milvus; more is refused by 2.5.1
_BATCH_ROWS = 1000
_REMOVE_ROWS = 5000
_FLUSH_ROWS = 5000  # milvus-lite 3 searches unflushed rows slowly; 2.5.1 has nothing to flush
_PROGRESS_ROWS = 5000
_FILTER_IDS = 10_000  # ids in one filter: 26 ms on 2.5.1, 166 ms on milvus-lite 3
_FEW_IDS = 1000  # always a filter: 2 ms
_LARGE_SHARE = 0.1  # of the library: asking for more hits costs less than the filter
_GET_ROWS = 2000
_SETTLING_SECONDS = 10.0  # for so long may a quick search of a server find what was removed
_FEWER = 4  # times fewer rows in a batch while searches come
_COUNT_HOLDS_SECONDS = 10.0
_SPARE_HITS = 16  # asked for beyond the limit, to see whether the last place is a tie
_MADE_ANEW = "%s: the vector index is damaged; it is made anew from the catalogue"


def index_file(folder: Path, space: VectorSpace) -> Path:
    """Where `MilvusIndex` keeps this space below `folder`: a file, or a folder on Windows."""
    return folder / engine_folder() / f"img_{space.key}.db"


class MilvusIndex:
    """The index as a Milvus collection of its own, searched exactly (FLAT)."""

    def __init__(
        self,
        place: Path | Shelf,
        space: VectorSpace,
        *,
        reserve_bytes: int = RESERVE_BYTES,
        looked_through: float | None = None,
    ) -> None:
        """Open or create it below a folder, or on a server: imports pymilvus, 1 to 5 s.

        A file that cannot be opened though nothing else is wrong starts empty; `reconcile` fills
        it. `looked_through`: when every vector of it was found to be the catalogue's, if nothing
        has written to either since (seconds since 1970); then `reconcile` is quicker.
        LibraryProblem or NoSpace where the place itself is to blame; ServerGone.
        """
        self.space = space
        self.checked = False
        self.looked_through = looked_through
        self._writing = threading.RLock()
        self._turns = Turns()
        self._counted = (0, -math.inf)  # rows, and when, by the monotonic clock
        self._unflushed_rows = 0
        self._removed = -math.inf  # when some were, by the monotonic clock
        self._unverified: list[int] = []  # ids written since the last check
        if isinstance(place, Shelf):
            self._collection = place.collection(space)
            self._engine: Engine = ServerEngine(
                place.server, self._collection, prepare=self._prepare
            )
        else:
            self._collection = f"img_{space.key}"
            file = index_file(place, space)
            self._engine = MilvusEngine(file, prepare=self._prepare, reserve_bytes=reserve_bytes)
        try:
            self._engine.open()
        except LibraryDamaged as error:
            _log.warning(_MADE_ANEW, self._engine.name)
            _log.info("%s", error)
            self.looked_through = None
            self._engine.start_empty()

    def _prepare(self, client: Any) -> None:
        """Each time a client was made: of a server whose collection went, nothing is known."""
        if open_or_create(client, self._collection, self.space.dimensions):
            self._is_behind()

    @property
    def closed(self) -> bool:
        return self._engine.closed

    @property
    def is_equal(self) -> bool:
        """Whether it was checked, and everything written to it since as well."""
        return self.checked and not self._unverified

    # -- searching -------------------------------------------------------------------------

    def search(
        self, vector: Vectors, limit: int, *, among: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        query = self._query_of(vector)
        if limit < 1 or (among is not None and len(among) == 0):
            return []
        if limit > _MOST_ROWS:
            return self._nearest_of_all(query, limit, among)
        with self._turns.search():
            if among is None:
                return self._nearest(query, limit, "")
            if len(among) <= _FEW_IDS:
                return self._nearest(query, limit, _filter(among))
            return self._nearest_among(query, limit, among)

    def _query_of(self, vector: Vectors) -> Vectors:
        query = np.asarray(vector, dtype=np.float32).reshape(-1)
        if query.size != self.space.dimensions:
            raise ValueError(f"{query.size} numbers, where {self.space} has others")
        if not np.isfinite(query).all():
            raise ModelProblem(
                f"{self.space.model} gave no usable vector for this query. Ask in other words."
            )
        return query

    def _nearest(self, query: Vectors, limit: int, condition: str) -> Hits:
        """Milvus breaks ties as it likes, so more are asked for until the last place is clear."""
        ask = min(limit + _SPARE_HITS, _MOST_ROWS)
        while True:
            hits = self._ask(query, ask, condition)
            if len(hits) < ask or ask == _MOST_ROWS or hits[limit - 1][1] > hits[-1][1]:
                return hits[:limit]
            ask = min(4 * ask, _MOST_ROWS)

    def _nearest_among(self, query: Vectors, limit: int, among: Sequence[int]) -> Hits:
        """Many ids: a filter of all of them costs more than dropping hits by hand.

        That works while the scope is a large part of the library, and no other part of it is much
        nearer; for what is left, the ids are asked in parts, each exactly.
        """
        wanted = set(among)
        share = len(wanted) / max(self._about_count(), len(wanted))
        ask = round(1.5 * limit / share) + _SPARE_HITS  # as many as should do
        most = _MOST_ROWS
        if len(wanted) <= _FILTER_IDS:  # then one filter does, at the second try or at once
            most = min(most, ask + 1) if share >= _LARGE_SHARE else 0
        while ask < most:
            hits = self._nearest(query, ask, "")
            kept = [hit for hit in hits if hit[0] in wanted]
            if len(kept) >= limit or len(hits) < ask:
                return kept[:limit]
            ask *= 8
        found: Hits = []
        for part in _parts(sorted(wanted), _FILTER_IDS):
            found = _best(found + self._nearest(query, limit, _filter(part)), limit)
        return found

    def _about_count(self) -> int:
        """As of some seconds ago: to guess by, without waiting for a batch that is written."""
        if time.monotonic() - self._counted[1] > _COUNT_HOLDS_SECONDS:
            self._counted = (self._count("", **self._quickly()), time.monotonic())
        return self._counted[0]

    def _nearest_of_all(self, query: Vectors, limit: int, among: Sequence[int] | None) -> Hits:
        """More than one answer holds: every row of one range of ids after the other."""
        wanted = None if among is None else set(among)
        found: Hits = []
        first = 0
        while self._count(f"id >= {first}", **self._quickly()):
            hits = self._ask(query, _MOST_ROWS, _range(first, first + _MOST_ROWS))
            kept = hits if wanted is None else [hit for hit in hits if hit[0] in wanted]
            found = _best(found + kept, limit)
            first += _MOST_ROWS
        return found

    def _quickly(self) -> dict[str, str]:
        """Of a person's search: until all is checked, and after removing, all must be seen."""
        settled = self.checked and time.monotonic() - self._removed > _SETTLING_SECONDS
        return self._engine.quick_reading if settled else {}

    def _ask(self, query: Vectors, limit: int, condition: str) -> Hits:
        answer = self._engine.read(
            lambda client: client.search(
                self._collection,
                data=[query],
                anns_field="vector",
                filter=condition,
                limit=limit,
                output_fields=["id"],  # left out, milvus-lite 3 sends the vectors too
                search_params={"metric_type": "IP"},
                timeout=_READ_SECONDS,
                **self._quickly(),
            )
        )
        return _best([(int(hit["id"]), float(hit["distance"])) for hit in answer[0]], limit)

    # -- writing ---------------------------------------------------------------------------

    def insert(self, ids: Sequence[int], vectors: Vectors) -> None:
        if vectors.shape != (len(ids), self.space.dimensions) or not np.isfinite(vectors).all():
            raise ValueError(f"{len(ids)} ids, but vectors {vectors.shape} of {self.space}")
        with self._writing:
            done = 0
            while done < len(ids):
                self._turns.give_way()
                batch = slice(done, done + self._rows_at_once())
                self._insert_batch(ids[batch], vectors[batch])
                done = batch.stop

    def _rows_at_once(self) -> int:
        """Few while somebody searches, who would wait for them all."""
        rows = self._batch_rows()
        return max(1, rows // _FEWER) if self._turns.searched_lately else rows

    def _batch_rows(self) -> int:
        return max(1, min(_BATCH_ROWS, self._engine.batch_bytes // (4 * self.space.dimensions)))

    def _insert_batch(self, ids: Sequence[int], vectors: Vectors) -> None:
        """After an error the engine is opened again and what did not arrive is sent once more.

        Never sent twice as it is: 2.5.1 keeps two rows of one id.
        """
        self._engine.require_space(vectors.nbytes)
        rows = dict(zip(ids, vectors, strict=True))
        seen = self._engine.opened
        try:
            self._send(rows)
        except ServerGone:
            self._is_behind()
            raise
        except LibraryProblem as error:
            _log.warning("%s: a write failed (%s); looking what arrived", self._engine.name, error)
            self._is_behind()
            self._engine.require_space(vectors.nbytes)
            self._engine.reopen(seen=seen)
            self._send(rows)
        self._unverified.extend(ids)
        self._unflushed_rows += len(ids)
        if self._unflushed_rows >= _FLUSH_ROWS:
            self._flush()

    def _is_behind(self) -> None:
        """Only a look at all of it tells what it holds."""
        self.checked, self.looked_through = False, None

    def _send(self, rows: dict[int, Vectors]) -> None:
        data = [{"id": id_, "vector": vector} for id_, vector in rows.items()]
        if self._engine.upserts:
            self._engine.write(
                lambda client: client.upsert(self._collection, data=data, timeout=WRITE_SECONDS)
            )
            return
        absent = set(self.missing(list(rows)))
        if absent:
            data = [row for row in data if row["id"] in absent]
            self._engine.write(
                lambda client: client.insert(self._collection, data=data, retry_times=0)
            )

    def remove(self, ids: Sequence[int]) -> None:
        with self._writing:
            for part in _parts(sorted(set(ids)), _REMOVE_ROWS):
                self._remove_batch(part)

    def _remove_batch(self, ids: Sequence[int]) -> None:
        seen = self._engine.opened
        try:
            self._delete(ids)
        except ServerGone:
            self._is_behind()
            raise
        except LibraryProblem as error:
            _log.warning("%s: removing failed (%s); once more", self._engine.name, error)
            self._engine.reopen(seen=seen)
            self._delete(ids)  # deleting twice is harmless
        self._removed = time.monotonic()
        gone = set(ids)
        self._unverified = [id_ for id_ in self._unverified if id_ not in gone]

    def _delete(self, ids: Sequence[int]) -> None:
        self._engine.write(
            lambda client: client.delete(self._collection, ids=list(ids), retry_times=0)
        )

    def _flush(self) -> None:
        self._engine.flush(self._collection)
        self._unflushed_rows = 0

    def close(self) -> None:
        """End the engine. Calling it again does nothing."""
        with self._writing:
            if self._unflushed_rows:
                try:
                    self._flush()
                except LibraryProblem as error:
                    _log.warning(
                        "%s: not flushed (%s); the next start looks", self._engine.name, error
                    )
            self._engine.close()

    # -- counting and checking -------------------------------------------------------------

    def count(self) -> int:
        return self._count("")

    def _count(self, condition: str, **options: str) -> int:
        rows = self._query(condition, "count(*)", **options)
        return int(rows[0]["count(*)"])

    def missing(self, ids: Sequence[int]) -> list[int]:
        try:
            rows = [row for part in _parts(list(ids), _GET_ROWS) for row in self._get(part, "id")]
        except ServerGone:
            self._is_behind()  # whoever asks this does not write what it needs
            raise
        found = {row["id"] for row in rows}
        return [id_ for id_ in ids if id_ not in found]

    def _get(self, ids: Sequence[int], *fields: str) -> list[Any]:
        rows: list[Any] = self._engine.read(
            lambda client: client.get(
                self._collection, ids=list(ids), output_fields=list(fields), timeout=_READ_SECONDS
            )
        )
        return rows

    def reconcile(self, catalogue: Catalogue, *, thorough: bool = True) -> Iterator[Progress]:
        if not thorough and self._agrees(catalogue):
            return
        yield from self._heal(catalogue)
        self._unverified.clear()
        self.checked = True

    def _agrees(self, catalogue: Catalogue) -> bool:
        """After a scan: counts, what is really on disk, and the ids that were just written."""
        wanted = catalogue.embedded_count(self.space)
        if self._unflushed_rows:
            self._flush()
        if not self.checked or self.count() != wanted or not self._all_stored(wanted):
            return False
        if self.missing(self._unverified):
            return False
        self._unverified.clear()
        return True

    def _all_stored(self, rows: int) -> bool:
        stored = self._engine.stored_rows(self._collection)
        if stored == rows or (stored is None and not self._engine.counts_on_disk):
            return not self._engine.upserts or self.count() == rows
        # it could not be told, or rows were acknowledged and not stored: only opening again shows
        self._engine.reopen(seen=self._engine.opened)
        return self.count() == rows

    def _heal(self, catalogue: Catalogue) -> Iterator[Progress]:
        compare = full_difference if self.looked_through is None else quick_difference
        try:
            difference = compare(self, catalogue)
        except (NoSpace, ServerGone):
            raise
        except LibraryProblem as error:
            _log.warning("%s: the check failed (%s)", self._engine.name, error)
            difference = None
        if difference is None:
            _log.warning(_MADE_ANEW, self._engine.name)
            self._drop(unusable(catalogue, self.space), catalogue)
            yield from self._rebuild(catalogue)
        else:
            yield from self._mend(difference, catalogue)
        if self.looked_through is None:
            self.looked_through = time.time()

    def _mend(self, difference: Difference, catalogue: Catalogue) -> Iterator[Progress]:
        self._drop(difference.unusable, catalogue)
        out = [*difference.strays, *difference.wrong]
        back = sorted([*difference.missing, *difference.wrong])
        if out:
            _log.info("%s: %d rows are taken out", self._engine.name, len(out))
            self.remove(out)
        if back:
            _log.info("%s: %d vectors are put back", self._engine.name, len(back))
            yield from self._fill(catalogue, back)
        if not self._all_stored(catalogue.embedded_count(self.space)):
            yield from self._rebuild(catalogue)

    def _drop(self, ids: Sequence[int], catalogue: Catalogue) -> None:
        if ids:
            _log.warning("%d damaged vectors are made again from their photos", len(ids))
            catalogue.drop_embeddings(ids, self.space)

    # for `index_check`

    def scored(self, vector: Vectors, first: int, end: int | None) -> Hits | None:
        hits = self._ask(vector, _MOST_ROWS, _range(first, end))
        return hits if len(hits) < _MOST_ROWS else None

    def listed(self, first: int, end: int | None) -> list[int] | None:
        rows = self._query(_range(first, end), "id", limit=_MOST_ROWS)
        return [row["id"] for row in rows] if len(rows) < _MOST_ROWS else None

    def _rebuild(self, catalogue: Catalogue) -> Iterator[Progress]:
        wanted = catalogue.embedded_ids(self.space)
        self._engine.start_empty()
        yield from self._fill(catalogue, wanted)
        if not self._all_stored(len(wanted)) or self.count() != len(wanted):
            raise LibraryDamaged(
                f"{self._engine.name}: the vector index does not keep what is written to it."
                " Check the disk, then start again; nothing of the catalogue is lost."
            )

    def _fill(self, catalogue: Catalogue, ids: Sequence[int]) -> Iterator[Progress]:
        done = 0
        yield Progress(Stage.REBUILDING, done, len(ids))
        for part in _parts(ids, self._batch_rows()):
            vectors = catalogue.embeddings(part, self.space)
            if vectors:
                self.insert(list(vectors), np.stack(list(vectors.values())))
            before, done = done, done + len(part)
            if done // _PROGRESS_ROWS > before // _PROGRESS_ROWS or done == len(ids):
                yield Progress(Stage.REBUILDING, done, len(ids))
        self._flush()

    def _query(self, condition: str, field: str, **options: Any) -> list[Any]:
        rows: list[Any] = self._engine.read(
            lambda client: client.query(
                self._collection,
                filter=condition,
                output_fields=[field],
                timeout=_READ_SECONDS,
                **options,
            )
        )
        return rows


def _range(first: int, end: int | None) -> str:
    return f"id >= {first}" if end is None else f"id >= {first} and id < {end}"


def _filter(ids: Sequence[int]) -> str:
    return f"id in [{', '.join(str(int(id_)) for id_ in ids)}]"


def _best(hits: Hits, limit: int) -> Hits:
    return sorted(hits, key=lambda hit: (-hit[1], hit[0]))[:limit]


def _parts(items: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (items[start : start + size] for start in range(0, len(items), size))
