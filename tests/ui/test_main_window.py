"""The whole window: folders and pictures really dropped, words typed, hits read off the model."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QImage, QPalette

from mmsearch_desktop.domain import (
    Mode,
)
from mmsearch_desktop.settings import Settings, Theme
from mmsearch_desktop.ui.menus import ShortcutsDialog
from mmsearch_desktop.ui.settings_dialog import SettingsDialog
from tests.fakes import ColourEmbedder, flat_picture
from tests.ui import qt_events
from tests.ui.windows import (
    Rig,
    coloured_photos,
    is_idle,
    page,
    save,
    shown_names,
    shows_hits,
    type_words,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow


def test_an_empty_library_says_what_to_do_and_takes_a_dropped_folder(
    rig: Rig, photos: Path, qtbot: QtBot
) -> None:
    with rig.window() as window:
        qtbot.waitUntil(lambda: is_idle(window))
        assert page(window) is window.parts.drop_zone
        assert qt_events.drop(window, qt_events.files([photos]))
        qtbot.waitUntil(lambda: len(shown_names(window)) == 3)
        qtbot.waitUntil(lambda: is_idle(window))
        assert page(window) is window.parts.results
        assert sorted(shown_names(window)) == ["blue.png", "green.png", "red.png"]


def test_typed_words_find_photos_after_a_pause(window: MainWindow, qtbot: QtBot) -> None:
    type_words(window, "green")
    qtbot.waitUntil(lambda: shows_hits(window))
    assert shown_names(window)[0] == "green.png"
    assert "hits in" in window.parts.status.text.text()


def test_enter_searches_at_once_and_escape_shows_the_library_again(
    window: MainWindow, qtbot: QtBot
) -> None:
    type_words(window, "blue")
    qt_events.press(window.parts.query_bar.words, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: shows_hits(window))
    assert shown_names(window)[0] == "blue.png"
    qt_events.press(window.parts.query_bar.words, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not shows_hits(window))
    assert len(shown_names(window)) == 3


def test_a_dropped_picture_is_searched_with(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    other = save(flat_picture("darkred", (80, 80)), tmp_path / "other.png")
    assert qt_events.drop(window, qt_events.files([other]))
    qtbot.waitUntil(lambda: shows_hits(window))
    assert shown_names(window)[0] == "red.png"
    assert window.parts.query_bar.chip.isVisible()
    assert window.parts.query_bar.chip.name.text() == "other.png"
    assert len(window.folders.facts.folders) == 1


def test_the_query_picture_itself_is_not_among_the_hits(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    window.search_with(photos / "red.png")
    qtbot.waitUntil(lambda: shows_hits(window))
    assert sorted(shown_names(window)) == ["blue.png", "green.png"]


def test_a_pasted_picture_is_searched_with(window: MainWindow, qtbot: QtBot) -> None:
    qt_events.copy(qt_events.picture(_blue()))
    window.parts.query_bar.words.setFocus()
    qt_events.paste(window.parts.query_bar.words)
    qtbot.waitUntil(lambda: shows_hits(window))
    assert shown_names(window)[0] == "blue.png"


def test_words_and_picture_together_show_the_mode_that_is_used(
    window: MainWindow, rig: Rig, tmp_path: Path, qtbot: QtBot
) -> None:
    bar = window.parts.query_bar
    assert not bar.mode_chooser.isVisible()
    window.search_with(save(flat_picture("darkblue"), tmp_path / "query.png"))
    qtbot.waitUntil(lambda: shows_hits(window))
    type_words(window, "red")
    qtbot.waitUntil(lambda: shown_names(window)[0] == "red.png")
    assert bar.mode_chooser.isVisible()
    bar.mode_chooser.setCurrentIndex(bar.mode_chooser.findData(Mode.PICTURE.value))
    qtbot.waitUntil(lambda: shown_names(window)[0] == "blue.png")
    assert rig.saved[-1].mode is Mode.PICTURE


def test_a_chosen_folder_bounds_browsing_and_searching(
    window: MainWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    more = tmp_path / "more"
    coloured_photos(more, "black", "white")
    qt_events.drop(window, qt_events.files([more]))
    qtbot.waitUntil(lambda: window.folders.facts.photos == 5 and is_idle(window))
    window.parts.panel.choose(more)
    qtbot.waitUntil(lambda: sorted(shown_names(window)) == ["black.png", "white.png"])
    type_words(window, "red")
    qtbot.waitUntil(lambda: shows_hits(window))
    assert sorted(shown_names(window)) == ["black.png", "white.png"]


def test_pausing_holds_until_the_next_start(rig: Rig, photos: Path, qtbot: QtBot) -> None:
    rig.settings = Settings(indexing_paused=True)
    with rig.window() as window:
        qt_events.drop(window, qt_events.files([photos]))
        qtbot.waitUntil(lambda: window.folders.indexing.state.waiting == 1)
        qtbot.waitUntil(lambda: window.folders.indexing.state.prepared)
        assert "paused" in window.parts.strip.title.text()
        window.parts.strip.pause_button.click()
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
        assert rig.saved[-1].indexing_paused is False


def test_cancelling_keeps_what_is_indexed(rig: Rig, tmp_path: Path, qtbot: QtBot) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(60):
        save(flat_picture("red", (20, 10 + number)), many / f"{number}.png")
    with rig.window() as window:
        qt_events.drop(window, qt_events.files([many]))
        qtbot.waitUntil(lambda: len(shown_names(window)) > 0)
        window.parts.strip.pause_button.click()
        assert window.folders.indexing.state.paused
        window.parts.strip.cancel_button.click()
        assert not window.folders.indexing.state.has_work
        window.folders.reader.now()
        qtbot.waitUntil(lambda: 0 < window.folders.facts.photos < 60)


def test_known_folders_are_looked_at_again_at_the_next_start(
    rig: Rig, photos: Path, qtbot: QtBot
) -> None:
    rig.folders = [photos]
    with rig.window() as window:
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == 3)
    coloured_photos(photos, "yellow")
    (photos / "red.png").unlink()
    rig.folders = []
    with rig.window() as window:
        wanted = ["blue.png", "green.png", "yellow.png"]
        qtbot.waitUntil(lambda: sorted(shown_names(window)) == wanted)


def test_a_removed_folder_leaves_the_library_and_not_the_disk(
    window: MainWindow, photos: Path, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: len(window.folders.facts.folders) == 1)
    window.folders.remove(window.folders.facts.folders[0])
    qtbot.waitUntil(lambda: page(window) is window.parts.drop_zone)
    assert len(list(photos.iterdir())) == 3


def test_a_drop_is_never_a_move_that_would_delete_the_files(
    window: MainWindow, photos: Path
) -> None:
    copy, move = Qt.DropAction.CopyAction, Qt.DropAction.MoveAction
    mime = qt_events.files([photos])
    assert qt_events.answer(window, mime, copy | move) is copy
    assert qt_events.answer(window, mime, move) is None


def test_all_goes_by_keyboard(window: MainWindow, rig: Rig, photos: Path, qtbot: QtBot) -> None:
    window.activateWindow()
    results = window.parts.results
    results.setFocus()
    qt_events.press(window, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(window.parts.query_bar.words.hasFocus)
    qt_events.type_text(window.parts.query_bar.words, "green")
    qt_events.press(window.parts.query_bar.words, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: shows_hits(window))
    for _ in range(6):
        if not results.hasFocus():
            qt_events.press(window.focusWidget() or window, Qt.Key.Key_Tab)
    assert results.hasFocus()
    qt_events.press(results, Qt.Key.Key_End)
    last = photos / shown_names(window)[-1]
    qt_events.press(results, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text() == str(last))
    qt_events.press(results, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: rig.desktop.opened == [last])
    qt_events.press(results, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(window.parts.query_bar.chip.isVisible)


def test_dialogs_open_beside_the_window_and_close(window: MainWindow, qtbot: QtBot) -> None:
    for key, kind in (("show_settings", SettingsDialog), ("_show_shortcuts", ShortcutsDialog)):
        getattr(window, key)()
        (dialog,) = window.findChildren(kind)
        assert dialog.isVisible()
        dialog.close()
        qtbot.waitUntil(lambda kind=kind: not window.findChildren(kind))  # type: ignore[misc]


def test_changed_settings_take_effect_at_once(window: MainWindow, rig: Rig, qtbot: QtBot) -> None:
    window.parts.query_bar.set_words("red")
    qtbot.waitUntil(lambda: len(shown_names(window)) == 3 and shows_hits(window))
    chosen = dataclasses.replace(rig.settings, limit=1, theme=Theme.DARK, thumbnail_pixels=120)
    window.apply_settings(chosen)
    qtbot.waitUntil(lambda: shown_names(window) == ["red.png"])
    assert window.palette().color(QPalette.ColorRole.Window).lightness() < 60
    assert window.parts.results.picture_pixels == 120


def test_another_model_is_prepared_and_then_answers(
    window: MainWindow, rig: Rig, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: window.folders.facts.photos == 3)  # an empty library needs no preparing
    rig.open_embedder = lambda _choice: ColourEmbedder(revision="2")
    window.apply_settings(dataclasses.replace(rig.settings, embedder="another"))
    assert window.folders.indexing.state.prepared  # the one before answers meanwhile
    qtbot.waitUntil(lambda: rig.saved[-1].embedder == "another" and is_idle(window))
    window.parts.query_bar.set_words("blue")
    qtbot.waitUntil(lambda: shows_hits(window) and shown_names(window)[0] == "blue.png")


def test_a_narrow_window_hides_the_folders_until_they_are_wanted(
    window: MainWindow, qtbot: QtBot
) -> None:
    window.resize(640, 480)
    assert not window.parts.panel.isVisible()
    window.parts.query_bar.sidebar_button.click()
    assert window.parts.panel.isVisible()
    window.resize(780, 480)
    window.resize(640, 480)
    assert window.parts.panel.isVisible()


def test_a_web_address_is_never_fetched(window: MainWindow, qtbot: QtBot) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.org/cat.jpg")])
    qt_events.drop(window, mime)
    qtbot.waitUntil(lambda: "not fetched" in window.parts.messages.text.text())
    assert not window.parts.query_bar.chip.isVisible()


def test_late_answers_to_an_older_query_are_not_shown(window: MainWindow, qtbot: QtBot) -> None:
    seen: list[str] = []
    window.search.searching.found.connect(lambda results, _: seen.append(results.query.words))
    window.parts.query_bar.set_words("red")
    window.parts.query_bar.set_words("green")
    window.parts.query_bar.set_words("blue")
    qtbot.waitUntil(lambda: bool(seen))
    assert seen == ["blue"]


def test_photos_are_opened_shown_and_copied(
    window: MainWindow, rig: Rig, photos: Path, qtbot: QtBot
) -> None:
    results, red = window.parts.results, photos / "red.png"
    results.open_requested.emit(red)
    results.show_in_folder_requested.emit(red)
    qtbot.waitUntil(lambda: (rig.desktop.opened, rig.desktop.shown) == ([red], [red]))
    results.copy_path_requested.emit([red])
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text() == str(red))
    results.copy_image_requested.emit(red)
    qtbot.waitUntil(lambda: "red.png copied" in window.parts.status.text.text())
    mime = QGuiApplication.clipboard().mimeData()
    assert mime.imageData().pixelColor(3, 3).name() == "#ff0000"
    assert mime.urls()[0].toLocalFile() == str(red)


def test_the_size_of_the_window_is_kept(rig: Rig, qtbot: QtBot) -> None:
    with rig.window() as window:
        window.resize(700, 500)
        qtbot.waitUntil(lambda: is_idle(window))
    assert "window_geometry" in rig.saved[-1].other
    rig.settings = rig.saved[-1]
    with rig.window() as window:
        assert (window.width(), window.height()) == (700, 500)
        qtbot.waitUntil(lambda: is_idle(window))


def test_every_control_has_a_name_for_screen_readers(window: MainWindow) -> None:
    from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QProgressBar

    nameless = [
        control
        for kind in (QAbstractButton, QComboBox, QLineEdit, QProgressBar)
        for control in window.findChildren(kind)
        if not control.objectName().startswith("qt_")
        and not control.accessibleName()
        and not getattr(control, "text", str)()
    ]
    assert nameless == []


def _blue() -> QImage:
    image = QImage(32, 32, QImage.Format.Format_RGB32)
    image.fill(0x0000CC)
    return image
