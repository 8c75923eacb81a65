"""Which indexes need no thorough look: those that nothing has written to since they were closed."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.seals import Seals
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.library.vectors import index_file
from tests.fakes import ColourEmbedder
from tests.library.pictures import write_photo


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Path, Path]:
    """A catalogue and an index, as files that were closed, the index sealed just now."""
    catalogue, index = tmp_path / "catalogue.sqlite", tmp_path / "index.db"
    catalogue.write_bytes(b"catalogue")
    index.write_bytes(b"index")
    Seals(catalogue).set_([(index, time.time())])
    return catalogue, index


def test_a_seal_holds_once(stores: tuple[Path, Path]) -> None:
    catalogue, index = stores
    seals = Seals(catalogue)
    assert seals.taken_from(index) == pytest.approx(time.time(), abs=60)
    assert seals.taken_from(index) is None  # whoever opens it may write to it, and be killed


def test_writing_to_either_breaks_it(stores: tuple[Path, Path]) -> None:
    catalogue, index = stores
    for written in (catalogue, index, catalogue.with_name("catalogue.sqlite-wal")):
        Seals(catalogue).set_([(index, time.time())])
        with written.open("ab") as file:
            file.write(b"more")
        assert Seals(catalogue).taken_from(index) is None


def test_an_old_one_a_damaged_one_and_one_of_the_future_hold_nothing(
    stores: tuple[Path, Path],
) -> None:
    catalogue, index = stores
    seal = index.with_name("index.db.seal")
    for days in (-8, 1):
        Seals(catalogue).set_([(index, time.time() + days * 24 * 3600)])
        assert Seals(catalogue).taken_from(index) is None
    for text in ("", "{", "[]", "null", json.dumps({"looked_through": "x"}), "\xff"):
        seal.write_text(text, encoding="utf-8")
        assert Seals(catalogue).taken_from(index) is None


def test_a_folder_of_files_is_sealed_as_one(stores: tuple[Path, Path]) -> None:
    catalogue, _ = stores
    index = catalogue.with_name("engine 3")
    (index / "parts").mkdir(parents=True)
    (index / "parts" / "a").write_bytes(b"rows")
    Seals(catalogue).set_([(index, time.time())])
    assert Seals(catalogue).taken_from(index) is not None
    Seals(catalogue).set_([(index, time.time())])
    (index / "parts" / "b").write_bytes(b"")
    assert Seals(catalogue).taken_from(index) is None


def test_a_library_seals_what_it_closes_and_looks_at_all_where_that_is_broken(
    tmp_path: Path,
) -> None:
    embedder, folder = ColourEmbedder(), tmp_path / "library"
    write_photo(tmp_path / "photos" / "a.png", "red")

    def opened() -> tuple[bool, int]:
        """Whether it was trusted, and how many rows it has in the end."""
        with Library(folder, reserve_bytes=0) as library:
            index = library.open_index(embedder.space)
            trusted = index.looked_through is not None
            list(add_folder(tmp_path / "photos", library, index, embedder))
            return trusted, index.count()

    assert opened() == (False, 1)
    assert opened() == (True, 1)
    index_file(folder / "index", embedder.space).touch()
    assert opened() == (False, 1)
    write_photo(tmp_path / "photos" / "b.png", "blue")
    assert opened() == (True, 2)
    assert opened() == (True, 2)
