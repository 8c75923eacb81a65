"""Draws the sample photos that ship with the app: `python -m sample_model.photos [--sheet FILE]`.

Each is named for what it shows, and its seed is made from its name, so that another list leaves
the others as they were. Photos that are there already are kept: `--again NAME` draws one anew.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from sample_model.contact_sheet import sheet
from sample_model.facts import (
    ANIMAL_SCENES,
    ANIMALS,
    COLOURED_SURFACES,
    COLOURS,
    NATURAL_SURFACES,
    OBJECTS,
    ROOMS,
    SCENES,
    TIMES,
    Facts,
    Kind,
)
from sample_model.pictures import draw

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "sample_photos"
SIDE = 512
_JPEG_QUALITY = 85
_EACH_OBJECT = 8  # products of each of the 22
_THUMBNAIL = 128  # on the contact sheet

# What the example queries are about, and what comes near it: object, surface, colour.
_ASKED_FOR = (
    ("phone case", "leopard", None),
    ("phone case", "zebra", None),
    ("phone case", "tiger", None),
    ("phone case", "giraffe", None),
    ("phone case", "leopard", None),
    ("phone case", "cow", None),
    ("phone case", "snakeskin", None),
    ("phone case", "galaxy", None),
    ("phone case", "starry", "blue"),
    ("phone case", "plain", "red"),
    ("phone case", "floral", "pink"),
    ("mug", "leopard", None),
    ("tote bag", "leopard", None),
    ("cushion", "leopard", None),
    ("scarf", "leopard", None),
    ("headphones", "leopard", None),
    ("notebook", "leopard", None),
    ("lamp", "leopard", None),
    ("dress", "leopard", None),
    ("umbrella", "leopard", None),
    ("mug", "striped", "blue"),
    ("mug", "striped", "red"),
    ("mug", "plain", "blue"),
    ("t-shirt", "striped", "blue"),
    ("sock", "striped", "blue"),
    ("cap", "plain", "red"),
    ("sneaker", "plain", "red"),
    ("dress", "polka dot", "red"),
    ("teapot", "floral", "blue"),
)
_ROOM_WORDS = {
    "white studio": "in a white studio",
    "grey studio": "in a grey studio",
    "pastel backdrop": "on a pastel backdrop",
    "wooden table": "on a wooden table",
    "coloured wall": "by a coloured wall",
}
_SCENE_WORDS = {
    "beach": "at the beach",
    "forest": "in the forest",
    "city": "in the city",
    "mountains": "in the mountains",
    "sea": "by the sea",
    "desert": "in the desert",
    "meadow": "in a meadow",
    "snow": "in the snow",
}
_TIME_WORDS = {"day": "", "sunset": " at sunset", "night": " at night"}
# Where a first drawing did not please: another number, another drawing.
_REDRAWN: dict[str, int] = {}


def sample_facts() -> dict[str, Facts]:
    """What each photo shows, by its name without ".jpg"."""
    named: dict[str, Facts] = {}
    for facts in (*_products(), *_swatches(), *_scenes(), *_animals()):
        name = _free(name_of(facts), named)
        named[name] = facts
    return named


def name_of(facts: Facts) -> str:
    """In plain words, such as "leopard mug at the beach at sunset"."""
    what = _surface_words(facts)
    if facts.kind is Kind.SWATCH:
        return f"{what} cloth" if facts.surface == "plain" else f"{what} pattern"
    if facts.kind is Kind.SCENE:
        return f"{facts.scene}{_time(facts)}"
    thing = f"{what} {facts.object}" if facts.kind is Kind.PRODUCT else what
    return f"{thing} {_place(facts)}"


def write(folder: Path, again: Sequence[str] = ()) -> list[Path]:
    """Draw what is not there yet and what is to be drawn again; the paths of all, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, facts in sample_facts().items():
        path = folder / f"{name}.jpg"
        if name in again or not path.is_file():
            seed = zlib.crc32(name.encode()) + _REDRAWN.get(name, 0)
            picture = draw(facts, seed, side=SIDE)
            picture.save(path, "JPEG", quality=_JPEG_QUALITY, optimize=True)
        paths.append(path)
    return paths


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sample_model.photos", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--again", nargs="*", default=[], metavar="NAME", help="draw these anew")
    parser.add_argument("--sheet", type=Path, help="write all of them on one sheet, to look at")
    options = parser.parse_args(arguments)
    paths = write(options.folder, options.again)
    for path in sorted(set(options.folder.glob("*.jpg")) - set(paths)):
        print(f"no longer wanted: {path}")
    size = sum(path.stat().st_size for path in paths)
    print(f"{len(paths)} photos, {size / 1e6:.1f} MB, in {options.folder}")
    if options.sheet is not None:
        _sheet(paths).save(options.sheet)
    return 0


# -- which ---------------------------------------------------------------------------------


def _products() -> Iterator[Facts]:
    """What is asked for, then as many of each object, spread over surfaces, colours and places."""
    places = _places()
    shown: dict[str, set[str]] = {name: set() for name in OBJECTS}
    for name, surface, colour in _ASKED_FOR:
        shown[name].add(surface)
        yield _placed(Facts(Kind.PRODUCT, name, surface, colour), next(places))
    for number, name in enumerate(OBJECTS):
        surfaces = _surfaces(number)
        count = 0
        while count < _EACH_OBJECT:
            surface, colour = next(surfaces)
            if surface in shown[name] and surface != "plain":
                continue
            shown[name].add(surface)
            count += 1
            yield _placed(Facts(Kind.PRODUCT, name, surface, colour), next(places))


def _surfaces(number: int) -> Iterator[tuple[str, str | None]]:
    """Plain, coloured and natural ones in turn, from another start for each object."""
    step = 0
    while True:
        colour = COLOURS[(number * 5 + step * 7) % len(COLOURS)]
        if step % 4 == 0:
            yield "plain", colour
        elif step % 4 == 2:
            yield COLOURED_SURFACES[1:][(number * 2 + step // 4) % 9], colour
        else:
            yield NATURAL_SURFACES[(number * 5 + step * 2) % len(NATURAL_SURFACES)], None
        step += 1


def _places() -> Iterator[Facts]:
    """Two rooms, then a scene; by day, by day, at sunset, by day, at night."""
    step = 0
    hours = ("day", "day", "sunset", "day", "night")
    while True:
        if step % 3 < 2:
            yield Facts(Kind.PRODUCT, room=ROOMS[(step - step // 3) % len(ROOMS)])
        else:
            scene = SCENES[step // 3 * 3 % len(SCENES)]
            yield Facts(Kind.PRODUCT, scene=scene, time=hours[step // 3 % len(hours)])
        step += 1


def _placed(product: Facts, place: Facts) -> Facts:
    return Facts(
        Kind.PRODUCT,
        product.object,
        product.surface,
        product.colour,
        place.scene,
        place.time,
        place.room,
    )


def _swatches() -> Iterator[Facts]:
    for surface in NATURAL_SURFACES:
        yield Facts(Kind.SWATCH, surface=surface)
    for number, surface in enumerate(COLOURED_SURFACES):
        yield Facts(Kind.SWATCH, surface=surface, colour=COLOURS[number * 5 % len(COLOURS)])


def _scenes() -> Iterator[Facts]:
    for scene in SCENES:
        for time in TIMES:
            yield Facts(Kind.SCENE, scene=scene, time=time)
        yield Facts(Kind.SCENE, scene=scene, time="day")


def _animals() -> Iterator[Facts]:
    """Each in all four places, at sunset and at night too."""
    for number, animal in enumerate(ANIMALS):
        for scene in ANIMAL_SCENES:
            yield Facts(Kind.ANIMAL, surface=animal, scene=scene, time="day")
        for step, time in enumerate(("sunset", "night")):
            scene = ANIMAL_SCENES[(number + step) % len(ANIMAL_SCENES)]
            yield Facts(Kind.ANIMAL, surface=animal, scene=scene, time=time)


# -- their names ---------------------------------------------------------------------------


def _surface_words(facts: Facts) -> str:
    surface = "" if facts.surface == "plain" else facts.surface
    return " ".join(filter(None, (facts.colour, surface)))


def _place(facts: Facts) -> str:
    if facts.room is not None:
        return _ROOM_WORDS[facts.room]
    return f"{_SCENE_WORDS[facts.scene or '']}{_time(facts)}"


def _time(facts: Facts) -> str:
    return _TIME_WORDS[facts.time or "day"]


def _free(name: str, taken: dict[str, Facts]) -> str:
    """The name, with a number where it is taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free


def _sheet(paths: Sequence[Path]) -> Image.Image:
    small = []
    for path in paths:
        with Image.open(path) as picture:
            small.append(picture.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.LANCZOS))
    return sheet(small, 20)


if __name__ == "__main__":
    sys.exit(main())
