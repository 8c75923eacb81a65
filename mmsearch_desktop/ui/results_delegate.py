"""How one photo of the grid looks: its picture on a quiet tile, rank and score on it, its name.

All colours are mixed from the palette, so that light and dark themes both hold; only the label on
the picture is dark in both, as it must be read on any photo.
"""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import (
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetrics,
    QImage,
    QPainter,
    QPalette,
    QPen,
    QTransform,
)
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from mmsearch_desktop.domain import Hit
from mmsearch_desktop.ui.results_model import HIT_ROLE, decimals
from mmsearch_desktop.ui.verdict_mark import paint_mark

_PADDING = 8  # pixels between a cell's edge and its picture
_NAME_GAP = 6  # between the picture and the name
_CORNER = 7
_MOST_ENLARGED = 1.5
_HEIGHT_SHARE = 0.77  # of a picture's width: most photos are wider than high
_MOST_STRETCH = 1.5  # enough for two columns or more to fill any width
_NARROWEST = 48  # of a cell
_RING = 2  # width of the frame around what is selected or has the focus
_LABEL_INSET = 6
_LABEL_BACK = QColor(16, 18, 22, 178)
_LABEL_TEXT = QColor(255, 255, 255)
_LABEL_MUTED = QColor(255, 255, 255, 200)


@dataclass(frozen=True, slots=True)
class _Colours:
    """What a cell is painted with, for one palette."""

    text: QColor
    quiet_text: QColor
    tile: QColor
    edge: QColor
    mark: QColor  # of the placeholder
    hover: QColor
    selected: QColor
    ring: QColor
    focus: QColor

    @classmethod
    def of(cls, palette: QPalette) -> _Colours:
        base, text = palette.color(QPalette.ColorRole.Base), palette.color(QPalette.ColorRole.Text)
        accent = palette.color(QPalette.ColorRole.Highlight)
        return cls(
            text=text,
            quiet_text=mixed(base, text, 0.72),
            tile=mixed(base, text, 0.055),
            edge=QColor.fromRgbF(text.redF(), text.greenF(), text.blueF(), 0.10),
            mark=mixed(base, text, 0.22),
            hover=mixed(base, text, 0.075),
            selected=mixed(base, accent, 0.22),
            ring=accent,
            focus=mixed(accent, text, 0.25),
        )


class CellDelegate(QStyledItemDelegate):
    """Paints one photo; how wide its picture is to be at least is `picture_pixels`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.picture_pixels = 180
        self._colours: tuple[int, _Colours] | None = None

    def cell_size(self, option: QStyleOptionViewItem, room_pixels: int) -> QSize:
        """Of cells that share `room_pixels` of width, so that as many as can fill it.

        Pictures are `picture_pixels` wide or up to half more, narrower only in a narrow view.
        """
        least = self.picture_pixels + 2 * _PADDING
        columns = max(1, room_pixels // least)
        widest = round(self.picture_pixels * _MOST_STRETCH) + 2 * _PADDING
        width = max(_NARROWEST, min(room_pixels // columns, widest))
        height = round((width - 2 * _PADDING) * _HEIGHT_SHARE) + 2 * _PADDING
        return QSize(width, height + _NAME_GAP + option.fontMetrics.height())

    def picture_box(self, option: QStyleOptionViewItem) -> QRect:
        """The part of a cell that its picture is fitted into."""
        below = _NAME_GAP + option.fontMetrics.height()
        return option.rect.adjusted(_PADDING, _PADDING, -_PADDING, -_PADDING - below)

    def sizeHint(
        self, option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        return self.cell_size(option, self.picture_pixels + 2 * _PADDING)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        colours = self._colours_of(option.palette)
        painter.save()
        painter.setRenderHints(
            QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
        )
        _paint_back(painter, option, colours)
        box = self.picture_box(option)
        image = index.data(Qt.ItemDataRole.DecorationRole)
        if isinstance(image, QImage) and not image.isNull():
            shown = fitted(box, image.size(), painter.device().devicePixelRatioF())
            _paint_picture(painter, shown, image, colours)
        else:
            shown = QRectF(box)
            _paint_placeholder(painter, shown, colours)
        hit = index.data(HIT_ROLE)
        if isinstance(hit, Hit):
            _paint_label(painter, box, shown, option.font, hit)
            if hit.verdict is not None:
                paint_mark(painter, shown, option.font, hit.verdict)
        _paint_name(painter, option, box, str(index.data(Qt.ItemDataRole.DisplayRole)), colours)
        painter.restore()

    def _colours_of(self, palette: QPalette) -> _Colours:
        """Mixed once for each palette."""
        key = palette.cacheKey()
        if self._colours is None or self._colours[0] != key:
            self._colours = (key, _Colours.of(palette))
        return self._colours[1]


def mixed(one: QColor, other: QColor, share: float) -> QColor:
    """`one` with this share (0 to 1) of `other`."""
    return QColor.fromRgbF(
        one.redF() + (other.redF() - one.redF()) * share,
        one.greenF() + (other.greenF() - one.greenF()) * share,
        one.blueF() + (other.blueF() - one.blueF()) * share,
    )


def _has(option: QStyleOptionViewItem, flag: QStyle.StateFlag) -> bool:
    return bool(option.state & flag)


def _paint_back(painter: QPainter, option: QStyleOptionViewItem, colours: _Colours) -> None:
    """The whole cell: nothing, a breath of grey under the mouse, the accent where selected."""
    selected = _has(option, QStyle.StateFlag.State_Selected)
    hovered = _has(option, QStyle.StateFlag.State_MouseOver)
    focused = _has(option, QStyle.StateFlag.State_HasFocus)
    if not (selected or hovered or focused):
        return
    area = QRectF(option.rect).adjusted(2, 2, -2, -2)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if selected:
        painter.setBrush(colours.selected)
    elif hovered:
        painter.setBrush(colours.hover)
    if focused:
        painter.setPen(QPen(colours.ring, _RING))
    elif selected:
        painter.setPen(QPen(mixed(colours.selected, colours.ring, 0.4), 1))
    painter.drawRoundedRect(area, 10, 10)


def _paint_picture(painter: QPainter, target: QRectF, image: QImage, colours: _Colours) -> None:
    """The whole picture with round corners, and a hair line, or white ones would have no edge."""
    across, down = target.width() / image.width(), target.height() / image.height()
    brush = QBrush(image)
    brush.setTransform(QTransform(across, 0, 0, down, target.left(), target.top()))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(brush)
    painter.drawRoundedRect(target, _CORNER, _CORNER)
    painter.setPen(QPen(colours.edge, 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(target.adjusted(0.5, 0.5, -0.5, -0.5), _CORNER, _CORNER)


def fitted(box: QRect, pixels: QSize, ratio: float) -> QRectF:
    """Where a picture of so many screen pixels goes: centred, on whole screen pixels.

    Never enlarged, but on fine screens (`ratio` > 1), where half more is not seen.
    """
    scale = min(
        1.0, _MOST_ENLARGED / ratio, box.width() / pixels.width(), box.height() / pixels.height()
    )
    width, height = pixels.width() * scale, pixels.height() * scale
    left = round((box.left() + (box.width() - width) / 2) * ratio) / ratio
    top = round((box.top() + (box.height() - height) / 2) * ratio) / ratio
    return QRectF(left, top, width, height)


def _paint_placeholder(painter: QPainter, box: QRectF, colours: _Colours) -> None:
    """A tile with hills and a sun."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colours.tile)
    painter.drawRoundedRect(box, _CORNER, _CORNER)
    side = box.width() * 0.24
    middle = box.center()
    frame = QRectF(middle.x() - side / 2, middle.y() - side * 0.4, side, side * 0.8)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    pen = QPen(colours.mark, max(1.2, side / 22))
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    painter.drawRoundedRect(frame, side * 0.12, side * 0.12)
    hills = [(0.1, 0.82), (0.36, 0.48), (0.56, 0.7), (0.7, 0.56), (0.9, 0.82)]
    painter.drawPolyline([_inside(frame, x, y) for x, y in hills])
    painter.drawEllipse(_inside(frame, 0.7, 0.28), side * 0.06, side * 0.06)


def _inside(frame: QRectF, x: float, y: float) -> QPointF:
    return QPointF(frame.left() + x * frame.width(), frame.top() + y * frame.height())


def _paint_label(painter: QPainter, box: QRect, shown: QRectF, font: QFont, hit: Hit) -> None:
    """Rank and score in one small label in the picture's lower corner: "7 → 1  0.64"."""
    rank = str(hit.rank)
    if hit.rank != hit.retrieval_rank:
        rank = f"{hit.retrieval_rank} → {rank}"
    small, bold = QFont(font), QFont(font)
    for each in (small, bold):
        each.setPointSizeF(font.pointSizeF() * 0.86)
    bold.setWeight(QFont.Weight.DemiBold)
    score = decimals(hit.score)
    rank_width = QFontMetrics(bold).horizontalAdvance(rank)
    score_width = QFontMetrics(small).horizontalAdvance(score)
    height = QFontMetrics(bold).height() + 4
    width = rank_width + score_width + 22
    left = min(round(shown.left()) + _LABEL_INSET, box.right() - width)
    top = round(shown.bottom()) - _LABEL_INSET - height
    back = QRect(max(box.left(), left), top, width, height)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_LABEL_BACK)
    painter.drawRoundedRect(QRectF(back), height / 2, height / 2)
    inner = back.adjusted(8, 0, -8, 0)
    painter.setPen(_LABEL_TEXT)
    painter.setFont(bold)
    painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, rank)
    painter.setPen(_LABEL_MUTED)
    painter.setFont(small)
    painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, score)


def _paint_name(
    painter: QPainter, option: QStyleOptionViewItem, box: QRect, name: str, colours: _Colours
) -> None:
    marked = _has(option, QStyle.StateFlag.State_Selected) or _has(
        option, QStyle.StateFlag.State_MouseOver
    )
    room = QRect(box.left(), box.bottom() + 1 + _NAME_GAP, box.width(), option.fontMetrics.height())
    elided = option.fontMetrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room.width())
    painter.setFont(option.font)
    painter.setPen(colours.text if marked else colours.quiet_text)
    painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextSingleLine, elided)
