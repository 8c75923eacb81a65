"""The window in trouble: no weights, bad input, a full disk, a damaged or busy library."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import (
    Embedder,
    LibraryDamaged,
    WeightsMissing,
)
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.ui.preferences import Overrides
from tests.fakes import ColourEmbedder
from tests.ui import qt_events
from tests.ui.windows import (
    Rig,
    is_idle,
    page,
    shown_names,
    type_words,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow


def test_without_weights_the_models_page_is_shown_and_folders_wait(
    rig: Rig, photos: Path, qtbot: QtBot
) -> None:
    there: list[Embedder] = []

    def open_embedder(_choice: str) -> Embedder:
        if not there:
            raise WeightsMissing("No weights. Put model.pth into the folder models.")
        return there[0]

    rig.open_embedder = open_embedder
    rig.services = {"is_installed": lambda _offer: bool(there)}
    with rig.window() as window:
        qtbot.waitUntil(lambda: page(window) is window.parts.models_page)
        qt_events.drop(window, qt_events.files([photos]))
        qtbot.waitUntil(lambda: window.folders.indexing.state.waiting == 1)
        assert page(window) is window.parts.models_page
        there.append(ColourEmbedder())
        window.parts.models_page.check_button.click()
        qtbot.waitUntil(lambda: len(shown_names(window)) == 3)
        assert page(window) is window.parts.results


def test_a_model_folder_that_is_not_there_is_named(rig: Rig, qtbot: QtBot) -> None:
    def open_embedder(choice: str) -> Embedder:
        raise WeightsMissing(f"{choice}: there is no such folder. Choose another.")

    rig.open_embedder, rig.overrides = open_embedder, Overrides(embedder="/models/mine")
    with rig.window() as window:
        qtbot.waitUntil(lambda: page(window) is window.parts.models_page)
        assert "/models/mine: there is no such folder" in window.parts.models_page.reason.text()


def test_unreadable_files_are_counted_and_listed(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    (photos / "broken.jpg").write_bytes(b"this is no picture")
    window.folders.rescan_all()
    qtbot.waitUntil(lambda: len(window.folders.facts.problems) == 1)
    assert window.parts.status.problems_button.text() == "1 problem"
    window.parts.status.problems_button.click()
    assert "broken.jpg" in window.folders.problems.as_text()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda place: place / "nowhere", "there is no such file or folder"),
        (lambda place: _folder(place / "empty"), "no photos were found"),
        (lambda place: _notes(place / "notes"), "no photos were found"),
        (lambda place: _text(place / "letter.jpg"), "cannot be used as the query picture"),
    ],
    ids=["no such folder", "empty folder", "folder without photos", "picture that is none"],
)
def test_bad_drops_are_answered_with_the_fact(
    make: object, said: str, window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    path = make(tmp_path)  # type: ignore[operator] # a lambda of the list above
    qt_events.drop(window, qt_events.files([path]))
    qtbot.waitUntil(lambda: said in window.parts.messages.text.text())
    assert window.parts.messages.isVisible()
    assert len(shown_names(window)) == 3


def test_a_damaged_library_is_made_good_and_that_is_said(
    rig: Rig, photos: Path, qtbot: QtBot
) -> None:
    rig.folders = [photos]
    with rig.window() as window:
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
    rig.folders = []
    catalogue = rig.library / "catalogue.sqlite"
    catalogue.write_bytes(b"no database at all" * 400)
    with rig.window() as window:
        qtbot.waitUntil(lambda: "was restored from its backup" in window.parts.messages.text.text())
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)


def _of_a_newer_program(rig: Rig) -> Path:
    """A catalogue that cannot be opened here."""
    Library(rig.library).close()
    catalogue = rig.library / "catalogue.sqlite"
    with contextlib.closing(sqlite3.connect(catalogue)) as connection:
        connection.execute("PRAGMA user_version = 999")
    return catalogue


def test_a_library_that_cannot_be_opened_is_said_and_opens_once_mended(
    rig: Rig, qtbot: QtBot
) -> None:
    catalogue = _of_a_newer_program(rig)
    with rig.window() as window:
        qtbot.waitUntil(lambda: page(window) is window.parts.trouble)
        assert window.parts.trouble.title.text() == "The library cannot be opened"
        assert "newer version of this program" in window.parts.trouble.text.text()
        catalogue.unlink()
        window.parts.trouble.retry_button.click()
        qtbot.waitUntil(lambda: page(window) is window.parts.drop_zone)
        qtbot.waitUntil(lambda: is_idle(window))


def test_a_busy_library_is_said_and_opens_once_free(rig: Rig, qtbot: QtBot) -> None:
    other = Library(rig.library)
    try:
        with rig.window() as window:
            qtbot.waitUntil(lambda: page(window) is window.parts.trouble)
            assert window.parts.trouble.title.text() == "The library is in use"
            other.close()
            window.parts.trouble.retry_button.click()
            qtbot.waitUntil(lambda: page(window) is window.parts.drop_zone)
            qtbot.waitUntil(lambda: is_idle(window))
    finally:
        other.close()


def test_another_library_is_opened_at_once_where_this_one_cannot_be(
    rig: Rig, tmp_path: Path, qtbot: QtBot
) -> None:
    _of_a_newer_program(rig)
    with rig.window() as window:
        qtbot.waitUntil(lambda: page(window) is window.parts.trouble)
        rig.library = tmp_path / "another"
        chosen = dataclasses.replace(rig.settings, library=str(rig.library))
        window.apply_settings(chosen)
        qtbot.waitUntil(lambda: page(window) is window.parts.drop_zone and is_idle(window))
        window.apply_settings(dataclasses.replace(chosen, library=str(tmp_path / "third")))
        assert "from the next start" in window.parts.messages.text.text()


def test_an_error_in_searching_is_shown_and_the_window_lives(
    rig: Rig, photos: Path, qtbot: QtBot
) -> None:
    def retrieve(*_arguments: object) -> None:
        raise LibraryDamaged("index: damaged. Start the program again to rebuild it.")

    rig.folders, rig.services = [photos], {"retrieve": retrieve}
    with rig.window() as window:
        qtbot.waitUntil(lambda: is_idle(window))
        type_words(window, "red")
        qtbot.waitUntil(lambda: "damaged" in window.parts.messages.text.text())


def test_a_photo_that_has_gone_is_said(window: MainWindow, photos: Path, qtbot: QtBot) -> None:
    (photos / "red.png").unlink()
    window.parts.results.open_requested.emit(photos / "red.png")
    qtbot.waitUntil(lambda: "is not there" in window.parts.messages.text.text())


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _notes(path: Path) -> Path:
    _folder(path)
    (path / "notes.txt").write_text("nothing to see", encoding="utf-8")
    return path


def _text(path: Path) -> Path:
    path.write_text("Dear Anna", encoding="utf-8")
    return path
