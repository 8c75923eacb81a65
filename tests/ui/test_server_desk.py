"""A Milvus server in the whole window: the vectors move there and back; it goes and comes back."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QTabWidget

from mmsearch_desktop import settings
from mmsearch_desktop.library.server_address import Server
from mmsearch_desktop.settings import Settings
from mmsearch_desktop.ui import server_wording
from mmsearch_desktop.ui.settings_dialog import SettingsDialog
from tests.ui import qt_events
from tests.ui.served import ADDRESS, MemoryServer, services
from tests.ui.windows import (
    Rig,
    coloured_photos,
    is_idle,
    page,
    shown_names,
    shows_hits,
    type_words,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow

NAS = Server(ADDRESS)
ELSEWHERE = Server("old.local:19530")


@pytest.fixture
def there(rig: Rig) -> MemoryServer:
    server = MemoryServer()
    rig.services = services(rig.library, server)
    return server


@pytest.fixture
def window(there: MemoryServer, rig: Rig, photos: Path, qtbot: QtBot) -> Iterator[MainWindow]:
    """With three photos, whose vectors are on this computer."""
    rig.folders = [photos]
    with rig.window() as window:
        quick(window)
        until(qtbot, lambda: is_idle(window) and len(shown_names(window)) == 3)
        yield window
        there.steps.release(1000)


@pytest.fixture
def served(window: MainWindow, qtbot: QtBot) -> MainWindow:
    """The same, with the vectors on the server."""
    window.server.choose(NAS)
    until(qtbot, lambda: "nas.local:19530" in state(window) and is_idle(window))
    window.parts.messages.hide()
    return window


def until(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    qtbot.waitUntil(condition, timeout=15_000)


def quick(window: MainWindow) -> None:
    window.server.watch._first_ms = 20


def state(window: MainWindow) -> str:
    """By the status line, however narrow it is; "" where no server is shown."""
    return window.parts.status.server.accessibleName()


def said(window: MainWindow) -> str:
    """By the message bar, while it is shown."""
    bar = window.parts.messages
    return bar.text.text() if bar.isVisible() else ""


def finds_red(window: MainWindow, qtbot: QtBot) -> None:
    type_words(window, "red")
    until(qtbot, lambda: shows_hits(window) and shown_names(window)[:1] == ["red.png"])


def counts(there: MemoryServer) -> list[int]:
    return [index.count() for index in there.indexes.values()]


# -- moving ------------------------------------------------------------------------------------


def test_the_vectors_move_to_a_server_and_back(
    window: MainWindow, rig: Rig, there: MemoryServer, qtbot: QtBot
) -> None:
    assert state(window) == ""
    window.server.choose(NAS)
    until(qtbot, lambda: state(window) == f"Milvus server {ADDRESS}  ·  not verified")
    assert counts(there) == [3]
    assert rig.saved[-1].milvus_address == ADDRESS
    assert said(window) == f"The vectors are on {ADDRESS} now."
    finds_red(window, qtbot)
    window.server.choose(None)
    until(qtbot, lambda: state(window) == "")
    assert rig.saved[-1].milvus_address == ""
    assert "on this computer again" in said(window)
    finds_red(window, qtbot)
    window.parts.messages.action.click()
    until(qtbot, lambda: "removed" in said(window))
    assert counts(there) == []


def test_what_serves_goes_on_until_the_new_place_is_whole(
    window: MainWindow, rig: Rig, there: MemoryServer, photos: Path, qtbot: QtBot
) -> None:
    while there.steps.acquire(blocking=False):
        pass
    strip = window.parts.moving
    window.server.choose(NAS)
    until(qtbot, lambda: strip.isVisible() and strip.numbers.text() == "0 of 3")
    assert ADDRESS in strip.title.text()
    finds_red(window, qtbot)
    window.folders.add(coloured_photos(photos.parent / "more", "yellow")[0].parent)
    assert server_wording.MOVING in window.parts.strip.title.text()
    assert not rig.saved or rig.saved[-1].milvus_address == ""
    there.steps.release(1000)
    until(qtbot, lambda: not strip.isVisible() and is_idle(window) and counts(there) == [4])
    assert not window.parts.strip.isVisible()


def test_a_move_that_fails_changes_nothing(window: MainWindow, rig: Rig, qtbot: QtBot) -> None:
    window.server.choose(ELSEWHERE)
    until(qtbot, lambda: "cannot be reached" in said(window))
    assert "The vectors stay on this computer." in said(window)
    assert state(window) == ""
    assert not rig.saved or rig.saved[-1].milvus_address == ""
    finds_red(window, qtbot)
    until(qtbot, lambda: is_idle(window))


def test_a_move_can_be_cancelled(
    window: MainWindow, there: MemoryServer, photos: Path, qtbot: QtBot
) -> None:
    while there.steps.acquire(blocking=False):
        pass
    window.server.choose(NAS)
    until(qtbot, lambda: window.parts.moving.numbers.text() == "0 of 3")
    window.parts.moving.cancel_button.click()
    there.steps.release(1000)
    until(qtbot, lambda: "stay on this computer" in said(window))
    assert state(window) == ""
    window.folders.add(coloured_photos(photos.parent / "more", "yellow")[0].parent)
    until(qtbot, lambda: is_idle(window) and len(shown_names(window)) == 4)


def test_another_token_is_taken_without_moving_anything(
    served: MainWindow, there: MemoryServer, qtbot: QtBot
) -> None:
    there.token = "secret"  # noqa: S105 - made up
    served.server.choose(Server(ADDRESS, "wrong"))
    until(qtbot, lambda: "refuses the token" in said(served))
    assert settings.load_server_token() == ""
    served.server.choose(Server(ADDRESS, "secret"))
    until(qtbot, lambda: settings.load_server_token() == "secret")
    file = settings.data_folder() / "milvus-token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    until(qtbot, lambda: said(served) == f"The vectors are on {ADDRESS} now.")
    assert "secret" not in "".join(map(repr, (served.server._server, served._preferences.settings)))


# -- a server that is gone ---------------------------------------------------------------------


def test_while_it_is_gone_photos_are_browsed_and_it_is_taken_back_by_itself(
    served: MainWindow, there: MemoryServer, qtbot: QtBot
) -> None:
    there.is_there = False
    type_words(served, "red")
    until(qtbot, lambda: "does not answer" in said(served))
    assert state(served) == f"Milvus server {ADDRESS}  ·  does not answer"
    assert served.parts.status.text.text() == server_wording.SEARCHING_WAITS
    looked = there.looked
    until(qtbot, lambda: there.looked > looked + 1)
    served.parts.query_bar.clear()
    until(qtbot, lambda: not shows_hits(served) and len(shown_names(served)) == 3)
    type_words(served, "red")
    until(qtbot, lambda: served.parts.status.text.text() == server_wording.SEARCHING_WAITS)
    there.is_there = True
    until(qtbot, lambda: shows_hits(served) and shown_names(served)[:1] == ["red.png"])
    assert said(served) == ""
    assert state(served) == f"Milvus server {ADDRESS}  ·  not verified"


def test_trying_again_says_that_it_is_still_gone(
    served: MainWindow, there: MemoryServer, qtbot: QtBot
) -> None:
    there.is_there = False
    type_words(served, "red")
    until(qtbot, lambda: "does not answer" in said(served))
    served.parts.messages.action.click()
    assert said(served) == ""
    until(qtbot, lambda: "does not answer" in said(served))


def test_a_bar_that_was_closed_stays_closed(
    served: MainWindow, there: MemoryServer, qtbot: QtBot
) -> None:
    there.is_there = False
    type_words(served, "red")
    until(qtbot, lambda: "does not answer" in said(served))
    served.parts.messages.close_button.click()
    looked = there.looked
    until(qtbot, lambda: there.looked > looked + 2)
    assert said(served) == ""


def test_photos_that_come_meanwhile_wait_and_are_indexed_then(
    served: MainWindow, there: MemoryServer, photos: Path, qtbot: QtBot
) -> None:
    there.is_there = False
    more = coloured_photos(photos.parent / "more", "yellow")[0].parent
    qt_events.drop(served, qt_events.files([more]))
    until(qtbot, lambda: server_wording.GONE in served.parts.strip.title.text())
    assert "does not answer" in said(served)
    there.is_there = True
    until(qtbot, lambda: is_idle(served) and counts(there) == [4])
    assert len(shown_names(served)) == 4
    assert not served.parts.strip.isVisible()


def test_a_start_with_the_server_gone_shows_the_library(
    served: MainWindow, rig: Rig, there: MemoryServer, photos: Path, qtbot: QtBot
) -> None:
    served.close()
    there.is_there = False
    rig.settings, rig.folders = rig.saved[-1], []
    with rig.window() as window:
        quick(window)
        until(qtbot, lambda: "does not answer" in said(window) and len(shown_names(window)) == 3)
        assert page(window) is window.parts.results
        assert "does not answer" in state(window)
        type_words(window, "red")
        waits = server_wording.SEARCHING_WAITS
        until(qtbot, lambda: window.parts.status.text.text() == waits)
        more = coloured_photos(photos.parent / "more", "yellow")[0].parent
        window.folders.add(more)
        assert server_wording.GONE in window.parts.strip.title.text()
        there.is_there = True
        until(qtbot, lambda: shows_hits(window) and shown_names(window)[:1] == ["red.png"])
        until(qtbot, lambda: is_idle(window) and counts(there) == [4])
        assert said(window) == ""


def test_from_a_server_that_is_gone_the_library_comes_home(
    served: MainWindow, there: MemoryServer, qtbot: QtBot
) -> None:
    there.is_there = False
    type_words(served, "red")
    until(qtbot, lambda: "does not answer" in said(served))
    served.server.choose(None)
    until(qtbot, lambda: shows_hits(served) and shown_names(served)[:1] == ["red.png"])
    assert state(served) == ""
    assert said(served) == "The vectors are on this computer again."


def test_so_it_does_where_it_was_gone_at_the_start(
    served: MainWindow, rig: Rig, there: MemoryServer, qtbot: QtBot
) -> None:
    served.close()
    there.is_there = False
    rig.settings, rig.folders = rig.saved[-1], []
    with rig.window() as window:
        until(qtbot, lambda: "does not answer" in said(window))
        window.server.choose(None)
        until(qtbot, lambda: is_idle(window) and state(window) == "")
        finds_red(window, qtbot)


def test_an_address_that_is_none_is_said_and_the_library_is_shown(
    rig: Rig, there: MemoryServer, photos: Path, qtbot: QtBot
) -> None:
    rig.settings = Settings(watch_folders=False, milvus_address="http://a b")
    with rig.window() as window:
        until(qtbot, lambda: "a b" in said(window))
        assert window.parts.status.model.text() == "No search"
        window.server.choose(NAS)
        until(qtbot, lambda: is_idle(window) and ADDRESS in state(window))


def test_the_window_closes_while_it_is_gone_or_moves(
    served: MainWindow, there: MemoryServer, qtbot: QtBot
) -> None:
    there.is_there = False
    type_words(served, "red")
    until(qtbot, lambda: "does not answer" in said(served))
    served.server.choose(None)
    served.close()


# -- in the dialog -----------------------------------------------------------------------------


def test_the_tab_checks_and_saves(
    window: MainWindow, rig: Rig, there: MemoryServer, qtbot: QtBot
) -> None:
    there.token = "key"  # noqa: S105 - made up
    window.show_settings()
    dialog = next(iter(window.findChildren(SettingsDialog)))
    tab = dialog.server
    dialog.findChildren(QTabWidget)[0].setCurrentWidget(tab)
    tab.where.setCurrentIndex(1)
    tab.address.setText("https://nas.local")
    tab.token.setText("no")
    tab.check_button.click()
    until(qtbot, lambda: tab.finding.title.text() == "Cannot be used")
    tab.token.setText("key")
    assert not tab.finding.isVisible()
    tab.check_button.click()
    until(qtbot, lambda: tab.finding.title.text() == "Verified")
    assert "Milvus v2.3.5 answers in 4 ms." in tab.finding.text.text()
    dialog.accept()
    until(qtbot, lambda: state(window) == f"Milvus server {ADDRESS}  ·  verified")
    kept = rig.saved[-1]
    assert (kept.milvus_address, kept.milvus_tls) == (ADDRESS, True)
    assert settings.load_server_token() == "key"


def test_a_dialog_that_is_closed_hears_no_more_of_its_check(
    window: MainWindow, there: MemoryServer, qtbot: QtBot
) -> None:
    window.show_settings()
    dialog = next(iter(window.findChildren(SettingsDialog)))
    dialog.server.where.setCurrentIndex(1)
    dialog.server.address.setText(ADDRESS)
    dialog.server.check_button.click()
    dialog.reject()
    until(qtbot, lambda: not window.findChildren(SettingsDialog))
    until(qtbot, lambda: there.looked == 1)
    assert state(window) == ""
