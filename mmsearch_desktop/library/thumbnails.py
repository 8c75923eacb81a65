"""Small pictures on disk, one per content, so that showing 100,000 photos opens none of them.

They can all be made again, so a damaged one is removed and counts as missing, and so they have a
limit: beyond it go those that were not looked at for longest, first of those whose photos are at
hand. A file's time of change is when it was last looked at.

WebP at quality 75: 17 kB at 384 pixels (26 photos of all kinds), half of JPEG at 85. At quality 80
it is 20 kB for 1 dB; 320 pixels would be 13 kB, but the largest cells show 384.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mmsearch_desktop.domain import LibraryProblem, NoSpace

_log = logging.getLogger("mmsearch.thumbnails")
_FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNFINISHED = ".new"

LIMIT_BYTES = 2_000_000_000  # of about 100,000 photos
_TRIMMED_TO = 0.9  # of the limit, so that looking for the oldest is seldom
_NEARLY_FULL = 0.8  # below it there was room for whatever is missing
_BLOCK_BYTES = 4096  # a file takes whole ones
_LOOKED_AT_NS = 3600 * 10**9  # noted once in so long
_ABANDONED_NS = 3600 * 10**9  # whoever writes a file for so long was killed

# What Pillow raises on a file of ours that was cut off or overwritten.
_DAMAGED = (ValueError, SyntaxError, EOFError, LookupError, struct.error, RuntimeError, MemoryError)


class Thumbnails:
    """Thumbnails in one folder, keyed by the sha256 of the photo's bytes; safe from any thread.

    LibraryProblem where the folder cannot be written, NoSpace where the disk is full.
    """

    def __init__(
        self,
        folder: Path,
        side_pixels: int = 384,
        *,
        limit_bytes: int = LIMIT_BYTES,
        irreplaceable: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        """`side_pixels`: the longest side; smaller pictures keep their size.

        `irreplaceable` gives the sha256s of photos that cannot be read now: they go last.
        """
        self.folder = folder
        self.side_pixels = side_pixels
        self.limit_bytes = limit_bytes
        self._irreplaceable = irreplaceable
        self._lock = threading.Lock()
        self._trimming = threading.Lock()
        self._taken: int | None = None  # bytes; None until it was counted

    def path_of(self, sha256: str) -> Path:
        """256 folders: 400 files each at 100,000 photos, and few enough to cost nothing empty."""
        return self.folder / sha256[:2] / f"{sha256}.webp"

    def exists(self, sha256: str) -> bool:
        return self.path_of(sha256).is_file()

    def all(self) -> set[str]:
        """The sha256s of all that are there: 0.2 s for 100,000."""
        names = (os.path.basename(entry.path) for entry in _files(self.folder))  # noqa: PTH119
        return {name.removesuffix(".webp") for name in names if name.endswith(".webp")}

    def has_room(self) -> bool:
        """Whether one that is missing was lost, rather than given up for others."""
        return self.bytes_taken() < _NEARLY_FULL * self.limit_bytes

    def bytes_taken(self) -> int:
        """On the disk, about."""
        with self._lock:
            if self._taken is None:
                self._taken = sum(one.size_bytes for one in _kept(self.folder))
            return self._taken

    def save(self, sha256: str, picture: Image.Image) -> None:
        """Makes the picture small and keeps it; whoever loads meanwhile sees the old or the new."""
        self.keep(sha256, encoded(picture, self.side_pixels))

    def keep(self, sha256: str, data: bytes) -> None:
        """As `save`, of a thumbnail that is `encoded` already. Others may have to go for it."""
        with _disk_problems_told(self.folder):
            _write_at_once(data, self.path_of(sha256))
        if self._count(len(data)) > self.limit_bytes:
            self._trim()

    def limit_to(self, limit_bytes: int) -> None:
        """From now on; what is too much goes at once. Seconds, where there are many."""
        self.limit_bytes = limit_bytes
        if self.bytes_taken() > limit_bytes:
            self._trim()

    def load(self, sha256: str) -> Image.Image | None:
        """The RGB thumbnail, or None where there is none; a damaged one is removed."""
        path = self.path_of(sha256)
        try:
            data = path.read_bytes()
            _note_look(path)
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
            size_bytes = path.lstat().st_size
            path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            _log.warning("%s cannot be removed (%s)", path, error)
            return
        with self._lock:
            if self._taken is not None:
                self._taken -= _on_disk(size_bytes)

    def _count(self, size_bytes: int) -> int:
        """All that is taken, with a new one of this size; one that it replaced counts on."""
        before = self.bytes_taken()
        with self._lock:
            self._taken = (self._taken or before) + _on_disk(size_bytes)
            return self._taken

    def _trim(self) -> None:
        """One thread does it for all; the others go on meanwhile.

        What they add is perhaps counted twice, but never missed.
        """
        if not self._trimming.acquire(blocking=False):
            return
        try:
            before = self.bytes_taken()
            remaining = self._without_oldest()
            with self._lock:
                self._taken = remaining + max(0, (self._taken or 0) - before)
        finally:
            self._trimming.release()

    def _without_oldest(self) -> int:
        """The bytes that remain."""
        kept = list(_kept(self.folder))
        taken = sum(one.size_bytes for one in kept)
        if taken <= self.limit_bytes:
            return taken
        last = set(self._irreplaceable())
        kept.sort(key=lambda one: (Path(one.path).stem in last, one.seen_ns))
        for one in kept:
            if taken <= _TRIMMED_TO * self.limit_bytes:
                break
            with contextlib.suppress(OSError):
                os.unlink(one.path)  # noqa: PTH108 - a Path for each of 100,000 takes a second
                taken -= one.size_bytes
        return taken


@dataclass(frozen=True, slots=True)
class _Kept:
    path: str
    seen_ns: int  # when it was last looked at, or made
    size_bytes: int


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as outer:
            below = [entry.path for entry in outer if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return  # nothing was kept yet
    for inner in below:
        with contextlib.suppress(OSError), os.scandir(inner) as entries:
            yield from entries


def _kept(folder: Path) -> Iterator[_Kept]:
    """All that are whole; what a killed process left half written goes."""
    for entry in _files(folder):
        with contextlib.suppress(OSError):
            status = entry.stat(follow_symlinks=False)
            if not entry.name.endswith(_UNFINISHED):
                yield _Kept(entry.path, status.st_mtime_ns, _on_disk(status.st_size))
            elif time.time_ns() - status.st_mtime_ns > _ABANDONED_NS:
                os.unlink(entry.path)  # noqa: PTH108 - as in _without_oldest


def _on_disk(size_bytes: int) -> int:
    return -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES


def _note_look(path: Path) -> None:
    """Where that cannot be written, it goes a little earlier than it need."""
    with contextlib.suppress(OSError):
        if time.time_ns() - path.stat().st_mtime_ns > _LOOKED_AT_NS:
            os.utime(path)


def encoded(picture: Image.Image, side_pixels: int) -> bytes:
    """A thumbnail's file, its longest side at most `side_pixels`.

    No EXIF and no profile: they are used up in an upright sRGB picture, and private besides.
    """
    small = picture if picture.mode == "RGB" else picture.convert("RGB")
    longest = max(small.size)
    if longest > side_pixels:
        width, height = (max(1, round(side * side_pixels / longest)) for side in small.size)
        small = small.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)
    file = io.BytesIO()
    small.save(file, "WEBP", quality=75, method=2, icc_profile=b"", exif=b"", xmp=b"")
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
