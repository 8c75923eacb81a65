"""However catalogue and index disagree, they agree after `reconcile`: random disagreements."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsearch_desktop.domain import Preparation, VectorSpace
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.library.index_check import full_difference
from mmsearch_desktop.library.milvus_engine import engine_folder
from mmsearch_desktop.library.tables import Arrival, NewContent, as_stored
from mmsearch_desktop.library.vectors import MilvusIndex
from tests.library.places import ON_SERVER, place_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

WIDTH = 16
SPACE = VectorSpace("disagreeing", "1", WIDTH, Preparation.APP)
CONTENTS = 60
ONE_PROCESS = engine_folder() != "milvus-lite-2"


def vectors(count: int, seed: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    stored: NDArray[np.float32] = as_stored(rows)
    return stored


class Pair:
    """A catalogue and its index, and what can go wrong between them."""

    def __init__(self, folder: Path) -> None:
        self.catalogue = Catalogue(folder / "catalogue.sqlite")
        self.album = folder / "album"
        self.album.mkdir()
        self.folder_id = self.catalogue.add_folder(self.album)
        self.index = MilvusIndex(place_below(folder / "index"), SPACE, reserve_bytes=0)
        self.seed = 0
        self.fill()

    def fill(self) -> None:
        """Photos and their vectors, of which some may be there."""
        names = [f"{number:064x}" for number in range(CONTENTS)]
        rows = zip(names, vectors(CONTENTS, seed=1), strict=True)
        self.catalogue.store(
            SPACE,
            contents=[NewContent(name, 1, 1, "PNG", None, row) for name, row in rows],
            arrivals=[Arrival(self.album / n, self.folder_id, n, 1, 1) for n in names],
        )

    @property
    def ids(self) -> list[int]:
        return list(self.catalogue.content_ids())

    def others(self, count: int) -> NDArray[np.float32]:
        self.seed += 1
        return vectors(count, seed=100 + self.seed)

    def send(self, ids: Sequence[int], rows: NDArray[np.float32]) -> None:
        """Past all that keeps an id from having two rows."""
        data = [{"id": id_, "vector": row} for id_, row in zip(ids, rows, strict=True)]
        engine, name = self.index._engine, self.index._collection
        engine.write(lambda client: client.insert(name, data=data, retry_times=0))

    # -- disagreements ---------------------------------------------------------------------

    def lacks(self, ids: Sequence[int]) -> None:
        self.index.remove(ids)

    def has_strays(self, ids: Sequence[int]) -> None:
        self.index.insert([id_ + 10**6 for id_ in ids], self.others(len(ids)))

    def has_other_vectors(self, ids: Sequence[int]) -> None:
        self.index.remove(ids)
        self.index.insert(ids, self.others(len(ids)))

    def has_them_twice(self, ids: Sequence[int]) -> None:
        if ONE_PROCESS:  # milvus-lite 3 puts the second in the place of the first
            self.has_other_vectors(ids)
        else:
            self.send(ids, self.others(len(ids)))

    def is_empty(self, _ids: Sequence[int]) -> None:
        self.index._engine.start_empty()

    def catalogue_forgot(self, ids: Sequence[int]) -> None:
        photos = self.catalogue.photos_of(ids)
        self.catalogue.remove_photos([photo.id for id_ in ids for photo in photos.get(id_, ())])

    def catalogue_lost_vectors(self, ids: Sequence[int]) -> None:
        self.catalogue.drop_embeddings(ids, SPACE)

    def catalogue_has_no_usable_vectors(self, ids: Sequence[int]) -> None:
        broken = [b"", b"\xff" * 2 * WIDTH, bytes(2 * WIDTH), b"\x3c" * 7]
        with (
            contextlib.closing(sqlite3.connect(self.catalogue.path)) as connection,
            connection,
        ):
            connection.executemany(
                "UPDATE embeddings SET vector = ? WHERE content_id = ?",
                [(broken[id_ % 4], id_) for id_ in ids],
            )

    # -- and what must hold then -----------------------------------------------------------

    def agree(self) -> bool:
        wanted = self.catalogue.embedded_ids(SPACE)
        difference = full_difference(self.index, self.catalogue)
        stored = self.catalogue.embeddings(wanted, SPACE)
        found = self.index._get(wanted, "id", "vector") if wanted else []
        same = all(np.abs(stored[row["id"]] - row["vector"]).max() < 1e-6 for row in found)
        counts = {len(wanted), len(stored), len(found), self.index.count()}
        return same and len(counts) == 1 and difference is not None and not difference.missing


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("pair"))
    yield made
    made.index.close()
    made.catalogue.close()


DISAGREEMENTS: tuple[Callable[[Pair, Sequence[int]], None], ...] = (
    Pair.lacks,
    Pair.has_strays,
    Pair.has_other_vectors,
    Pair.has_them_twice,
    Pair.is_empty,
    Pair.catalogue_forgot,
    Pair.catalogue_lost_vectors,
    Pair.catalogue_has_no_usable_vectors,
)
some = st.lists(st.integers(0, CONTENTS - 1), min_size=1, max_size=CONTENTS, unique=True)
happened = st.lists(st.tuples(st.sampled_from(DISAGREEMENTS), some), min_size=1, max_size=4)


@settings(max_examples=2 if ON_SERVER else 15)  # Milvus takes 3 s to make a collection
@given(events=happened)
def test_any_disagreements_heal(
    events: list[tuple[Callable[[Pair, Sequence[int]], None], list[int]]], pair: Pair
) -> None:
    pair.fill()
    _heal(pair)
    for happens, places in events:
        ids = pair.ids
        happens(pair, [ids[place] for place in places if place < len(ids)])
    _heal(pair)
    assert pair.agree()
    pair.fill()  # what a scan does: each photo without a vector is embedded again
    _heal(pair)
    assert pair.agree()
    assert pair.index.count() == CONTENTS


def _heal(pair: Pair) -> None:
    """As it is opened: nothing is known of it."""
    pair.index.checked, pair.index.looked_through = False, None
    list(pair.index.reconcile(pair.catalogue))
    assert pair.index.checked


@pytest.mark.parametrize("happens", DISAGREEMENTS)
def test_each_disagreement_of_a_single_row_is_seen(
    happens: Callable[[Pair, Sequence[int]], None], pair: Pair
) -> None:
    pair.fill()
    _heal(pair)
    happens(pair, pair.ids[7:8])
    difference = full_difference(pair.index, pair.catalogue)
    if difference is not None:  # else it is made anew
        parts = (difference.missing, difference.strays, difference.wrong, difference.unusable)
        assert any(parts)
    _heal(pair)
    assert pair.agree()


def test_an_index_that_nothing_has_written_to_is_checked_by_samples_only(pair: Pair) -> None:
    pair.fill()
    _heal(pair)
    looked_through = pair.index.looked_through
    assert looked_through is not None
    assert pair.index.is_equal
    pair.index.checked = False
    assert list(pair.index.reconcile(pair.catalogue)) == []
    assert pair.index.looked_through == looked_through
    pair.has_other_vectors(pair.ids)
    pair.index.checked = False
    list(pair.index.reconcile(pair.catalogue))
    assert pair.agree()
