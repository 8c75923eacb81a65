"""Files that are no photos, were cut off, or mean harm: each costs itself and says why."""

from __future__ import annotations

import contextlib
import io
import struct
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from mmsearch_desktop.domain import Preparation, UnreadablePhoto
from mmsearch_desktop.library import decode
from mmsearch_desktop.library.decode import DecodedPhoto, decode_photo
from tests.library import pictures
from tests.library.pictures import CORNERS, FORMATS, corner_colours, cornered, encoded

HERE = Path("holiday/photo.jpg")
APP = Preparation.APP
TURNABLE = [name for name in FORMATS if name not in {"GIF", "BMP"}]  # these have no EXIF


def reason(data: bytes, preparation: Preparation = APP) -> str:
    with pytest.raises(UnreadablePhoto) as caught:
        decode_photo(data, HERE, preparation)
    assert caught.value.path == HERE
    assert "\n" not in caught.value.reason
    return caught.value.reason


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"\0" * 5000, "zeros"),
        (b"hello", "not a picture"),
        (b"%PDF-1.7 ...", "PDF"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\xef\xbb\xbf <!doctype html><html>", "web page"),
        (b"<svg xmlns=", "SVG"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "video"),
        (b"RIFF\0\0\0\0AVI ", "not a picture"),
    ],
)
def test_what_is_no_photo_is_said(data: bytes, words: str) -> None:
    assert words in reason(data)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("preparation", list(Preparation))
def test_a_file_that_was_cut_off_is_said(file_format: str, preparation: Preparation) -> None:
    data = encoded(pictures.photo_like((200, 150)), file_format)
    assert "copy it again" in reason(data[: len(data) // 2], preparation)
    if file_format not in {"AVIF"}:  # its decoder says less
        assert "cut off" in reason(data[: len(data) // 2], preparation)
    assert file_format in reason(data[:30], preparation)


def test_too_many_pixels_are_refused_by_figures_before_any_is_decoded() -> None:
    found = reason(pictures.png_claiming(100_000, 50_000))
    assert "100,000 × 50,000" in found
    assert "300 million" in found


def test_an_honest_large_picture_gives_no_warning(recwarn: pytest.WarningsRecorder) -> None:
    decode_photo(encoded(Image.new("1", (12_000, 8_000)), "PNG"), HERE, APP)  # 96 million
    assert not recwarn.list


def test_no_pixels_and_variants_nobody_reads_are_said() -> None:
    assert "damaged" in reason(pictures.png_claiming(0, 5))
    twelve_bits = encoded(cornered(), "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c")
    assert "cannot be read" in reason(twelve_bits)


def test_a_missing_decoder_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    heic, avif = encoded(cornered(), "HEIF"), encoded(cornered(), "AVIF")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    assert "pillow-heif" in reason(heic)
    monkeypatch.setattr("PIL.features.check", lambda _: False)
    assert "AVIF" in reason(avif)


@pytest.mark.parametrize(
    "error",
    [
        AssertionError(),
        AttributeError("seek"),
        EOFError(),
        IndexError("index out of range"),
        KeyError(77),
        MemoryError(),
        OSError(-2),
        OverflowError("too large"),
        RecursionError("too deep"),
        RuntimeError("libheif"),
        SyntaxError("bad header"),
        TypeError("tag"),
        UnicodeDecodeError("ascii", b"\xff", 0, 1, "ordinal"),
        ZeroDivisionError("division"),
        struct.error("unpack"),
        Image.DecompressionBombError("too large"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("step", ["_open", "load", "getexif"])
def test_whatever_a_decoder_raises_costs_one_photo(
    monkeypatch: pytest.MonkeyPatch, error: Exception, step: str
) -> None:
    data = encoded(cornered(), "PNG")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(f"PIL.PngImagePlugin.PngImageFile.{step}", fail)
    if step == "getexif":
        assert corner_colours(decode_photo(data, HERE, APP).picture) == CORNERS
    else:
        assert reason(data)


def test_nothing_of_the_process_is_changed_by_decoding() -> None:
    decode_photo(encoded(cornered(), "JPEG")[:-1] + b"\xd9", HERE, APP)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert Image.MAX_IMAGE_PIXELS == decode.MOST_PIXELS


SMALL = pictures.photo_like((40, 30))
SEEDS = {
    **{name: encoded(SMALL, name, pictures.exif_bytes(orientation=6)) for name in TURNABLE},
    "GIF": encoded(SMALL.quantize(16), "GIF"),
    "BMP": encoded(SMALL, "BMP"),
    "animated": pictures.animated_gif(),
    "profile": encoded(SMALL, "JPEG", icc_profile=pictures.wide_gamut_profile()),
    "alpha": encoded(SMALL.convert("RGBA"), "WEBP"),
    "deep": pictures.grey16(np.arange(1200, dtype=np.uint16).reshape(30, 40), "TIFF"),
    "lzw": encoded(SMALL, "TIFF", compression="tiff_lzw"),
}


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_cut_off_at_every_length_it_gives_a_photo_or_a_reason(name: str) -> None:
    data = SEEDS[name]
    told = []
    for length in range(0, len(data), 1 + len(data) // 1500):
        try:
            photo = decode_photo(data[:length], HERE, APP)
        except UnreadablePhoto as problem:
            told.append(problem.reason)
        else:
            assert photo.width > 0 < photo.height
    assert len(told) > 1
    assert all(told)


@st.composite
def hostile_bytes(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(sorted(SEEDS.values()))))
    for _ in range(draw(st.integers(0, 5))):
        reach = draw(st.sampled_from([32, 256, len(data)]))
        data[draw(st.integers(0, min(reach, len(data)) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


@settings(deadline=None, max_examples=400)
@given(hostile_bytes(), st.sampled_from(list(Preparation)))
@example(pictures.png_claiming(2**31 - 1, 2**31 - 1), APP)
@example(
    b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, -1, 2**31 - 1, 1, 24, *[0] * 6), APP
)
def test_hostile_bytes_give_a_photo_or_a_reason(data: bytes, preparation: Preparation) -> None:
    with contextlib.suppress(UnreadablePhoto):
        photo = decode_photo(data, HERE, preparation)
        assert photo.width > 0 < photo.height


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=200), st.sampled_from([seed[:20] for seed in SEEDS.values()] + [b""]))
def test_random_bytes_give_a_photo_or_a_reason(tail: bytes, head: bytes) -> None:
    with contextlib.suppress(UnreadablePhoto):
        decode_photo(head + tail, HERE, APP)


def test_many_threads_at_once_get_each_their_own() -> None:
    data = [pictures.turned(turn, name) for turn in (1, 6) for name in TURNABLE] * 3
    results: list[DecodedPhoto | None] = [None] * len(data)

    def work(place: int) -> None:
        results[place] = decode_photo(data[place], HERE, APP)

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(data))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for photo in results:
        assert photo is not None
        assert corner_colours(photo.picture) == CORNERS


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=80))
@example(b"Exif\0\0II*\0\x08\0\0\0\xff\xff")
@example(b"Exif\0\0MM\0*\xff\xff\xff\xff")
def test_damaged_exif_costs_nothing_but_itself(exif: bytes) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "JPEG", exif=exif)
    decode_photo(file.getvalue(), HERE, APP)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_exif_with_any_tag_of_any_type_costs_nothing_but_itself(data: st.DataObject) -> None:
    """Whole directories with true tags, wrong types, and counts and places that lead anywhere."""
    tags = st.sampled_from([0x0112, 0x0132, 0x8769, 0x8825, 0x9003, 0x9004, 0x927C, 0xA005])
    number = st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1))
    entry = st.tuples(tags, st.integers(0, 20), number, number)
    order = data.draw(st.sampled_from("<>"))
    entries = data.draw(st.lists(entry, max_size=6))
    exif = b"Exif\0\0" + (b"II*\0" if order == "<" else b"MM\0*")
    exif += struct.pack(f"{order}IH", 8, len(entries))
    exif += b"".join(struct.pack(f"{order}HHII", *one) for one in entries)
    exif += struct.pack(f"{order}I", data.draw(number)) + data.draw(st.binary(max_size=60))
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "JPEG", exif=exif)
    photo = decode_photo(file.getvalue(), HERE, APP)
    assert (photo.width, photo.height) == (8, 8)
