"""A strip that shows how far indexing is, with pause, resume and cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

from mmsearch_desktop.domain import Progress, Stage
from mmsearch_desktop.ui.progress_strip import ProgressStrip, duration, name_button, rate
from mmsearch_desktop.ui.theme import ElidedLabel
from mmsearch_desktop.ui.wording import as_tip, name_of, shown

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from mmsearch_desktop.ui.indexing import IndexingState

_NARROW_PIXELS = 720  # below: the numbers lie under the words
_STAGES = {
    Stage.SCANNING: "Looking for photos in",
    Stage.EMBEDDING: "Indexing",
    Stage.REBUILDING: "Rebuilding the search index of",
    Stage.DOWNLOADING: "Downloading",
    Stage.FINISHED: "Finished",
}


class IndexingStrip(ProgressStrip):
    """Hidden while there is nothing to do."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            ElidedLabel(Qt.TextElideMode.ElideMiddle),
            (),
            narrow_pixels=_NARROW_PIXELS,
            parent=parent,
        )
        self.bar.setAccessibleName("Progress of indexing")
        name_button(self.cancel_button, "close", "Cancel indexing; what is indexed so far stays")

    def show_state(self, state: IndexingState) -> None:
        self._stands = state.paused or bool(state.held)
        self.setVisible(state.has_work or self._stands)
        self.title.setText(shown(_title(state)))
        self.title.setToolTip(as_tip(_title(state)))
        self.numbers.setText(_numbers(state))
        name_button(self.pause_button, "resume" if self._stands else "pause", _purpose(state))
        self.cancel_button.setVisible(state.has_work)
        self.bar.setVisible(state.folder is not None)
        self._show_on_bar(state.progress, busy=not state.paused)


def _purpose(state: IndexingState) -> str:
    if state.held and not state.paused:
        return "Try again now"
    return "Resume indexing" if state.paused else "Pause indexing"


def _title(state: IndexingState) -> str:
    folders = "1 folder" if state.waiting == 1 else f"{state.waiting} folders"
    waiting = f", {folders} waiting" if state.waiting else ""
    if state.folder is None:
        if state.held and not state.paused:
            return f"Paused: {state.held}"
        if state.paused:
            return f"Indexing is paused{waiting}"
        return f"Waiting for the model: {folders} to be indexed"
    name = name_of(state.folder)
    if state.paused:
        return f"Paused: {name}{waiting}"
    stage = state.progress.stage if state.progress else Stage.SCANNING
    return f"{_STAGES[stage]} {name}{waiting}"


def _numbers(state: IndexingState) -> str:
    progress = state.progress
    parts = [_count(progress)] if progress is not None else []
    if progress is not None and not state.paused:
        if progress.per_second:
            parts.append(rate(progress.per_second))
        if progress.seconds_left is not None:
            parts.append(f"{duration(progress.seconds_left)} left")
    if state.not_searchable:
        parts.append(f"{state.not_searchable:,} not searchable yet")
    return "  ·  ".join(parts)


def _count(progress: Progress) -> str:
    if progress.total is None:
        return f"{progress.done:,} photos found"
    return f"{progress.done:,} of {progress.total:,}"
