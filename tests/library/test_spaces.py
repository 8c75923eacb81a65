"""Two spaces in one library: the second is filled from the catalogue, and either can be removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    LibraryProblem,
    ModelProblem,
    NoSpace,
    Query,
    Stage,
)
from mmsearch_desktop.library import ingest
from mmsearch_desktop.library.spaces import (
    SpaceName,
    fill_space,
    kept_spaces,
    remember,
    remove_space,
)
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.search.retrieve import retrieve
from tests.fakes import ColourEmbedder, flat_picture
from tests.library.memory_index import MemoryIndex
from tests.library.pictures import write_photo
from tests.library.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from mmsearch_desktop.domain import Progress

COLOURS = ("red", "green", "blue", "yellow", "white", "black")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Setting]:
    """With six photos, all of them in the first space."""
    setting = Setting(tmp_path)
    for colour in COLOURS:
        setting.write(f"{colour}.png", colour)
    setting.add()
    yield setting
    setting.library.close()


class Second:
    """A second model and the index of its space."""

    def __init__(self, setting: Setting, embedder: ColourEmbedder | None = None) -> None:
        self.library = setting.library
        self.embedder = embedder or ColourEmbedder(revision="2", batch_size=2)
        self.index = MemoryIndex(self.embedder.space)

    def fill(self) -> list[Progress]:
        return list(fill_space(self.library, self.index, self.embedder))

    def missing(self) -> int:
        return self.library.catalogue.waiting_count(self.embedder.space)


def test_every_photo_comes_into_the_second_space_and_the_first_stays(here: Setting) -> None:
    second = Second(here)
    *_, last = second.fill()
    assert (last.stage, last.done, last.total) == (Stage.FINISHED, 6, 6)
    assert second.index.ids == here.index.ids
    assert second.missing() == 0
    here.check()
    for embedder, index in ((here.embedder, here.index), (second.embedder, second.index)):
        found = retrieve(Query("green"), library=here.library, index=index, embedder=embedder)
        assert found.hits[0].photo.path.name == "green.png"


def test_progress_counts_photos_and_never_falls(here: Setting) -> None:
    items = Second(here).fill()
    done = [item.done for item in items]
    assert done == sorted(done)
    assert {item.total for item in items} == {6}
    assert items[0].per_second is None
    assert any(item.per_second for item in items)


def test_closed_in_between_it_goes_on_with_what_is_missing(here: Setting) -> None:
    first = Second(here)
    steps = fill_space(first.library, first.index, first.embedder)
    for item in steps:
        if item.done >= 2:
            break
    steps.close()
    left = first.missing()
    assert 0 < left <= 4
    second = Second(here)
    *_, last = second.fill()
    assert second.embedder.pictures_embedded == left
    assert (last.done, second.index.count()) == (6, 6)


def test_photos_added_meanwhile_come_into_both(here: Setting) -> None:
    second = Second(here)
    steps = fill_space(second.library, second.index, second.embedder)
    while next(steps).done < 2:
        pass
    here.write("orange.png", "orange")
    here.add()
    *_, last = steps
    assert (last.done, last.total) == (7, 7)
    assert second.index.ids == here.index.ids


def test_photos_removed_meanwhile_are_in_neither(here: Setting) -> None:
    second = Second(here)
    steps = fill_space(second.library, second.index, second.embedder)
    while next(steps).done < 4:
        pass
    (folder,) = here.library.catalogue.folders()
    ingest.forget_folder(folder.id, here.library, here.index)
    *_, last = steps
    assert (last.done, last.total) == (0, 0)
    assert second.index.ids == set()
    assert here.library.catalogue.photo_count() == 0


def test_a_photo_that_cannot_be_read_any_more_is_left_out_and_kept(here: Setting) -> None:
    (here.photos / "red.png").write_bytes(b"no photo any more")
    second = Second(here)
    *_, last = second.fill()
    assert (last.done, last.total) == (5, 6)
    assert here.library.catalogue.photo_count() == 6
    assert here.library.catalogue.problems() == []


def test_another_copy_stands_in_for_a_file_that_is_gone(here: Setting) -> None:
    (here.photos / "z.png").write_bytes((here.photos / "red.png").read_bytes())
    here.add()
    (here.photos / "red.png").unlink()
    *_, last = Second(here).fill()
    assert (last.done, last.total) == (6, 6)


def test_a_file_that_changed_since_gives_its_vector_to_no_other_content(here: Setting) -> None:
    write_photo(here.photos / "red.png", "purple")
    second = Second(here)
    *_, last = second.fill()
    assert (last.done, last.total) == (5, 6)
    vectors = here.library.catalogue.embeddings(here.index.ids, second.embedder.space)
    purple = second.embedder.embed_pictures([flat_picture("purple")])[0]
    assert max(float(vector @ purple) for vector in vectors.values()) < 0.99


class Refusing(ColourEmbedder):
    """Makes nothing of pictures from the given one on."""

    def __init__(self, error: ModelProblem, good: int) -> None:
        super().__init__(revision="bad", batch_size=2)
        self._error, self._good = error, good

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        if self.pictures_embedded >= self._good:
            raise self._error
        return super().embed_pictures(pictures)


def test_without_memory_it_stops_and_keeps_what_is_done(here: Setting) -> None:
    second = Second(here, Refusing(DeviceOutOfMemory("full"), good=2))
    with pytest.raises(DeviceOutOfMemory, match="too little free memory for Colours"):
        second.fill()
    assert second.missing() == 4
    assert second.index.count() == 2


def test_a_model_that_refuses_all_is_told(here: Setting) -> None:
    for number in range(4):
        here.write(f"{number}.png", width=20 + number)
    here.add()
    second = Second(here, Refusing(ModelProblem("broken"), good=0))
    with pytest.raises(ModelProblem, match="broken"):
        second.fill()
    assert second.missing() == 10
    here.check()


def test_on_a_full_disk_it_stops_and_keeps_what_is_done(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.write("red.png")
    setting.add()
    setting.library.close()
    with Library(tmp_path / "library", reserve_bytes=2**60) as library:
        embedder = ColourEmbedder(revision="2")
        with pytest.raises(NoSpace):
            list(fill_space(library, MemoryIndex(embedder.space), embedder))


# -- the list, and removing ----------------------------------------------------------------


def test_each_space_is_listed_with_its_name_and_size(here: Setting) -> None:
    second = Second(here)
    second.fill()
    remember(here.library, here.embedder.space, SpaceName("Colours", "colours"))
    first, other = kept_spaces(here.library)
    assert first.space == here.embedder.space
    assert first.name == SpaceName("Colours", "colours")
    assert other.name == SpaceName("colours 2", "")  # nobody noted it
    assert (first.photos, other.photos) == (6, 6)
    assert first.size_bytes == 6 * (2 * 13 + 40)


def test_names_survive_and_damage_of_them_is_no_trouble(
    here: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    for title in ("Old", "New"):
        remember(here.library, here.embedder.space, SpaceName(title, "x"))
    assert kept_spaces(here.library)[0].name.title == "New"
    (here.library.folder / "spaces.json").write_text("[1]")
    with caplog.at_level("ERROR"):
        assert kept_spaces(here.library)[0].name.title == "colours 1"
    caplog.clear()


def test_a_removed_space_is_gone_and_the_other_one_whole(here: Setting) -> None:
    second = Second(here)
    second.fill()
    remove_space(second.embedder.space, here.library, serving=here.embedder.space)
    assert [one.space for one in kept_spaces(here.library)] == [here.embedder.space]
    assert second.missing() == 6
    here.check()
    again = Second(here)
    again.fill()
    assert again.embedder.pictures_embedded == 6


def test_the_serving_space_is_never_removed(here: Setting) -> None:
    with pytest.raises(LibraryProblem, match="Use another model first"):
        remove_space(here.embedder.space, here.library, serving=here.embedder.space)
    here.check()


def test_a_removed_space_leaves_nothing_of_its_index_on_the_disk(tmp_path: Path) -> None:
    """On the real index, which is open while it is removed; another one goes on."""
    write_photo(tmp_path / "photos" / "red.png", "red")
    one, two = ColourEmbedder(), ColourEmbedder(revision="2")
    with Library(tmp_path / "library", reserve_bytes=0) as library:
        for embedder in (one, two):
            index = library.open_index(embedder.space)
            list(ingest.add_folder(tmp_path / "photos", library, index, embedder))
        assert library.index_bytes(two.space) > 0
        remove_space(two.space, library, serving=one.space)
        assert library.index_bytes(two.space) == 0
        assert not list((library.folder / "index").rglob(f"*{two.space.key}*"))
        found = retrieve(
            Query("red"), library=library, index=library.open_index(one.space), embedder=one
        )
        assert len(found.hits) == 1
    with Library(tmp_path / "library", reserve_bytes=0) as library:
        assert [kept.space for kept in kept_spaces(library)] == [one.space]


def test_the_file_gives_the_room_of_many_vectors_back(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    for number in range(12):
        setting.write(f"{number}.png", width=8 + number)
    setting.add()
    catalogue, space = setting.library.catalogue, ColourEmbedder(revision="wide").space
    wide = type(space)(space.model, space.revision, 100_000, space.preparation)
    vector = np.ones(100_000, dtype=np.float32)
    catalogue.space_table.add(wide, {photo.sha256: vector for photo in catalogue.photos()})
    before = sum(path.stat().st_size for path in setting.library.folder.glob("catalogue.sqlite*"))
    remove_space(wide, setting.library, serving=setting.embedder.space)
    after = sum(path.stat().st_size for path in setting.library.folder.glob("catalogue.sqlite*"))
    assert before - after > 2_000_000
    setting.check()
    setting.library.close()


def test_vectors_are_never_compared_with_those_of_another_model(here: Setting) -> None:
    second = Second(here)
    second.fill()
    with pytest.raises(ValueError, match="another space"):
        retrieve(Query("red"), library=here.library, index=here.index, embedder=second.embedder)
