"""What was dropped or pasted, made into folders to add, a picture to search with, or words.

Two steps, because the first must happen at once on the window's thread and the second may take
long: `take` copies what lies in a drag or on the clipboard without touching the disk; `read`
looks at the files and decodes the picture, and belongs on a worker. Local files come first, then
picture data, then words; a web address is never fetched.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMimeData, QUrl
from PySide6.QtGui import QImage

from mmsearch_desktop.domain import Preparation, QueryPicture, QueryProblem, UnreadablePhoto

if TYPE_CHECKING:
    from collections.abc import Sequence

# the formats other programs put on the clipboard as whole files, best first
_PICTURE_TYPES = ("image/png", "image/webp", "image/jpeg", "image/tiff", "image/bmp")
_CHIP_PIXELS = 128


@dataclass(frozen=True, slots=True)
class Given:
    """The content of a drag or of the clipboard, not yet looked at."""

    paths: tuple[Path, ...] = ()
    data: bytes = b""  # a picture file's bytes
    image: QImage | None = None
    words: str = ""
    has_web_address: bool = False

    @property
    def is_words_only(self) -> bool:
        return bool(self.words) and not (self.paths or self.data or self.image is not None)


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture to search with, and how it is shown, at most 128 pixels wide and high."""

    picture: QueryPicture
    thumbnail: QImage


@dataclass(frozen=True, slots=True)
class Received:
    """What was found in a `Given`."""

    folders: tuple[Path, ...] = ()
    picture: ShownPicture | None = None
    words: str = ""
    notices: tuple[str, ...] = ()  # what could not be used, and why


def may_take(mime: QMimeData) -> bool:
    """Whether a drag holds anything of use; asked while it moves, so nothing is read."""
    return mime.hasUrls() or mime.hasImage() or mime.hasText() or bool(_picture_type(mime))


def take(mime: QMimeData) -> Given:
    """Copy all that is needed; the drag or the clipboard may be gone a moment later."""
    urls = mime.urls() if mime.hasUrls() else []
    paths = tuple(_local_path(url) for url in urls if url.isLocalFile())
    if paths:
        return Given(paths=paths)
    web = any(_is_web(url) for url in urls) or _is_web(QUrl(mime.text().strip()))
    kind = _picture_type(mime)
    data = bytes(mime.data(kind).data()) if kind else b""
    image = None if data else _image_in(mime)
    words = "" if web else " ".join(mime.text().split())
    return Given(data=data, image=image, words=words, has_web_address=web)


def read(given: Given) -> Received:
    """Look at the files and decode the picture. Slow; never raises for what a person may drop."""
    try:
        if given.paths:
            return _read_paths(given.paths)
        if given.data or given.image is not None:
            data = given.data or png_bytes(given.image)
            return Received(picture=picture_from_bytes(data, "Picture without a file"))
    except QueryProblem as problem:
        return Received(notices=(str(problem),))
    if given.words:
        return Received(words=given.words)
    return Received(notices=(_nothing_usable(given),))


def picture_from_file(path: Path) -> ShownPicture:
    """Read a file to search with. QueryProblem where it is no picture that can be read."""
    from mmsearch_desktop.library.decode import read_file

    try:
        data = read_file(path)
    except UnreadablePhoto as problem:
        raise _no_picture(path.name, problem.reason) from problem
    return picture_from_bytes(data, path.name, path)


def picture_from_bytes(data: bytes, name: str, path: Path | None = None) -> ShownPicture:
    """Decode once to show it and to know that it can be searched with. QueryProblem if not."""
    from mmsearch_desktop.search.query import decoded
    from mmsearch_desktop.ui.thumbnail_loader import image_of

    picture = QueryPicture.from_bytes(data, name, path)
    small = decoded(picture, Preparation.APP).copy()
    small.thumbnail((_CHIP_PIXELS, _CHIP_PIXELS))
    return ShownPicture(picture, image_of(small))


def full_image(path: Path) -> QImage:
    """The whole photo, upright. UnreadablePhoto where it cannot be read. Slow."""
    from mmsearch_desktop.library.decode import read_file
    from mmsearch_desktop.library.decoders import decode_apart
    from mmsearch_desktop.ui.thumbnail_loader import image_of

    # asking for this many pixels means that no JPEG is decoded at a reduced scale
    photo = decode_apart(read_file(path), path, Preparation.APP, model_side_pixels=100_000)
    return image_of(photo.picture)


def png_bytes(image: QImage | None) -> bytes:
    """The picture as a PNG file: equal pixels give equal bytes. QueryProblem if there is none."""
    stored = QByteArray()
    buffer = QBuffer(stored)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    written = image is not None and image.save(buffer, "PNG")  # type: ignore[call-overload] # the stubs want bytes for the format, Qt takes str
    if not written:
        raise _no_picture("Picture without a file", "it holds no pixels")
    return bytes(stored.data())


def _read_paths(paths: Sequence[Path]) -> Received:
    folders = tuple(path for path in paths if path.is_dir())
    files = [path for path in paths if path not in folders]
    missing = [path for path in files if not path.exists()]
    notices = [f"{path}: there is no such file or folder." for path in missing[:1]]
    usable = [path for path in files if path not in missing]
    if len(usable) > 1:
        notices.append(
            f"{usable[0].name} is used, the first of {len(usable)} files. To add photos to the "
            "library, drop their folder."
        )
    try:
        picture = picture_from_file(usable[0]) if usable else None
    except QueryProblem as problem:
        return Received(folders=folders, notices=(*notices, str(problem)))
    return Received(folders=folders, picture=picture, notices=tuple(notices))


def _no_picture(name: str, reason: str) -> QueryProblem:
    return QueryProblem(
        f"{name} cannot be searched with: {reason}. Use a photo such as a JPEG, PNG or HEIC file."
    )


def _nothing_usable(given: Given) -> str:
    if given.has_web_address:
        return (
            "Web addresses are not fetched. Save the picture and drop the file, or copy the "
            "picture itself and paste it."
        )
    return "There is no picture, folder or text in what was dropped or pasted."


def _picture_type(mime: QMimeData) -> str:
    return next((kind for kind in _PICTURE_TYPES if kind in mime.formats()), "")


def _image_in(mime: QMimeData) -> QImage | None:
    # hasImage() may be True with nothing behind it
    image = mime.imageData() if mime.hasImage() else None
    return image if isinstance(image, QImage) and not image.isNull() else None


def _local_path(url: QUrl) -> Path:
    if sys.platform == "win32":
        return Path(url.toLocalFile())
    # byte for byte: toLocalFile() loses names that are not UTF-8
    encoded = url.path(QUrl.ComponentFormattingOption.FullyEncoded)
    return Path(os.fsdecode(unquote_to_bytes(encoded)))


def _is_web(url: QUrl) -> bool:
    return url.scheme().lower() in ("http", "https", "ftp", "data")
