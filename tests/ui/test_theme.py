"""Light and dark: palettes, icons and the style sheet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QColor, QPalette, QPixmap

from mmsearch_desktop.settings import Theme, resources_folder
from mmsearch_desktop.ui import theme
from mmsearch_desktop.ui.theme import DARK, LIGHT, Appearance, Colours

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication, QLabel
    from pytestqt.qtbot import QtBot


def contrast(first: str, second: str) -> float:
    """By the web's accessibility guidelines, WCAG 2: 1 to 21."""
    brighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    made = QColor(colour)
    parts = (made.redF(), made.greenF(), made.blueF())
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_everywhere(colours: Colours) -> None:
    for ground in (colours.window, colours.sidebar, colours.surface, colours.selected):
        assert contrast(colours.text, ground) >= 7
        assert contrast(colours.muted, ground) >= 4.5
    assert contrast(colours.on_accent, colours.accent) >= 4.5
    assert contrast(colours.text, colours.warn) >= 7


def test_the_chosen_theme_dresses_the_application(qapp: QApplication) -> None:
    appearance = Appearance(qapp, Theme.DARK)
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(DARK.window)
    appearance.choose(Theme.LIGHT)
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(LIGHT.window)
    appearance.deleteLater()


def test_a_larger_font_of_the_desktop_makes_all_text_larger(qapp: QApplication) -> None:
    before = qapp.font()
    larger = qapp.font()
    larger.setPointSizeF(15)
    try:
        qapp.setFont(larger)
        appearance = Appearance(qapp, Theme.LIGHT)
        assert "font-size: 15.0pt" in qapp.styleSheet()
        appearance.deleteLater()
    finally:
        qapp.setFont(before)
    assert "font-size: 10.5pt" in theme.style_sheet(LIGHT)


_SWITCH = """
import sys
from pathlib import Path
from PySide6.QtWidgets import QApplication
from mmsearch_desktop.settings import Settings, Theme
from tests.ui.windows import Rig
application = QApplication([])
with Rig(Path(sys.argv[1])).window() as window:
    window.show_settings()
    window._show_shortcuts()
    window.folders.problems.show()
    window.parts.panel.menu_for(None).popup(window.pos())
    window.show_models()
    for turn in range(20):
        window._appearance.choose(list(Theme)[turn % 3])
        application.processEvents()
        if turn == 10:
            window.show_settings()
print("alive")
"""


def test_switching_colours_with_dialogs_open_is_safe(tmp_path: Path) -> None:
    """In a process of its own, as a fault of this kind ends it."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", _SWITCH, str(tmp_path / "library")],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | {"MMSEARCH_DESKTOP_DATA": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "alive"), done.stderr


def test_icons_follow_the_colours(qapp: QApplication, qtbot: QtBot) -> None:
    appearance = Appearance(qapp, Theme.LIGHT)
    button = theme.icon_button("&Search", "search")
    qtbot.addWidget(button)
    light = _darkest(button.icon().pixmap(32, 32))
    appearance.choose(Theme.DARK)
    theme.refresh_icons(button)
    assert button.accessibleName() == "Search"
    assert _darkest(theme.pixmap("search", QColor(DARK.text), 32, 1.0)) > light
    appearance.choose(Theme.LIGHT)
    appearance.deleteLater()


def test_every_icon_can_be_drawn(qapp: QApplication) -> None:
    names = [path.stem for path in (resources_folder() / "icons").glob("*.svg")]
    assert len(names) > 15
    for name in names:
        drawn = theme.pixmap(name, QColor("#ff0000"), 24, 2.0).toImage()
        assert drawn.width() == 48
        assert any(drawn.pixelColor(x, y).alpha() for x in range(48) for y in range(48))


def test_labels_show_marks_as_they_are(qtbot: QtBot) -> None:
    label: QLabel = theme.plain_label("<b>not bold</b>")
    qtbot.addWidget(label)
    assert label.text() == "<b>not bold</b>"
    assert label.textFormat().name == "PlainText"


def _darkest(pixmap: QPixmap) -> int:
    image = pixmap.toImage()
    pixels = (image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()))
    return min(pixel.lightness() for pixel in pixels if pixel.alpha() > 200)
