"""Small pictures for the window: read on a thread of its own, kept within a limit, nearest first.

Everything but reading, decoding and scaling happens on the window's thread, so nothing is locked.
What is wanted is said anew whenever the view has moved; what was scrolled past is forgotten.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PIL import Image
from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from mmsearch_desktop.domain import LibraryProblem, Photo, UnreadablePhoto
from mmsearch_desktop.ui.background import Worker

if TYPE_CHECKING:
    from mmsearch_desktop.library.thumbnails import Thumbnails

_log = logging.getLogger("mmsearch.thumbnails")
CACHE_BYTES = 128 * 1024 * 1024  # about 1,300 pictures of 180 pixels on a plain screen
_IN_FLIGHT = 2  # the worker has the next one while the window shows the last
MakeMissing = Callable[[Photo], Image.Image | None]


class ThumbnailLoader(QObject):
    """Hands out thumbnails scaled to one size; says when one has come, or cannot be had.

    `make_missing` is called on the worker for a photo without a stored thumbnail; what it returns
    is stored. Errors of it count as missing. Call `close` before the thumbnails' folder goes.
    """

    loaded = Signal(str)  # sha256
    missing = Signal(str)  # sha256

    def __init__(
        self,
        thumbnails: Thumbnails,
        *,
        make_missing: MakeMissing | None = None,
        side_pixels: int = 256,
        cache_bytes: int = CACHE_BYTES,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self._make_missing = make_missing
        self._side_pixels = side_pixels
        self._cache = _Cache(cache_bytes)
        self._worker = Worker("thumbnails")
        self._wanted: dict[str, Photo] = {}
        self._to_load: dict[str, Photo] = {}
        self._to_make: dict[str, Photo] = {}
        self._in_flight: set[str] = set()
        self._not_stored: set[str] = set()
        self._not_to_be_had: set[str] = set()

    @property
    def side_pixels(self) -> int:
        """Longest side of the pictures handed out, in pixels of the screen."""
        return self._side_pixels

    def set_side_pixels(self, side_pixels: int) -> None:
        """From now on load at this size; what is there serves until its better one has come."""
        if side_pixels != self._side_pixels:
            self._side_pixels = side_pixels
            self.wanted(tuple(self._wanted.values()))

    def image(self, sha256: str) -> QImage | None:
        """The picture if it is at hand. Never reads; ask for it with `wanted`."""
        return self._cache.get(sha256)

    def wanted(self, photos: Sequence[Photo]) -> None:
        """These, the nearest to the view first, and nothing else any more."""
        self._wanted = {photo.sha256: photo for photo in photos}
        absent = {
            sha256: photo
            for sha256, photo in self._wanted.items()
            if not self._cache.has(sha256, self._side_pixels)
            and sha256 not in self._in_flight
            and sha256 not in self._not_to_be_had
        }
        self._to_make = {key: absent[key] for key in absent if key in self._not_stored}
        self._to_load = {key: absent[key] for key in absent if key not in self._not_stored}
        self._go_on()

    def forget(self, sha256: str) -> None:
        """Its thumbnail is another now, or can be had now: load it when it is wanted next."""
        self._not_stored.discard(sha256)
        self._not_to_be_had.discard(sha256)
        self._cache.remove(sha256)
        self.wanted(tuple(self._wanted.values()))

    def limit_to(self, limit_bytes: int) -> None:
        """Of what is stored, on the thread; what is shown is not touched."""
        self._worker.call(
            partial(self._thumbnails.limit_to, limit_bytes),
            lambda _: None,
            lambda error: _log.warning("thumbnails take more space than they should: %s", error),
        )

    def try_again(self) -> None:
        """What could not be had may be there now: a drive has come."""
        self._not_to_be_had.clear()
        self.wanted(tuple(self._wanted.values()))

    def close(self) -> None:
        """Stop and wait for the thread."""
        self._to_load.clear()
        self._to_make.clear()
        self._worker.close()

    def _go_on(self) -> None:
        """Give the worker its next steps: first all that can be loaded, then what must be made."""
        while len(self._in_flight) < _IN_FLIGHT:
            if self._to_load:
                self._begin(self._to_load, None)
            elif self._to_make:
                self._begin(self._to_make, self._make_missing)
            else:
                return

    def _begin(self, queue: dict[str, Photo], make_missing: MakeMissing | None) -> None:
        photo = queue.pop(next(iter(queue)))
        side = self._side_pixels
        self._in_flight.add(photo.sha256)
        self._worker.call(
            partial(_loaded, self._thumbnails, photo, side, make_missing),
            partial(self._arrived, photo, side),
            lambda _: self._arrived(photo, side, None),
        )

    def _arrived(self, photo: Photo, side_pixels: int, image: QImage | None) -> None:
        sha256 = photo.sha256
        self._in_flight.discard(sha256)
        if image is not None:
            self._cache.put(sha256, image, side_pixels, keep=self._wanted)
            self._not_stored.discard(sha256)
            self.loaded.emit(sha256)
        elif self._make_missing is None or sha256 in self._not_stored:
            self._not_to_be_had.add(sha256)
            self.missing.emit(sha256)
        else:
            self._not_stored.add(sha256)
        self._want_again(sha256)

    def _want_again(self, sha256: str) -> None:
        """It may still be wanted: made from its photo, or in the size that was set meanwhile."""
        photo = self._wanted.get(sha256)
        satisfied = self._cache.has(sha256, self._side_pixels) or sha256 in self._not_to_be_had
        if photo is not None and not satisfied:
            (self._to_make if sha256 in self._not_stored else self._to_load)[sha256] = photo
        self._go_on()


def image_of(picture: Image.Image) -> QImage:
    """A Pillow picture as a QImage that owns its pixels. Any thread."""
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    pixels = picture if picture.mode == mode else picture.convert(mode)
    layout, best, channels = _LAYOUTS[mode]
    width, height = pixels.size
    view = QImage(pixels.tobytes(), width, height, width * channels, layout)
    return view.convertToFormat(best)  # the bytes above are not the image's own


_LAYOUTS = {
    "RGB": (QImage.Format.Format_RGB888, QImage.Format.Format_RGB32, 3),
    "RGBA": (QImage.Format.Format_RGBA8888, QImage.Format.Format_ARGB32_Premultiplied, 4),
}


def _loaded(
    thumbnails: Thumbnails, photo: Photo, side_pixels: int, make_missing: MakeMissing | None
) -> QImage | None:
    """The stored one, or a new one where `make_missing` is given. Runs on the worker."""
    if make_missing is None:
        picture = thumbnails.load(photo.sha256)
    else:
        picture = _made(thumbnails, photo, make_missing)
    return None if picture is None else _scaled(picture, side_pixels)


def _made(thumbnails: Thumbnails, photo: Photo, make_missing: MakeMissing) -> Image.Image | None:
    try:
        picture = make_missing(photo)
    except (UnreadablePhoto, OSError) as error:
        _log.info("no thumbnail can be made: %s", error)
        return None
    if picture is not None:
        try:
            thumbnails.save(photo.sha256, picture)
        except (OSError, LibraryProblem) as error:
            _log.info("the thumbnail of %s is shown but not kept: %s", photo.path, error)
    return picture


def _scaled(picture: Image.Image, side_pixels: int) -> QImage:
    """Shrunk to fit a square of this side; never enlarged."""
    picture = picture.copy()
    picture.thumbnail((side_pixels, side_pixels), Image.Resampling.LANCZOS)
    return image_of(picture)


class _Cache:
    """Images by key within a number of bytes, least recently used out first.

    What is on the screen is kept even above that limit, or it would be loaded again for ever.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._bytes = 0
        self._images: OrderedDict[str, tuple[QImage, int]] = OrderedDict()

    def get(self, key: str) -> QImage | None:
        found = self._images.get(key)
        if found is None:
            return None
        self._images.move_to_end(key)
        return found[0]

    def has(self, key: str, side_pixels: int) -> bool:
        found = self._images.get(key)
        return found is not None and found[1] == side_pixels

    def put(self, key: str, image: QImage, side_pixels: int, *, keep: dict[str, Photo]) -> None:
        self.remove(key)
        self._images[key] = (image, side_pixels)
        self._bytes += image.sizeInBytes()
        if self._bytes > self._limit_bytes:
            for other in [name for name in self._images if name not in keep]:
                self.remove(other)
                if self._bytes <= self._limit_bytes:
                    return

    def remove(self, key: str) -> None:
        found = self._images.pop(key, None)
        if found is not None:
            self._bytes -= found[0].sizeInBytes()
