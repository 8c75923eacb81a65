"""Nine photos on one page, numbered: each keeps its shape and fills one crop of the judge.

The page of the article "Multimodal Semantic Search with Images and Text" without its faults: there
the photos are squashed to squares, and the query picture's label lies below the page's edge.
"""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

CELL_PIXELS = 336  # one crop
COLUMNS = 3
CELLS = COLUMNS * COLUMNS
NUM_CROPS = CELLS  # the page is cut into as many crops as it has cells
LABEL_PIXELS = 56  # height of the plate with the number

_AROUND = (255, 255, 255)
_PLATE, _DIGITS = (0, 0, 0), (255, 255, 255)


def page_of(pictures: Sequence[Image.Image]) -> Image.Image:
    """At most nine, numbered from 1, in rows; always 1008 x 1008 so that cells are crops."""
    if not 1 <= len(pictures) <= CELLS:
        raise ValueError(f"{len(pictures)} pictures do not fit on a page of {CELLS}")
    page = Image.new("RGB", (COLUMNS * CELL_PIXELS,) * 2, _AROUND)
    for place, picture in enumerate(pictures):
        row, column = divmod(place, COLUMNS)
        page.paste(cell_of(picture, place + 1), (column * CELL_PIXELS, row * CELL_PIXELS))
    return page


def cell_of(picture: Image.Image, number: int) -> Image.Image:
    """The whole picture, as large as it fits, and its number on a plate in the upper left."""
    cell = Image.new("RGB", (CELL_PIXELS, CELL_PIXELS), _AROUND)
    fitted = ImageOps.contain(picture.convert("RGB"), cell.size)
    cell.paste(fitted, ((CELL_PIXELS - fitted.width) // 2, (CELL_PIXELS - fitted.height) // 2))
    draw = ImageDraw.Draw(cell)
    font = ImageFont.load_default(size=LABEL_PIXELS * 3 // 4)
    width = int(draw.textlength(str(number), font=font)) + LABEL_PIXELS // 2
    draw.rectangle((0, 0, width, LABEL_PIXELS), fill=_PLATE)
    middle = (width // 2, LABEL_PIXELS // 2)
    draw.text(middle, str(number), fill=_DIGITS, font=font, anchor="mm")
    return cell
