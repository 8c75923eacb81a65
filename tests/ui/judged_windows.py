"""Windows with a judge whose taste is known, and that can be made to wait, fail, or never open."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QToolTip

from mmsearch_desktop.models.judging_speed import Outlook
from mmsearch_desktop.ui.judging_state import Phase
from tests.fakes_judges import ColourJudge
from tests.ui.windows import Rig, coloured_photos, is_idle, shown_names, type_words

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image
    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.domain import Judge, Score
    from mmsearch_desktop.ui.main_window import MainWindow

QUICK = Outlook("Colour judge", "Runs here.", 0.01, on_processor=True)
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "black", "white", "grey")


class TastefulJudge(ColourJudge):
    """Likes one colour, whatever was asked for; waits before each photo until it may go on."""

    def __init__(self, favourite: str = "blue", *, allowed: int = 1_000_000) -> None:
        super().__init__()
        self.favourite = favourite
        self.allowed = allowed  # how many photos it may still judge
        self.closed_early = 0
        self.is_waiting = False

    def checking(
        self,
        prepared: Any,
        picture: Image.Image,
        picture_key: str | None,
        questions: Sequence[str],
    ) -> Generator[None, None, tuple[Score, ...]]:
        is_photo = picture_key is not None and not picture_key.startswith("blank")
        try:
            while is_photo and self.allowed == 0:
                self.is_waiting = True
                time.sleep(0.002)
                yield
        except GeneratorExit:
            self.closed_early += 1
            raise
        self.is_waiting = False
        self.allowed -= is_photo
        return (yield from super().checking(prepared, picture, picture_key, questions))

    def score(self, words: str, picture: Image.Image) -> Score:  # noqa: ARG002 - taste decides
        return super().score(self.favourite, picture)


@dataclass
class Bench:
    """What is asked of judges, and what they answer."""

    judge: Callable[[str], Judge] = lambda _choice: TastefulJudge()
    looked: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    outlook: Outlook | Exception = QUICK

    def services(self) -> dict[str, object]:
        return {"judge_outlook": self._outlook, "opening_judge": self._opening}

    def _outlook(self, choice: str) -> Outlook:
        self.looked.append(choice)
        if isinstance(self.outlook, Exception):
            raise self.outlook
        return self.outlook

    def _opening(self, choice: str) -> Generator[int, None, Judge]:
        self.opened.append(choice)
        yield 1_000_000
        return self.judge(choice)


def give_judge(rig: Rig, photos: Path, bench: Bench, *colours: str) -> None:
    """The pointer is taken away from where the grid will be: a test before may have left it."""
    QToolTip.hideText()
    QCursor.setPos(0, 0)
    coloured_photos(photos, *(colours or COLOURS))
    rig.folders = [photos]
    rig.services |= bench.services()


def wait_for_photos(window: MainWindow, qtbot: QtBot, count: int = len(COLOURS)) -> None:
    qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) == count)


def ask(window: MainWindow, words: str) -> None:
    type_words(window, words)
    window.parts.query_bar.words.returnPressed.emit()


def phase(window: MainWindow) -> Phase:
    return window.judging.state.phase


def is_judged(window: MainWindow) -> bool:
    return phase(window) is Phase.DONE
