"""The sample photos: what they show, their names, and the files that ship."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from sample_model.facts import ANIMALS, OBJECTS, SCENES, SURFACES, TIMES, Facts, Kind
from sample_model.photos import FOLDER, SIDE, name_of, sample_facts, write

_MOST_BYTES = 12_000_000


def test_there_is_something_of_everything() -> None:
    facts = list(sample_facts().values())
    assert 280 <= len(facts) <= 320
    products = Counter(one.object for one in facts if one.kind is Kind.PRODUCT)
    assert set(products) == set(OBJECTS)
    assert min(products.values()) >= 8
    assert {one.surface for one in facts if one.kind is Kind.SWATCH} == set(SURFACES)
    assert {one.surface for one in facts if one.kind is Kind.ANIMAL} == set(ANIMALS)
    scenes = {(one.scene, one.time) for one in facts if one.kind is Kind.SCENE}
    assert scenes == {(scene, time) for scene in SCENES for time in TIMES}


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (
            Facts(Kind.PRODUCT, "phone case", "leopard", room="white studio"),
            "leopard phone case in a white studio",
        ),
        (
            Facts(Kind.PRODUCT, "mug", "plain", "red", scene="sea", time="night"),
            "red mug by the sea at night",
        ),
        (Facts(Kind.SWATCH, surface="leopard"), "leopard pattern"),
        (Facts(Kind.SWATCH, surface="plain", colour="red"), "red cloth"),
        (Facts(Kind.SCENE, scene="beach", time="sunset"), "beach at sunset"),
        (
            Facts(Kind.ANIMAL, surface="leopard", scene="meadow", time="day"),
            "leopard in a meadow",
        ),
    ],
)
def test_names_say_what_is_seen(facts: Facts, name: str) -> None:
    assert name_of(facts) == name


def test_the_files_that_ship_are_these() -> None:
    shipped = {path.stem for path in FOLDER.glob("*.jpg")}
    assert shipped == set(sample_facts())
    assert [path.name for path in FOLDER.iterdir() if path.suffix != ".jpg"] == []
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < _MOST_BYTES
    with Image.open(FOLDER / "leopard in a meadow.jpg") as picture:
        assert (picture.size, picture.format) == ((SIDE, SIDE), "JPEG")


def test_only_what_is_missing_or_named_is_drawn(tmp_path: Path) -> None:
    for name in sample_facts():
        (tmp_path / f"{name}.jpg").write_bytes(b"there already")
    (tmp_path / "beach.jpg").unlink()
    paths = write(tmp_path, again=["snow"])
    drawn = {path.stem for path in paths if path.read_bytes() != b"there already"}
    assert drawn == {"beach", "snow"}
