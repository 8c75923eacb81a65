"""Test photos: drawn and written on the spot, so that no file is needed beside the tests.

`write_photo` makes one plain photo of one colour. The others make one special case each, as bytes;
the picture with the four marked corners shows at points which way up it came out.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

# suffix -> the name of the format that Pillow writes
_WRITERS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".avif": "AVIF",
    ".heic": "HEIF",
}
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")

CORNERS = ("red", "lime", "blue", "yellow")  # top left, top right, bottom left, bottom right
RGB = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}

ORIENTATION = 0x0112
DATE_TIME = 0x0132
EXIF_IFD = 0x8769
DATE_TIME_ORIGINAL = 0x9003
DATE_TIME_DIGITIZED = 0x9004

# what has to be done to an upright picture before it is stored under each EXIF orientation
_STORED_AS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def write_photo(
    path: Path, colour: str, size: tuple[int, int] = (64, 48), *, taken: str | None = None
) -> Path:
    """One photo of one colour, in the format of the path's suffix; `taken` as EXIF writes it.

    The same arguments give the same bytes, so that two such files are exact copies.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = exif_bytes(taken=taken) if taken else None
    path.write_bytes(encoded(Image.new("RGB", size, colour), _WRITERS[path.suffix.lower()], exif))
    return path


def encoded(
    picture: Image.Image, file_format: str, exif: bytes | None = None, **options: Any
) -> bytes:
    """The bytes of a file of this format; HEIF is written by pillow-heif itself."""
    if exif is not None:
        options["exif"] = exif
    file = io.BytesIO()
    if file_format == "HEIF":
        pillow_heif.from_pillow(picture).save(file, quality=90, **options)
    else:
        quality = {"quality": 90} if file_format in {"JPEG", "WEBP", "AVIF"} else {}
        picture.save(file, file_format, **(quality | options))
    return file.getvalue()


def exif_bytes(
    *,
    orientation: int | None = None,
    taken: str | bytes | None = None,
    digitized: str | None = None,
    changed: str | None = None,
) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[ORIENTATION] = orientation
    if changed is not None:
        exif[DATE_TIME] = changed
    inner = exif.get_ifd(EXIF_IFD)
    if taken is not None:
        inner[DATE_TIME_ORIGINAL] = taken
    if digitized is not None:
        inner[DATE_TIME_DIGITIZED] = digitized
    return exif.tobytes()


def cornered(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """A picture whose four quarters tell which way up it is (CORNERS)."""
    width, height = size
    picture = Image.new("RGB", size)
    draw = ImageDraw.Draw(picture)
    for index, colour in enumerate(CORNERS):
        left, top = (index % 2) * width // 2, (index // 2) * height // 2
        draw.rectangle((left, top, left + width // 2, top + height // 2), fill=colour)
    return picture


def turned(orientation: int, file_format: str = "JPEG", size: tuple[int, int] = (96, 64)) -> bytes:
    """A file that shows `cornered(size)` once its EXIF orientation is obeyed."""
    picture = cornered(size)
    if orientation in _STORED_AS:
        picture = picture.transpose(_STORED_AS[orientation])
    return encoded(picture, file_format, exif_bytes(orientation=orientation))


def corner_colours(picture: Image.Image) -> tuple[str, ...]:
    """The colours in the middles of the four quarters, ordered and named as in CORNERS."""
    width, height = picture.size
    points = [(x * width // 4, y * height // 4) for y in (1, 3) for x in (1, 3)]
    return tuple(_nearest(picture.getpixel(point)) for point in points)


def _nearest(pixel: Any) -> str:
    def distance(name: str) -> int:
        return sum(abs(a - b) for a, b in zip(RGB[name], pixel, strict=True))

    return min(RGB, key=distance)


def animated_gif(
    colours: tuple[str, ...] = ("red", "blue"), size: tuple[int, int] = (32, 24)
) -> bytes:
    first, *rest = (Image.new("RGB", size, colour).quantize(4) for colour in colours)
    file = io.BytesIO()
    first.save(file, "GIF", save_all=True, append_images=rest, duration=100, loop=0)
    return file.getvalue()


def cmyk_jpeg(colour: str = "red", size: tuple[int, int] = (64, 48)) -> bytes:
    """As Adobe programs write it: inverted, with an Adobe marker."""
    return encoded(Image.new("RGB", size, colour).convert("CMYK"), "JPEG")


def grey16(levels: NDArray[np.uint16], file_format: str = "PNG") -> bytes:
    """A 16-bit grey picture of these levels [height, width]."""
    return encoded(Image.fromarray(levels), file_format)


def photo_like(size: tuple[int, int] = (1600, 1200), seed: int = 5) -> Image.Image:
    """Smooth colour, sharp edges, fine lines and noise: what decoders and resizers differ on."""
    rng = np.random.default_rng(seed)
    width, height = size
    coarse = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(60):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        radius = int(rng.integers(4, max(5, width // 12)))
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        draw.ellipse((x, y, x + radius, y + radius), fill=colour)
        draw.line((x, y, y, x), fill=colour, width=2)
    noise = rng.normal(0, 6, (height, width, 3))
    return Image.fromarray(np.clip(np.asarray(picture) + noise, 0, 255).astype(np.uint8))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header claims this size: a bomb without its charge."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 64)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def wide_gamut_profile() -> bytes:
    """An ICC profile that is not sRGB: its red and green are swapped, which no eye could miss."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.find(b"rXYZ"), profile.find(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    at = profile.find("sRGB".encode("utf-16-be"))
    while at >= 0:  # it must not call itself sRGB either
        profile[at : at + 8] = "test".encode("utf-16-be")
        at = profile.find("sRGB".encode("utf-16-be"))
    return bytes(profile)
