"""Watching real folders: what the system tells, what is looked through, what comes and goes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import pytest

from mmsearch_desktop.library.listening import HEARS_ONE_FOLDER, Hints, listen_to_system
from mmsearch_desktop.library.watch import Attention, FolderWatch, News, Pace
from tests.library.setting import Setting

QUICK = Pace(quiet=0.3, regularly=0.05, network=0.05, longest_pause=0.1, away=0.05)
_PATIENCE_SECONDS = 30.0


class Listener:
    """Reads a watch's news on a thread of its own, as whoever uses one does."""

    def __init__(self, watch: FolderWatch) -> None:
        self.watch = watch
        self.heard: list[News] = []
        self._came = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def wait(self, wanted: Callable[[], bool]) -> None:
        with self._came:
            assert self._came.wait_for(wanted, _PATIENCE_SECONDS), self.heard

    def wait_for(self, root: Path, attention: Attention) -> None:
        self.wait(lambda: bool(self.heard) and self.heard[-1].attention.get(root) is attention)

    def times(self, root: Path) -> int:
        """How often a folder was told as changed."""
        return sum(root in news.changed for news in self.heard)

    def wait_for_time(self, number: int, root: Path) -> None:
        self.wait(lambda: self.times(root) >= number)

    def folders(self, root: Path) -> set[Path] | None:
        """In which something changed when that was last told."""
        last = next(news.changed[root] for news in self.heard[::-1] if root in news.changed)
        return None if last is None else set(last)

    def close(self) -> None:
        self.watch.close()
        self._thread.join()

    def _read(self) -> None:
        for news in self.watch.news():
            with self._came:
                self.heard.append(news)
                self._came.notify_all()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "inside").mkdir(parents=True)
    return folder


@contextlib.contextmanager
def followed(
    *folders: Path, remote: bool = False, pace: Pace = QUICK, own: Path | None = None
) -> Iterator[Listener]:
    listener = Listener(FolderWatch(folders, pace=pace, own=own, is_remote=lambda _: remote))
    try:
        for folder in folders:
            listener.wait_for_time(1, folder)
        yield listener
    finally:
        listener.close()


def put(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


both = pytest.mark.parametrize("remote", [False, True], ids=["told by the system", "looked for"])


@both
def test_each_folder_is_told_once_it_is_watched(root: Path, *, remote: bool) -> None:
    with followed(root, remote=remote) as listener:
        listener.wait_for(root, Attention.REGULARLY if remote else Attention.AT_ONCE)
        assert listener.folders(root) is None


@both
def test_new_changed_and_deleted_photos_are_noticed(root: Path, *, remote: bool) -> None:
    with followed(root, remote=remote) as listener:
        photo = put(root / "inside" / "a.jpg")
        listener.wait_for_time(2, root)
        assert listener.folders(root) == {root / "inside"}
        put(photo, b"longer")
        listener.wait_for_time(3, root)
        photo.unlink()
        listener.wait_for_time(4, root)


@both
def test_moved_photos_and_folders_are_noticed(root: Path, *, remote: bool) -> None:
    photo = put(root / "inside" / "a.jpg")
    with followed(root, remote=remote) as listener:
        photo.rename(root / "a.jpg")
        listener.wait_for_time(2, root)
        assert listener.folders(root) == {root, root / "inside"}
        put(root / "inside" / "b.jpg")
        listener.wait_for_time(3, root)
        (root / "inside").rename(root / "elsewhere")
        listener.wait_for_time(4, root)
        put(root / "elsewhere" / "c.jpg")
        listener.wait_for_time(5, root)
        assert listener.folders(root) == {root / "elsewhere"}


@both
def test_what_comes_into_new_folders_is_noticed(root: Path, *, remote: bool) -> None:
    with followed(root, remote=remote) as listener:
        put(root / "new" / "deep" / "a.jpg")
        listener.wait_for_time(2, root)
        assert listener.folders(root) == {root / "new", root / "new" / "deep"}
        put(root / "new" / "deep" / "b.jpg")
        listener.wait_for_time(3, root)


def test_a_folder_made_anew_under_its_old_name_is_watched(root: Path) -> None:
    put(root / "inside" / "a.jpg")
    with followed(root) as listener:
        shutil.rmtree(root / "inside")
        put(root / "inside" / "b.jpg")
        listener.wait_for_time(2, root)
        put(root / "inside" / "c.jpg")
        listener.wait_for_time(3, root)


@both
def test_a_burst_is_told_once(root: Path, *, remote: bool) -> None:
    with followed(root, remote=remote, pace=Pace(quiet=1.5, network=0.2)) as listener:
        for number in range(400):
            put(root / f"{number // 100}" / f"{number}.jpg")
        listener.wait_for_time(2, root)
        put(root / "last.jpg")
        listener.wait_for_time(3, root)
        assert listener.folders(root) == {root}  # so all the others were told before, at once


def test_a_place_that_never_gets_quiet_is_told_all_the_same(root: Path) -> None:
    pace = Pace(quiet=60, longest=0.5)
    with followed(root, pace=pace) as listener:
        put(root / "a.jpg")
        listener.wait_for_time(2, root)


@both
def test_what_is_no_photo_or_hidden_or_ours_is_no_news(root: Path, *, remote: bool) -> None:
    own = root / "library"
    put(own / "catalogue.sqlite")
    (own / "thumbnails").mkdir()
    (root / ".hidden").mkdir()
    with followed(root, remote=remote, own=own) as listener:
        put(root / "notes.txt")
        put(root / "download.jpg.part").unlink()
        put(root / ".hidden" / "a.jpg")
        put(root / ".b.jpg")
        put(own / "thumbnails" / "c.jpg")
        put(own / "catalogue.sqlite", b"more")
        put(root / "inside" / "a.jpg")
        listener.wait_for_time(2, root)
        assert listener.folders(root) == {root / "inside"}
        assert listener.times(root) == 2


@both
def test_taking_photos_in_is_no_news(tmp_path: Path, *, remote: bool) -> None:
    """Reading them, their thumbnails and the catalogue: all within a folder that is watched."""
    setting = Setting(tmp_path)
    setting.write("red.png", "red")
    try:
        with followed(tmp_path, remote=remote, own=setting.library.folder) as listener:
            setting.add(tmp_path)
            put(tmp_path / "photos" / "blue.png")
            listener.wait_for_time(2, tmp_path)
            assert listener.folders(tmp_path) == {tmp_path / "photos"}
    finally:
        setting.library.close()


@both
def test_a_folder_that_goes_away_is_no_change_and_is_watched_when_it_is_back(
    root: Path, tmp_path: Path, *, remote: bool
) -> None:
    put(root / "a.jpg")
    with followed(root, remote=remote) as listener:
        root.rename(tmp_path / "away")
        listener.wait_for(root, Attention.AWAY)
        assert listener.times(root) == 1
        (tmp_path / "away").rename(root)
        listener.wait_for(root, Attention.REGULARLY if remote else Attention.AT_ONCE)
        put(root / "b.jpg")
        listener.wait_for_time(2, root)


def test_a_folder_that_was_never_there_is_watched_when_it_comes(tmp_path: Path) -> None:
    listener = Listener(FolderWatch([tmp_path / "drive"], pace=QUICK))
    try:
        listener.wait_for(tmp_path / "drive", Attention.AWAY)
        put(tmp_path / "drive" / "a.jpg")
        listener.wait_for_time(1, tmp_path / "drive")
    finally:
        listener.close()


def test_folders_are_added_and_removed_while_watching(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with followed(root) as listener:
        listener.watch.follow([root, other])
        listener.wait_for(other, Attention.AT_ONCE)
        assert (listener.times(root), listener.times(other)) == (1, 1)
        listener.watch.follow([other])
        listener.wait(lambda: set(listener.heard[-1].attention) == {other})
        put(root / "a.jpg")
        put(other / "a.jpg")
        listener.wait_for_time(2, other)
        assert listener.times(root) == 1


def test_names_that_are_no_text_end_nothing(root: Path) -> None:
    with followed(root) as listener:
        try:
            put(root / os.fsdecode(b"caf\xe9.jpg"))
        except OSError:
            pytest.skip("this file system refuses such names")
        listener.wait_for_time(2, root)
        put(root / "b.jpg")
        listener.wait_for_time(3, root)


@pytest.fixture
def scanned() -> Iterator[list[str]]:
    """The folders whose names were read since."""
    folders: list[str] = []
    listening = True

    def hear(event: str, arguments: tuple[object, ...]) -> None:  # cannot be taken away again
        if event == "os.scandir" and listening:
            folders.append(str(arguments[0]))

    sys.addaudithook(hear)
    yield folders
    listening = False


@pytest.mark.skipif(not HEARS_ONE_FOLDER, reason="folders are not listened to one by one here")
def test_folders_that_come_and_go_make_no_other_one_be_looked_at(
    root: Path, scanned: list[str]
) -> None:
    put(root / "inside" / "a.jpg")
    with followed(root) as listener:
        listener.wait_for(root, Attention.AT_ONCE)
        scanned.clear()
        put(root / "new" / "deep" / "a.jpg")
        listener.wait_for_time(2, root)
        put(root / "new" / "deep" / "b.jpg")
        listener.wait_for_time(3, root)
        assert listener.folders(root) == {root / "new" / "deep"}
        shutil.rmtree(root / "new")
        listener.wait_for_time(4, root)
        assert listener.folders(root) == {root / "new", root / "new" / "deep"}
        assert str(root / "inside") not in scanned
        assert str(root / "new") in scanned
        put(root / "inside" / "b.jpg")
        listener.wait_for_time(5, root)
        assert str(root / "inside") in scanned


MOUNTED = """
import subprocess, sys
from pathlib import Path
from mmsearch_desktop.library.watch import Attention, FolderWatch
from tests.library.test_watch import QUICK, Listener, put

root, memory = Path(sys.argv[1]) / "photos", Path(sys.argv[1]) / "memory"
(root / "stick").mkdir(), memory.mkdir()
subprocess.run(["mount", "-t", "tmpfs", "none", memory], check=True)
put(memory / "deep" / "a.jpg")
listener = Listener(FolderWatch([root], pace=QUICK, is_remote=lambda _: False))
listener.wait_for(root, Attention.AT_ONCE)
listener.wait_for_time(1, root)
subprocess.run(["mount", "--bind", memory, root / "stick"], check=True)
listener.wait_for_time(2, root)
print(sorted(str(path.relative_to(root)) for path in listener.folders(root)))
put(memory / "deep" / "b.jpg")
listener.wait_for_time(3, root)
print(sorted(str(path.relative_to(root)) for path in listener.folders(root)))
subprocess.run(["umount", root / "stick"], check=True)
listener.wait_for_time(4, root)
print(sorted(str(path.relative_to(root)) for path in listener.folders(root)))
listener.close()
"""


def test_a_drive_that_comes_and_goes_below_is_noticed(root: Path) -> None:
    if (
        shutil.which("unshare") is None
        or subprocess.run(
            ["unshare", "-rm", "mount", "-t", "tmpfs", "none", root], check=False
        ).returncode
    ):
        pytest.skip("no mount namespace can be had here")
    done = subprocess.run(
        ["unshare", "-rm", sys.executable, "-c", MOUNTED, root.parent],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        "['stick', 'stick/deep']", "['stick/deep']", "['stick', 'stick/deep']",
    ], done.stderr  # fmt: skip


class Deaf:
    """A system whose limit is reached after so many folders."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def __call__(
        self, folders: Sequence[Path], stopping: threading.Event
    ) -> Generator[Hints, None, None]:
        if len(folders) > self.limit:
            raise OSError("OS file watch limit reached. about [...]")
        yield from listen_to_system(folders, stopping)


def test_where_the_limit_is_reached_it_is_said_once_and_looked_for(
    root: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    (other / "inside").mkdir(parents=True)
    watch = FolderWatch([root, other], pace=QUICK, is_remote=lambda _: False, listen=Deaf(1))
    listener = Listener(watch)
    try:
        listener.wait_for(root, Attention.REGULARLY)
        listener.wait_for(other, Attention.REGULARLY)
        put(root / "a.jpg")
        listener.wait_for_time(2, root)
        notices = [notice for news in listener.heard for notice in news.notices]
        assert len(notices) == 1
        assert "a limited number of folders" in notices[0]
    finally:
        listener.close()


def test_the_limit_is_met_in_the_middle_too(root: Path) -> None:
    watch = FolderWatch([root], pace=QUICK, is_remote=lambda _: False, listen=Deaf(2))
    listener = Listener(watch)
    try:
        listener.wait_for(root, Attention.AT_ONCE)
        put(root / "third" / "a.jpg")
        listener.wait_for(root, Attention.REGULARLY)
        listener.wait_for_time(2, root)
    finally:
        listener.close()


def test_closing_is_prompt_and_leaves_no_thread(root: Path) -> None:
    before = threading.active_count()
    with FolderWatch([root], pace=Pace(quiet=60, network=600)) as watch:
        began = time.monotonic()
        watch.close()
        assert list(watch.news()) == []
    assert threading.active_count() == before
    assert time.monotonic() - began < _PATIENCE_SECONDS
