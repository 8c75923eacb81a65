"""Decoders that do what the first bytes of a file say: crash, hang, grow; others are decoded.

Functions of a module, because a decoding process imports its decoder by name.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from mmsearch_desktop.library.decode import LARGE_PIXELS, DecodedPhoto, decode_photo

if TYPE_CHECKING:
    from collections.abc import Callable

    from mmsearch_desktop.domain import Preparation

_MEGABYTE = 1_000_000


def obedient(data: bytes, path: Path, preparation: Preparation, **options: Any) -> DecodedPhoto:
    """Does to its process what the file says."""
    words = data.split(b" ")
    if words[0] == b"LARGE":
        with options["turn_of_large"]:
            _harm(words[1])
            return DecodedPhoto(Image.new("RGB", (8, 8), "lime"), LARGE_PIXELS, 1, "PNG", None)
    _harm(words[0])
    return decode_photo(data, path, preparation, **options)


def _harm(word: bytes) -> None:
    harms: dict[bytes, Callable[[], object]] = {
        b"CRASH": lambda: ctypes.string_at(0),
        b"ABORT": os.abort,
        b"SPIN": _spin_with_the_lock_held,
        b"HANG": lambda: time.sleep(3600),
        b"EAT": _eat,
        b"RAISE": lambda: int("nobody expects it"),
        b"EXIT": lambda: sys.exit(3),
        b"VANISH": lambda: os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM)),
    }
    if word in harms:
        harms[word]()


def _spin_with_the_lock_held() -> None:
    """As a decoder in C does: no other thread of its process runs meanwhile."""
    while True:
        sum(range(100_000_000))


def _eat() -> None:
    """Up to 8 GB, if nobody says no; given back at the end."""
    eaten = []
    for _ in range(80):
        eaten.append(bytearray(100 * _MEGABYTE))
        eaten[-1][::4096] = b"x" * len(eaten[-1][::4096])
