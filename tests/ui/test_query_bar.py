"""The query bar alone, and the four ways a picture gets into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QImage

from mmsearch_desktop.domain import Mode, Query
from mmsearch_desktop.ui.pictures_in import (
    Given,
    Received,
    picture_from_file,
    png_bytes,
    read,
    take,
)
from mmsearch_desktop.ui.query_bar import QueryBar
from tests.fakes import flat_picture
from tests.ui import qt_events
from tests.ui.windows import save

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot


class _NoPixels(QMimeData):
    """Says that it has a picture, and has none; other programs do that."""

    def hasImage(self) -> bool:  # noqa: N802 Qt's name
        return True

    def imageData(self) -> None:  # noqa: N802 Qt's name
        return None


@pytest.fixture
def asked() -> list[Query]:
    return []


@pytest.fixture
def bar(qtbot: QtBot, asked: list[Query]) -> QueryBar:
    made = QueryBar()
    qtbot.addWidget(made)
    made.asked.connect(asked.append)
    made.show()
    return made


def test_a_pause_in_typing_asks_once(bar: QueryBar, asked: list[Query], qtbot: QtBot) -> None:
    qt_events.type_text(bar.words, "red sofa")
    assert asked == []
    qtbot.waitUntil(lambda: bool(asked))
    assert asked == [Query(words="red sofa")]


def test_enter_asks_at_once_and_asks_again(bar: QueryBar, asked: list[Query], qtbot: QtBot) -> None:
    qt_events.type_text(bar.words, "cat")
    qt_events.press(bar.words, Qt.Key.Key_Return)
    qt_events.press(bar.words, Qt.Key.Key_Return)
    assert [query.words for query in asked] == ["cat", "cat"]


def test_spaces_alone_ask_nothing_new(bar: QueryBar, asked: list[Query], qtbot: QtBot) -> None:
    qt_events.type_text(bar.words, "   ")
    bar.words.setText("")
    assert asked == []


def test_emptying_the_words_shows_the_library_at_once(
    bar: QueryBar, asked: list[Query], qtbot: QtBot
) -> None:
    bar.set_words("cat")
    bar.words.selectAll()
    qt_events.press(bar.words, Qt.Key.Key_Delete)
    assert asked[-1] == Query()


def test_escape_clears_words_and_picture(
    bar: QueryBar, asked: list[Query], tmp_path: Path, qtbot: QtBot
) -> None:
    bar.set_picture(picture_from_file(_red(tmp_path)))
    bar.set_words("cat")
    qt_events.press(bar.words, Qt.Key.Key_Escape)
    assert asked[-1] == Query()
    assert not bar.chip.isVisible()
    assert not bar.clear_button.isVisible()


def test_the_chip_names_the_picture_and_takes_it_away(
    bar: QueryBar, asked: list[Query], tmp_path: Path
) -> None:
    bar.set_picture(picture_from_file(_red(tmp_path)))
    assert bar.chip.isVisible()
    assert "red.png" in bar.chip.accessibleName()
    bar.chip.remove_button.click()
    assert asked[-1].picture is None
    assert not bar.chip.isVisible()


def test_the_mode_is_shown_only_where_it_says_something(bar: QueryBar, tmp_path: Path) -> None:
    bar.set_words("cat")
    assert not bar.mode_chooser.isVisible()
    bar.set_picture(picture_from_file(_red(tmp_path)))
    assert bar.mode_chooser.isVisible()
    assert bar.mode_chooser.currentText() == "Together"


@pytest.mark.parametrize("mode", list(Mode))
def test_the_mode_that_is_shown_is_the_one_asked(
    mode: Mode, bar: QueryBar, asked: list[Query], tmp_path: Path
) -> None:
    bar.set_words("cat")
    bar.set_picture(picture_from_file(_red(tmp_path)))
    bar.mode_chooser.setCurrentIndex(bar.mode_chooser.findData(mode.value))
    assert asked[-1].mode is mode
    assert QueryBar(mode).query().mode is mode


def test_four_ways_give_equal_queries(tmp_path: Path, qapp: object) -> None:
    image = QImage(40, 30, QImage.Format.Format_RGB32)
    image.fill(0xAA3311)
    path = tmp_path / "photo.png"
    path.write_bytes(png_bytes(image))
    dropped = read(take(qt_events.files([path])))
    pasted = read(take(qt_events.picture(image)))
    from_hit = picture_from_file(path)
    chosen = read(Given(paths=(path,)))
    pictures = [_picture(dropped), _picture(pasted), from_hit.picture, _picture(chosen)]
    assert len({Query(picture=picture) for picture in pictures}) == 1


def test_pasted_words_go_into_the_line(bar: QueryBar, asked: list[Query], qtbot: QtBot) -> None:
    qt_events.copy(qt_events.words("a red\n  sofa "))
    qt_events.paste(bar.words)
    assert bar.words.text() == "a red sofa"


def test_a_pasted_picture_is_handed_on(bar: QueryBar, qtbot: QtBot) -> None:
    image = QImage(4, 4, QImage.Format.Format_RGB32)
    image.fill(0x00FF00)
    qt_events.copy(qt_events.picture(image))
    with qtbot.waitSignal(bar.given) as signal:
        qt_events.paste(bar.words)
    assert signal.args is not None
    assert _picture(read(signal.args[0])).data.startswith(b"\x89PNG")


def test_bytes_of_a_picture_file_are_taken_as_they_are(tmp_path: Path, qapp: object) -> None:
    data = _red(tmp_path).read_bytes()
    mime = QMimeData()
    mime.setData("image/png", data)
    assert _picture(read(take(mime))).data == data


def test_a_local_file_goes_before_picture_data(tmp_path: Path, qapp: object) -> None:
    mime = qt_events.files([_red(tmp_path)])
    mime.setImageData(QImage(4, 4, QImage.Format.Format_RGB32))
    assert _picture(read(take(mime))).name == "red.png"


def test_a_browsers_drop_gives_its_picture_and_fetches_nothing(qapp: object) -> None:
    mime = qt_events.picture(QImage(4, 4, QImage.Format.Format_RGB32))
    mime.setUrls([QUrl("https://example.org/cat.jpg")])
    mime.setHtml('<img src="https://example.org/cat.jpg">')
    assert _picture(read(take(mime))).name == "Picture without a file"


@pytest.mark.parametrize("text", ["https://example.org/a.jpg", "ftp://example.org/a.jpg"])
def test_a_web_address_is_refused_with_what_to_do(text: str, qapp: object) -> None:
    received = read(take(qt_events.words(text)))
    assert (received.picture, received.words) == (None, "")
    assert "not fetched" in received.notices[0]


def test_a_picture_that_is_announced_and_not_there_is_said(qapp: object) -> None:
    received = read(take(_NoPixels()))
    assert received == Received(notices=received.notices)
    assert "no picture" in received.notices[0]


def test_folders_and_a_picture_may_come_together(tmp_path: Path, qapp: object) -> None:
    folder, picture = tmp_path / "holiday", _red(tmp_path)
    folder.mkdir()
    received = read(take(qt_events.files([folder, picture])))
    assert received.folders == (folder,)
    assert _picture(received).path == picture


def test_of_several_pictures_the_first_is_used_and_that_is_said(
    tmp_path: Path, qapp: object
) -> None:
    paths = [save(flat_picture(name), tmp_path / f"{name}.png") for name in ("red", "blue")]
    received = read(take(qt_events.files(paths)))
    assert _picture(received).name == "red.png"
    assert "first of 2" in received.notices[0]


def test_names_that_are_not_utf8_survive(tmp_path: Path, qapp: object) -> None:
    mime = QMimeData()
    mime.setData("text/uri-list", b"file:///tmp/caf%E9%20%25.jpg\r\n")
    (path,) = take(mime).paths
    assert bytes(path) == b"/tmp/caf\xe9 %.jpg"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_becomes_words_on_one_line(text: str) -> None:
    given = take(qt_events.words(text))
    assert "\n" not in given.words
    received = read(given)
    assert received.words == given.words or received.notices


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_called_a_picture_are_refused_in_words(data: bytes) -> None:
    received = read(Given(data=data))
    assert received.picture is None
    assert received.notices


def _picture(received: Received):  # type: ignore[no-untyped-def] # a QueryPicture
    assert received.picture is not None
    return received.picture.picture


def _red(folder: Path) -> Path:
    return save(flat_picture("red"), folder / "red.png")
