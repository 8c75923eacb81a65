"""Draws the app's icon in the sizes and formats that each system wants."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

NAME = "mmsearch-desktop"
SIDES_PIXELS = (16, 22, 24, 32, 48, 64, 96, 128, 256, 512)
_WINDOWS_SIDES = [(side, side) for side in (16, 24, 32, 48, 64, 128, 256)]
_MACOS_SIDE = 1024


def draw(drawing: Path, side_pixels: int) -> Image.Image:
    """An SVG as a square picture with transparency."""
    canvas = QImage(side_pixels, side_pixels, QImage.Format.Format_RGBA8888)
    canvas.fill(Qt.GlobalColor.transparent)
    painter = QPainter(canvas)
    renderer = QSvgRenderer(str(drawing))
    renderer.render(painter, QRectF(0, 0, side_pixels, side_pixels))
    painter.end()
    size = (side_pixels, side_pixels)
    return Image.frombytes("RGBA", size, bytes(canvas.constBits()))


def write_hicolor(drawing: Path, icons: Path) -> None:
    """As PNG for Linux desktops, below `icons`/hicolor, and the drawing itself."""
    for side in SIDES_PIXELS:
        path = icons / "hicolor" / f"{side}x{side}" / "apps" / f"{NAME}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(drawing, side).save(path, optimize=True)
    scalable = icons / "hicolor" / "scalable" / "apps" / f"{NAME}.svg"
    scalable.parent.mkdir(parents=True, exist_ok=True)
    scalable.write_bytes(drawing.read_bytes())


def write_for_programs(drawing: Path, folder: Path) -> None:
    """`.ico` for Windows, `.icns` for macOS."""
    folder.mkdir(parents=True, exist_ok=True)
    draw(drawing, 256).save(folder / f"{NAME}.ico", sizes=_WINDOWS_SIDES)
    draw(drawing, _MACOS_SIDE).save(folder / f"{NAME}.icns")
