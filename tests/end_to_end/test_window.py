"""The main job in a real window: drop a folder, drop a picture, type words, see the photos.

Everything goes through the screen, as a person's hands and eyes would: real drags from another
program, real keys, and what is seen is read off a screenshot.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tests.end_to_end.screen import MISSING, Screen, came_true, running, screen, wait_until
from tests.models.tiny_visualized_bge import write_tiny_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed here: {', '.join(MISSING)}")

COLOURS = {
    "red": (220, 20, 20),
    "green": (20, 170, 40),
    "yellow": (235, 215, 20),
    "violet": (150, 30, 190),
    "cyan": (20, 190, 200),
    "orange": (250, 130, 10),
}
SOURCE = ("-m", "tests.end_to_end.drag_source")
SOURCE_PLACE = (60, 80)
WINDOW_PLACE = (760, 450)


@pytest.fixture
def shown() -> Iterator[Screen]:
    with screen() as one:
        yield one


def _photos(folder: Path) -> Path:
    folder.mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (240, 160), colour).save(folder / f"{name}.jpg", quality=95)
    return folder


def _embedded(library: Path) -> int:
    """How many photos the catalogue holds vectors of."""
    path = library / "catalogue.sqlite"
    if not path.is_file():
        return 0
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return int(connection.execute("select count(*) from embeddings").fetchone()[0])
    except sqlite3.OperationalError:  # not made yet
        return 0
    finally:
        connection.close()


def _drag_in(
    shown: Screen, window: str, path: Path, holds: Callable[[], object], what: str
) -> None:
    """Drag `path` onto the window and wait for what comes of it.

    On a busy machine a drag can be over before either program has taken notice: a hand would try
    again.
    """
    for seconds in (25, 25, 60):
        with running(shown, *SOURCE, str(path)):
            source = shown.window("drag source")
            shown.do("windowmove", "--sync", source, "0", "20")
            shown.do("windowactivate", "--sync", source)
            shown.drag(SOURCE_PLACE, WINDOW_PLACE)
            shown.do("windowactivate", "--sync", window)
        if came_true(holds, seconds):
            return
    pytest.fail(f"waited in vain until {what}")


def _order_seen(picture: Image.Image) -> list[str]:
    """The colours of the grid in reading order: by the place of their first broad patch."""
    pixels = np.asarray(picture, dtype=np.int16)
    places: dict[str, tuple[int, int]] = {}
    for name, colour in COLOURS.items():
        near = (np.abs(pixels - np.array(colour)).max(axis=2) < 24).astype(np.int32)
        rows, columns = np.nonzero(_solid(near, 40))
        if len(rows):
            first = int(rows.min())
            places[name] = (first // 60, int(columns[rows < first + 5].min()))
    return sorted(places, key=places.__getitem__)


def _solid(near: NDArray[np.int32], side: int) -> NDArray[np.bool_]:
    """Where a square of `side` pixels begins that is of the colour all over."""
    sums = np.pad(near.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return np.asarray(inside == side * side)


def test_drop_a_folder_then_a_picture_then_words(shown: Screen, tmp_path: Path) -> None:
    photos, library = _photos(tmp_path / "my photos"), tmp_path / "library"
    model = write_tiny_model(tmp_path / "model")
    query = tmp_path / "something red.png"
    Image.new("RGB", (300, 200), (222, 24, 18)).save(query)
    options = ("--library", str(library), "--embedder", str(model), "--offline")
    with running(shown, "-m", "mmsearch_desktop", *options) as app:
        window = shown.window("mmsearch-desktop")
        _drag_in(
            shown,
            window,
            photos,
            lambda: _embedded(library) == len(COLOURS),
            "all photos are embedded",
        )
        wait_until(
            lambda: len(_order_seen(shown.picture(tmp_path / "library.png"))) == len(COLOURS),
            "all thumbnails are seen",
        )
        _drag_in(
            shown,
            window,
            query,
            lambda: _order_seen(shown.picture(tmp_path / "picture.png"))[:1] == ["red"],
            "the red photo comes first",
        )
        shown.press("ctrl+l")
        shown.type("a red bag")
        shown.press("Return")
        wait_until(
            lambda: len(_order_seen(shown.picture(tmp_path / "both.png"))) == len(COLOURS),
            "hits for both are seen",
        )
        shown.press("ctrl+q")
        assert app.wait(20) == 0
    assert {p.name for p in photos.iterdir()} == {f"{name}.jpg" for name in COLOURS}


def test_real_photos_of_many_formats(shown: Screen, tmp_path: Path, shared: Path) -> None:
    """The check data's photos and tiny official-layout model; every format gets its thumbnail."""
    library = tmp_path / "library"
    pictures = shared / "pictures"
    model = shared / "parity" / "visualized_bge" / "base_en"
    options = ("--library", str(library), "--embedder", str(model), "--offline")
    with running(shown, "-m", "mmsearch_desktop", *options) as app:
        window = shown.window("mmsearch-desktop")
        _drag_in(
            shown,
            window,
            pictures,
            lambda: _embedded(library) == len(list(pictures.iterdir())),
            "all photos are embedded",
        )
        shown.press("ctrl+l")
        shown.type("a cat on a chair")
        wait_until(lambda: _many_colours(shown.picture(tmp_path / "hits.png")), "photos are seen")
        shown.press("ctrl+q")
        assert app.wait(20) == 0
    assert len(list((library / "thumbnails").rglob("*.webp"))) == len(list(pictures.iterdir()))


def _many_colours(picture: Image.Image) -> bool:
    grid = picture.crop((240, 120, 1170, 760)).resize((93, 64), Image.Resampling.NEAREST)
    return len(set(grid.get_flattened_data())) > 1500
