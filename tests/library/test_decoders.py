"""Processes that decode: what they give, and what a file that ends one costs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from PIL import Image

from mmsearch_desktop.domain import Photo, Preparation, UnreadablePhoto
from mmsearch_desktop.library.decode import decode_photo
from mmsearch_desktop.library.decoder_process import Allowance, Limits
from mmsearch_desktop.library.decoders import DecoderLost, Decoders, decode_apart, picture_of
from tests.library import pictures
from tests.library.bad_decoders import obedient
from tests.library.pictures import CORNERS, FORMATS, corner_colours, cornered, encoded

if TYPE_CHECKING:
    from mmsearch_desktop.library.decode import DecodedPhoto

APP, OFFICIAL = Preparation.APP, Preparation.OFFICIAL
HERE = Path("holiday/photo.jpg")
# little computing, for tests; busy machines give little time to compute in
SHORT = Allowance(processor_seconds=1, wall_seconds=120, memory_bytes=700_000_000)
POSIX = pytest.mark.skipif(os.name == "nt", reason="limits of the system, which Windows has not")


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    made = Decoders(obedient, Limits(SHORT, SHORT))
    yield made
    made.close()


def _idle(decoders: Decoders) -> list[int | None]:
    return [process._process.pid for process in decoders._idle]


def _pixels(photo: DecodedPhoto) -> bytes:
    return photo.picture.convert("RGB").tobytes()


# What comes out


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("preparation", list(Preparation))
def test_the_same_as_in_this_process(
    decoders: Decoders, file_format: str, preparation: Preparation
) -> None:
    data = encoded(pictures.photo_like((200, 150)), file_format)
    there = decoders.decode(data, HERE, preparation)
    here = decode_photo(data, HERE, preparation)
    assert _pixels(there) == _pixels(here)
    assert (there.width, there.height, there.format) == (here.width, here.height, here.format)
    assert there.picture.mode == here.picture.mode


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "I;16B", "I", "F"])
def test_every_mode_that_the_official_preparation_keeps(decoders: Decoders, mode: str) -> None:
    picture = cornered((37, 21)).convert("L" if mode[0] in "IF" else mode)
    data = encoded(Image.new(mode, (37, 21), 7) if mode[0] in "IF" else picture, "TIFF")
    there, here = (d(data, HERE, OFFICIAL).picture for d in (decoders.decode, decode_photo))
    assert there.mode == here.mode
    assert there.tobytes() == here.tobytes()
    smaller = [one.resize((9, 9)).convert("RGB").tobytes() for one in (there, here)]
    assert smaller[0] == smaller[1]


def test_a_palette_and_a_time_come_along(decoders: Decoders) -> None:
    data = pictures.animated_gif(("red", "blue"))
    there, here = (d(data, HERE, OFFICIAL).picture for d in (decoders.decode, decode_photo))
    assert there.mode == here.mode
    assert there.convert("RGB").getpixel((5, 5)) == (255, 0, 0)
    exif = pictures.exif_bytes(taken="2021:05:06 07:08:09")
    photo = decoders.decode(encoded(cornered(), "JPEG", exif), HERE, APP)
    assert photo.taken is not None
    assert photo.taken.isoformat() == "2021-05-06T07:08:09"


def test_a_file_is_read_hashed_decoded_and_made_small(decoders: Decoders, tmp_path: Path) -> None:
    path = pictures.write_photo(tmp_path / "new\nline \udcff ü.png", "red", (900, 600))
    with decoders.opened(path) as opened:
        photo, thumbnail = opened.decode(APP, model_side_pixels=224, thumbnail_pixels=64)
    assert photo.picture.size == (900, 600)
    (tmp_path / "small.webp").write_bytes(thumbnail)
    with Image.open(tmp_path / "small.webp") as small:
        assert small.size == (64, 43)
    assert len(opened.sha256) == 64


def test_a_file_that_is_not_wanted_after_all_is_dropped(decoders: Decoders, tmp_path: Path) -> None:
    path = pictures.write_photo(tmp_path / "a.png", "red")
    with decoders.opened(path):
        pass
    before = _idle(decoders)
    with decoders.opened(path) as opened:
        opened.decode(APP, model_side_pixels=224, thumbnail_pixels=64)
    assert _idle(decoders) == before


def test_what_cannot_be_read_or_decoded_is_said_and_ends_nobody(
    decoders: Decoders, tmp_path: Path
) -> None:
    decoders.decode(encoded(cornered(), "PNG"), HERE, APP)
    before = _idle(decoders)
    with pytest.raises(UnreadablePhoto, match="not there"), decoders.opened(tmp_path / "a.jpg"):
        pass
    for data in (b"", b"%PDF-1.7"):
        with pytest.raises(UnreadablePhoto) as caught:
            decoders.decode(data, HERE, APP)
        assert not isinstance(caught.value, DecoderLost)
    assert _idle(decoders) == before


# A decoder that ends


def _why(decoders: Decoders, word: bytes) -> UnreadablePhoto:
    with pytest.raises(UnreadablePhoto) as caught:
        decoders.decode(word + b" and more", HERE, APP)
    assert caught.value.path == HERE
    photo = decoders.decode(encoded(cornered(), "PNG"), HERE, APP)  # by another process
    assert corner_colours(photo.picture) == CORNERS
    return caught.value


@pytest.mark.parametrize("word", [b"CRASH", b"ABORT", b"RAISE", b"EXIT"])
def test_a_crash_costs_one_photo(decoders: Decoders, word: bytes) -> None:
    problem = _why(decoders, word)
    assert "crashed" in problem.reason
    assert not isinstance(problem, DecoderLost)


@POSIX
def test_one_that_computes_for_ever_is_ended_though_it_holds_the_lock(decoders: Decoders) -> None:
    problem = _why(decoders, b"SPIN")
    assert "too long" in problem.reason
    assert not isinstance(problem, DecoderLost)


def test_one_that_waits_for_ever_is_ended_and_may_be_tried_again() -> None:
    patient = Allowance(processor_seconds=5, wall_seconds=1, memory_bytes=700_000_000)
    impatient = Decoders(obedient, Limits(patient, patient))
    with pytest.raises(DecoderLost, match="too long"):
        impatient.decode(b"HANG ", HERE, APP)
    impatient.close()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing limits it")
def test_one_that_takes_all_memory_is_refused_it(decoders: Decoders) -> None:
    problem = _why(decoders, b"EAT")
    assert "crashed" in problem.reason or "memory" in problem.reason


@POSIX
def test_one_ended_from_outside_may_be_tried_again(decoders: Decoders) -> None:
    assert isinstance(_why(decoders, b"VANISH"), DecoderLost)


@POSIX
def test_one_that_ended_while_idle_is_not_asked(decoders: Decoders) -> None:
    decoders.decode(encoded(cornered(), "PNG"), HERE, APP)
    for pid in _idle(decoders):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    for process in decoders._idle:
        assert not process.is_there() or process._connection.poll(10)
    photo = decoders.decode(encoded(cornered(), "PNG"), HERE, APP)
    assert corner_colours(photo.picture) == CORNERS


def test_large_ones_take_turns(decoders: Decoders) -> None:
    with decoders._large_one:
        asking = threading.Thread(target=decoders.decode, args=(b"LARGE ", HERE, APP))
        asking.start()
        small = decoders.decode(encoded(cornered(), "PNG"), HERE, APP)  # does not wait
        assert corner_colours(small.picture) == CORNERS
        assert asking.is_alive()
    asking.join()
    assert decoders.decode(b"LARGE ", HERE, APP).picture.getpixel((1, 1)) == (0, 255, 0)


def test_a_large_one_that_crashes_gives_its_turn_back(decoders: Decoders) -> None:
    assert "crashed" in _why(decoders, b"LARGE CRASH").reason
    assert decoders.decode(b"LARGE ", HERE, APP).width > 0


def test_who_does_not_want_it_any_more_does_not_wait(decoders: Decoders, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"HANG ")
    stop = threading.Event()
    reached = threading.Event()
    found: list[UnreadablePhoto] = []

    def work() -> None:
        try:
            with decoders.opened(tmp_path / "a.jpg", stop=stop) as opened:
                reached.set()
                opened.decode(APP, model_side_pixels=224, thumbnail_pixels=0)
        except UnreadablePhoto as problem:
            found.append(problem)

    thread = threading.Thread(target=work)
    thread.start()
    assert reached.wait(30)
    stop.set()
    thread.join(15)
    assert not thread.is_alive()
    assert "stopped" in found[0].reason


# What is left


def test_nothing_is_left_of_those_that_ended(tmp_path: Path) -> None:
    mine = psutil.Process()
    made = Decoders(obedient, Limits(SHORT, SHORT))
    made.decode(encoded(cornered(), "PNG"), HERE, APP)  # what is made once, such as the tracker
    made.close()
    children = set(mine.children())
    handles = mine.num_fds() if os.name == "posix" else mine.num_handles()
    for _ in range(5):
        with contextlib.suppress(UnreadablePhoto):
            made.decode(b"ABORT ", HERE, APP)
    made.decode(encoded(cornered(), "PNG"), HERE, APP)
    made.close()
    assert set(mine.children()) <= children
    assert (mine.num_fds() if os.name == "posix" else mine.num_handles()) <= handles


PROGRAM = """
import sys, threading
from pathlib import Path
from tests.library.bad_decoders import obedient
from mmsearch_desktop.domain import Preparation
from mmsearch_desktop.library.decoder_process import Allowance, Limits
from mmsearch_desktop.library.decoders import Decoders
from tests.library.pictures import cornered, encoded

if __name__ == "__main__":
    short = Allowance(1, 60, 700_000_000)
    decoders = Decoders(obedient, Limits(short, short))
    asking = lambda: decoders.decode(b"SPIN ", Path("a"), Preparation.APP)
    threading.Thread(target=asking, daemon=True).start()
    decoders.decode(encoded(cornered(), "PNG"), Path("a"), Preparation.APP)
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("ending", ["killed", "at its end"])
def test_they_go_with_the_program_that_started_them(tmp_path: Path, ending: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    program = subprocess.Popen(
        [sys.executable, tmp_path / "program.py"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert program.stdin is not None
    assert program.stdout is not None
    with program.stdin, program.stdout:
        assert program.stdout.readline().strip() == b"ready"
        children = psutil.Process(program.pid).children(recursive=True)
        assert len(children) >= 2
        if ending == "killed":
            program.kill()
    program.wait(60)
    _, left = psutil.wait_procs(children, timeout=90)
    assert not left


def test_a_process_imports_neither_models_nor_qt_nor_milvus() -> None:
    code = (
        "import sys, mmsearch_desktop.__main__, mmsearch_desktop.library.decoder_process\n"
        "heavy = {'torch', 'transformers', 'PySide6', 'pymilvus', 'numpy', 'pillow_heif'}\n"
        "sys.exit(sorted(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


# Where no process can be started


def unimportable(data: bytes, path: Path, preparation: Preparation, **_: object) -> DecodedPhoto:
    return decode_photo(data, path, preparation)


def test_without_processes_it_is_done_in_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(unimportable, "__module__", "no_such_module")
    monkeypatch.setitem(sys.modules, "no_such_module", sys.modules[__name__])
    here = Decoders(unimportable)
    for _ in range(4):
        photo = here.decode(encoded(cornered(), "PNG"), HERE, APP)
        assert corner_colours(photo.picture) == CORNERS
    path = pictures.write_photo(tmp_path / "a.png", "red")
    with here.opened(path) as opened:
        assert opened.decode(APP, model_side_pixels=9, thumbnail_pixels=9)[1]
    assert caplog.text.count("no process can be started") == 3


# For everyone


def _photo(path: Path) -> Photo:
    data = path.read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    return Photo(1, 1, path, sha256, 64, 48, len(data), 0, None, "JPEG")


def test_the_picture_of_a_photo(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    pictures.write_photo(path, "red")
    assert picture_of(_photo(path)).size == (64, 48)


def test_the_picture_of_a_photo_that_changed_is_not_shown_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    pictures.write_photo(path, "red")
    photo = _photo(path)
    pictures.write_photo(path, "blue")
    with pytest.raises(UnreadablePhoto, match="has changed"):
        picture_of(photo)


def test_a_picture_to_search_with(tmp_path: Path) -> None:
    data = encoded(Image.new("RGB", (3000, 2000)), "JPEG")
    assert decode_apart(data, HERE, APP, model_side_pixels=32).picture.size == (750, 500)
