"""A search goes before the next batch; writing goes on all the same."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from mmsearch_desktop.domain import Preparation, VectorSpace
from mmsearch_desktop.library.turns import Turns
from mmsearch_desktop.library.vectors import MilvusIndex

if TYPE_CHECKING:
    from pathlib import Path


def test_a_writer_waits_for_the_search_under_way() -> None:
    turns, order = Turns(), list[str]()
    waits = threading.Event()

    def write() -> None:
        waits.set()
        turns.give_way()
        order.append("batch")

    with turns.search():
        assert turns.searched_lately
        writer = threading.Thread(target=write)
        writer.start()
        waits.wait()
        order.append("search")
    writer.join()
    assert order == ["search", "batch"]
    assert turns.searched_lately


def test_a_search_that_does_not_end_holds_writing_up_for_a_moment_only() -> None:
    turns = Turns()
    with turns.search():
        turns.give_way()  # comes back
    turns.give_way()


def test_nothing_is_waited_for_where_nobody_searches() -> None:
    turns = Turns()
    turns.give_way()
    assert not turns.searched_lately


def test_an_index_that_is_searched_writes_fewer_rows_at_once(tmp_path: Path) -> None:
    index = MilvusIndex(tmp_path, VectorSpace("none", "1", 4, Preparation.APP), reserve_bytes=0)
    rows = np.eye(4, dtype=np.float32).repeat(300, axis=0)
    whole = index._rows_at_once()
    index.insert(range(1, 1201), rows)
    assert len(index.search(rows[0], 5)) == 5
    assert 1 <= index._rows_at_once() < whole
    index.insert(range(1201, 2401), rows)
    assert index.count() == 2400
    assert index.missing(range(1, 2401)) == []
    index.close()
