"""A strip that shows how far another model is prepared: pause, cancel, or use it now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QWidget

from mmsearch_desktop.domain import Progress, Stage
from mmsearch_desktop.ui.progress_strip import ProgressStrip, duration, name_button, rate
from mmsearch_desktop.ui.theme import wrapped_label
from mmsearch_desktop.ui.wording import photos, shown

if TYPE_CHECKING:
    from mmsearch_desktop.ui.preparing import PreparingState

_NARROW_PIXELS = 820  # below: the numbers lie under the words
_USE_NOW = "Search with it from now on; photos that it has not seen yet are found once it has"


class PreparingStrip(ProgressStrip):
    """Dressed as the strip of indexing, in whose place it is shown."""

    now_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        self.now_button = QPushButton("Use it now")
        self.now_button.setToolTip(_USE_NOW)
        super().__init__(
            wrapped_label(),
            (self.now_button,),
            narrow_pixels=_NARROW_PIXELS,
            parent=parent,
        )
        self.bar.setAccessibleName("Progress of preparing a model")
        name_button(
            self.cancel_button, "close", "Stop preparing it; what is prepared so far is kept"
        )
        self.now_button.clicked.connect(self.now_wanted)

    def show_state(self, state: PreparingState, *, give_way: bool) -> None:
        """`give_way`: the other strip is shown, and nothing is done here meanwhile."""
        self._stands = state.stands
        self.setVisible(state.is_on and not give_way)
        self.title.setText(shown(_title(state)))
        self.numbers.setText("" if state.progress is None else _numbers(state.progress))
        if state.stands:
            purpose = "Try again" if state.held else "Go on with preparing"
            name_button(self.pause_button, "resume", purpose)
        else:
            name_button(self.pause_button, "pause", "Pause preparing")
        self._show_on_bar(state.progress, busy=not state.stands)


def _title(state: PreparingState) -> str:
    meanwhile = f"; searching with {state.serving} meanwhile"
    if state.held:
        return f"{state.title} is not prepared further: {state.held}{meanwhile}"
    if state.paused:
        return f"Paused: preparing {state.title}{meanwhile}"
    progress = state.progress
    if progress is None or progress.stage is not Stage.EMBEDDING or not progress.total:
        return f"Opening {state.title}{meanwhile}"
    return f"Preparing {photos(progress.total)} for {state.title}{meanwhile}"


def _numbers(progress: Progress) -> str:
    if progress.total is None:
        return ""
    parts = [f"{progress.done:,} of {progress.total:,}"]
    if progress.per_second:
        parts.append(rate(progress.per_second))
    if progress.seconds_left:
        parts.append(f"{duration(progress.seconds_left)} left")
    return "  ·  ".join(parts)
