"""Cells on their way from old places to new ones, for a moment; only where they are painted.

A view tells where its cells are before and after it was put into a new order. Nothing else knows
of it: clicks, keys and screen readers find each cell in its new place at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import (
    QEasingCurve,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QSize,
    Qt,
    QVariantAnimation,
    Signal,
)
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QStyle, QWidget

MOST_CELLS = 300  # that are followed; those behind them jump
_MILLISECONDS = 220
_Index = QModelIndex | QPersistentModelIndex


class Slide(QObject):
    """What of the way each row still has before it."""

    stepped = Signal()  # to be painted anew

    def __init__(self, view: QWidget) -> None:
        super().__init__(view)
        self._view = view
        self._before: list[tuple[QPersistentModelIndex, QPoint]] = []
        self._ways: dict[int, QPoint] = {}  # by row: from the new place to the old one
        self._pictures: dict[tuple[int, int], QPixmap] = {}  # by row and look
        self._progress = QVariantAnimation(self, duration=_MILLISECONDS)
        self._progress.setStartValue(1.0)
        self._progress.setEndValue(0.0)
        self._progress.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._progress.valueChanged.connect(self.stepped)
        self._progress.finished.connect(self.stop)

    @property
    def is_running(self) -> bool:
        return bool(self._ways)

    def offset(self, row: int) -> QPoint:
        """From its place to where it is painted now."""
        way = self._ways.get(row)
        if way is None:
            return QPoint()
        share = float(self._progress.currentValue())
        return QPoint(round(way.x() * share), round(way.y() * share))

    def with_moving(self, rows: range) -> Iterable[int]:
        """These rows and all that move, those last, so that they are painted on top."""
        if not self._ways:
            return rows
        return [*(row for row in rows if row not in self._ways), *self._ways]

    def picture(
        self, row: int, look: int, size: QSize, paint: Callable[[QPainter], None]
    ) -> QPixmap:
        """A cell as `paint` paints it at (0, 0), painted once: frames come every few ms."""
        known = self._pictures.get((row, look))
        if known is None:
            ratio = self._view.devicePixelRatioF()
            known = QPixmap(size * ratio)
            known.setDevicePixelRatio(ratio)
            known.fill(Qt.GlobalColor.transparent)
            painter = QPainter(known)
            paint(painter)
            painter.end()
            self._pictures[row, look] = known
        return known

    def forget_pictures(self, rows: range) -> None:
        """These look otherwise now."""
        for row, look in [key for key in self._pictures if key[0] in rows]:
            del self._pictures[row, look]

    def leave(self, indexes: Iterable[QModelIndex], place_of: Callable[[int], QPoint]) -> None:
        """Before the new order: where these are painted now."""
        self._before = [
            (QPersistentModelIndex(index), place_of(index.row()) + self.offset(index.row()))
            for index in indexes
        ]

    def arrive(self, place_of: Callable[[int], QPoint]) -> None:
        """After it: go from there to the new places, unless the desktop wants no motion."""
        before, self._before = self._before, []
        self.stop()
        if not self._is_wanted():
            return
        for index, place in before:
            if index.isValid() and (way := place - place_of(index.row())) != QPoint():
                self._ways[index.row()] = way
        if self._ways:
            self._progress.start()

    def stop(self) -> None:
        """Every cell is in its place."""
        self._progress.stop()
        self._ways = {}
        self._pictures = {}
        self.stepped.emit()

    def _is_wanted(self) -> bool:
        hint = QStyle.StyleHint.SH_Widget_Animation_Duration
        return self._view.isVisible() and self._view.style().styleHint(hint, None, self._view) > 0
