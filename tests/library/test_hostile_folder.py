"""A folder full of files that mean harm: it is indexed to the end, and each failure is listed."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from mmsearch_desktop.library.decoder_process import Allowance, Limits
from mmsearch_desktop.library.decoders import Decoders
from mmsearch_desktop.library.prepare import DecodeAhead, Prepared, Unreadable
from mmsearch_desktop.library.scan import FoundFile, scan_folder
from mmsearch_desktop.library.stores import Library
from tests.fakes import ColourEmbedder
from tests.library import pictures
from tests.library.bad_decoders import obedient
from tests.library.pictures import FORMATS, encoded
from tests.library.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = pictures.photo_like((40, 30))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Setting]:
    setting = Setting(tmp_path)
    yield setting
    setting.library.close()


def _png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A good PNG of 40 × 30 with these chunks before its pixels."""
    good = encoded(SMALL, "PNG")
    more = b"".join(pictures._chunk(kind, data) for kind, data in chunks)
    return good[:33] + more + good[33:]


def _tiff_in_a_circle() -> bytes:
    """Its directory names itself as its own EXIF and as the next."""
    entries = struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<HHII", 0x0100, 4, 1, 5)
    return b"II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 8) + b"\0" * 50


def _readable() -> dict[str, bytes]:
    """Photos, however odd."""
    nonsense = pictures.exif_bytes(orientation=77, taken=b"\xff" * 300, changed="\0")
    strip = Image.new("RGB", (65_000, 1), "red")
    return {
        "right kind wrong name.png": encoded(SMALL, "JPEG"),
        "no name for it.heic": encoded(SMALL, "WEBP"),
        "wide.png": encoded(strip, "PNG"),
        "high.png": encoded(strip.transpose(Image.Transpose.ROTATE_90), "PNG"),
        "wide.jpg": encoded(strip, "JPEG"),
        "cmyk.jpg": pictures.cmyk_jpeg(),
        "deep.png": pictures.grey16(np.arange(1200, dtype=np.uint16).reshape(30, 40)),
        "moving.gif": pictures.animated_gif(),
        "nonsense.jpg": encoded(SMALL, "JPEG", nonsense),
        "one pixel.png": encoded(Image.new("RGB", (1, 1), "lime"), "PNG"),
        "even\tmore ünicode 🙂 \u202egpj.jpg": encoded(SMALL, "JPEG", quality=5),
    }


def _unreadable() -> dict[str, bytes]:
    wide = pictures.png_claiming(65_500, 65_500)
    half = {name: encoded(SMALL, name) for name in FORMATS}
    return {
        "empty.jpg": b"",
        "zeros.jpg": bytes(100_000),
        "words.jpg": b"not a photo at all",
        "page.png": b"<!DOCTYPE html><html></html>",
        "bomb.png": wide,
        "largest bomb.png": pictures.png_claiming(2**31 - 1, 2**31 - 1),
        "text bomb.png": _png((b"zTXt", b"x\0\0" + zlib.compress(bytes(200_000_000), 1))),
        "profile bomb.png": _png((b"iCCP", b"x\0\0" + zlib.compress(bytes(20_000_000)))),
        "circle.tif": _tiff_in_a_circle(),
        **{f"half {name}.jpg": data[: len(data) // 2] for name, data in half.items()},
        **{f"head {name}.jpg": data[:16] for name, data in half.items()},
    }


def test_a_hostile_folder_is_indexed_to_the_end(here: Setting) -> None:
    readable, unreadable = _readable(), _unreadable()
    if os.name == "posix":
        readable["two\nlines.jpg"] = encoded(SMALL, "JPEG", quality=6)
        unreadable["two\nlines too.jpg"] = b"not a photo"
        readable[os.fsdecode(b"bytes \xff\xfe.jpg")] = encoded(SMALL, "JPEG", quality=7)
    for name, data in (readable | unreadable).items():
        (here.photos / name).write_bytes(data)
    summary = here.add()
    assert {problem.path.name for problem in summary.unreadable} == set(unreadable)
    assert all(problem.reason for problem in summary.unreadable)
    assert {Path(name).name for name in here.names} == set(readable)
    again = here.add()
    assert (again.unchanged, again.indexed) == (len(readable), 0)
    assert len(again.unreadable) == len(unreadable)


# Whose decoders crash, hang and grow


@pytest.mark.skipif(os.name == "nt", reason="limits of the system, which Windows has not")
def test_what_ends_its_decoder_is_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for number in range(12):
        pictures.write_photo(folder / f"{number:02}.png", "red", (10 + number, 10))
    harms = {
        "02": "CRASH",
        "03": "SPIN",
        "05": "ABORT",
        "06": "VANISH",
        "07": "VANISH",
        "09": "EXIT",
    }
    for name, harm in harms.items():
        (folder / f"{name}.png").write_bytes(f"{harm} ".encode())
    short = Allowance(processor_seconds=1, wall_seconds=120, memory_bytes=700_000_000)
    decoders = Decoders(obedient, Limits(short, short))
    files = [found for found in scan_folder(folder) if isinstance(found, FoundFile)]
    with Library(tmp_path / "library", reserve_bytes=0) as library:
        ahead = DecodeAhead(files, library, ColourEmbedder(), decoders=decoders)
        outcomes = list(ahead)
        ahead.close()
        decoders.close()
        failed = {one.file.path.stem: one for one in outcomes if isinstance(one, Unreadable)}
        good = [one for one in outcomes if isinstance(one, Prepared) and one.decoded is not None]
        assert all(library.thumbnails.exists(one.sha256) for one in good)
    assert failed.keys() == harms.keys()
    assert len(good) == 12 - len(harms)
    remembered = {name for name, one in failed.items() if one.sha256 is not None}
    assert remembered == {"02", "03", "05", "09"}  # the others may go better another time
    assert "crashed" in failed["02"].reason
    assert "too long" in failed["03"].reason


def test_whoever_cancels_does_not_wait_for_one_that_hangs(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    pictures.write_photo(folder / "a.png", "red")
    (folder / "b.png").write_bytes(b"HANG ")
    (folder / "c.png").write_bytes(b"HANG too")
    decoders = Decoders(obedient)
    files = [found for found in scan_folder(folder) if isinstance(found, FoundFile)]
    with Library(tmp_path / "library", reserve_bytes=0) as library:
        ahead = DecodeAhead(files, library, ColourEmbedder(), decoders=decoders)
        first = next(iter(ahead))
        assert isinstance(first, Prepared)
        ahead.close()  # the test's own time limit is that of a minute of waiting
    decoders.close()
