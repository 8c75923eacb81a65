"""The colours, icons and style sheet of the window, light and dark; widgets know no colours.

Icons are SVG files in resources/icons drawn in `currentColor`, which is replaced here. A widget
that shows one remembers its name as a property, so that `refresh_icons` can redraw all of them
when the colours change. Sources: own drawings; Qt's documentation of QPalette and style sheets.
"""

from __future__ import annotations

import functools
import logging
import string
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QByteArray, QObject, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QPushButton, QWidget

from mmsearch_desktop.settings import Theme, resources_folder

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QResizeEvent, QShowEvent

_log = logging.getLogger("mmsearch.ui")
_Widget = TypeVar("_Widget", bound=QWidget)
_ICON_NAME = "iconName"
_PICTURE_SIDE = "iconSidePixels"
_ANY_PIXELS = 16_777_215  # as much as Qt allows
_ICON_SIDES_PIXELS = (16, 20, 32, 40)
_LEAST_POINTS = 10.5  # of ordinary text; more where the desktop's own font is larger
_SIZES = {  # names in the style sheet, as shares of ordinary text
    "size": 1.0,
    "size_small": 0.86,
    "size_page": 1.05,
    "size_large": 1.14,
    "size_title": 1.62,
}


@dataclass(frozen=True, slots=True)
class Colours:
    """Every colour of the window, as #rrggbb."""

    window: str
    sidebar: str
    surface: str  # what holds content: lists, fields, cards
    raised: str  # what can be pressed, and menus
    text: str
    muted: str
    faint: str
    border: str
    hover: str
    selected: str
    scroll: str
    accent: str
    accent_hover: str
    on_accent: str
    info: str
    warn: str
    dark: bool


LIGHT = Colours(
    window="#f7f8fa",
    sidebar="#eef0f4",
    surface="#ffffff",
    raised="#ffffff",
    text="#1c222b",
    muted="#5d6776",
    faint="#98a1ae",
    border="#d9dee6",
    hover="#e6eaf1",
    selected="#dbe5fa",
    scroll="#c6ccd6",
    accent="#2f62d9",
    accent_hover="#2553c0",
    on_accent="#ffffff",
    info="#e3ecfd",
    warn="#fdeed7",
    dark=False,
)
DARK = Colours(
    window="#1b1d22",
    sidebar="#16181c",
    surface="#23262c",
    raised="#2a2e35",
    text="#e8eaed",
    muted="#a2abb6",
    faint="#6f7883",
    border="#363b44",
    hover="#2e333b",
    selected="#2c3d5f",
    scroll="#434955",
    accent="#82aaff",
    accent_hover="#9bbcff",
    on_accent="#10213f",
    info="#22304c",
    warn="#4a3818",
    dark=True,
)


class Appearance(QObject):
    """Dresses the application in light or dark, as chosen or as the desktop says."""

    changed = Signal()

    def __init__(self, application: QApplication, theme: Theme) -> None:
        super().__init__(application)
        self._application = application
        self._desktop_is_dark = _is_dark(application.palette())
        self._theme = theme
        application.setStyle("Fusion")
        self.colours = self._chosen()
        self._dress()
        hints = QGuiApplication.styleHints()
        hints.colorSchemeChanged.connect(self._follow_desktop)

    def choose(self, theme: Theme) -> None:
        self._theme = theme
        self._follow_desktop()

    def _follow_desktop(self) -> None:
        colours = self._chosen()
        if colours != self.colours:
            self.colours = colours
            self._dress()
            self.changed.emit()

    def _chosen(self) -> Colours:
        if self._theme is Theme.SYSTEM:
            return DARK if self._desktop_wants_dark() else LIGHT
        return DARK if self._theme is Theme.DARK else LIGHT

    def _desktop_wants_dark(self) -> bool:
        scheme = QGuiApplication.styleHints().colorScheme()
        if scheme is Qt.ColorScheme.Unknown:  # offscreen, or a desktop that does not say
            return self._desktop_is_dark
        return scheme is Qt.ColorScheme.Dark

    def _dress(self) -> None:
        self._application.setPalette(palette(self.colours))
        points = self._application.font().pointSizeF()  # not positive where it is in pixels
        self._application.setStyleSheet(style_sheet(self.colours, max(points, _LEAST_POINTS)))
        for window in self._application.topLevelWidgets():
            refresh_icons(window)


def palette(colours: Colours) -> QPalette:
    """What widgets and delegates paint with; `PlaceholderText` is the muted colour."""
    role = QPalette.ColorRole
    shades = {
        role.Window: colours.window,
        role.WindowText: colours.text,
        role.Base: colours.surface,
        role.AlternateBase: colours.window,
        role.ToolTipBase: colours.raised,
        role.ToolTipText: colours.text,
        role.Text: colours.text,
        role.PlaceholderText: colours.muted,
        role.Button: colours.raised,
        role.ButtonText: colours.text,
        role.BrightText: colours.on_accent,
        role.Link: colours.accent,
        role.Highlight: colours.accent,
        role.HighlightedText: colours.on_accent,
        role.Light: colours.hover,
        role.Midlight: colours.selected,
        role.Mid: colours.border,
        role.Dark: colours.faint,
        role.Accent: colours.accent,
    }
    made = QPalette()
    for name, shade in shades.items():
        made.setColor(name, QColor(shade))
    for name in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, name, QColor(colours.faint))
    return made


def style_sheet(colours: Colours, points: float = _LEAST_POINTS) -> str:
    """`points`: the size of ordinary text."""
    icons = resources_folder() / "icons"
    kind = "dark" if colours.dark else "light"
    text = (resources_folder() / "style.qss").read_text(encoding="utf-8")
    return string.Template(text).substitute(
        asdict(colours),
        **{name: f"{points * share:.1f}pt" for name, share in _SIZES.items()},
        arrow=f'"{(icons / f"arrow-down-{kind}.svg").as_posix()}"',
        arrow_up=f'"{(icons / f"arrow-up-{kind}.svg").as_posix()}"',
        tick=f'"{(icons / f"tick-{kind}.svg").as_posix()}"',
    )


def set_icon(button: QAbstractButton, name: str) -> None:
    """Show an icon of resources/icons in the colour of the button's text."""
    button.setProperty(_ICON_NAME, name)
    button.setIcon(icon(name, _icon_colour(button)))


def icon_button(text: str, icon_name: str, *, role: str = "", name: str = "") -> QPushButton:
    """A button with an icon; `role` as in the style sheet, `name` for screen readers."""
    button = QPushButton(f" {text}")  # Qt leaves too little room between the two
    button.setProperty("role", role)
    button.setIconSize(QSize(18, 18))
    button.setAccessibleName(name or text.replace("&", "").rstrip("…"))
    set_icon(button, icon_name)
    return button


def set_picture(label: QLabel, name: str, side_pixels: int) -> None:
    """Show an icon as a picture, in the muted colour."""
    label.setProperty(_ICON_NAME, name)
    label.setProperty(_PICTURE_SIDE, side_pixels)
    colour = QGuiApplication.palette().color(QPalette.ColorRole.PlaceholderText)
    label.setPixmap(pixmap(name, colour, side_pixels, label.devicePixelRatioF()))


def refresh_icons(root: QWidget) -> None:
    """Redraw every icon below `root` in the colours of now."""
    for button in root.findChildren(QAbstractButton):
        name = button.property(_ICON_NAME)
        if name:
            set_icon(button, name)
    for label in root.findChildren(QLabel):
        name = label.property(_ICON_NAME)
        if name:
            set_picture(label, name, label.property(_PICTURE_SIDE))


def icon(name: str, colour: QColor) -> QIcon:
    return _drawn_icon(name, colour.name())


@functools.lru_cache(maxsize=128)
def _drawn_icon(name: str, colour: str) -> QIcon:
    made = QIcon()
    for side in _ICON_SIDES_PIXELS:
        made.addPixmap(pixmap(name, QColor(colour), side, 1.0))
    return made


def pixmap(name: str, colour: QColor, side_pixels: int, ratio: float) -> QPixmap:
    """The icon drawn `side_pixels` wide for a screen of this device pixel ratio."""
    drawn = QPixmap(round(side_pixels * ratio), round(side_pixels * ratio))
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    drawing = _drawing(name).replace("currentColor", colour.name())
    renderer = QSvgRenderer(QByteArray(drawing.encode()))
    renderer.render(painter, QRectF(0, 0, drawn.width(), drawn.height()))
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    return drawn


@functools.lru_cache(maxsize=64)
def _drawing(name: str) -> str:
    return (resources_folder() / "icons" / f"{name}.svg").read_text(encoding="utf-8")


def _icon_colour(button: QAbstractButton) -> QColor:
    main = button.property("role") == "main"
    role = QPalette.ColorRole.HighlightedText if main else QPalette.ColorRole.ButtonText
    return QGuiApplication.palette().color(role)


def _is_dark(colours: QPalette) -> bool:
    return colours.color(QPalette.ColorRole.Window).lightness() < 128


def application_icon() -> QIcon:
    return QIcon(str(resources_folder() / "icons" / "app.svg"))


def styled(widget: _Widget, name: str) -> _Widget:
    """The same widget, under the name that the style sheet knows."""
    widget.setObjectName(name)
    return widget


def plain_label(text: str = "", name: str = "", *, wrap: bool = False) -> QLabel:
    """A label that shows its text as it is, whatever marks a file's name or an error holds."""
    label = styled(QLabel(text), name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wrap)
    return label


def wrapped_label(text: str = "", name: str = "") -> QLabel:
    """As `plain_label`, for where the height has to be right whatever Qt's layouts make of it."""
    label = styled(WrappedLabel(text), name)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label


class WrappedLabel(QLabel):
    """As high as its words need at its width; Qt's layouts give it less at times, or more."""

    def _take_height_soon(self) -> None:
        """A layout that is at work just now would not hear of it."""
        QTimer.singleShot(0, self, self._take_height)

    def _take_height(self) -> None:
        self.setMinimumHeight(0)  # or that is what it needs
        if self.wordWrap():
            self.setFixedHeight(max(0, self.heightForWidth(self.width())))
        else:
            self.setMaximumHeight(_ANY_PIXELS)

    def setWordWrap(self, on: bool) -> None:
        super().setWordWrap(on)
        policy = self.sizePolicy()
        policy.setHeightForWidth(False)
        self.setSizePolicy(policy)
        self._take_height()

    def setText(self, text: str) -> None:
        super().setText(text)
        if self.isVisible():
            self._take_height()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._take_height_soon()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._take_height_soon()


class ElidedLabel(QLabel):
    """Plain text in one line, of which a part is left out where it does not fit."""

    def __init__(self, left_out: Qt.TextElideMode) -> None:
        super().__init__()
        self._left_out = left_out
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setMinimumWidth(10)  # it does not widen the window

    def paintEvent(self, _event: QPaintEvent) -> None:
        room = self.contentsRect()
        fitting = self.fontMetrics().elidedText(self.text(), self._left_out, room.width())
        painter, role = QPainter(self), self.foregroundRole()
        flags = self.alignment() | Qt.TextFlag.TextSingleLine
        self.style().drawItemText(
            painter, room, int(flags), self.palette(), self.isEnabled(), fitting, role
        )
        painter.end()


def restyle(widget: QWidget, name: str, *, value: bool | str) -> None:
    """Set a property that the style sheet asks about, and let it take effect."""
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
