"""Small pictures on disk, one per content, so that showing 100,000 photos opens none of them.

They can all be made again, so a damaged one is removed and counts as missing. WebP at quality 80:
a fifth smaller than JPEG at 85 (29 against 36 kB at 384 pixels, twelve photos full of detail), and
its 9 ms more are small beside decoding a photo.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mmsearch_desktop.domain import LibraryProblem, NoSpace

_log = logging.getLogger("mmsearch.thumbnails")
_FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNFINISHED = ".new"

# What Pillow raises on a file of ours that was cut off or overwritten.
_DAMAGED = (ValueError, SyntaxError, EOFError, LookupError, struct.error, RuntimeError, MemoryError)


@dataclass(frozen=True, slots=True)
class Thumbnails:
    """Thumbnails in one folder, keyed by the sha256 of the photo's bytes; safe from any thread.

    LibraryProblem where the folder cannot be written, NoSpace where the disk is full.
    """

    folder: Path
    side_pixels: int = 384  # the longest side; smaller pictures keep their size

    def path_of(self, sha256: str) -> Path:
        """256 folders: 400 files each at 100,000 photos, and few enough to cost nothing empty."""
        return self.folder / sha256[:2] / f"{sha256}.webp"

    def exists(self, sha256: str) -> bool:
        return self.path_of(sha256).is_file()

    def save(self, sha256: str, picture: Image.Image) -> None:
        """Makes the picture small and keeps it; whoever loads meanwhile sees the old or the new."""
        data = _webp(picture, self.side_pixels)
        with _disk_problems_told(self.folder):
            _write_at_once(data, self.path_of(sha256))

    def load(self, sha256: str) -> Image.Image | None:
        """The RGB thumbnail, or None where there is none; a damaged one is removed."""
        path = self.path_of(sha256)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("%s cannot be read (%s); check the disk", path, error)
            return None
        try:
            picture = Image.open(io.BytesIO(data), formats=["WEBP"])
            return picture.convert("RGB")
        except (OSError, *_DAMAGED) as error:
            _log.info("%s is damaged (%s) and removed; it will be made again", path, error)
            self.remove(sha256)
            return None

    def remove(self, sha256: str) -> None:
        """Nothing happens where there is none, or where it cannot be removed."""
        path = self.path_of(sha256)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("%s cannot be removed (%s)", path, error)


def _webp(picture: Image.Image, side_pixels: int) -> bytes:
    """No EXIF and no profile: they are used up in an upright sRGB picture, and private besides."""
    small = picture if picture.mode == "RGB" else picture.convert("RGB")
    longest = max(small.size)
    if longest > side_pixels:
        width, height = (max(1, round(side * side_pixels / longest)) for side in small.size)
        small = small.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    file = io.BytesIO()
    small.save(file, "WEBP", quality=80, method=2, icc_profile=b"", exif=b"", xmp=b"")
    return file.getvalue()


def _write_at_once(data: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(_UNFINISHED, path.stem[:8], path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _disk_problems_told(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL_DISK:
            raise NoSpace(
                f"{folder}: the disk is full; free some space, then add the folder again"
            ) from error
        raise LibraryProblem(
            f"{folder}: thumbnails cannot be written ({error.strerror or error});"
            " check that the folder is yours and not read-only"
        ) from error
