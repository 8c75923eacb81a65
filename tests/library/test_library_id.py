"""A library keeps its id when it is moved or restored; a copy gets another."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.library.library_id import known_id, own_id

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "library"
    folder.mkdir()
    return folder


def test_it_is_made_once(library: Path) -> None:
    assert known_id(library) is None
    made = own_id(library)
    assert re.fullmatch("[0-9a-f]{12}", made)
    assert own_id(library) == made == known_id(library)


def test_a_moved_one_keeps_it(library: Path) -> None:
    made = own_id(library)
    moved = library.rename(library.with_name("elsewhere"))
    assert known_id(moved) == made == own_id(moved)


def test_one_restored_to_its_place_keeps_it(library: Path) -> None:
    made = own_id(library)
    backup = library.with_name("backup")
    shutil.copytree(library, backup)
    shutil.rmtree(library)
    (library.parent / "keeps the number from being used again").mkdir()
    shutil.copytree(backup, library)
    assert known_id(library) == made == own_id(library)


def test_a_copy_gets_another_and_leaves_the_first_alone(library: Path) -> None:
    made = own_id(library)
    copy = library.with_name("copy")
    shutil.copytree(library, copy)
    assert known_id(copy) is None
    other = own_id(copy)
    assert other != made
    assert (own_id(copy), own_id(library)) == (other, made)


def test_one_of_another_machine_is_a_copy(library: Path) -> None:
    made = own_id(library)
    file = library / "library-id.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"machine": "another"}))
    assert own_id(library) != made


@pytest.mark.parametrize(
    "text",
    ["", "[]", '"x"', "{", "\x00", '{"id": "../etc", "machine": "", "path": "", "number": ""}'],
)
def test_a_damaged_file_costs_the_id_only(library: Path, text: str) -> None:
    (library / "library-id.json").write_text(text)
    assert known_id(library) is None
    assert re.fullmatch("[0-9a-f]{12}", own_id(library))


def test_nothing_in_it_tells_where_the_library_lies(library: Path) -> None:
    own_id(library)
    assert library.name not in (library / "library-id.json").read_text()
