"""What is searched for: words, a picture shown as a chip, how the two are combined, and days."""

from __future__ import annotations

import itertools

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFontMetrics,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPainterPath,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from mmsearch_desktop.domain import Mode, Query
from mmsearch_desktop.ui.days_chooser import DaysChooser
from mmsearch_desktop.ui.pictures_in import ShownPicture, take
from mmsearch_desktop.ui.theme import plain_label, restyle, set_icon, set_picture, styled
from mmsearch_desktop.ui.wording import as_tip, shown

TYPING_PAUSE_MS = 350
_CHIP_PIXELS = 32
_NARROW_PIXELS = 720  # below: the chip without its name, and days that are chosen on a line below
_NARROWEST_PIXELS = 540  # below: the mode goes on a line of its own
_DAYS_COLUMN, _MODE_COLUMN = 2, 3
_MODES = {
    Mode.COMPOSED: ("Together", "The model reads the words and the picture as one question"),
    Mode.SUM: ("Sum of both", "Matches the words and matches the picture, added up"),
    Mode.TEXT: ("Words only", "The picture is put aside"),
    Mode.PICTURE: ("Picture only", "The words are put aside"),
}


class QueryBar(QFrame):
    """Edits words, picture, mode and days of a `Query`; folder and limit are not its business."""

    asked = Signal(object)  # Query, to be searched now; one without words and picture: browse
    given = Signal(object)  # Given: pasted content that is not plain words
    file_wanted = Signal()
    sidebar_toggled = Signal()
    details_toggled = Signal()
    left_downwards = Signal()  # by the key

    def __init__(self, mode: Mode = Mode.COMPOSED, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("QueryBar")
        self._picture: ShownPicture | None = None
        self._last_asked = Query(mode=mode)
        self._pause = QTimer(self, singleShot=True, interval=TYPING_PAUSE_MS)
        self._build()
        self.mode_chooser.setCurrentIndex(self.mode_chooser.findData(mode))
        self._connect()
        self._show_parts()
        self._fit(self.width())

    def query(self) -> Query:
        """What the controls say now."""
        picture = None if self._picture is None else self._picture.picture
        mode = Mode(self.mode_chooser.currentData())
        since, until = self.days.days
        return Query(
            words=self.words.text().strip(), picture=picture, mode=mode, since=since, until=until
        )

    def set_picture(self, picture: ShownPicture | None) -> None:
        """Show a picture as the chip, or none, and ask at once."""
        self._picture = picture
        if picture is not None:
            self.chip.show_picture(picture.picture.name, picture.thumbnail)
        self._show_parts()
        self._ask()

    def set_words(self, words: str) -> None:
        self.words.setText(words)
        self._ask()

    def set_query(self, words: str, picture: ShownPicture | None, mode: Mode) -> None:
        """Show all of a question at once, among photos of any time, and ask it once."""
        before = self.days.blockSignals(True)  # noqa: FBT003 Qt's own call
        self.days.clear()
        self.days.blockSignals(before)
        self.words.setText(words)
        self.mode_chooser.setCurrentIndex(self.mode_chooser.findData(mode))
        self.set_picture(picture)

    def clear(self) -> None:
        """Words and picture; where there are none, the days."""
        if not self.words.text() and self._picture is None:
            self.days.clear()
        self.words.clear()
        self.set_picture(None)
        self.words.setFocus()

    def focus_words(self) -> None:
        self.words.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.words.selectAll()

    def type_words(self, text: str) -> None:
        """Letters typed elsewhere go on here."""
        self.words.setFocus(Qt.FocusReason.OtherFocusReason)
        self.words.insert(text)

    def show_drag(self, *, over: bool) -> None:
        """Mark the field while something droppable is held over the window."""
        restyle(self.field, "dragged", value=over)

    def _ask(self) -> None:
        self._pause.stop()
        self._last_asked = self.query()
        self.asked.emit(self._last_asked)

    def _ask_if_changed(self) -> None:
        if self.query() != self._last_asked:
            self._ask()

    def _words_edited(self) -> None:
        self._show_parts()
        if self.words.text().strip():
            self._pause.start()
        else:
            self._ask_if_changed()

    def _days_chosen(self) -> None:
        self._show_parts()
        self._ask_if_changed()

    def _show_parts(self) -> None:
        has_words, has_picture = bool(self.words.text()), self._picture is not None
        self.chip.setVisible(has_picture)
        self.clear_button.setVisible(has_words or has_picture)
        self.mode_chooser.setVisible(bool(self.words.text().strip()) and has_picture)
        self._fit(self.width())
        hint = "Add words to the picture" if has_picture else "Search by words, or drop a picture"
        self.words.setPlaceholderText(hint)

    def _take_picture_away(self) -> None:
        self.set_picture(None)
        self.words.setFocus()

    def _fit(self, width: int) -> None:
        """The words keep enough room to be read, whatever else is shown."""
        self.chip.name.setVisible(width >= _NARROW_PIXELS)
        self._magnifier.setVisible(width >= _NARROWEST_PIXELS)
        self.days.set_narrow(narrow=width < _NARROW_PIXELS)
        is_narrowest = width < _NARROWEST_PIXELS
        crowded = is_narrowest and self._picture is not None
        below = width < _NARROW_PIXELS and (crowded or not self.days.is_any)
        self._place(self.days, _DAYS_COLUMN, below=below)
        self._place(self.mode_chooser, _MODE_COLUMN, below=is_narrowest)

    def _place(self, control: QWidget, column: int, *, below: bool) -> None:
        """Beside the field, or on the line below it; moves it if it is elsewhere."""
        if below:
            self._below.insertWidget(0 if control is self.days else 1, control)
        else:
            self._outer.addWidget(control, 0, column)

    def _build(self) -> None:
        self.sidebar_button = _tool("menu", "Show or hide the folders")
        self.details_button = _tool("details", "Show or hide the details of a photo (F4)")
        self.field = styled(QFrame(), "QueryField")
        self.words = WordsEdit()
        self.chip = PictureChip()
        self.clear_button = _tool("close", "Clear the search (Esc)")
        self.file_button = _tool("picture", "Search with a picture file…")
        self.mode_chooser = _mode_chooser()
        self.days = DaysChooser(parent=self)
        self._magnifier = QLabel()
        set_picture(self._magnifier, "search", 18)
        inner = QHBoxLayout(self.field)
        inner.setContentsMargins(12, 4, 6, 4)
        inner.setSpacing(6)
        for part in (self._magnifier, self.chip, self.words, self.clear_button, self.file_button):
            inner.addWidget(part, 1 if part is self.words else 0)
        self.field.setMinimumHeight(self.chip.sizeHint().height() + 10)  # with the chip or without
        self._outer = QGridLayout(self)
        self._outer.setContentsMargins(12, 10, 14, 8)
        self._outer.setSpacing(8)
        self._outer.addWidget(self.sidebar_button, 0, 0)
        self._outer.addWidget(self.field, 0, 1)
        self._outer.addWidget(self.details_button, 0, _MODE_COLUMN + 1)
        self._outer.setColumnStretch(1, 1)
        self._below = QHBoxLayout()
        self._below.addStretch(1)
        self._outer.addLayout(self._below, 1, 1, 1, -1)
        order = (self.words, self.chip.remove_button, self.clear_button, self.file_button)
        for before, after in itertools.pairwise((*order, self.days.button, self.days.clear_button)):
            self.setTabOrder(before, after)

    def _connect(self) -> None:
        self._pause.timeout.connect(self._ask_if_changed)
        self.words.textChanged.connect(self._words_edited)
        self.words.returnPressed.connect(self._ask)
        self.words.pasted.connect(self.given)
        self.words.escaped.connect(self.clear)
        self.words.left_downwards.connect(self.left_downwards)
        self.words.installEventFilter(self)
        self.chip.removed.connect(self._take_picture_away)
        self.clear_button.clicked.connect(self.clear)
        self.file_button.clicked.connect(self.file_wanted)
        self.sidebar_button.clicked.connect(self.sidebar_toggled)
        self.details_button.clicked.connect(self.details_toggled)
        self.mode_chooser.currentIndexChanged.connect(self._ask_if_changed)
        self.days.changed.connect(self._days_chosen)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit(event.size().width())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            restyle(self.field, "active", value=event.type() == QEvent.Type.FocusIn)
        return super().eventFilter(watched, event)


class WordsEdit(QLineEdit):
    """A line of words that hands on what is pasted when it is not words."""

    pasted = Signal(object)  # Given
    escaped = Signal()
    left_downwards = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Words to search for")
        self.setMaxLength(10_000)
        self.setAcceptDrops(False)  # the window takes drops, wherever they fall
        self.setFrame(False)

    def paste_anything(self) -> None:
        """Paste words here; a picture or file goes to whoever listens to `pasted`."""
        given = take(QGuiApplication.clipboard().mimeData())
        if given.is_words_only:
            self.insert(given.words)
        else:
            self.pasted.emit(given)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Paste):
            self.paste_anything()
        elif event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
        elif event.key() == Qt.Key.Key_Down:
            self.left_downwards.emit()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = self.createStandardContextMenu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addSeparator()
        menu.addAction("Paste &picture", self.paste_anything)
        menu.popup(event.globalPos())


class PictureChip(QFrame):
    """The picture that is searched with: a small view, its name, a button to take it away."""

    removed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("PictureChip")
        self.thumbnail = QLabel()
        self.name = plain_label()
        self.remove_button = _tool("close", "Search without this picture")
        row = QHBoxLayout(self)
        row.setContentsMargins(4, 3, 3, 3)
        row.setSpacing(7)
        for part in (self.thumbnail, self.name, self.remove_button):
            row.addWidget(part)
        self.thumbnail.setFixedSize(_CHIP_PIXELS, _CHIP_PIXELS)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.remove_button.clicked.connect(self.removed)

    def show_picture(self, name: str, image: QImage) -> None:
        self.thumbnail.setPixmap(_rounded(image, _CHIP_PIXELS, self.devicePixelRatioF()))
        room = QFontMetrics(self.name.font()).averageCharWidth() * 18
        name = shown(name)
        elide = Qt.TextElideMode.ElideMiddle
        self.name.setText(QFontMetrics(self.name.font()).elidedText(name, elide, room))
        self.setToolTip(as_tip(name))
        self.setAccessibleName(f"Searching with the picture {name}")


def _mode_chooser() -> QComboBox:
    chooser = QComboBox()
    chooser.setAccessibleName("How words and picture are combined")
    for mode, (label, explanation) in _MODES.items():
        chooser.addItem(label, mode.value)
        chooser.setItemData(chooser.count() - 1, explanation, Qt.ItemDataRole.ToolTipRole)
    chooser.setToolTip("How words and picture are combined")
    return chooser


def _tool(icon: str, purpose: str) -> QToolButton:
    button = QToolButton()
    set_icon(button, icon)
    button.setIconSize(QSize(18, 18))
    button.setToolTip(purpose)
    button.setAccessibleName(purpose)
    button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    button.setCursor(Qt.CursorShape.PointingHandCursor)
    return button


def _rounded(image: QImage, side_pixels: int, ratio: float) -> QPixmap:
    """The middle of the picture as a square with round corners."""
    side = round(side_pixels * ratio)
    mode = Qt.AspectRatioMode.KeepAspectRatioByExpanding
    scaled = image.scaled(side, side, mode, Qt.TransformationMode.SmoothTransformation)
    drawn = QPixmap(side, side)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    outline = QPainterPath()
    outline.addRoundedRect(0, 0, side, side, side * 0.18, side * 0.18)
    painter.setClipPath(outline)
    painter.drawImage((side - scaled.width()) // 2, (side - scaled.height()) // 2, scaled)
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    return drawn
