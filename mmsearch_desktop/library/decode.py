"""A photo file's bytes -> the picture a model sees, or `UnreadablePhoto` saying why not.

A file's first bytes say what it is, never its suffix. Decoding is Pillow's, and pillow-heif's for
HEIC. Under `Preparation.APP` a picture comes out as a person sees it: upright, alpha on white, deep
greys brought to 8 bits, colours in sRGB, and no larger than needed. Under `Preparation.OFFICIAL` it
is the first frame as Pillow opens it.

Files are hostile until shown otherwise: what a header claims is checked before any pixel is
decoded, and whatever a decoder raises costs one photo. What is worse than that (a crash, a hang,
memory without end) costs a process: `library.decoders` runs this file in others than the window's.
Everything here may be called from any thread. Two settings of the whole process are made once, when
this module is imported (see `_PILLOW`), and none later.

Sources: EXIF 2.32 (orientation, dates), PNG and TIFF 6.0 (16-bit grey), ISO 14496-12 (file brands).
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import re
import stat
import struct
import threading
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageCms,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
)

from mmsearch_desktop.domain import Preparation, UnreadablePhoto

_log = logging.getLogger("mmsearch.decode")

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo"}
    | {".png", ".apng", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".dib"}
    | {".avif", ".avifs", ".heic", ".heics", ".heif", ".heifs", ".hif"}
)
"""Names of files that are worth opening: lower case, with the dot."""

MOST_BYTES = 1_000_000_000
MOST_PIXELS = 300_000_000
THUMBNAIL_PIXELS = 384  # the longest side that library.thumbnails keeps

# Larger ones take turns: each needs up to 9 bytes a pixel while it is prepared, and a folder full
# of them must not fill the memory.
LARGE_PIXELS = 50_000_000
Turn = contextlib.AbstractContextManager[object]
_large_one = threading.Lock()

# A longer picture is cut to a window about its middle, of this many times its short side: no model
# sees more than the middle, no thumbnail could show more, and a strip of 1 × 65,000 pixels would
# become 224 × 14 million on its way into a model.
_LONGEST_ASPECT = 32

# _PILLOW: set once here, because the standard way of changing either for one call, by a `with`
# around it, is not thread-safe. The limit is the one stated above, checked before Pillow does. What
# Pillow warns of is either told by UnreadablePhoto or does not matter.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS
for _category in (UserWarning, Image.DecompressionBombWarning):
    warnings.filterwarnings("ignore", category=_category, module=r"PIL\.")

_OPENERS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,  # not the factory: it opens an MPO, and warns
    "PNG": PngImagePlugin.PngImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}

_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),  # BigTIFF
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
)

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAP_SIDES = frozenset({5, 6, 7, 8})

# Pillow: a tile or a frame larger than its picture; the second only where warnings are errors.
_TOO_LARGE = (Image.DecompressionBombError, Image.DecompressionBombWarning)

# What decoders raise on bytes that are no picture of theirs, or that they cannot hold.
_DECODER_ERRORS = (
    OSError,  # Pillow: cut-off or broken data stream, unidentified file, codec errors
    SyntaxError,  # Pillow: a header that is not of the format, or a variant it does not know
    ValueError,  # Pillow: numbers out of range, a text chunk too large, bad text; pillow-heif
    EOFError,  # Pillow and pillow-heif: no first frame
    LookupError,  # Pillow: a header or a table that ends too early, a mode that it does not know
    TypeError,  # Pillow: a tag of another type than its meaning has
    AttributeError,  # Pillow: a header without the parts that the next step reads
    AssertionError,  # Pillow: states its plugins hold for impossible
    struct.error,  # Pillow: a header that ends too early
    ArithmeticError,  # Pillow: division by a stored 0, numbers too large for C
    RuntimeError,  # libheif and libavif: errors of their own; Pillow: nesting too deep, variants
    MemoryError,  # a size that passes the limit but not this machine
    *_TOO_LARGE,
)

_OTHER_KINDS = (
    (b"%PDF", "a PDF document"),
    (b"8BPS", "a Photoshop document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"<svg", "a drawing (SVG)"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML document"),
)
_AVIF_BRANDS = frozenset({"avif", "avis"})
_HEIF_BRANDS = frozenset(
    {"heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "mif2", "msf1"}
)
_CUT_OFF = re.compile(r"truncat|unexpected end|end of file|not enough data|too short", re.I)
_VARIANT = re.compile(r"cannot handle|unsupported|not supported|unknown|unrecognized", re.I)
_DATE = re.compile(r"(\d{4})[:/.-](\d\d?)[:/.-](\d\d?)[ T]+(\d\d?):(\d\d?)(?::(\d\d?))?")
_FIRST_PHOTO_YEAR = 1826
_TOO_LITTLE_MEMORY = "there is too little memory for it; close other programs and try again"


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """A picture and what its file says about it."""

    picture: Image.Image  # APP: upright RGB; OFFICIAL: the first frame in its own mode
    width: int  # pixels of the original, upright
    height: int
    format: str  # "JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF" or "HEIF"
    taken: datetime | None  # from EXIF, without time zone


def read_file(path: Path) -> bytes:
    """The bytes of a photo file. UnreadablePhoto: vanished, no permission, no file, too large."""
    try:
        with _opened(path) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise UnreadablePhoto(path, "it is not a regular file")
            if status.st_size <= MOST_BYTES:
                return file.read()
    except OSError as error:
        raise UnreadablePhoto(path, _why_not_read(error)) from error
    except ValueError as error:  # a NUL in the name
        raise UnreadablePhoto(path, "no file can have this name") from error
    except MemoryError as error:
        raise UnreadablePhoto(path, _TOO_LITTLE_MEMORY) from error
    size = f"{status.st_size / 1e9:.1f} GB"
    raise UnreadablePhoto(path, f"the file is too large: {size}; at most 1 GB is read")


def decode_photo(
    data: bytes,
    path: Path,
    preparation: Preparation,
    *,
    model_side_pixels: int = 224,
    turn_of_large: Turn = _large_one,
) -> DecodedPhoto:
    """The picture in `data`; `path` only names it in errors. UnreadablePhoto: anything else.

    An APP picture may be smaller than its original, in whole steps, but its short side stays at
    least twice `model_side_pixels` and no thumbnail is ever made larger by it. One of more than
    LARGE_PIXELS is decoded inside `turn_of_large`.
    """
    kind = _kind_of(data)
    if kind is None:
        raise UnreadablePhoto(path, _what_it_is(data))
    try:
        picture = _open(data, kind, path)
        if preparation is Preparation.OFFICIAL:
            return _official(picture, kind, turn_of_large)
        least = max(2 * model_side_pixels, THUMBNAIL_PIXELS)
        return _as_seen(picture, kind, least, turn_of_large)
    except _DECODER_ERRORS as error:
        raise UnreadablePhoto(path, _in_words(error, kind, data)) from error


# Opening


def _opened(path: Path) -> BinaryIO:
    """Opens without waiting: a named pipe that calls itself a photo has no one at its other end."""
    no_wait = getattr(os, "O_NONBLOCK", 0)  # unknown to Windows
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | no_wait))


def _why_not_read(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file is not there any more"
    if isinstance(error, IsADirectoryError):
        return "it is a folder, not a file"
    if isinstance(error, PermissionError):
        return "reading it is not permitted; change the file's permissions"
    if error.errno == errno.ENAMETOOLONG:
        return "its name or path is too long for this system"
    return f"the disk could not read it ({error.strerror or error})"


def _kind_of(data: bytes) -> str | None:
    """The name of the format that the first bytes are of; None: none that is known here."""
    if data[4:8] == b"ftyp":
        return _kind_of_brands(data)
    if data[:4] == b"RIFF":
        return "WEBP" if data[8:12] == b"WEBP" else None
    return next((kind for start, kind in _BEGINNINGS if data.startswith(start)), None)


def _kind_of_brands(data: bytes) -> str | None:
    """AVIF and HEIC share one container; the brands at its head say which of them it holds."""
    length = min(int.from_bytes(data[:4], "big"), 1024)
    head = data[8 : max(length, 12)].decode("latin-1")
    brands = {head[at : at + 4] for at in range(0, len(head), 4)}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def _what_it_is(data: bytes) -> str:
    if not data:
        return "the file is empty; copy it again from where it came"
    start = data[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
    for beginning, name in _OTHER_KINDS:
        if data.startswith(beginning) or start.lower().startswith(beginning.lower()):
            return f"it is {name}, not a photo in a format that can be read"
    if data[4:8] == b"ftyp":
        return "it is a video, not a photo"
    if not data.strip(b"\0"):
        return "the file holds nothing but zeros; copy it again from where it came"
    return "it is not a picture in any format that can be read"


def _open(data: bytes, kind: str, path: Path) -> ImageFile.ImageFile:
    """The header read, no pixel decoded yet. UnreadablePhoto: no decoder, or too many pixels."""
    if kind in {"AVIF", "WEBP"} and not features.check(kind.lower()):
        raise UnreadablePhoto(path, f"this installation of Pillow cannot decode {kind}")
    picture = _opener(kind, path)(io.BytesIO(data))
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise UnreadablePhoto(
            path,
            f"it has too many pixels: {width:,} × {height:,}; at most"
            f" {MOST_PIXELS // 1_000_000} million are decoded",
        )
    return picture


def _opener(kind: str, path: Path) -> type[ImageFile.ImageFile]:
    if kind != "HEIF":
        return _OPENERS[kind]
    try:
        from pillow_heif import HeifImageFile  # 70 ms, and many libraries hold no HEIC
    except ImportError as error:
        raise UnreadablePhoto(path, "the HEIC decoder (pillow-heif) cannot be loaded") from error
    return HeifImageFile


def _in_words(error: BaseException, kind: str, data: bytes) -> str:
    detail = " ".join(str(error).split())[:200] or type(error).__name__
    if isinstance(error, MemoryError):
        return _TOO_LITTLE_MEMORY
    if isinstance(error, _TOO_LARGE):
        return f"it has too many pixels; at most {MOST_PIXELS // 1_000_000} million are decoded"
    if isinstance(error, EOFError) or _CUT_OFF.search(detail) or _webp_is_cut_off(data, kind):
        return f"the {kind} file is cut off ({detail}); copy it again from where it came"
    if _VARIANT.search(detail):
        return f"it is damaged, or a kind of {kind} that cannot be read ({detail})"
    return f"the {kind} file is damaged ({detail}); copy it again from where it came"


def _webp_is_cut_off(data: bytes, kind: str) -> bool:
    """Its decoder says nothing, but its head says how long it was."""
    return kind == "WEBP" and int.from_bytes(data[4:8], "little") + 8 > len(data)


# From a file's pixels to those that are used


def _official(picture: ImageFile.ImageFile, kind: str, turn_of_large: Turn) -> DecodedPhoto:
    width, height = picture.size
    with turn_of_large if width * height > LARGE_PIXELS else contextlib.nullcontext():
        picture.load()
    width, height = picture.size
    orientation, taken = _facts(picture)
    if orientation in _SWAP_SIDES:
        width, height = height, width
    return DecodedPhoto(picture, width, height, kind, taken)


def _as_seen(
    picture: ImageFile.ImageFile, kind: str, least: int, turn_of_large: Turn
) -> DecodedPhoto:
    width, height = picture.size
    if kind == "JPEG":
        picture.draft(None, (least, least))
    progressive = "progressive" in picture.info  # decoded whole, whatever its draft
    pixels = width * height if progressive else picture.width * picture.height
    with turn_of_large if pixels > LARGE_PIXELS else contextlib.nullcontext():
        picture.load()
        if kind != "JPEG":
            width, height = picture.size
        profile = picture.info.get("icc_profile")
        seen = _small(_middle(picture), least)
    orientation, taken = _facts(picture)
    seen = _in_srgb(seen, profile)
    if orientation in _TURNS:
        seen = seen.transpose(_TURNS[orientation])
    if orientation in _SWAP_SIDES:
        width, height = height, width
    seen.info = {}  # EXIF and colour profile are used up
    return DecodedPhoto(seen, width, height, kind, taken)


def _middle(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    most = _LONGEST_ASPECT * min(picture.size)
    if max(picture.size) <= most:
        return picture
    left, top = max(0, (width - most) // 2), max(0, (height - most) // 2)
    return picture.crop((left, top, left + min(width, most), top + min(height, most)))


def _small(picture: Image.Image, least: int) -> Image.Image:
    """Flat, and averaged over whole blocks while the short side stays at least `least` pixels.

    JPEG has been through the same in its decoder, up to blocks of 8.
    """
    block = max(1, min(picture.size) // least)
    if picture.mode in {"I", "F"}:  # averaged first: they need more memory after than before
        return _grey_of_8_bits(picture.reduce(block))
    return _flat(picture).reduce(block)


def _flat(picture: Image.Image) -> Image.Image:
    """Any mode -> L, RGB or CMYK of 8 bits, nothing transparent."""
    if picture.mode[0] in "IF":
        return _grey_of_8_bits(picture)
    if picture.has_transparency_data:
        clear = picture.convert("RGBA")
        white = Image.new("RGB", clear.size, "white")
        white.paste(clear, mask=clear.getchannel("A"))
        return white
    return picture if picture.mode in {"L", "RGB", "CMYK"} else picture.convert("RGB")


def _grey_of_8_bits(picture: Image.Image) -> Image.Image:
    """I;16 fills the 16 bits; I and F say nothing of their range, so it is read off the values."""
    import numpy as np

    levels = np.asarray(picture)
    if picture.mode.startswith("I;16"):
        return Image.fromarray((levels >> 8).astype(np.uint8))
    levels = np.nan_to_num(levels.astype(np.float64), nan=0, posinf=0, neginf=0)
    low, high = _range_of_levels(float(levels.min()), float(levels.max()), picture.mode)
    scaled = (levels - low) * (255 / ((high - low) or 1))
    return Image.fromarray(scaled.astype(np.uint8))


def _range_of_levels(low: float, high: float, mode: str) -> tuple[float, float]:
    """Which levels are black and white: a usual range that holds them all, else the extremes."""
    for usual in (1.0, 255.0, 65535.0) if mode == "F" else (255.0, 65535.0):
        if low >= 0 and high <= usual:
            return 0.0, usual
    return low, high


def _in_srgb(picture: Image.Image, profile: Any) -> Image.Image:
    """RGB by the file's own colour profile; one that is broken or of another kind is left out."""
    if isinstance(profile, bytes):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in ImageCms.getProfileDescription(source):
                target = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(picture, source, target, outputMode="RGB")
                if converted is not None:
                    return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
            _log.debug("a colour profile is left out: %s", error)
    return picture.convert("RGB")


# EXIF


def _facts(picture: Image.Image) -> tuple[int, datetime | None]:
    """Orientation still to be obeyed (a key of _TURNS, or none) and time taken, if EXIF is whole.

    To be asked after loading: TIFF and HEIF are turned by their decoders, which then say 1.
    """
    try:
        exif = picture.getexif()
        inner = exif.get_ifd(ExifTags.IFD.Exif)
        orientation = exif.get(ExifTags.Base.Orientation)
    except _DECODER_ERRORS as error:
        _log.debug("damaged EXIF is left out: %s", error)
        return 1, None
    dates = (
        inner.get(ExifTags.Base.DateTimeOriginal),
        inner.get(ExifTags.Base.DateTimeDigitized),
        exif.get(ExifTags.Base.DateTime),
    )
    taken = next((date for date in map(_date, dates) if date is not None), None)
    return (orientation if isinstance(orientation, int) else 1), taken


def _date(value: object) -> datetime | None:
    """A time as EXIF writes it ("2024:05:06 07:08:09"), or None for anything that is no time."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    found = _DATE.match(value.strip("\0 ")) if isinstance(value, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
    try:
        date = datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
    return date if date.year >= _FIRST_PHOTO_YEAR else None
