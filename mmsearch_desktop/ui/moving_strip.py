"""A strip that shows how far the vectors are moved to another place, with cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmsearch_desktop.ui.progress_strip import ProgressStrip, name_button
from mmsearch_desktop.ui.theme import wrapped_label

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from mmsearch_desktop.ui.moving import MovingState

_NARROW_PIXELS = 720  # below: the numbers lie under the words


class MovingStrip(ProgressStrip):
    """Dressed as the strip of indexing, which stands still meanwhile."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(wrapped_label(), (), narrow_pixels=_NARROW_PIXELS, parent=parent)
        self.bar.setAccessibleName("Progress of moving the vectors")
        name_button(self.pause_button, "pause", "Pause moving")
        self.pause_button.hide()  # it is not worth a pause
        name_button(self.cancel_button, "close", "Stop moving; the vectors stay where they are")

    def show_state(self, state: MovingState) -> None:
        self.setVisible(state.is_on)
        progress = state.progress
        if progress is None:
            self.title.setText(f"Getting {state.target} ready for the vectors…")
            self.numbers.setText("")
        else:
            text = f"Moving the vectors to {state.target}; searching goes on meanwhile"
            self.title.setText(text)
            of = f" of {progress.total:,}" if progress.total is not None else ""
            self.numbers.setText(f"{progress.done:,}{of}")
        self._show_on_bar(progress, busy=True)
