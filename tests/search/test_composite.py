"""The numbered page: every photo whole and in its own crop, every number really drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmsearch_desktop.search.composite import CELL_PIXELS, LABEL_PIXELS, cell_of, page_of
from tests.fakes import COLOURS, flat_picture
from tests.fakes_judges import noise

if TYPE_CHECKING:
    from PIL import Image

_BELOW_LABEL = LABEL_PIXELS + 2


def _cell(page: Image.Image, number: int) -> Image.Image:
    row, column = divmod(number - 1, 3)
    left, top = column * CELL_PIXELS, row * CELL_PIXELS
    return page.crop((left, top, left + CELL_PIXELS, top + CELL_PIXELS))


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_each_photo_lies_in_its_own_crop_in_reading_order(count: int) -> None:
    pictures = [flat_picture(colour, (100, 100)) for colour in COLOURS[:count]]
    page = page_of(pictures)
    assert page.size == (1008, 1008)
    for number, picture in enumerate(pictures, start=1):
        cell = _cell(page, number)
        assert cell.getpixel((CELL_PIXELS // 2, CELL_PIXELS - 1)) == picture.getpixel((0, 0))
        assert cell.getpixel((CELL_PIXELS - 1, _BELOW_LABEL)) == picture.getpixel((0, 0))
    for number in range(count + 1, 10):
        assert _cell(page, number).getcolors() == [(CELL_PIXELS**2, (255, 255, 255))]


@pytest.mark.parametrize("size", [(300, 100), (100, 300), (2000, 1500), (5, 500), (336, 336)])
def test_no_photo_is_squashed_or_cut(size: tuple[int, int]) -> None:
    cell = np.asarray(cell_of(flat_picture("red", size), 1)).astype(int)
    red = (cell == (255, 0, 0)).all(axis=2)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
    if size[0] <= size[1]:  # the plate hides part of the left, never of the lower right
        assert rows[-1] == CELL_PIXELS - 1
    assert max(width, height) in range(CELL_PIXELS - LABEL_PIXELS, CELL_PIXELS + 1)
    assert abs(columns[-1] + 1 - (CELL_PIXELS + size[0] * CELL_PIXELS / max(size)) / 2) <= 2
    assert abs(rows[-1] + 1 - (CELL_PIXELS + size[1] * CELL_PIXELS / max(size)) / 2) <= 2


@pytest.mark.parametrize("colour", ["black", "white", "grey"])
def test_every_number_is_really_drawn_with_contrast_on_any_photo(colour: str) -> None:
    seen = set()
    for number in range(1, 10):
        plate = cell_of(flat_picture(colour, (336, 336)), number).crop((0, 0, 40, LABEL_PIXELS))
        bright = np.asarray(plate.convert("L"))
        assert (bright > 200).sum() > 40
        assert (bright < 50).sum() > 400
        seen.add(plate.tobytes())
    assert len(seen) == 9, "each number looks like no other"


def test_a_page_holds_one_to_nine() -> None:
    for pictures in ([], [noise(1)] * 10):
        with pytest.raises(ValueError, match="do not fit"):
            page_of(pictures)
