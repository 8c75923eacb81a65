"""Thumbnails from disk to the window: order, limits, and what is not there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PySide6.QtGui import QColor

from mmsearch_desktop.domain import Photo, UnreadablePhoto
from mmsearch_desktop.library.thumbnails import Thumbnails
from mmsearch_desktop.ui.thumbnail_loader import MakeMissing, ThumbnailLoader, image_of
from tests.fakes import flat_picture

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def photo(number: int) -> Photo:
    path = Path(f"/photos/{number}.jpg")
    return Photo(number, number, path, f"{number:064x}", 64, 48, 1000, 0, None, "JPEG")


PHOTOS = [photo(number) for number in range(40)]


@pytest.fixture
def thumbnails(tmp_path: Path) -> Thumbnails:
    return Thumbnails(tmp_path / "thumbnails")


Open = Callable[..., ThumbnailLoader]


@pytest.fixture
def open_loader(qapp: object, thumbnails: Thumbnails) -> Iterator[Open]:
    opened: list[ThumbnailLoader] = []

    def make(
        make_missing: MakeMissing | None = None, cache_bytes: int = 1 << 20
    ) -> ThumbnailLoader:
        loader = ThumbnailLoader(
            thumbnails, make_missing=make_missing, side_pixels=32, cache_bytes=cache_bytes
        )
        opened.append(loader)
        return loader

    yield make
    for loader in opened:
        loader.close()


class Heard:
    """What a loader has said, in order."""

    def __init__(self, loader: ThumbnailLoader) -> None:
        self.loaded: list[str] = []
        self.missing: list[str] = []
        loader.loaded.connect(self.loaded.append)
        loader.missing.connect(self.missing.append)


def test_what_is_wanted_comes_in_that_order_and_at_that_size(
    qtbot: QtBot, thumbnails: Thumbnails, open_loader: Open
) -> None:
    for each in PHOTOS[:5]:
        thumbnails.save(each.sha256, flat_picture("red", (200, 100)))
    loader = open_loader()
    heard = Heard(loader)
    assert loader.image(PHOTOS[0].sha256) is None
    loader.wanted(PHOTOS[4::-1])
    qtbot.waitUntil(lambda: len(heard.loaded) == 5)
    assert heard.loaded == [each.sha256 for each in PHOTOS[4::-1]]
    image = loader.image(PHOTOS[2].sha256)
    assert image is not None
    assert (image.width(), image.height()) == (32, 16)
    assert image.pixelColor(8, 8).red() > 200


def test_what_was_scrolled_past_is_not_loaded(
    qtbot: QtBot, thumbnails: Thumbnails, open_loader: Open
) -> None:
    for each in PHOTOS:
        thumbnails.save(each.sha256, flat_picture("red"))
    loader = open_loader()
    heard = Heard(loader)
    loader.wanted(PHOTOS[:30])
    loader.wanted(PHOTOS[30:])
    qtbot.waitUntil(lambda: heard.loaded[-1:] == [PHOTOS[-1].sha256])
    skipped = {each.sha256 for each in PHOTOS[2:30]}  # two were on their way already
    assert not skipped & set(heard.loaded)


def test_wanting_the_same_again_loads_nothing(
    qtbot: QtBot, thumbnails: Thumbnails, open_loader: Open
) -> None:
    thumbnails.save(PHOTOS[0].sha256, flat_picture("red"))
    thumbnails.save(PHOTOS[1].sha256, flat_picture("red"))
    loader = open_loader()
    heard = Heard(loader)
    for _ in range(3):
        loader.wanted(PHOTOS[:1])
    qtbot.waitUntil(lambda: len(heard.loaded) == 1)
    loader.wanted(PHOTOS[:2])
    qtbot.waitUntil(lambda: len(heard.loaded) == 2)
    assert heard.loaded == [PHOTOS[0].sha256, PHOTOS[1].sha256]


def test_one_that_is_missing_is_said_once(qtbot: QtBot, open_loader: Open) -> None:
    loader = open_loader()
    heard = Heard(loader)
    loader.wanted(PHOTOS[:1])
    qtbot.waitUntil(lambda: len(heard.missing) == 1)
    loader.wanted(PHOTOS[:1])
    loader.wanted(PHOTOS[1:2])
    qtbot.waitUntil(lambda: len(heard.missing) == 2)
    assert heard.missing == [PHOTOS[0].sha256, PHOTOS[1].sha256]


def test_a_missing_one_is_made_and_kept_on_the_thread(
    qtbot: QtBot, thumbnails: Thumbnails, open_loader: Open
) -> None:
    made_on: list[str] = []

    def make(asked: Photo) -> Image.Image:
        made_on.append(threading.current_thread().name)
        return flat_picture("blue", (64, 32))

    loader = open_loader(make)
    heard = Heard(loader)
    loader.wanted(PHOTOS[:1])
    qtbot.waitUntil(lambda: len(heard.loaded) == 1)
    assert made_on == ["thumbnails_0"]
    assert thumbnails.exists(PHOTOS[0].sha256)
    assert not heard.missing


def test_those_that_load_go_before_those_that_must_be_made(
    qtbot: QtBot, thumbnails: Thumbnails, open_loader: Open
) -> None:
    stored = PHOTOS[3:8]
    for each in stored:
        thumbnails.save(each.sha256, flat_picture("red"))
    loader = open_loader(lambda _: flat_picture("blue"))
    heard = Heard(loader)
    loader.wanted(PHOTOS[:8])
    qtbot.waitUntil(lambda: len(heard.loaded) == 8)
    assert heard.loaded[:5] == [each.sha256 for each in stored]


@pytest.mark.parametrize(
    "error", [UnreadablePhoto(Path("x"), "no photo"), FileNotFoundError("gone")]
)
def test_one_that_cannot_be_made_is_missing(
    qtbot: QtBot, open_loader: Open, error: Exception
) -> None:
    def make(asked: Photo) -> Image.Image:
        raise error

    loader = open_loader(make)
    heard = Heard(loader)
    loader.wanted(PHOTOS[:2])
    qtbot.waitUntil(lambda: len(heard.missing) == 2)
    assert not heard.loaded


def test_one_that_cannot_be_kept_is_shown_all_the_same(qtbot: QtBot, tmp_path: Path) -> None:
    in_the_way = tmp_path / "thumbnails"
    in_the_way.write_text("a file where the folder should be")
    loader = ThumbnailLoader(Thumbnails(in_the_way), make_missing=lambda _: flat_picture("blue"))
    heard = Heard(loader)
    loader.wanted(PHOTOS[:1])
    qtbot.waitUntil(lambda: len(heard.loaded) == 1)
    loader.close()


def test_forgetting_loads_it_anew(qtbot: QtBot, thumbnails: Thumbnails, open_loader: Open) -> None:
    loader = open_loader()
    heard = Heard(loader)
    sha256 = PHOTOS[0].sha256
    loader.wanted(PHOTOS[:1])
    qtbot.waitUntil(lambda: len(heard.missing) == 1)
    thumbnails.save(sha256, flat_picture("red"))
    loader.forget(sha256)
    qtbot.waitUntil(lambda: len(heard.loaded) == 1)
    assert loader.image(sha256) is not None


def test_what_could_not_be_had_is_tried_again_when_its_drive_has_come(
    qtbot: QtBot, open_loader: Open
) -> None:
    there: list[Image.Image] = []

    def make(asked: Photo) -> Image.Image:
        if not there:
            raise UnreadablePhoto(asked.path, "its drive is away")
        return there[0]

    loader = open_loader(make)
    heard = Heard(loader)
    loader.wanted(PHOTOS[:1])
    qtbot.waitUntil(lambda: len(heard.missing) == 1)
    there.append(flat_picture("red"))
    loader.try_again()
    qtbot.waitUntil(lambda: len(heard.loaded) == 1)


def test_what_was_given_up_for_others_is_drawn_again_when_it_is_shown(
    qtbot: QtBot, thumbnails: Thumbnails, open_loader: Open
) -> None:
    for each in PHOTOS[:6]:
        thumbnails.save(each.sha256, flat_picture("red"))
    loader = open_loader(lambda _: flat_picture("blue"))
    heard = Heard(loader)
    loader.limit_to(3 * 4096)  # a file takes one block
    qtbot.waitUntil(lambda: thumbnails.bytes_taken() <= 3 * 4096)
    loader.wanted(PHOTOS[:6])
    qtbot.waitUntil(lambda: len(heard.loaded) == 6)
    assert not heard.missing
    assert thumbnails.bytes_taken() <= 3 * 4096


def test_a_new_size_loads_anew_and_the_old_serves_meanwhile(
    qtbot: QtBot, thumbnails: Thumbnails, open_loader: Open
) -> None:
    sha256 = PHOTOS[0].sha256
    thumbnails.save(sha256, flat_picture("red", (200, 200)))
    loader = open_loader()
    heard = Heard(loader)
    loader.wanted(PHOTOS[:1])
    qtbot.waitUntil(lambda: len(heard.loaded) == 1)
    loader.set_side_pixels(64)
    old = loader.image(sha256)
    assert old is not None
    assert old.width() == 32
    qtbot.waitUntil(lambda: len(heard.loaded) == 2)
    new = loader.image(sha256)
    assert new is not None
    assert new.width() == 64


def test_the_cache_is_bounded_and_keeps_what_is_wanted(
    qtbot: QtBot, thumbnails: Thumbnails, open_loader: Open
) -> None:
    for each in PHOTOS:
        thumbnails.save(each.sha256, flat_picture("red", (32, 32)))
    loader = open_loader(cache_bytes=10 * 32 * 32 * 4)
    heard = Heard(loader)
    loader.wanted(PHOTOS[:15])  # more than fit: kept, or they would be loaded for ever
    qtbot.waitUntil(lambda: len(heard.loaded) == 15)
    assert all(loader.image(each.sha256) for each in PHOTOS[:15])
    loader.wanted(PHOTOS[15:20])
    qtbot.waitUntil(lambda: len(heard.loaded) == 20)
    kept = [each for each in PHOTOS if loader.image(each.sha256)]
    assert len(kept) == 10
    assert kept[-5:] == PHOTOS[15:20]
    assert kept[:5] == PHOTOS[10:15]  # the ones used last


def test_closing_with_work_waiting(qtbot: QtBot, thumbnails: Thumbnails, open_loader: Open) -> None:
    for each in PHOTOS:
        thumbnails.save(each.sha256, flat_picture("red"))
    loader = open_loader()
    loader.wanted(PHOTOS)
    loader.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("thumbnails")]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK"])
def test_every_mode_becomes_an_image(qapp: object, mode: str) -> None:
    image = image_of(Image.new("RGB", (7, 5), "white").convert(mode))
    assert (image.width(), image.height()) == (7, 5)
    assert image.pixelColor(6, 4) == QColor("white")


def test_transparency_is_kept(qapp: object) -> None:
    image = image_of(Image.new("RGBA", (3, 3), (255, 0, 0, 0)))
    assert image.pixelColor(1, 1).alpha() == 0
