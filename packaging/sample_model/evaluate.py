"""Measures the shipped model on the stored gallery, through the app's own way of opening models.

    python -m sample_model.evaluate                  eval.json, the golden vectors, the model card
    python -m sample_model.evaluate --fresh 2 3      galleries drawn anew: eval_fresh.json, the card

Every question is asked in four ways: as it is, with its picture only, with its words only, and with
the sum of these two vectors. A claim that composing works needs the first above the other three.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mmsearch_desktop.domain import Embedder, Preparation
from mmsearch_desktop.models.device import cpu
from mmsearch_desktop.models.offers import open_embedder
from sample_model import gallery as stored
from sample_model.export import MODEL
from sample_model.pool import FOLDER as POOL

if TYPE_CHECKING:
    from sample_model.gallery import Gallery, Question

EVALUATION, FRESH, GOLDEN = "eval.json", "eval_fresh.json", "golden.json"
SMALL_EVERY, SMALL_ASKED = 15, 20  # for the quick test: 60 pictures, few questions of each type
LISTS = (1, 5, 10)
_BATCH = 64
_GOLDEN_PLACES = (0, 1, 460, 640, 870)  # products, a scene, a swatch, an animal
_GOLDEN_WORDS = ("red striped mug", "phone case", "forest at night", "Größe 7 ☂")
_GOLDEN_ASKED = "phone case with this"

Vectors = NDArray[np.float32]
Reader = Callable[[str, Sequence[int]], Sequence[Image.Image]]


@dataclass(frozen=True)
class Row:
    """How often a right answer is first, among the first five and ten, of one type of question."""

    asked: int
    chance: float  # of a random first picture being right
    composed: tuple[float, ...] | None = None  # R@1, R@5, R@10
    picture: tuple[float, ...] | None = None
    words: tuple[float, ...] | None = None
    sum: tuple[float, ...] | None = None

    @property
    def main(self) -> tuple[float, ...]:
        """As the question is meant: composed, or of words alone, or of a picture alone."""
        return self.composed or self.words or self.picture or ()


def open_model(folder: Path) -> Embedder:
    """In float32 on the processor, so that the figures are the same wherever they are measured."""
    return open_embedder(
        str(folder),
        models_folder=folder,
        preparation=Preparation.OFFICIAL,  # of drawn pictures the same as the app's
        device=cpu(window=False),
    )


# ----------------------------------------------------------------------------------- measuring


def measure(
    embedder: Embedder,
    gallery: Gallery,
    read: Reader,
    *,
    every: int = 1,
    most_asked: int | None = None,
) -> dict[str, Row]:
    """A row for each type of question.

    `read` gives pictures of "gallery", "seen" or "sources" by their places. With `every` above 1
    only so many of the gallery's pictures are there, and only what they answer is asked.
    """
    places = range(0, len(gallery.gallery), every)
    whole = every == 1
    vectors = embedded(embedder, read("gallery", places))
    seen = embedded(embedder, read("seen", range(len(gallery.seen)))) if whole else vectors[:0]
    among_seen = np.concatenate([seen, vectors[len(seen) :]])
    rows = {}
    for type_ in dict.fromkeys(question.type for question in gallery.questions):
        asked = [question for question in gallery.questions if question.type == type_]
        if asked[0].among_seen and not whole:
            continue
        right = gallery.right(asked, among_seen=asked[0].among_seen)[:, places]
        kept = np.flatnonzero(right.any(axis=1))[:most_asked]
        ranked = among_seen if asked[0].among_seen else vectors
        if len(kept):
            rows[type_] = _row(embedder, [asked[i] for i in kept], read, ranked, right[kept])
    return rows


def _row(
    embedder: Embedder,
    asked: Sequence[Question],
    read: Reader,
    ranked: Vectors,
    right: NDArray[np.bool_],
) -> Row:
    found = partial(recalls, ranked=ranked, right=right)
    row = partial(Row, len(asked), round(float(right.mean()), 4))
    texts = [question.words for question in asked]
    words = _joined(embedder, [embedder.embed_words(part) for part in _parts(texts)])
    places = [question.source for question in asked if question.source is not None]
    if not places:
        return row(words=found(words))
    sources = read("sources", places)
    alone = embedded(embedder, sources)
    if not any(texts):
        return row(picture=found(alone))
    pairs = zip(_parts(sources), _parts(texts), strict=True)
    together = _joined(embedder, [embedder.embed_pictures_with_words(*pair) for pair in pairs])
    return row(found(together), found(alone), found(words), found(alone + words))


def recalls(queries: Vectors, *, ranked: Vectors, right: NDArray[np.bool_]) -> tuple[float, ...]:
    """The shares of queries with a right answer among the first 1, 5 and 10."""
    order = np.argsort(-(queries @ ranked.T), axis=1, kind="stable")[:, : max(LISTS)]
    hits = np.take_along_axis(right, order, axis=1)
    return tuple(round(float(hits[:, :count].any(axis=1).mean()), 3) for count in LISTS)


def embedded(embedder: Embedder, pictures: Sequence[Image.Image]) -> Vectors:
    return _joined(embedder, [embedder.embed_pictures(part) for part in _parts(pictures)])


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (values[first : first + _BATCH] for first in range(0, len(values), _BATCH))


def _joined(embedder: Embedder, parts: Sequence[Vectors]) -> Vectors:
    return np.concatenate([np.empty((0, embedder.space.dimensions), np.float32), *parts])


# ------------------------------------------------------------------------------- golden vectors


def write_golden(embedder: Embedder, folder: Path) -> None:
    """Some stored pictures as PNG, which every Pillow decodes alike, and the vectors they have."""
    pictures = stored.read_pictures(folder, "gallery", _GOLDEN_PLACES)
    files = [f"golden-{place}.png" for place in range(len(pictures))]
    for name, picture in zip(files, pictures, strict=True):
        picture.save(folder / name, optimize=True)
    vectors = {
        "pictures": dict(zip(files, _rounded(embedder.embed_pictures(pictures)), strict=True)),
        "words": dict(
            zip(_GOLDEN_WORDS, _rounded(embedder.embed_words(_GOLDEN_WORDS)), strict=True)
        ),
        "composed": dict(zip(files, _rounded(_asked(embedder, pictures)), strict=True)),
    }
    _write(folder / GOLDEN, {"asked": _GOLDEN_ASKED, **vectors})


def _asked(embedder: Embedder, pictures: Sequence[Image.Image]) -> Vectors:
    return embedder.embed_pictures_with_words(pictures, [_GOLDEN_ASKED] * len(pictures))


def _rounded(vectors: Vectors) -> list[str]:
    return [" ".join(f"{number:.4f}" for number in row) for row in vectors]


# ---------------------------------------------------------------------------------------- files


def evaluate(model: Path, world: Path) -> dict[str, Any]:
    """The figures of the stored gallery, whole and small."""
    embedder, gallery = open_model(model), stored.read_labels(world)
    read = partial(stored.read_pictures, world)
    whole = measure(embedder, gallery, read)
    few = measure(embedder, gallery, read, every=SMALL_EVERY, most_asked=SMALL_ASKED)
    write_golden(embedder, world)
    return {
        "model": embedder.space.revision,
        "gallery_seed": json.loads((world / stored.LABELS).read_text("utf-8"))["seed"],
        "pictures": len(gallery.gallery),
        "lists": LISTS,
        "whole": {type_: asdict(row) for type_, row in whole.items()},
        "small": {type_: asdict(row) for type_, row in few.items()},
    }


def evaluate_fresh(model: Path, seeds: Sequence[int]) -> dict[str, Any]:
    """The same on galleries of other seeds, which are drawn the first time they are asked for.

    They depend on the versions of numpy and Pillow, and are kept under build/.
    """
    embedder = open_model(model)
    rows = {}
    for seed in seeds:
        folder = POOL.parent / f"gallery-{seed}"
        if not (folder / stored.LABELS).is_file():
            stored.store(stored.plan(seed), seed, folder)
        read = partial(stored.read_pictures, folder)
        found = measure(embedder, stored.read_labels(folder), read)
        rows[str(seed)] = {type_: asdict(row) for type_, row in found.items()}
    return {"model": embedder.space.revision, "seeds": rows}


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    from sample_model.model_card import figures_table, write_card

    parser = argparse.ArgumentParser(prog="sample_model.evaluate", description=__doc__)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--world", type=Path, default=stored.FOLDER)
    parser.add_argument("--fresh", type=int, nargs="+", metavar="SEED")
    options = parser.parse_args(arguments)
    if options.fresh:
        _write(options.model / FRESH, evaluate_fresh(options.model, options.fresh))
    else:
        _write(options.model / EVALUATION, evaluate(options.model, options.world))
    write_card(options.model)
    print("\n".join(figures_table(options.model)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
