"""The quiet line: what it says, and which buttons it has when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.ui.judging_bar import JudgingBar
from mmsearch_desktop.ui.judging_state import JudgingState, Phase

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

PHI = "Phi-3 Vision"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (JudgingState(), ""),
        (JudgingState(Phase.OFFERED, PHI, 9), "Phi-3 Vision can judge the best 9 hits"),
        (JudgingState(Phase.OFFERED, PHI, 1), "Phi-3 Vision can judge the first hit"),
        (
            JudgingState(Phase.OFFERED, PHI, 9, seconds=200.0, on_processor=True),
            "Phi-3 Vision can judge the best 9 hits in about 3 min on the processor",
        ),
        (JudgingState(Phase.OPENING, PHI, 9), "Opening Phi-3 Vision…"),
        (
            JudgingState(Phase.OPENING, PHI, 9, opened_bytes=1_240_000_000),
            "Opening Phi-3 Vision… 1.2 GB",
        ),
        (JudgingState(Phase.JUDGING, PHI, 9, settled=3), "Judging 4 of 9  ·  Phi-3 Vision"),
        (
            JudgingState(Phase.JUDGING, PHI, 9, at_once=True),
            "Judging 9 hits at once  ·  Phi-3 Vision",
        ),
        (
            JudgingState(Phase.JUDGING, PHI, 9, settled=9, seconds=12.0),
            "Judging 9 of 9  ·  Phi-3 Vision  ·  12 s left",
        ),
        (
            JudgingState(Phase.WRITING, PHI, 9, judged=8),
            "8 of 9 judged by Phi-3 Vision, writing its words",
        ),
        (
            JudgingState(Phase.DONE, PHI, 9, judged=9, moved=6),
            "9 judged by Phi-3 Vision  ·  6 moved",
        ),
        (
            JudgingState(Phase.DONE, PHI, 9, judged=9),
            "9 judged by Phi-3 Vision  ·  the order stays",
        ),
        (JudgingState(Phase.DONE, PHI, 9), "Nothing was judged by Phi-3 Vision"),
        (
            JudgingState(Phase.STOPPED, PHI, 9, judged=2, reason="Stopped"),
            "Stopped  ·  2 of 9 judged by Phi-3 Vision",
        ),
        (
            JudgingState(Phase.FAILED, PHI, 9, reason="<b>no</b>\nmemory"),
            "‹b›no‹/b› memory",
        ),
        (
            JudgingState(Phase.DONE, PHI, 3, judged=3, moved=2, waits=True),
            "3 judged by Phi-3 Vision  ·  2 moved  ·  new order once the pointer leaves the photos",
        ),
    ],
)
def test_what_it_says(state: JudgingState, said: str, qtbot: QtBot) -> None:
    assert state.text == said
    bar = JudgingBar()
    qtbot.addWidget(bar)
    bar.show_beside(photos=True)
    bar.show_state(state)
    assert bar.text.text() == said
    assert bar.isVisible() is bool(said)
    assert bar.stop_button.isVisible() is (
        state.phase in (Phase.OPENING, Phase.JUDGING, Phase.WRITING)
    )
    assert bar.judge_button.isVisible() is (
        state.phase in (Phase.OFFERED, Phase.STOPPED, Phase.FAILED)
    )
    assert not bar.grab().isNull()


def test_it_is_hidden_without_photos_beside_it(qtbot: QtBot) -> None:
    bar = JudgingBar()
    qtbot.addWidget(bar)
    bar.show_state(JudgingState(Phase.JUDGING, PHI, 9))
    assert not bar.isVisible()
    bar.show_beside(photos=True)
    assert bar.isVisible()


def test_a_long_reason_is_cut_and_does_not_widen_it(qtbot: QtBot) -> None:
    bar = JudgingBar()
    qtbot.addWidget(bar)
    bar.show_beside(photos=True)
    bar.show_state(JudgingState(Phase.FAILED, PHI, 9, reason="no memory " * 100))
    assert bar.minimumSizeHint().width() < 400
    assert len(bar.text.text()) <= 600
