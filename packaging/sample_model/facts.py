"""What the drawn world holds, by name, and the facts of one picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    PRODUCT = "product"
    SWATCH = "swatch"
    SCENE = "scene"
    ANIMAL = "animal"


OBJECTS = (
    "phone case", "mug", "t-shirt", "sneaker", "tote bag", "umbrella", "cushion", "watch",
    "chair", "lamp", "notebook", "cap", "bottle", "vase", "backpack", "dress", "sofa", "sock",
    "scarf", "teapot", "suitcase", "headphones",
)  # fmt: skip
COLOURS = (
    "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown", "black",
    "white", "grey",
)  # fmt: skip
# surfaces drawn in one of the colours
COLOURED_SURFACES = (
    "plain", "striped", "polka dot", "tartan", "checkered", "chevron", "floral", "starry",
    "heart", "knitted",
)  # fmt: skip
# surfaces with colours of their own
NATURAL_SURFACES = (
    "leopard", "zebra", "giraffe", "tiger", "cow", "snakeskin", "camouflage", "wood", "marble",
    "denim", "brick", "galaxy", "rainbow", "terrazzo", "tie-dye", "glitter", "leather", "grass",
)  # fmt: skip
SURFACES = COLOURED_SURFACES + NATURAL_SURFACES
SCENES = ("beach", "forest", "city", "mountains", "sea", "desert", "meadow", "snow")
TIMES = ("day", "sunset", "night")
ROOMS = ("white studio", "grey studio", "pastel backdrop", "wooden table", "coloured wall")
ANIMALS = ("leopard", "zebra", "giraffe", "tiger", "cow")
ANIMAL_SCENES = ("meadow", "desert", "forest", "snow")


@dataclass(frozen=True)
class Facts:
    """What one picture shows; None where a fact does not apply.

    A product has an object, a surface, a colour (coloured surfaces only) and either a room or a
    scene with its time. A swatch has a surface and, of coloured surfaces, a colour. A scene has a
    scene and a time. An animal has its name as surface, a scene and a time.
    """

    kind: Kind
    object: str | None = None
    surface: str | None = None
    colour: str | None = None
    scene: str | None = None
    time: str | None = None
    room: str | None = None
