"""The catalogue: what is stored comes back, from any thread, whatever the paths are called."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import (
    LibraryDamaged,
    LibraryProblem,
    Photo,
    Preparation,
    Problem,
    VectorSpace,
)
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.library.scope import Scope
from mmsearch_desktop.library.tables import (
    VERSION,
    Arrival,
    NewContent,
    NewProblem,
    as_stored,
    range_below,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

SPACE = VectorSpace("colours", "1", 4, Preparation.APP)
OTHER_SPACE = VectorSpace("colours", "2", 4, Preparation.APP)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue(tmp_path / "catalogue.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def album(tmp_path: Path, catalogue: Catalogue) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    catalogue.add_folder(folder)
    return folder


def sha(number: int) -> str:
    return f"{number:064x}"


def a_vector(number: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(number).normal(size=(1, 4)).astype(np.float32)
    vector: NDArray[np.float32] = as_stored(rows)[0]
    return vector


def put(
    catalogue: Catalogue,
    path: Path,
    content: int,
    *,
    modified_ns: int = 10**18,
    taken: datetime | None = None,
    space: VectorSpace = SPACE,
    moved_photo: int | None = None,
) -> Photo:
    folder = next(f for f in catalogue.folders() if path.is_relative_to(f.path))
    arrival = Arrival(path, folder.id, sha(content), 100 + content, modified_ns, moved_photo)
    facts = NewContent(sha(content), 640, 480, "JPEG", taken, a_vector(content))
    return catalogue.store(space, contents=[facts], arrivals=[arrival])[0]


def test_what_is_stored_comes_back_after_reopening(album: Path, catalogue: Catalogue) -> None:
    taken = datetime(2021, 5, 4, 3, 2, 1)
    photo = put(catalogue, album / "a.jpg", 1, taken=taken)
    assert photo == Photo(
        id=photo.id,
        content_id=photo.content_id,
        path=album / "a.jpg",
        sha256=sha(1),
        width=640,
        height=480,
        size_bytes=101,
        modified_ns=10**18,
        taken=taken,
        format="JPEG",
    )
    catalogue.close()
    again = Catalogue(catalogue.path)
    assert again.photos() == [photo]
    assert again.photos_of([photo.content_id, 99]) == {photo.content_id: (photo,)}
    assert again.content_id_of(sha(1)) == photo.content_id
    assert again.content_id_of(sha(2)) is None
    assert again.spaces() == [SPACE]
    again.close()


def test_vectors_come_back_as_unit_vectors_close_to_what_was_given(
    album: Path, catalogue: Catalogue
) -> None:
    given_rows = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    given_rows /= np.linalg.norm(given_rows, axis=1, keepdims=True)
    folder = catalogue.add_folder(album)
    photos = catalogue.store(
        SPACE,
        contents=[NewContent(sha(n), 1, 1, "PNG", None, row) for n, row in enumerate(given_rows)],
        arrivals=[Arrival(album / f"{n}.png", folder, sha(n), 1, 1) for n in range(20)],
    )
    ids = [photo.content_id for photo in photos]
    stored = catalogue.embeddings(ids, SPACE)
    rows = np.stack([stored[id_] for id_ in ids])
    assert rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert np.abs(rows - given_rows).max() < 1e-3
    assert np.array_equal(rows, as_stored(given_rows))
    assert catalogue.embeddings(ids, OTHER_SPACE) == {}


def test_spaces_do_not_mix(album: Path, catalogue: Catalogue) -> None:
    first = put(catalogue, album / "a.jpg", 1)
    second = put(catalogue, album / "b.jpg", 2, space=OTHER_SPACE)
    assert catalogue.embedded_ids(SPACE) == [first.content_id]
    assert catalogue.embedded_ids(OTHER_SPACE) == [second.content_id]
    assert catalogue.not_embedded(album, SPACE) == {second.content_id}
    assert (catalogue.embedded_count(SPACE), catalogue.embedded_count(OTHER_SPACE)) == (1, 1)


def test_newest_first_by_the_time_it_was_taken_else_changed(
    album: Path, catalogue: Catalogue
) -> None:
    day_ns = 86_400 * 10**9
    put(catalogue, album / "old.jpg", 1, modified_ns=9 * day_ns, taken=datetime(1970, 1, 3))
    put(catalogue, album / "new.jpg", 2, modified_ns=8 * day_ns)
    put(catalogue, album / "middle.jpg", 3, modified_ns=5 * day_ns)
    put(catalogue, album / "far.jpg", 4, taken=datetime(9999, 12, 31, 23, 59, 59))
    names = [photo.path.name for photo in catalogue.photos()]
    assert names == ["far.jpg", "new.jpg", "middle.jpg", "old.jpg"]
    assert [p.path.name for p in catalogue.photos(offset=1, limit=2)] == ["new.jpg", "middle.jpg"]


@pytest.mark.parametrize("name", ["2020", "100%", "a_b", "it's", 'say "hi"', "Москва", "[x]*?"])
def test_a_scope_is_a_folder_and_nothing_beside_it(
    name: str, album: Path, catalogue: Catalogue
) -> None:
    beside = (f"{name}x", f"{name} ", f"{name}.jpg", f"{name}/", name[:-1] or "y", "A_b", "aXb")
    inside = {album / name / "1.jpg", album / name / "deep" / "2.jpg"}
    outside = {album / other / "3.jpg" for other in beside} - {album / name / "3.jpg"}
    for number, path in enumerate(sorted(inside | outside)):
        put(catalogue, path, number)
    found = catalogue.photos(Scope(album / name))
    assert {photo.path for photo in found} == inside
    assert catalogue.photo_count(Scope(album / name)) == 2
    assert catalogue.content_ids(Scope(album / name)) == sorted(photo.content_id for photo in found)


@given(st.binary(min_size=1, max_size=20).filter(lambda b: not {0, ord("/")} & set(b)))
def test_a_range_holds_exactly_what_lies_below(name: bytes) -> None:
    folder = Path(os.fsdecode(b"/x/" + name))
    first, end = range_below(folder)
    assert first <= os.fsencode(folder) + b"/a" < end
    assert first <= os.fsencode(folder) + b"/\xff\xff" < end
    assert not first <= os.fsencode(folder) + b".jpg" < end
    assert not first <= os.fsencode(folder) < end
    assert range_below(Path("/")) == (b"/", b"0")


def test_names_that_are_no_text_survive(album: Path, catalogue: Catalogue) -> None:
    path = album / os.fsdecode(b"bad\xff\n name.jpg")
    put(catalogue, path, 1)
    assert catalogue.photos()[0].path == path


def test_a_changed_file_keeps_its_photo_and_forgets_its_old_content(
    album: Path, catalogue: Catalogue
) -> None:
    before = put(catalogue, album / "a.jpg", 1)
    after = put(catalogue, album / "a.jpg", 2)
    assert after.id == before.id
    assert catalogue.content_id_of(sha(1)) is None
    assert catalogue.embedded_ids(SPACE) == [after.content_id]
    assert catalogue.is_embedded(sha(1), SPACE)
    assert catalogue.forgotten_since(0) == [before.content_id]


def test_a_moved_photo_keeps_its_id(album: Path, catalogue: Catalogue) -> None:
    before = put(catalogue, album / "a.jpg", 1)
    after = put(catalogue, album / "b.jpg", 1, moved_photo=before.id)
    assert (after.id, after.content_id) == (before.id, before.content_id)
    assert [photo.path for photo in catalogue.photos()] == [album / "b.jpg"]


def test_a_content_lives_as_long_as_one_photo_shows_it(album: Path, catalogue: Catalogue) -> None:
    first, second = put(catalogue, album / "a.jpg", 1), put(catalogue, album / "b.jpg", 1)
    assert first.content_id == second.content_id
    assert catalogue.photos_of([first.content_id]) == {first.content_id: (first, second)}
    catalogue.remove_photos([first.id])
    assert catalogue.embedded_count(SPACE) == 1
    catalogue.remove_photos([second.id])
    assert catalogue.embedded_count(SPACE) == 0
    assert put(catalogue, album / "c.jpg", 1).content_id == first.content_id
    assert catalogue.embedded_count(SPACE) == 1


def test_forgotten_contents_leave_after_a_while_and_their_ids_never_return(
    album: Path, catalogue: Catalogue
) -> None:
    photo = put(catalogue, album / "a.jpg", 1)
    catalogue.remove_photos([photo.id])
    assert catalogue.drop_forgotten(timedelta(days=1)) == []
    (gone,) = catalogue.drop_forgotten(timedelta(seconds=-1))
    assert (gone.content_id, gone.sha256) == (photo.content_id, sha(1))
    assert not catalogue.is_embedded(sha(1), SPACE)
    assert put(catalogue, album / "a.jpg", 1).content_id > photo.content_id


def test_a_path_is_a_photo_or_a_problem_never_both(album: Path, catalogue: Catalogue) -> None:
    put(catalogue, album / "a.jpg", 1)
    broken = NewProblem(album / "a.jpg", "it is broken", 5, 6, "me")
    catalogue.store(SPACE, problems=[broken])
    assert catalogue.photos() == []
    assert catalogue.problems() == [Problem(album / "a.jpg", "it is broken")]
    put(catalogue, album / "a.jpg", 1)
    assert catalogue.problems() == []
    assert catalogue.photo_count() == 1


def test_removing_a_folder_keeps_what_other_folders_show(
    tmp_path: Path, album: Path, catalogue: Catalogue
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    catalogue.add_folder(other)
    only_here = put(catalogue, album / "a.jpg", 1)
    put(catalogue, album / "b.jpg", 2)
    put(catalogue, other / "b.jpg", 2)
    catalogue.store(SPACE, problems=[NewProblem(album / "c.jpg", "broken", 1, 1, "")])
    folder = next(folder for folder in catalogue.folders() if folder.path == album)
    assert folder.photos == 2
    assert [gone.content_id for gone in catalogue.remove_folder(folder.id)] == [
        only_here.content_id
    ]
    assert [photo.path for photo in catalogue.photos()] == [other / "b.jpg"]
    assert [folder.path for folder in catalogue.folders()] == [other]
    assert catalogue.problems() == []


def test_what_only_drives_that_are_away_show_is_out_of_reach(
    album: Path, catalogue: Catalogue, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    catalogue.add_folder(other)
    put(catalogue, album / "a.jpg", 1)
    put(catalogue, album / "b.jpg", 2)
    put(catalogue, other / "copy of a.jpg", 1)
    assert catalogue.out_of_reach() == set()
    album.rename(tmp_path / "away")
    assert catalogue.out_of_reach() == {sha(2)}
    other.rename(tmp_path / "away too")
    assert catalogue.out_of_reach() == {sha(1), sha(2)}


def test_what_was_asked_before_is_asked_anew_after_a_write(
    album: Path, catalogue: Catalogue
) -> None:
    first = put(catalogue, album / "a.jpg", 1)
    assert catalogue.content_ids(Scope(album)) == [first.content_id]
    assert catalogue.waiting_count(OTHER_SPACE) == 1
    second = put(catalogue, album / "b.jpg", 2, space=OTHER_SPACE)
    assert catalogue.content_ids(Scope(album)) == [first.content_id, second.content_id]
    assert catalogue.waiting_count(OTHER_SPACE) == 1
    catalogue.remove_photos([first.id])
    assert catalogue.content_ids(Scope(album)) == catalogue.content_ids() == [second.content_id]
    assert catalogue.waiting_count(OTHER_SPACE) == 0


def test_photos_of_a_drive_that_is_away_are_kept_but_not_listed(
    tmp_path: Path, album: Path, catalogue: Catalogue
) -> None:
    photo = put(catalogue, album / "a.jpg", 1)
    album.rename(tmp_path / "away")
    assert catalogue.photos() == []
    assert catalogue.photos_of([photo.content_id]) == {}
    assert catalogue.photo_count() == 0
    (folder,) = catalogue.folders()
    assert (folder.connected, folder.photos) == (False, 1)
    (tmp_path / "away").rename(album)
    assert catalogue.photos() == [photo]


def test_a_failed_batch_leaves_nothing(album: Path, catalogue: Catalogue) -> None:
    good = NewContent(sha(1), 1, 1, "JPEG", None, a_vector(1))
    no_such_folder = Arrival(album / "a.jpg", 999, sha(1), 1, 1)
    with pytest.raises(LibraryProblem):
        catalogue.store(SPACE, contents=[good], arrivals=[no_such_folder])
    assert not catalogue.is_embedded(sha(1), SPACE)
    assert put(catalogue, album / "a.jpg", 1)


def test_many_threads_read_while_one_writes(album: Path, catalogue: Catalogue) -> None:
    stop = threading.Event()
    counts: list[int] = []

    def read() -> None:
        while not stop.is_set():
            photos = catalogue.photos()
            assert len(catalogue.embeddings([p.content_id for p in photos], SPACE)) == len(photos)
            counts.append(len(photos))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(30):
        put(catalogue, album / f"{number}.jpg", number)
    while not counts or counts[-1] < 30:
        time.sleep(0.001)
    stop.set()
    for thread in threads:
        thread.join()
    assert sorted(set(counts)) == list(dict.fromkeys(sorted(counts)))


def test_thousands_of_ids_in_one_question(album: Path, catalogue: Catalogue) -> None:
    photo = put(catalogue, album / "a.jpg", 1)
    ids: Sequence[int] = range(200_000)
    assert list(catalogue.photos_of(ids)) == [photo.content_id]
    assert list(catalogue.embeddings(ids, SPACE)) == [photo.content_id]


def test_a_newer_catalogue_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    Catalogue(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()
    with pytest.raises(LibraryProblem, match=r"newer version.*Use the newer program"):
        Catalogue(path)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    with pytest.raises(LibraryProblem, match="another program"):
        Catalogue(path)


def _garbled(path: Path) -> None:
    path.write_bytes(b"this was a database once" * 500)


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-8192])


def _scribbled_on(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096:] = b"\x5a" * (len(data) - 4096)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [_garbled, _truncated, _scribbled_on])
def test_a_damaged_file_is_named_and_left_as_it_is(
    damage: object, album: Path, catalogue: Catalogue
) -> None:
    assert callable(damage)
    for number in range(30):
        put(catalogue, album / f"{number}.jpg", number)
    catalogue.close()
    damage(catalogue.path)
    before = catalogue.path.read_bytes()
    with pytest.raises(LibraryDamaged, match=r"catalogue\.sqlite is damaged.*photos are untouched"):
        Catalogue(catalogue.path)
    assert catalogue.path.read_bytes() == before


def test_after_closing_it_says_so(album: Path, catalogue: Catalogue) -> None:
    catalogue.close()
    with pytest.raises(LibraryProblem, match="closed"):
        catalogue.photos()


def test_a_copy_of_the_file_is_a_catalogue(album: Path, catalogue: Catalogue) -> None:
    put(catalogue, album / "a.jpg", 1)
    catalogue.close()
    shutil.copy(catalogue.path, album / "copy.sqlite")
    copy = Catalogue(album / "copy.sqlite")
    assert copy.photo_count() == 1
    copy.close()
