"""What a decoding process and the one that asks it say to each other, as bytes.

A message is a line of JSON, and after it the blobs that it counts. Nothing is unpickled on either
side: what comes from a process that has read a hostile file is data and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from PIL import Image

from mmsearch_desktop.library.decode import MOST_PIXELS, DecodedPhoto

if TYPE_CHECKING:
    from multiprocessing.connection import _ConnectionBase

    Connection = _ConnectionBase[Any, Any]

_LONGEST_BLOB = 4 * MOST_PIXELS + 1_000_000
_PALETTED = frozenset({"P", "PA"})


@dataclass(frozen=True, slots=True)
class Read:
    """Asks for the file's bytes to be read and kept; answered by Content."""

    path: str


@dataclass(frozen=True, slots=True)
class Take:
    """Gives a file's bytes, in one blob, instead of having them read; not answered."""

    path: str  # named in errors
    blobs: tuple[bytes, ...] = field(default=(), repr=False)  # none where there are no bytes

    @property
    def data(self) -> bytes:
        return b"".join(self.blobs)


@dataclass(frozen=True, slots=True)
class Decode:
    """Asks for what was read or given; answered by Decoded, after a Large where it is one."""

    preparation: str
    model_side_pixels: int
    thumbnail_pixels: int  # the longest side; 0: none is wanted


@dataclass(frozen=True, slots=True)
class Drop:
    """What was read is not wanted any more; not answered."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """The answer to Large: its turn has come."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The first message of a process."""


@dataclass(frozen=True, slots=True)
class Content:
    """The file was read."""

    sha256: str


@dataclass(frozen=True, slots=True)
class Large:
    """The picture is to be decoded when it is the only large one."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture; its blobs are the pixels and, if it was wanted, the thumbnail's file."""

    width: int  # of the original, upright
    height: int
    format: str
    taken: str | None
    mode: str
    size: Sequence[int]  # of the picture
    palette: Sequence[int]  # red, green, blue; empty where the mode has none
    blobs: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, photo: DecodedPhoto, thumbnail: bytes) -> Decoded:
        picture = photo.picture
        palette = picture.getpalette() if picture.mode in _PALETTED else None
        return cls(
            photo.width,
            photo.height,
            photo.format,
            None if photo.taken is None else photo.taken.isoformat(),
            picture.mode,
            picture.size,
            palette or (),
            (picture.tobytes(), thumbnail) if thumbnail else (picture.tobytes(),),
        )

    @property
    def thumbnail(self) -> bytes:
        return self.blobs[1] if len(self.blobs) > 1 else b""

    def photo(self) -> DecodedPhoto:
        """ValueError where the blobs are not what the rest says."""
        width, height = self.size
        picture = Image.frombytes(self.mode, (width, height), self.blobs[0])
        if self.palette:
            picture.putpalette(self.palette)
        taken = None if self.taken is None else datetime.fromisoformat(self.taken)
        return DecodedPhoto(picture, self.width, self.height, self.format, taken)


@dataclass(frozen=True, slots=True)
class Refused:
    """The file could not be read, or what is in it not be decoded."""

    reason: str


Message = Read | Take | Decode | Drop | GoOn | Ready | Content | Large | Decoded | Refused
_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (Read, Take, Decode, Drop, GoOn, Ready, Content, Large, Decoded, Refused)
}


def send(connection: Connection, message: Message) -> None:
    """OSError where nobody is at the other end."""
    blobs = getattr(message, "blobs", ())
    values = {name: value for name, value in asdict(message).items() if name != "blobs"}
    head = {"kind": type(message).__name__, "blobs": len(blobs), "values": values}
    connection.send_bytes(json.dumps(head).encode("ascii"))
    for blob in blobs:
        connection.send_bytes(blob)


def receive(connection: Connection) -> Message:
    """EOFError or OSError where nobody is at the other end, ValueError for what is no message."""
    head: Any = json.loads(connection.recv_bytes(_LONGEST_BLOB))
    try:
        kind, values = _KINDS[head["kind"]], head["values"]
        if head["blobs"]:
            blobs = (connection.recv_bytes(_LONGEST_BLOB) for _ in range(head["blobs"]))
            values["blobs"] = tuple(blobs)
        return kind(**values)
    except (LookupError, TypeError) as error:
        raise ValueError(f"no message: {error!r}") from error
