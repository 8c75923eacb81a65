"""The shipped sample model finds what it is said to find, on stored pictures.

Figures to hold: eval.json beside the model, less ten points. After training anew,
`python packaging/dev.py sample evaluate` writes them again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from mmsearch_desktop.settings import resources_folder
from sample_model import gallery as stored
from sample_model.evaluate import EVALUATION, GOLDEN, SMALL_ASKED, SMALL_EVERY, Row, open_model
from sample_model.evaluate import measure as measured
from sample_model.export import MODEL, write_model
from sample_model.model_card import CARD, main
from sample_model.network import Sizes, new_model

if TYPE_CHECKING:
    from mmsearch_desktop.domain import Embedder

WORLD = stored.FOLDER
MARGIN = 0.10
Figures = Mapping[str, Mapping[str, Any]]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return open_model(MODEL)


@pytest.fixture(scope="module")
def evaluation() -> Mapping[str, Any]:
    values: Mapping[str, Any] = json.loads((MODEL / EVALUATION).read_text(encoding="utf-8"))
    return values


def _small(embedder: Embedder) -> dict[str, Row]:
    gallery = stored.read_labels(WORLD)
    read = partial(stored.read_pictures, WORLD)
    return measured(embedder, gallery, read, every=SMALL_EVERY, most_asked=SMALL_ASKED)


def _fallen(found: Mapping[str, Row], figures: Figures) -> dict[str, str]:
    """The types of question that find less than they did, beyond the margin."""
    assert set(found) == set(figures)
    return {
        type_: f"R@{count} {now:.3f}, was {then:.3f}"
        for type_, row in found.items()
        for count, now, then in zip((1, 5), row.main, main(figures[type_]), strict=False)
        if now < then - MARGIN
    }


def test_sixty_pictures_are_found(embedder: Embedder, evaluation: Mapping[str, Any]) -> None:
    assert _fallen(_small(embedder), evaluation["small"]) == {}


@pytest.mark.slow
def test_nine_hundred_pictures_are_found(embedder: Embedder, evaluation: Mapping[str, Any]) -> None:
    gallery = stored.read_labels(WORLD)
    found = measured(embedder, gallery, partial(stored.read_pictures, WORLD))
    assert _fallen(found, evaluation["whole"]) == {}


def test_a_model_that_learnt_nothing_is_noticed(
    tmp_path: Path, evaluation: Mapping[str, Any]
) -> None:
    sizes = Sizes()
    write_model(new_model(sizes, seed=0).state_dict(), sizes, tmp_path)
    fallen = _fallen(_small(open_model(tmp_path)), evaluation["small"])
    assert set(fallen) == set(evaluation["small"])


def test_the_figures_are_of_this_model_and_this_gallery(
    embedder: Embedder, evaluation: Mapping[str, Any]
) -> None:
    labels = json.loads((WORLD / stored.LABELS).read_text(encoding="utf-8"))
    assert evaluation["model"] == embedder.space.revision
    assert evaluation["gallery_seed"] == labels["seed"]
    assert "understands only the drawn sample pictures" in (MODEL / CARD).read_text("utf-8")


def test_vectors_are_those_of_the_day_it_was_shipped(embedder: Embedder) -> None:
    golden = json.loads((WORLD / GOLDEN).read_text(encoding="utf-8"))
    names = list(golden["pictures"])
    pictures = [Image.open(WORLD / name).convert("RGB") for name in names]
    asked = [golden["asked"]] * len(pictures)
    for kept, vectors in (
        (golden["pictures"].values(), embedder.embed_pictures(pictures)),
        (golden["words"].values(), embedder.embed_words(list(golden["words"]))),
        (golden["composed"].values(), embedder.embed_pictures_with_words(pictures, asked)),
    ):
        wanted = np.array([[float(number) for number in row.split()] for row in kept])
        assert ((vectors * wanted).sum(axis=1) > 0.999).all()


def test_words_and_picture_together_find_more_than_either(
    evaluation: Mapping[str, Any],
) -> None:
    """Of the kinds of question where one part alone says too little."""
    for type_ in ("swatch + with this", "animal + with this", "product + the same but"):
        row = evaluation["whole"][type_]
        assert row["composed"][0] > max(row[way][0] for way in ("picture", "words")) + 0.25, type_


def test_a_leopard_with_phone_case_with_this_finds_a_leopard_phone_case(
    embedder: Embedder,
) -> None:
    """Among the shipped sample photos of phone cases and of leopard print."""
    photos = resources_folder() / "sample_photos"
    paths = sorted({*photos.glob("*phone case*.jpg"), *photos.glob("leopard*.jpg")})
    assert len(paths) > 20
    pictures = [Image.open(path).convert("RGB") for path in paths]
    vectors = embedder.embed_pictures(pictures)
    for name in ("leopard pattern", "leopard in a meadow"):
        source = next(place for place, path in enumerate(paths) if path.stem == name)
        asked = embedder.embed_pictures_with_words([pictures[source]], ["phone case with this"])
        order = np.argsort(-(vectors @ asked[0]))
        found = [paths[place].stem for place in order if place != source]
        assert found[0].startswith("leopard phone case"), (name, found[:3])


def test_what_ships_is_small() -> None:
    assert _bytes(MODEL) < 12e6
    assert _bytes(WORLD) < 9e6


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
