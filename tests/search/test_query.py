"""What a person hands in: pictures that are none, folders, empty words, impossible limits."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmsearch_desktop.domain import Preparation, Query, QueryPicture, QueryProblem
from mmsearch_desktop.search.query import (
    LIMIT_MOST,
    checked,
    decoded,
    picture_from_bytes,
    picture_from_file,
)
from tests.fakes import flat_picture


def _png(colour: str = "red") -> bytes:
    stream = io.BytesIO()
    flat_picture(colour).save(stream, "PNG")
    return stream.getvalue()


def test_photo_at_a_path(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    path.write_bytes(_png())
    picture = picture_from_file(path)
    assert picture == QueryPicture.from_bytes(_png(), "elsewhere.png")
    assert (picture.name, picture.path) == ("red.png", path)


def test_name_does_not_decide(tmp_path: Path) -> None:
    path = tmp_path / "photo.txt"
    path.write_bytes(_png())
    assert picture_from_file(path).data == _png()


def test_text_is_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "notes.jpg"
    path.write_text("milk, bread")
    with pytest.raises(QueryProblem, match=r"notes\.jpg cannot be used .* Choose another photo"):
        picture_from_file(path)


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.touch()
    with pytest.raises(QueryProblem, match=r"empty\.jpg"):
        picture_from_file(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(QueryProblem, match=r"nowhere\.jpg: there is no such file"):
        picture_from_file(tmp_path / "nowhere.jpg")
    (tmp_path / "file").touch()
    with pytest.raises(QueryProblem, match="there is no such file"):
        picture_from_file(tmp_path / "file" / "below.jpg")


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are of another kind there")
def test_file_in_a_locked_folder_is_not_called_missing(plain_folder: Path) -> None:
    locked = plain_folder / "locked"
    locked.mkdir()
    (locked / "red.png").write_bytes(_png())
    locked.chmod(0)
    with pytest.raises(QueryProblem, match=r"red\.png cannot be used .* not permitted"):
        picture_from_file(locked / "red.png")
    locked.chmod(0o700)


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(QueryProblem, match=r"is a folder\. Choose one photo"):
        picture_from_file(tmp_path)


def test_pasted_picture_has_no_path() -> None:
    picture = picture_from_bytes(_png("blue"), "pasted picture")
    assert picture.path is None
    assert decoded(picture, Preparation.APP).getpixel((0, 0)) == (0, 0, 255)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_picture_or_a_problem(data: bytes) -> None:
    try:
        picture = picture_from_bytes(data, "dropped")
    except QueryProblem:
        return
    assert picture.data == data


def test_preparation_is_obeyed() -> None:
    stream = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(stream, "PNG")
    picture = QueryPicture.from_bytes(stream.getvalue(), "clear.png")
    assert decoded(picture, Preparation.APP).getpixel((0, 0)) == (255, 255, 255)
    assert decoded(picture, Preparation.OFFICIAL).mode == "RGBA"


@pytest.mark.parametrize("words", ["", " ", "\n\t "])
def test_empty_query(words: str) -> None:
    with pytest.raises(QueryProblem, match=r"empty\. Give words, a picture, or both"):
        checked(Query(words=words))


def test_picture_alone_is_a_query() -> None:
    query = Query(picture=QueryPicture.from_bytes(_png(), "red.png"))
    assert checked(query) == query


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right of their own there")
def test_folder_goes_by_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    assert checked(Query("red", folder=tmp_path / "link")).folder == tmp_path / "photos"


def test_words_are_trimmed() -> None:
    assert checked(Query(words="  red bag\n")).words == "red bag"


def test_words_from_a_command_line_that_is_no_valid_text() -> None:
    assert checked(Query(words="red \udcff")).words == "red ?"


@pytest.mark.parametrize("limit", [0, -1, LIMIT_MOST + 1])
def test_impossible_limit(limit: int) -> None:
    with pytest.raises(QueryProblem, match="from 1 to 10,000"):
        checked(Query(words="red", limit=limit))


@given(st.text(st.characters()))
def test_words_always_come_out_as_valid_text(words: str) -> None:
    try:
        checked(Query(words=words)).words.encode()
    except QueryProblem:
        assert not words.strip()
