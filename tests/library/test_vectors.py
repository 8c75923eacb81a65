"""The Milvus index: exact, equal to the catalogue after any damage, back when its process dies.

A process costs half a second each time it starts, so that tests share one where they can. Also run
against servers: see places.py.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from mmsearch_desktop.domain import (
    LibraryProblem,
    ModelProblem,
    NoSpace,
    Preparation,
    Stage,
    VectorSpace,
)
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.library.milvus_engine import MilvusEngine, engine_folder
from mmsearch_desktop.library.tables import Arrival, NewContent, as_stored
from mmsearch_desktop.library.vectors import MilvusIndex, VectorIndex
from tests.library.memory_index import MemoryIndex
from tests.library.places import LOCAL, ON_SERVER, place_below

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

WIDTH = 16
SPACE = VectorSpace("random", "1", WIDTH, Preparation.APP)
ROWS = 12_000  # more than one filter, and more than one listing, holds
ONE_PROCESS = engine_folder() != "milvus-lite-2"
CHILD = pytest.mark.skipif(
    ONE_PROCESS or ON_SERVER, reason="milvus-lite 3 (Windows) and servers have no process of ours"
)


def vectors(count: int, seed: int = 0) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, WIDTH)).astype(np.float32)
    stored: NDArray[np.float32] = as_stored(rows)
    return stored


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MilvusIndex, Any]]:
    """Ids 1 to ROWS with their vectors; for tests that only read."""
    index = MilvusIndex(place_below(tmp_path_factory.mktemp("index")), SPACE, reserve_bytes=0)
    rows = vectors(ROWS)
    index.insert(range(1, ROWS + 1), rows)
    yield index, rows
    index.close()


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """300 contents, none of them with a real file."""
    folder = tmp_path_factory.mktemp("catalogue")
    opened = Catalogue(folder / "catalogue.sqlite")
    folder_id = opened.add_folder(folder)
    names = [f"{number:064x}" for number in range(300)]
    rows = zip(names, vectors(300, seed=1), strict=True)
    opened.store(
        SPACE,
        contents=[NewContent(name, 1, 1, "PNG", None, row) for name, row in rows],
        arrivals=[Arrival(folder / n, folder_id, n, 1, 1) for n in names],
    )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def shared_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusIndex]:
    index = MilvusIndex(place_below(tmp_path_factory.mktemp("shared")), SPACE, reserve_bytes=0)
    yield index
    index.close()


@pytest.fixture
def index(shared_index: MilvusIndex) -> MilvusIndex:
    """An empty one, that may be written and whose process may be killed."""
    shared_index.remove(listed(shared_index))
    assert shared_index.count() == 0
    return shared_index


def listed(index: MilvusIndex) -> list[int]:
    return [id_ for id_, _ in index.search(vectors(1)[0], 100_000)]


def assert_nearest(
    hits: list[tuple[int, float]],
    rows: NDArray[np.float32],
    query: NDArray[np.float32],
    limit: int,
    among: Sequence[int] | None = None,
) -> None:
    """The ids are the exact ones; where two scores differ by a rounding, either may be first."""
    scope = list(range(1, len(rows) + 1) if among is None else among)
    ids = [id_ for id_, _ in hits]
    assert len(ids) == len(set(ids)) == min(limit, len(scope))
    assert set(ids) <= set(scope)
    exact = rows @ query
    best = np.sort(exact[np.array(scope, dtype=int) - 1])[::-1][: len(ids)]
    assert np.allclose([score for _, score in hits], best, atol=1e-5)
    assert np.allclose(exact[np.array(ids, dtype=int) - 1], best, atol=1e-5)


def assert_equal_to(index: VectorIndex, catalogue: Catalogue) -> None:
    wanted = catalogue.embedded_ids(SPACE)
    assert index.count() == len(wanted)
    assert index.missing(wanted) == []
    for id_, vector in catalogue.embeddings(wanted[::37], SPACE).items():
        (best, score), *_ = index.search(vector, 1)
        assert best == id_
        assert score == pytest.approx(1, abs=1e-5)


def engine(index: MilvusIndex) -> MilvusEngine:
    assert isinstance(index._engine, MilvusEngine)
    return index._engine


def engine_process(index: MilvusIndex) -> psutil.Process:
    name = f"img_{index.space.key}.db"
    folder = str(engine(index).file)
    return next(
        child
        for child in psutil.Process().children()
        if folder in child.cmdline() and name in folder
    )


# -- searching -----------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 50, 500, ROWS + 5, 20_000])
def test_the_nearest_are_those_of_a_matrix_product(
    limit: int, full: tuple[MilvusIndex, Any]
) -> None:
    index, rows = full
    for query in vectors(3, seed=7):
        assert_nearest(index.search(query, limit), rows, query, limit)


@pytest.mark.parametrize("size", [0, 1, 30, 5000, 11_000])
def test_a_scope_gives_the_nearest_of_it(size: int, full: tuple[MilvusIndex, Any]) -> None:
    index, rows = full
    among = (np.random.default_rng(size).permutation(ROWS)[:size] + 1).tolist()
    query = vectors(1, seed=8)[0]
    for limit in (10, 4000, 20_000):
        assert_nearest(index.search(query, limit, among=among), rows, query, limit, among)


def test_a_large_scope_far_from_the_query_is_exact_too(full: tuple[MilvusIndex, Any]) -> None:
    index, rows = full
    query = vectors(1, seed=9)[0]
    furthest = (np.argsort(rows @ query)[: ROWS - 400] + 1).tolist()
    assert_nearest(index.search(query, 20, among=furthest), rows, query, 20, furthest)


def test_unknown_ids_in_a_scope_find_nothing(full: tuple[MilvusIndex, Any]) -> None:
    assert full[0].search(vectors(1)[0], 10, among=[10**12, 10**15]) == []


def test_ties_come_by_id(index: MilvusIndex) -> None:
    row = vectors(1, seed=3)
    ids = list(range(1, 201))
    np.random.default_rng(0).shuffle(ids)
    index.insert(ids, np.repeat(row, len(ids), axis=0))
    index.insert([500], -row)
    assert [id_ for id_, _ in index.search(row[0], 7)] == [1, 2, 3, 4, 5, 6, 7]
    assert [id_ for id_, _ in index.search(row[0], 3, among=[90, 80, 70, 60])] == [60, 70, 80]


def test_a_query_that_is_no_vector_is_refused(full: tuple[MilvusIndex, Any]) -> None:
    index, _ = full
    with pytest.raises(ModelProblem, match="no usable vector"):
        index.search(np.full(WIDTH, np.nan, np.float32), 5)
    with pytest.raises(ValueError, match="numbers"):
        index.search(np.ones(WIDTH + 1, np.float32), 5)
    assert index.search(vectors(1)[0], 0) == []


def test_the_index_in_memory_answers_alike(full: tuple[MilvusIndex, Any]) -> None:
    index, rows = full
    memory = MemoryIndex(SPACE)
    memory.insert(range(1, ROWS + 1), rows)
    for query in vectors(3, seed=11):
        ids = [id_ for id_, _ in index.search(query, 20)]
        assert ids == [id_ for id_, _ in memory.search(query, 20)]
    assert memory.missing([1, 0]) == index.missing([1, 0]) == [0]


# -- writing -------------------------------------------------------------------------------


def test_inserting_twice_gives_one_row(index: MilvusIndex) -> None:
    rows = vectors(20)
    index.insert(range(20), rows)
    others = vectors(20, seed=2)
    index.insert(range(10, 30), others)
    assert index.count() == 30
    kept = others[5] if ON_SERVER else rows[15]  # a server puts the new one in its place
    assert index.search(kept, 1)[0][0] == 15
    index.remove([3, 4, 5, 999])
    assert index.missing(list(range(30))) == [3, 4, 5]


def test_vectors_that_are_none_are_refused_before_they_are_stored(index: MilvusIndex) -> None:
    rows = vectors(3)
    rows[1, 2] = np.nan
    for bad in (rows, vectors(2), np.ones((3, 5), np.float32)):
        with pytest.raises(ValueError, match="ids, but vectors"):
            index.insert([1, 2, 3], bad)
    assert index.count() == 0


@LOCAL
def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path, index: MilvusIndex) -> None:
    engine(index).reserve_bytes = 10**18
    try:
        with pytest.raises(NoSpace, match="MB are free"):
            index.insert([1], vectors(1))
    finally:
        engine(index).reserve_bytes = 0
    assert index.count() == 0
    with pytest.raises(NoSpace):
        MilvusIndex(tmp_path, SPACE, reserve_bytes=10**18)


@LOCAL
def test_what_is_there_can_be_searched_on_a_full_disk(tmp_path: Path) -> None:
    index = MilvusIndex(tmp_path, SPACE, reserve_bytes=0)
    index.insert([1, 2], vectors(2))
    index.close()
    file = tmp_path / engine_folder() / f"img_{SPACE.key}.db"
    again = MilvusIndex(tmp_path, SPACE, reserve_bytes=10**18)
    try:
        assert [id_ for id_, _ in again.search(vectors(2)[1], 1)] == [2]
        with pytest.raises(NoSpace):
            again.insert([3], vectors(1))
        with pytest.raises(NoSpace):  # it is not given up for an empty one that cannot be filled
            engine(again).start_empty()
        assert file.exists()
        assert again.count() == 2
    finally:
        again.close()


def test_searching_goes_on_while_another_thread_writes(index: MilvusIndex) -> None:
    target = vectors(1, seed=5)
    index.insert([1], target)
    done = threading.Event()
    answers: list[int] = []

    def search() -> None:
        while not done.is_set():
            answers.append(index.search(target[0], 1)[0][0])

    searcher = threading.Thread(target=search)
    searcher.start()
    for start in range(10, 2010, 100):
        index.insert(range(start, start + 100), vectors(100, seed=start))
    done.set()
    searcher.join()
    assert set(answers) == {1}
    assert index.count() == 2001


# -- a process that dies -------------------------------------------------------------------


@CHILD
def test_a_killed_process_is_started_again_for_searching(index: MilvusIndex) -> None:
    rows = vectors(50)
    index.insert(range(50), rows)
    engine_process(index).kill()
    assert index.search(rows[7], 1)[0][0] == 7
    assert index.count() == 50


@CHILD
def test_a_process_killed_between_writes_loses_and_doubles_nothing(index: MilvusIndex) -> None:
    rows = vectors(600)
    for start in range(0, 600, 200):
        index.insert(range(start, start + 200), rows[start : start + 200])
        engine_process(index).kill()
    assert index.count() == 600
    assert index.missing(list(range(600))) == []
    index.remove(list(range(0, 600, 2)))
    assert index.count() == 300


@CHILD
def test_a_process_that_hangs_while_writing_is_replaced(index: MilvusIndex) -> None:
    index.insert([1], vectors(1))
    engine_process(index).send_signal(signal.SIGSTOP)
    row = {"id": 2, "vector": vectors(1)[0]}
    with pytest.raises(LibraryProblem, match="does not answer"):
        engine(index).write(
            lambda client: client.insert(index._collection, data=[row], retry_times=0),
            silent_seconds=0.2,
        )
    index.insert([2], vectors(1, seed=2))
    assert index.count() == 2


# -- equal to the catalogue ----------------------------------------------------------------


def test_an_empty_index_is_filled_and_an_equal_one_left_alone(
    index: MilvusIndex, catalogue: Catalogue
) -> None:
    items = list(index.reconcile(catalogue))
    assert {item.stage for item in items} == {Stage.REBUILDING}
    assert (items[-1].done, items[-1].total) == (300, 300)
    assert index.checked
    assert_equal_to(index, catalogue)
    assert list(index.reconcile(catalogue)) == []
    assert list(index.reconcile(catalogue, thorough=False)) == []


def _some_missing(index: MilvusIndex, ids: list[int], rows: NDArray[np.float32]) -> None:
    index.remove(ids[10:40])


def _some_strays(index: MilvusIndex, ids: list[int], rows: NDArray[np.float32]) -> None:
    index.insert([5000, 6000, 10**12], vectors(3))


def _missing_and_strays(index: MilvusIndex, ids: list[int], rows: NDArray[np.float32]) -> None:
    _some_missing(index, ids, rows)
    _some_strays(index, ids, rows)


def _other_vectors(index: MilvusIndex, ids: list[int], rows: NDArray[np.float32]) -> None:
    index.remove(ids)
    index.insert(ids, np.ascontiguousarray(rows[::-1]))


def _doubled(index: MilvusIndex, ids: list[int], rows: NDArray[np.float32]) -> None:
    data = [{"id": ids[0], "vector": rows[5]}]
    index._engine.write(lambda client: client.insert(index._collection, data=data, retry_times=0))


@pytest.mark.parametrize(
    "disagreement",
    [
        _some_missing,
        _some_strays,
        _missing_and_strays,
        _other_vectors,
        pytest.param(_doubled, marks=CHILD),  # milvus-lite 3 puts it in the place of the first
    ],
)
def test_any_disagreement_heals(
    disagreement: Callable[[MilvusIndex, list[int], NDArray[np.float32]], None],
    index: MilvusIndex,
    catalogue: Catalogue,
) -> None:
    list(index.reconcile(catalogue))
    ids = catalogue.embedded_ids(SPACE)
    stored = catalogue.embeddings(ids, SPACE)
    disagreement(index, ids, np.stack([stored[id_] for id_ in ids]))
    list(index.reconcile(catalogue))
    assert_equal_to(index, catalogue)


def test_closing_the_generator_in_the_middle_heals_the_next_time(
    index: MilvusIndex, catalogue: Catalogue
) -> None:
    index.checked = False
    healing = index.reconcile(catalogue)
    next(healing)
    healing.close()  # type: ignore[attr-defined]
    assert not index.checked
    list(index.reconcile(catalogue))
    assert_equal_to(index, catalogue)


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def _head_garbled(file: Path) -> None:
    file.write_bytes(b"garbled!" * 64 + file.read_bytes()[512:])


def _middle_garbled(file: Path) -> None:
    data = file.read_bytes()
    middle = len(data) // 2
    file.write_bytes(data[:middle] + b"\x5a" * 20_000 + data[middle + 20_000 :])


@CHILD
@pytest.mark.parametrize("damage", [_empty, _cut, _head_garbled, _middle_garbled])
def test_a_damaged_file_is_made_anew_from_the_catalogue(
    damage: Callable[[Path], None],
    tmp_path: Path,
    catalogue: Catalogue,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = MilvusIndex(tmp_path, SPACE, reserve_bytes=0)
    list(first.reconcile(catalogue))
    first.close()
    damage(tmp_path / engine_folder() / f"img_{SPACE.key}.db")
    again = MilvusIndex(tmp_path, SPACE, reserve_bytes=0)
    try:
        assert not again.checked
        list(again.reconcile(catalogue))
        assert_equal_to(again, catalogue)
    finally:
        again.close()
    assert capfd.readouterr().err == ""  # the engine's own complaints are not for a person
    assert {record.name for record in caplog.records} <= {"mmsearch.library"}


# -- opening and closing -------------------------------------------------------------------


@LOCAL
def test_it_opens_in_odd_surroundings_and_leaves_them_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIN_PATH", "/nowhere")
    monkeypatch.setenv("LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("MILVUS_URI", "/some/file.db")
    monkeypatch.setenv("TMPDIR", str(tmp_path / ("long" * 30)))
    monkeypatch.delenv("HOME")
    before = dict(os.environ)
    no_text = b"" if ONE_PROCESS or sys.platform == "darwin" else b"\xff"
    folder = tmp_path / os.fsdecode("with space Ж 写真 100%".encode() + no_text)
    index = MilvusIndex(folder, SPACE, reserve_bytes=0)
    assert dict(os.environ) == before
    index.insert([1], vectors(1))
    assert index._engine.stored_rows(index._collection) == (None if ONE_PROCESS else 1)
    index.close()
    again = MilvusIndex(folder, SPACE, reserve_bytes=0)
    assert again.count() == 1
    again.close()


@LOCAL
def test_closing_ends_the_process_and_calls_after_it_say_so(tmp_path: Path) -> None:
    index = MilvusIndex(tmp_path, SPACE, reserve_bytes=0)
    process = None if ONE_PROCESS else engine_process(index)
    index.close()
    index.close()
    assert process is None or not process.is_running()
    with pytest.raises(LibraryProblem, match="closed"):
        index.search(vectors(1)[0], 1)


@LOCAL
def test_a_place_that_cannot_hold_it_is_named(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d" * 100] * 5)
    with pytest.raises(LibraryProblem, match=r"too long.*Choose"):
        MilvusIndex(deep, SPACE, reserve_bytes=0)
    if ONE_PROCESS:
        with pytest.raises(LibraryProblem, match=r"no text.*Rename it"):
            MilvusIndex(tmp_path / "\udcff", SPACE, reserve_bytes=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryProblem, match=r"cannot be made.*Choose"):
        MilvusIndex(tmp_path / "file", SPACE, reserve_bytes=0)


@LOCAL
def test_rows_on_disk_are_counted_past_the_engine(index: MilvusIndex) -> None:
    index.insert(range(30), vectors(30))
    assert engine(index).stored_rows(index._collection) in (30, None)
    assert engine(index).stored_rows("no such") is None
