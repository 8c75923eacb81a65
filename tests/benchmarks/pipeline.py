"""Adding a folder of 12-megapixel photos, beside the cost of the official one-by-one loop.

Both use the base model at full size with random weights in float32. The loop is what the model's
own example does: open the file, prepare it as published, embed that one picture. Ours does that,
and also hashes, makes the thumbnail, and stores everything.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from mmsearch_desktop.domain import Embedder, Preparation
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.models.device import best_device
from mmsearch_desktop.models.visualized_bge import open_embedder
from tests.benchmarks.full_size import write_full_size_model
from tests.benchmarks.table import Row, seconds
from tests.drawn_photos import write_photos

PHOTOS = 12
SIZE = (4000, 3000)


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = write_photos(folder / "photos", PHOTOS, SIZE, drawn=4)
        model = write_full_size_model(folder / "model")
        official, app = (_open(model, p) for p in (Preparation.OFFICIAL, Preparation.APP))
        _one_by_one(official, paths[:1])
        loop = seconds(lambda: _one_by_one(official, paths))
        model_alone = seconds(lambda: _model_alone(app, paths))
        with Library(folder / "library") as library:
            index = library.open_index(app.space)
            ours = seconds(lambda: list(add_folder(folder / "photos", library, index, app)))
    rate = PHOTOS / ours
    return [
        Row(
            "adding 12-megapixel photos, base model",
            f"{rate:.2f} photos/s",
            f"official loop {PHOTOS / loop:.2f}",
            loop / ours,
            "higher",
        ),
        Row(
            "the same beside the model alone, decoded already",
            f"{rate:.2f} photos/s",
            f"model alone {PHOTOS / model_alone:.2f}",
            model_alone / ours,
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
    small = Image.new("RGB", (224, 224))
    for start in range(0, len(paths), embedder.batch_size):
        embedder.embed_pictures([small] * len(paths[start : start + embedder.batch_size]))
