"""Which order of judged hits the grid shows, and when they may move there.

What is said of hits, their badges included, is shown at once. Hits move only while nobody has the
pointer, a tooltip or a menu over them; until then the move waits. What the person asks for by key
or button is done at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QToolTip

from mmsearch_desktop.ui.judged_hits import JudgedHits, unjudged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mmsearch_desktop.domain import Hit
    from mmsearch_desktop.ui.results_model import ResultsModel
    from mmsearch_desktop.ui.results_view import ResultsView

_LOOK_AGAIN_MS = 120  # whether the pointer has left


class ShownOrder(QObject):
    """The hits of the newest query in the grid. Does nothing between `drop` and `begin`."""

    changed = Signal()  # which order is shown, or whether one waits

    def __init__(self, model: ResultsModel, view: ResultsView) -> None:
        super().__init__()
        self._model, self._view = model, view
        self._hits: JudgedHits | None = None
        self._original = False
        self._again = QTimer(self, interval=_LOOK_AGAIN_MS)
        self._again.timeout.connect(self._move_if_left_alone)

    @property
    def hits(self) -> JudgedHits | None:
        return self._hits

    @property
    def shows_original(self) -> bool:
        """The person wants the order of the search."""
        return self._original

    @property
    def is_waiting(self) -> bool:
        """Hits have new places, but may not move yet."""
        return self._again.isActive()

    def begin(self, hits: Sequence[Hit], *, depth: int, weight: float, judge: str) -> None:
        """These hits are in the grid, in the order of the search; they will be judged."""
        self.drop()
        self._hits = JudgedHits(hits, depth=depth, weight=weight, judge=judge)
        self._move()

    def drop(self) -> None:
        """Other hits or photos will be shown; these are left as they are."""
        self._hits = None
        self._original = False
        self._again.stop()
        self.changed.emit()

    def leave_behind(self, reason: str) -> None:
        """As `drop`; while they are still on screen, hits that wait say why none comes."""
        if self._hits is not None:
            for hit in self._hits.close(reason):
                self._model.replace_hit(hit)
        self.drop()

    def take(self, judged: Hit) -> None:
        """Show what is said of one hit now, and soon the order that follows from it."""
        if self._hits is None:
            return
        if self._hits.take(judged):
            self._show_places()
            return
        known = self._hits.find(judged.photo.content_id)
        if known is not None:
            self._model.replace_hit(known)

    def give_up(self, reason: str) -> None:
        """No more judgements come; say so with the hits that wait for one."""
        if self._hits is not None:
            self._hits.give_up(reason)
            self._show_places()

    def weigh(self, weight: float) -> None:
        if self._hits is not None and self._hits.weigh(weight):
            self._show_places()

    def toggle(self) -> None:
        """From the judged order to that of the search, or back, at once."""
        if self._hits is not None:
            self._original = not self._original
            self.move_now()

    def move_now(self) -> None:
        QToolTip.hideText()
        self._move()

    def reset(self) -> None:
        """Show the hits as the search gave them, without any judgement."""
        if self._hits is not None:
            retrieved = unjudged(self._hits.retrieved)
            self.drop()
            QToolTip.hideText()
            self._model.update_hits(retrieved)

    def _target(self) -> tuple[Hit, ...]:
        assert self._hits is not None  # noqa: S101  asked only then
        return self._hits.retrieved if self._original else self._hits.ranked

    def _show_places(self) -> None:
        """Badges change where the hits are; the hits follow when they may."""
        target = self._target()
        if self._view.is_left_alone:
            self._move()
            return
        by_content = {hit.photo.content_id: hit for hit in target}
        shown = [hit.photo.content_id for hit in self._model.hits]
        if sorted(shown) == sorted(by_content):
            self._model.update_hits([by_content[content_id] for content_id in shown])
        if shown != [hit.photo.content_id for hit in target]:
            self._again.start()
            self.changed.emit()

    def _move_if_left_alone(self) -> None:
        if self._view.is_left_alone:
            self._move()

    def _move(self) -> None:
        self._again.stop()
        if self._hits is not None:
            self._model.update_hits(self._target())
        self.changed.emit()
