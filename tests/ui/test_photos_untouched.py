"""A person's photos after all that the window does with them: every byte and time as before."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop.library.thumbnails import Thumbnails
from tests.library.pictures import FORMATS, encoded, exif_bytes, photo_like, png_claiming, turned
from tests.ui.windows import Rig, is_idle, shown_names, shows_hits, type_words

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow


@dataclass(frozen=True)
class Look:
    """All of a file or folder but when it was last read."""

    content: str
    modified_ns: int
    changed_ns: int  # its name, rights or owner
    mode: int
    links: int


def _looks(folder: Path) -> dict[Path, Look]:
    return {path: _look(path) for path in [folder, *sorted(folder.rglob("*"))]}


def _look(path: Path) -> Look:
    status = path.lstat()
    if path.is_symlink():
        content = str(path.readlink())
    else:
        content = "" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
    return Look(content, status.st_mtime_ns, status.st_ctime_ns, status.st_mode, status.st_nlink)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """One of each kind, good and bad."""
    folder = tmp_path / "album"
    (folder / "in" / "deep").mkdir(parents=True)
    for number, file_format in enumerate(FORMATS):
        picture = photo_like((160, 120), seed=number)
        data = encoded(picture, file_format)
        (folder / "in" / f"{number}.{file_format.lower()}").write_bytes(data)
    (folder / "turned.jpg").write_bytes(turned(6))
    taken = exif_bytes(taken="2020:01:02 03:04:05")
    (folder / "taken.jpg").write_bytes(encoded(photo_like((80, 60)), "JPEG", taken))
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "bomb.png").write_bytes(png_claiming(60_000, 60_000))
    (folder / "notes.txt").write_text("mine")
    (folder / "empty.png").touch()
    shutil.copy2(folder / "turned.jpg", folder / "in" / "deep" / "copy.jpg")
    if os.name != "nt":
        (folder / "link.jpg").symlink_to(folder / "turned.jpg")
        (folder / "loop").symlink_to(folder)
    (folder / "taken.jpg").chmod(0o444)
    long_ago = time.time() - 10**8
    for path in folder.rglob("*.*"):
        os.utime(path, (long_ago, long_ago), follow_symlinks=os.name == "nt")
    return folder


def _index(window: MainWindow, album: Path, qtbot: QtBot) -> None:
    window.add_folder(album)
    qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) >= 11, timeout=30_000)
    qtbot.waitUntil(lambda: len(window.folders.facts.problems) >= 3)


def _search(window: MainWindow, album: Path, qtbot: QtBot) -> None:
    type_words(window, "red")
    qtbot.waitUntil(lambda: shows_hits(window))
    window.search_with(album / "turned.jpg")
    qtbot.waitUntil(lambda: window.parts.query_bar.query().picture is not None)
    qtbot.waitUntil(lambda: shows_hits(window))


def test_they_are_what_they_were(rig: Rig, album: Path, qtbot: QtBot) -> None:
    before = _looks(album)
    with rig.window() as window:
        _index(window, album, qtbot)
        _search(window, album, qtbot)
        window.folders.rescan_as_asked()
        qtbot.waitUntil(lambda: is_idle(window))
    assert list((rig.library / "backups").iterdir())
    shutil.rmtree(Thumbnails(rig.library / "thumbnails").folder)  # they are made again
    (rig.library / "catalogue.sqlite").write_bytes(b"damaged" * 1000)  # and this is restored
    with rig.window() as window:
        qtbot.waitUntil(lambda: is_idle(window) and len(shown_names(window)) >= 11)
        window.folders.remove(window.folders.facts.folders[0])
        qtbot.waitUntil(lambda: shown_names(window) == [])
    assert _looks(album) == before
