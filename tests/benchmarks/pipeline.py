"""Adding a folder of 12-megapixel photos, beside the cost of the official one-by-one loop.

Both use the base model at full size with random weights. The loop is what the model's own example
does: open the file, prepare it as published, embed that one picture, all in float32. Ours does
that, and also hashes, makes the thumbnail, and stores everything.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from PIL import Image

from mmsearch_desktop.domain import Embedder, Preparation
from mmsearch_desktop.library.decoders import DECODERS
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.prepare import THREADS
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.models.device import best_device
from mmsearch_desktop.models.visualized_bge import open_embedder
from tests.benchmarks.full_size import write_full_size_model
from tests.benchmarks.table import Row, seconds
from tests.drawn_photos import draw, write_photos

PHOTOS = 12
SIZE = (4000, 3000)


def run() -> list[Row]:
    """In rounds, because machines are never quite quiet: what is compared takes turns."""
    loop = model_alone = decode_alone = ours = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = write_full_size_model(folder / "model")
        official, app = (_open(model, p) for p in (Preparation.OFFICIAL, Preparation.APP))
        exact = app.embed_pictures([draw(0)])[0]  # settles on a precision afterwards
        official.embed_pictures([draw(0)])
        apart = 1 - float(exact @ app.embed_pictures([draw(0)])[0])
        with Library(folder / "library") as library:
            index = library.open_index(app.space)
            list(index.reconcile(library.catalogue))
            written = write_photos(folder / "photos", PHOTOS, SIZE, drawn=4)
            for at in sorted({path.parent for path in written}):  # four in each
                paths = sorted(at.iterdir())
                loop += seconds(partial(_one_by_one, official, paths))
                ours += seconds(partial(list, add_folder(at, library, index, app)))
                model_alone += seconds(partial(_model_alone, app, paths))
                decode_alone += seconds(partial(_decode_alone, app, paths))
    rate = PHOTOS / ours
    slower = max(model_alone, decode_alone)
    return [
        Row(
            "adding 12-megapixel photos, base model",
            f"{rate:.2f} photos/s",
            f"official loop {PHOTOS / loop:.2f}",
            loop / ours,
            "higher",
        ),
        Row(
            "the same beside the slower of model alone and decoding alone",
            f"{rate:.2f} photos/s",
            f"model {PHOTOS / model_alone:.2f}, decoding {PHOTOS / decode_alone:.2f}",
            slower / ours,
            "higher",
        ),
        Row(
            "cosine with float32 in the precision that the processor got",
            f"{1 - apart:.6f}",
            "promised 0.9999",
            (1 - apart) / 0.9999,
            "higher",
        ),
    ]


def _open(folder: Path, preparation: Preparation) -> Embedder:
    return open_embedder(
        folder, name="base", revision="random", preparation=preparation, device=best_device()
    )


def _one_by_one(embedder: Embedder, paths: list[Path]) -> None:
    for path in paths:
        with Image.open(path) as picture:
            picture.load()
            embedder.embed_pictures([picture])


def _model_alone(embedder: Embedder, paths: list[Path]) -> None:
    small = draw(0)
    for start in range(0, len(paths), embedder.batch_size):
        embedder.embed_pictures([small] * len(paths[start : start + embedder.batch_size]))


def _decode_alone(embedder: Embedder, paths: list[Path]) -> None:
    """By one process after the other file, as far as reading, hashing and thumbnails go too."""
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(partial(_decode, embedder), paths):
            pass


def _decode(embedder: Embedder, path: Path) -> None:
    with DECODERS.opened(path) as opened:
        opened.decode(
            embedder.space.preparation,
            model_side_pixels=embedder.picture_side_pixels,
            thumbnail_pixels=384,
        )
