"""The tab that says where the vectors are: what is set, what is chosen, what was found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.domain import LibraryProblem, ServerGone
from mmsearch_desktop.library.milvus_server import ServerFacts
from mmsearch_desktop.library.server_address import Security, Server
from mmsearch_desktop.settings import TOKEN_VARIABLE, Settings
from mmsearch_desktop.ui import server_wording
from mmsearch_desktop.ui.server_settings import ServerSettings
from mmsearch_desktop.ui.settings_dialog import SettingsDialog
from tests.ui import qt_events

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot


@pytest.fixture
def tab(qtbot: QtBot) -> ServerSettings:
    made = ServerSettings()
    qtbot.addWidget(made)
    made.show()
    return made


def fill(tab: ServerSettings, address: str) -> None:
    tab.where.setCurrentIndex(1)
    tab.address.setText(address)


def test_on_this_computer_unless_a_server_is_chosen(tab: ServerSettings) -> None:
    tab.show_settings(Settings())
    assert tab.server() is None
    controls = (tab.address, tab.token, tab.tls, tab.certificate, tab.check_button)
    assert not any(control.isEnabled() for control in controls)


def test_what_is_set_is_shown_and_comes_back(tab: ServerSettings, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    set_ = Settings(milvus_address="nas:1", milvus_tls=True, milvus_certificate=str(authority))
    tab.show_settings(set_)
    tab.show_token("user:word", is_given=False)
    expected = Server("nas:1", "user:word", tls=True, certificate=authority)
    assert tab.server() == expected
    assert tab.certificate.isEnabled()


def test_the_token_cannot_be_read_off_the_screen(tab: ServerSettings) -> None:
    fill(tab, "nas")
    tab.show_token("secret", is_given=False)
    assert "secret" not in tab.token.displayText()
    assert tab.token.isEnabled()
    tab.show_token("secret", is_given=True)
    assert not tab.token.isEnabled()
    assert TOKEN_VARIABLE in tab.token.toolTip()


def test_an_address_with_https_turns_tls_on(tab: ServerSettings) -> None:
    tab.where.setCurrentIndex(1)
    qt_events.type_text(tab.address, "https://nas")
    assert tab.tls.isChecked()
    assert tab.server() == Server("nas:19530", tls=True)


def test_check_asks_for_what_is_typed(tab: ServerSettings, qtbot: QtBot) -> None:
    fill(tab, "nas.local")
    with qtbot.waitSignal(tab.check_wanted) as asked:
        tab.check_button.click()
    assert asked.args == [Server("nas.local:19530")]


def test_an_address_that_is_none_is_said_at_once(tab: ServerSettings, qtbot: QtBot) -> None:
    fill(tab, "nas:port")
    with qtbot.assertNotEmitted(tab.check_wanted):
        tab.check_button.click()
    assert tab.finding.isVisible()
    assert "nas:port" in tab.finding.text.text()


def test_what_was_found_goes_when_something_is_changed(tab: ServerSettings) -> None:
    fill(tab, "nas")
    changes: list[Callable[[], None]] = [
        lambda: tab.address.setText("other"),
        lambda: tab.token.setText("key"),
        lambda: tab.tls.setChecked(True),
        lambda: tab.certificate.setText("file"),
    ]
    for change in changes:
        tab.show_checking()
        assert not tab.check_button.isEnabled()
        change()
        assert not tab.finding.isVisible()
        assert tab.check_button.isEnabled()


@pytest.mark.parametrize(
    ("security", "mark", "title", "doubtful"),
    [
        (Security.VERIFIED, "lock", "Verified", False),
        (Security.OPEN, "lock-open", "Not verified", True),
        (Security.LOCAL, "computer", "Not verified: a server on this computer", False),
    ],
)
def test_how_safe_it_is_is_told_by_words_and_mark(
    security: Security, mark: str, title: str, doubtful: bool
) -> None:
    facts = ServerFacts("v2.3.5", security, 4.4, 1200)
    found = server_wording.found(Server("nas:1", certificate=Path("/etc/ca.pem")), facts)
    assert (found.mark, found.title, found.is_doubtful) == (mark, title, doubtful)
    assert "Milvus v2.3.5 answers in 4 ms" in found.text
    assert "1,200 vectors of this library" in found.text
    assert ("ca.pem" in found.text) == (security is Security.VERIFIED)


def test_a_server_that_is_gone_and_one_that_refuses_are_told_apart() -> None:
    assert server_wording.not_found(ServerGone("Gone.")).title == "Does not answer"
    refused = server_wording.not_found(LibraryProblem("Refuses the token."))
    assert (refused.title, refused.text) == ("Cannot be used", "Refuses the token.")


def test_the_dialog_does_not_close_on_an_address_that_is_none(qtbot: QtBot) -> None:
    dialog = SettingsDialog(Settings(), ())
    qtbot.addWidget(dialog)
    dialog.show()
    fill(dialog.server, "ftp://nas")
    with qtbot.assertNotEmitted(dialog.chosen):
        dialog.accept()
    assert dialog.isVisible()
    assert dialog.server.isVisible()
    assert "ftp://" in dialog.server.finding.text.text()


def test_every_control_has_a_name(tab: ServerSettings) -> None:
    for control in (
        tab.where, tab.address, tab.token, tab.certificate, tab.browse, tab.check_button
    ):  # fmt: skip
        assert control.accessibleName()
