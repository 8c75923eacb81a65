"""Many pictures on one sheet, to be looked at: `python -m sample_model.contact_sheet OUT.png`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from sample_model.facts import (
    ANIMAL_SCENES,
    ANIMALS,
    COLOURED_SURFACES,
    COLOURS,
    OBJECTS,
    ROOMS,
    SCENES,
    SURFACES,
    TIMES,
    Facts,
    Kind,
)
from sample_model.pictures import draw


def sheet(pictures: Sequence[Image.Image], columns: int) -> Image.Image:
    """The pictures, all as large as the first, in rows of so many; ValueError if there is none."""
    if not pictures:
        raise ValueError("a contact sheet needs at least one picture")
    wide, high = pictures[0].size
    rows = -(-len(pictures) // columns)
    paper = Image.new("RGB", (wide * columns, high * rows), (238, 238, 240))
    for i, picture in enumerate(pictures):
        paper.paste(picture.resize((wide, high)), (i % columns * wide, i // columns * high))
    return paper


def one_of_everything() -> list[Facts]:
    """Each object, surface, scene at each time, and animal once."""
    facts = []
    for i, name in enumerate(OBJECTS):
        surface = SURFACES[i * 5 % len(SURFACES)]
        colour = COLOURS[i * 7 % len(COLOURS)] if surface in COLOURED_SURFACES else None
        where = (
            {"room": ROOMS[i % len(ROOMS)]}
            if i % 3
            else {"scene": SCENES[i % len(SCENES)], "time": TIMES[i // 3 % len(TIMES)]}
        )
        facts.append(Facts(Kind.PRODUCT, name, surface, colour, **where))
    for i, surface in enumerate(SURFACES):
        colour = COLOURS[i % len(COLOURS)] if surface in COLOURED_SURFACES else None
        facts.append(Facts(Kind.SWATCH, surface=surface, colour=colour))
    facts += [Facts(Kind.SCENE, scene=name, time=time) for name in SCENES for time in TIMES]
    for i, name in enumerate(ANIMALS):
        place = ANIMAL_SCENES[i % len(ANIMAL_SCENES)]
        facts.append(Facts(Kind.ANIMAL, surface=name, scene=place, time=TIMES[i % len(TIMES)]))
    return facts


def main(arguments: Sequence[str]) -> int:
    """Draws one of everything into the file named."""
    if len(arguments) != 1:
        print("usage: python -m sample_model.contact_sheet OUT.png")
        return 2
    pictures = [draw(facts, seed, side=256) for seed, facts in enumerate(one_of_everything())]
    sheet(pictures, 10).save(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
