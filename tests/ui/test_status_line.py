"""The line at the bottom: a server's state in many words, or in few where it is narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.library.server_address import Server
from mmsearch_desktop.ui import server_wording
from mmsearch_desktop.ui.status_line import StatusLine

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

THERE = server_wording.state(Server("nas.local:19530", tls=True))


@pytest.fixture
def line(qtbot: QtBot) -> StatusLine:
    made = StatusLine()
    qtbot.addWidget(made)
    made.resize(1000, 30)
    made.show()
    return made


def test_nothing_is_said_of_a_server_where_there_is_none(line: StatusLine) -> None:
    line.show_server(THERE)
    line.show_server(None)
    assert line.server.isHidden()
    assert line.server_mark.isHidden()


def test_where_it_is_narrow_the_address_is_told_by_the_tip(line: StatusLine, qtbot: QtBot) -> None:
    line.show_server(THERE)
    full = "Milvus server nas.local:19530  ·  verified"
    assert line.server.text() == full
    line.resize(560, 30)
    qtbot.waitUntil(lambda: line.server.text() == "Milvus verified")
    assert line.server.accessibleName() == full
    assert full in line.server.toolTip()
    line.resize(1000, 30)
    qtbot.waitUntil(lambda: line.server.text() == full)


def test_a_long_text_does_not_widen_the_window(line: StatusLine) -> None:
    line.tell("a very long text " * 40)
    assert line.minimumSizeHint().width() < 560
