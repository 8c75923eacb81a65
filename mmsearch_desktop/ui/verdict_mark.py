"""The judge's mark in a picture's upper corner: "97 %", "?" where it is unsure, dots meanwhile."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter

from mmsearch_desktop.domain import Standing, Verdict
from mmsearch_desktop.ui.verdict_wording import percent

# Dark in light and dark themes: it is read on photos of any colour.
_BACK = QColor(16, 18, 22, 190)
_TEXT = QColor(255, 255, 255)
_YES = QColor(94, 214, 130)
_NO = QColor(190, 196, 204)
_BUSY = QColor(130, 170, 255)
_INSET = 6
_DOT = 7.0


def paint_mark(painter: QPainter, shown: QRectF, font: QFont, verdict: Verdict) -> None:
    """Nothing for a hit that is not, or not yet, judged."""
    if verdict.standing is Standing.JUDGING:
        _paint_dots(painter, shown)
    elif verdict.standing is Standing.JUDGED:
        likely = verdict.probability is None or verdict.probability >= 0.5
        text = "✓" if verdict.probability is None else percent(verdict.probability)
        _paint_text(painter, shown, font, text, _YES if likely else _NO)
    elif verdict.standing is Standing.UNSURE:
        _paint_text(painter, shown, font, "?", _NO)


def _paint_text(painter: QPainter, shown: QRectF, font: QFont, text: str, dot: QColor) -> None:
    small = QFont(font)
    small.setPointSizeF(font.pointSizeF() * 0.86)
    small.setWeight(QFont.Weight.DemiBold)
    metrics = QFontMetrics(small)
    height = metrics.height() + 4
    back = _back(shown, metrics.horizontalAdvance(text) + _DOT + 21, height)
    _paint_back(painter, back)
    painter.setBrush(dot)
    painter.drawEllipse(QPointF(back.left() + 8 + _DOT / 2, back.center().y()), _DOT / 2, _DOT / 2)
    painter.setFont(small)
    painter.setPen(_TEXT)
    room = back.adjusted(_DOT + 13, 0, -8, 0)
    painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


def _paint_dots(painter: QPainter, shown: QRectF) -> None:
    back = _back(shown, 38, 18)
    _paint_back(painter, back)
    painter.setBrush(_BUSY)
    for step in (-1, 0, 1):
        painter.drawEllipse(back.center() + QPointF(step * 8, 0), 2.4, 2.4)


def _back(shown: QRectF, width: float, height: float) -> QRectF:
    left = max(shown.left(), round(shown.right()) - _INSET - width)
    return QRectF(left, round(shown.top()) + _INSET, width, height)


def _paint_back(painter: QPainter, back: QRectF) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_BACK)
    painter.drawRoundedRect(back, back.height() / 2, back.height() / 2)
