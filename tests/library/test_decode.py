"""Every format, every orientation, every kind of pixel, the size decoded at, and times.

Files that mean harm: `test_decode_hostile.py`.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from mmsearch_desktop.domain import Preparation, UnreadablePhoto
from mmsearch_desktop.library import decode
from mmsearch_desktop.library.decode import decode_photo, read_file
from tests.library import pictures
from tests.library.pictures import CORNERS, FORMATS, corner_colours, cornered, encoded

if TYPE_CHECKING:
    from numpy.typing import NDArray

HERE = Path("holiday/photo.jpg")
APP, OFFICIAL = Preparation.APP, Preparation.OFFICIAL
TURNABLE = [name for name in FORMATS if name not in {"GIF", "BMP"}]  # these have no EXIF


def seen(data: bytes) -> Image.Image:
    picture = decode_photo(data, HERE, APP).picture
    assert picture.mode == "RGB"
    return picture


def pixel(data: bytes) -> tuple[int, ...]:
    picture = seen(data)
    found = picture.getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(found, tuple)
    return tuple(int(value) for value in found)


def near(found: tuple[int, ...], wanted: tuple[int, int, int], by: int = 12) -> bool:
    return all(abs(a - b) <= by for a, b in zip(found, wanted, strict=True))


# Formats


@pytest.mark.parametrize("file_format", FORMATS)
def test_every_format_is_known_by_its_content(file_format: str) -> None:
    photo = decode_photo(encoded(cornered(), file_format), HERE, APP)
    assert corner_colours(photo.picture) == CORNERS
    assert (photo.format, photo.width, photo.height) == (file_format, 96, 64)
    assert photo.taken is None


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_compressed_tiff(compression: str) -> None:
    assert corner_colours(seen(encoded(cornered(), "TIFF", compression=compression))) == CORNERS


def test_the_first_frame_of_an_animation_counts() -> None:
    assert near(pixel(pictures.animated_gif(("red", "blue"))), (255, 0, 0))
    frames = [Image.new("RGB", (32, 24), colour) for colour in ("lime", "blue")]
    for file_format in ("WEBP", "PNG", "TIFF", "AVIF"):
        data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:])
        assert near(pixel(data), (0, 255, 0)), file_format


def test_real_files_of_every_suffix(shared: Path) -> None:
    for path in sorted((shared / "pictures").iterdir()):
        if path.suffix.lower() in decode.SUFFIXES:
            photo = decode_photo(read_file(path), path, APP)
            assert photo.picture.mode == "RGB"
            assert min(photo.width, photo.height) > 100, path


# Upright


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", TURNABLE)
def test_all_eight_orientations_come_out_upright(file_format: str, orientation: int) -> None:
    data = pictures.turned(orientation, file_format)
    photo = decode_photo(data, HERE, APP)
    assert corner_colours(photo.picture) == CORNERS
    assert photo.picture.size == (photo.width, photo.height) == (96, 64)
    official = decode_photo(data, HERE, OFFICIAL)
    assert (official.width, official.height) == (96, 64)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_the_official_preparation_leaves_it_lying_on_its_side(file_format: str) -> None:
    official = decode_photo(pictures.turned(6, file_format), HERE, OFFICIAL).picture
    assert official.size == (64, 96)
    assert corner_colours(official) != CORNERS


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_no_orientation(orientation: int) -> None:
    exif = pictures.exif_bytes(orientation=orientation)
    assert corner_colours(seen(encoded(cornered(), "JPEG", exif))) == CORNERS


def test_a_drafted_jpeg_is_turned_too_and_keeps_its_full_size_in_figures() -> None:
    photo = decode_photo(pictures.turned(8, "JPEG", (3000, 2000)), HERE, APP)
    assert (photo.width, photo.height) == (3000, 2000)
    assert photo.picture.size == (750, 500)
    assert corner_colours(photo.picture) == CORNERS


# Kinds of pixels


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_alpha_lies_on_white(file_format: str) -> None:
    picture = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    assert near(pixel(encoded(picture, file_format)), (255, 255, 255))
    half = Image.new("RGBA", (40, 40), (255, 0, 0, 128))
    assert near(pixel(encoded(half, file_format)), (255, 127, 127))


def test_grey_with_alpha_and_premultiplied_alpha_lie_on_white() -> None:
    assert near(pixel(encoded(Image.new("LA", (9, 9), (0, 0)), "PNG")), (255, 255, 255))
    assert near(pixel(encoded(Image.new("LA", (9, 9), (100, 255)), "PNG")), (100, 100, 100))


@pytest.mark.parametrize(
    ("mode", "colour", "transparency"),
    [
        ("P", 0, 0),  # one index
        ("P", 0, b"\x00\xff"),  # one alpha for each index
        ("L", 7, 7),
        ("RGB", (1, 2, 3), (1, 2, 3)),
        ("1", 0, 0),
    ],
)
def test_transparency_kept_beside_the_pixels_lies_on_white(
    mode: str, colour: int | tuple[int, ...], transparency: object
) -> None:
    picture = Image.new(mode, (20, 20), colour)
    if mode == "P":
        picture.putpalette([200, 0, 0, 0, 200, 0])
    assert near(pixel(encoded(picture, "PNG", transparency=transparency)), (255, 255, 255))


def test_a_transparent_gif_lies_on_white() -> None:
    picture = Image.new("P", (20, 20), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    assert near(pixel(encoded(picture, "GIF", transparency=1)), (255, 255, 255))


def test_palette_and_one_bit_are_colours_before_they_are_made_small() -> None:
    stripes = Image.fromarray((np.indices((1000, 1000)).sum(0) % 2 * 255).astype(np.uint8))
    for mode in ("1", "P"):
        assert near(pixel(encoded(stripes.convert(mode), "PNG")), (127, 127, 127), 3)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(file_format: str) -> None:
    levels = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (16, 1))
    found = np.asarray(seen(pictures.grey16(levels, file_format)))[8, :, 0]
    assert np.abs(found.astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize(
    ("mode", "low", "high"),
    [
        ("I", 0, 255),
        ("I", 0, 65535),
        ("I", -500, 9_000_000),
        ("F", 0, 1),
        ("F", 0, 255),
        ("F", 0, 65535),
        ("F", -3.5, 1e9),
        ("F", -3e38, 3e38),
    ],
)
def test_deep_greys_span_black_to_white(mode: str, low: float, high: float) -> None:
    levels = np.tile(np.linspace(low, high, 64), (16, 1))
    picture = Image.fromarray(levels.astype(np.int32 if mode == "I" else np.float32))
    assert picture.mode == mode
    found = np.asarray(seen(encoded(picture, "TIFF")))[8, :, 0].astype(int)
    assert (found[0], found[-1]) == (0, 255)
    assert (np.diff(found) > 0).all()


def test_a_flat_deep_grey_and_one_without_numbers_are_no_errors() -> None:
    for value in (5.0, float("nan"), float("inf"), -1e30):
        levels = np.full((8, 8), value, dtype=np.float32)
        assert seen(encoded(Image.fromarray(levels), "TIFF")).size == (8, 8)


@pytest.mark.parametrize("colour", ["red", "white", "black", "lime"])
def test_cmyk_inverted_by_adobe_and_not(colour: str) -> None:
    wanted = {"red": (255, 0, 0), "white": (255,) * 3, "black": (0,) * 3, "lime": (0, 255, 0)}
    assert near(pixel(pictures.cmyk_jpeg(colour)), wanted[colour])
    plain = Image.new("RGB", (64, 48), colour).convert("CMYK")
    assert near(pixel(encoded(plain, "TIFF")), wanted[colour])


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_colours_go_by_the_files_own_profile(file_format: str) -> None:
    data = encoded(
        Image.new("RGB", (64, 48), "red"), file_format, icc_profile=pictures.wide_gamut_profile()
    )
    assert near(pixel(data), (0, 255, 0))  # the test profile swaps red and green
    assert "icc_profile" not in seen(data).info
    assert decode_photo(data, HERE, OFFICIAL).picture.convert("RGB").getpixel((9, 9)) != (0, 255, 0)


@pytest.mark.parametrize("damage", [b"", b"nonsense", b"\0" * 128])
def test_a_broken_profile_is_left_out(damage: bytes) -> None:
    good = pictures.wide_gamut_profile()
    for profile in (damage, good[:200], good[:100] + b"\xff" * 40 + good[140:]):
        data = encoded(Image.new("RGB", (64, 48), "red"), "JPEG", icc_profile=profile)
        assert near(pixel(data), (255, 0, 0))


def test_a_profile_for_other_colours_is_left_out() -> None:
    data = encoded(Image.new("L", (64, 48), 90), "PNG", icc_profile=pictures.wide_gamut_profile())
    assert near(pixel(data), (90, 90, 90))


# Size


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "HEIF"])
@pytest.mark.parametrize(
    ("size", "side", "short"),
    [
        ((895, 900), 224, 895),  # below twice what is needed: as it is
        ((896, 900), 224, 448),
        ((1600, 1200), 224, 600),
        ((1600, 1536), 32, 384),  # a thumbnail's side is the least
    ],
)
def test_it_is_made_small_only_in_whole_steps_and_never_below_what_is_needed(
    file_format: str, size: tuple[int, int], side: int, short: int
) -> None:
    data = encoded(Image.new("RGB", size), file_format)
    photo = decode_photo(data, HERE, APP, model_side_pixels=side)
    assert (photo.width, photo.height) == size
    assert min(photo.picture.size) == short


def test_the_official_preparation_is_never_made_small() -> None:
    data = encoded(Image.new("RGB", (3000, 2000)), "JPEG")
    assert decode_photo(data, HERE, OFFICIAL).picture.size == (3000, 2000)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "I;16"])
def test_the_official_preparation_keeps_the_files_own_mode(mode: str) -> None:
    data = encoded(Image.new(mode, (30, 20)), "TIFF")
    assert decode_photo(data, HERE, OFFICIAL).picture.mode == mode


def test_a_strip_keeps_its_middle_and_its_figures() -> None:
    strip = Image.new("RGB", (20_000, 2), "red")
    strip.paste("blue", (9_000, 0, 11_000, 2))
    photo = decode_photo(encoded(strip, "PNG"), HERE, APP)
    assert (photo.width, photo.height) == (20_000, 2)
    assert photo.picture.size == (64, 2)
    assert photo.picture.getpixel((32, 1)) == (0, 0, 255)


def _model_square(picture: Image.Image) -> NDArray[np.int16]:
    """The middle 224 × 224 that a model sees: [224, 224, 3] grey levels."""
    scale = 224 / min(picture.size)
    width, height = (max(224, int(side * scale)) for side in picture.size)
    small = picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - 224) // 2, (height - 224) // 2
    return np.asarray(small.crop((left, top, left + 224, top + 224))).astype(np.int16)


def _levels_apart(data: bytes) -> tuple[float, int]:
    """Mean and largest difference of the small decode from the full one, where a model looks."""
    app, full = (decode_photo(data, HERE, preparation).picture for preparation in (APP, OFFICIAL))
    assert app.width < full.width
    apart = np.abs(_model_square(app) - _model_square(full))
    return float(apart.mean()), int(apart.max())


@pytest.mark.parametrize("size", [(1000, 900), (1600, 1200), (2400, 1800)])
@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_small_decoding_hardly_changes_what_a_model_sees(
    file_format: str, size: tuple[int, int]
) -> None:
    mean, most = _levels_apart(encoded(pictures.photo_like(size), file_format))
    assert mean < 1.5  # measured: at most 0.92
    assert most < 30  # measured: at most 17


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
@pytest.mark.parametrize("across", [2, 3, 4])
def test_small_decoding_hardly_changes_real_photos(
    shared: Path, across: int, file_format: str
) -> None:
    """Real photos side by side, because those at hand are too small to be decoded small."""
    files = sorted((shared / "pictures").glob("coco*.jpg"))
    sheet = Image.new("RGB", (640 * across, 480 * across))
    for place in range(across * across):
        with Image.open(files[place % len(files)]) as photo:
            tile = photo.convert("RGB").resize((640, 480))
        sheet.paste(tile, (place % across * 640, place // across * 480))
    mean, most = _levels_apart(encoded(sheet, file_format))
    assert mean < 1.5  # measured: at most 0.95
    assert most < 30  # measured: at most 14


# When it was taken


TAKEN = datetime(2021, 5, 6, 7, 8, 9)


@pytest.mark.parametrize("file_format", TURNABLE)
@pytest.mark.parametrize("preparation", list(Preparation))
def test_when_it_was_taken(file_format: str, preparation: Preparation) -> None:
    exif = pictures.exif_bytes(taken="2021:05:06 07:08:09", changed="2022:01:01 00:00:00")
    data = encoded(cornered(), file_format, exif)
    assert decode_photo(data, HERE, preparation).taken == TAKEN


def _taken(exif: bytes) -> datetime | None:
    return decode_photo(encoded(cornered(), "JPEG", exif), HERE, APP).taken


def test_the_next_best_time_counts_where_the_first_is_missing_or_nonsense() -> None:
    digitized = "2021:05:06 07:08:09"
    assert _taken(pictures.exif_bytes(digitized=digitized, changed="2022:01:01 00:00:00")) == TAKEN
    assert _taken(pictures.exif_bytes(changed=digitized)) == TAKEN
    assert _taken(pictures.exif_bytes(taken="0000:00:00 00:00:00", digitized=digitized)) == TAKEN


@pytest.mark.parametrize(
    "text", ["2021:05:06 07:08:09\0\0", "2021-05-06T07:08:09+02:00", " 2021/05/06 07:08:09.123 "]
)
def test_other_ways_to_write_a_time(text: str) -> None:
    assert _taken(pictures.exif_bytes(taken=text)) == TAKEN


@pytest.mark.parametrize(
    "text",
    [
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "\0" * 19,
        "",
        "2021:13:45 99:99:99",
        "0001:01:01 00:00:00",
        "yesterday",
        "2021:05:06",
        b"\xff\xfe\x00\x80",
    ],
)
def test_nonsense_is_no_time(text: str | bytes) -> None:
    assert _taken(pictures.exif_bytes(taken=text)) is None


# Reading files


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = pictures.write_photo(tmp_path / "a.heic", "red", taken="2021:05:06 07:08:09")
    assert decode_photo(read_file(path), path, APP).taken == TAKEN
    (tmp_path / "empty.jpg").touch()
    assert read_file(tmp_path / "empty.jpg") == b""


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    def why(path: Path) -> str:
        with pytest.raises(UnreadablePhoto) as caught:
            read_file(path)
        return caught.value.reason

    assert "not there" in why(tmp_path / "missing.jpg")
    assert "name" in why(tmp_path / "nul\0.jpg")
    assert "too long" in why(tmp_path / ("a" * 5000))
    if os.name == "posix":
        assert "folder" in why(tmp_path)
        os.mkfifo(tmp_path / "pipe.jpg")
        assert "regular" in why(tmp_path / "pipe.jpg")  # and returns at once
        assert "regular" in why(Path("/dev/zero"))
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(3_000_000_000)  # a hole: no disk is used
    assert "3.0 GB" in why(tmp_path / "huge.jpg")


@pytest.mark.skipif(os.name == "nt", reason="permissions are of another kind there")
def test_a_file_without_permission_is_said(plain_folder: Path) -> None:
    path = pictures.write_photo(plain_folder / "a.jpg", "red")
    path.chmod(0)
    with pytest.raises(UnreadablePhoto, match="not permitted"):
        read_file(path)
