"""The public layouts are read as their authors describe them; what is broken is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import LabelsProblem
from mmsearch_desktop.search.labelled_sets import (
    LabelledQuery,
    LabelledSet,
    Wording,
    first_queries,
    read_folder,
    wording_of,
)
from mmsearch_desktop.search.metrics import Labels
from tests.search.labelled_folders import (
    GALLERY,
    circo_entry,
    circo_id,
    cirr_entry,
    cirr_name,
    fashion_entry,
    write_circo,
    write_cirr,
    write_fashioniq,
    write_json,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


def only(labelled: LabelledSet) -> LabelledQuery:
    (group,) = labelled.groups
    (query,) = group.queries
    return query


def names(labelled: LabelledSet) -> list[str]:
    return [measure.name for measure in labelled.measures]


# CIRCO -----------------------------------------------------------------------------------------


def test_circo(tmp_path: Path) -> None:
    labelled = read_folder(write_circo(tmp_path))
    place = tmp_path / "COCO2017_unlabeled" / "unlabeled2017"
    assert set(labelled.pictures.values()) == set(place.iterdir())
    query = only(labelled)
    own, target, also = (str(circo_id(one)) for one in ("red", "blue", "purple"))
    assert (query.id, query.own, query.picture) == ("0", own, labelled.pictures[own])
    assert query.labels == Labels(frozenset({target, also}), frozenset({target}))
    assert names(labelled)[:4] == ["mAP@5", "mAP@10", "mAP@25", "mAP@50"]
    assert labelled.groups[0].gallery == tuple(labelled.pictures)
    assert (labelled.problems, labelled.notices) == ((), ())
    assert (labelled.by_content, labelled.own_stays_as_published) == (False, True)


def test_wordings_as_published(tmp_path: Path) -> None:
    query = only(read_folder(write_circo(tmp_path)))
    assert query.said(Wording.PLAIN) == "is blue"
    asked = "Find a picture that also a flat colour, but is blue."
    assert query.said(Wording.BGE_VL) == asked
    assert query.said(Wording.MAGICLENS) == "find a flat colour but is blue"


@pytest.mark.parametrize(
    ("model", "wording"),
    [
        ("bge-vl", Wording.BGE_VL),
        ("magiclens-base", Wording.MAGICLENS),
        ("bge-visualized-base-en", Wording.PLAIN),
        ("plain", Wording.PLAIN),
    ],
)
def test_wording_goes_by_the_model(model: str, wording: Wording) -> None:
    assert wording_of(model) is wording


def test_circo_with_pictures_missing_says_so(tmp_path: Path) -> None:
    folder = write_circo(tmp_path / "set", [circo_entry(0), circo_entry(1)])
    pictures = tmp_path / "elsewhere"
    (folder / "COCO2017_unlabeled" / "unlabeled2017").rename(pictures)
    (pictures / f"{circo_id('green'):012}.jpg").unlink()
    labelled = read_folder(folder, pictures)
    assert len(labelled.pictures) == len(GALLERY) - 1
    (notice,) = labelled.notices
    assert notice.startswith("1 of 8 pictures are not in ")
    assert "do not compare with published figures" in notice


def test_test_part_has_no_answers(tmp_path: Path) -> None:
    """CIRCO's test entries in place of the validation ones: each lacks what is wanted."""
    entries = [circo_entry(0), circo_entry(1)]
    for entry in entries:
        del entry["gt_img_ids"], entry["target_img_id"]
    with pytest.raises(LabelsProblem, match=r"val\.json: no entry of 2 can be used.*gt_img_ids"):
        read_folder(write_circo(tmp_path, entries))


# CIRR ------------------------------------------------------------------------------------------


def test_cirr(tmp_path: Path) -> None:
    query = only(labelled := read_folder(write_cirr(tmp_path)))
    target = frozenset({cirr_name("blue")})
    others = frozenset(cirr_name(one) for one in ("yellow", "black", "purple"))
    assert query.labels == Labels(target, target, members=target | others)
    assert (query.id, query.words, query.own) == ("12060", "make it blue", cirr_name("red"))
    assert labelled.pictures[cirr_name("blue")].is_file()
    assert {"R@1", "R_subset@1", "R_subset@2", "R_subset@3"} <= set(names(labelled))
    assert not labelled.own_stays_as_published


@pytest.mark.parametrize(
    ("folder", "pictures"), [("cirr", ".."), ("data/cirr", "img_raw"), (".", ".")]
)
def test_cirr_in_all_its_places(tmp_path: Path, folder: str, pictures: str) -> None:
    write_cirr(tmp_path / folder, pictures=pictures)
    assert only(read_folder(tmp_path)).id == "12060"


def test_cirr_with_pictures_elsewhere(tmp_path: Path) -> None:
    write_cirr(tmp_path / "set")
    (tmp_path / "set" / "img_raw").rename(tmp_path / "nlvr2")
    assert len(read_folder(tmp_path / "set", tmp_path / "nlvr2").pictures) == len(GALLERY)
    with pytest.raises(LabelsProblem, match=r"img_raw: the set's pictures .*--gallery"):
        read_folder(tmp_path / "set")


# FashionIQ -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pictures", "suffix"), [("images", ".png"), ("images", ".jpg"), ("resized_images/{}", ".jpg")]
)
def test_fashioniq(tmp_path: Path, pictures: str, suffix: str) -> None:
    labelled = read_folder(write_fashioniq(tmp_path, pictures=pictures, suffix=suffix))
    assert [group.name for group in labelled.groups] == ["dress", "shirt", "toptee"]
    for group in labelled.groups:
        assert group.gallery == tuple(group.name + colour for colour in GALLERY)
        (query,) = group.queries
        assert query.own == f"{group.name}red"
        assert query.labels.wanted == query.labels.targets == {f"{group.name}blue"}
        assert query.said(Wording.PLAIN) == "is blue and has less red"
        assert query.said(Wording.BGE_VL) == "is blue, and has less red"
        assert query.said(Wording.MAGICLENS) == "is blue and has less red"
    assert names(labelled)[:2] == ["R@10", "R@50"]
    assert len(labelled.pictures) == 3 * len(GALLERY)
    assert labelled.notices == ()


def test_fashioniq_of_one_kind_has_another_mean(tmp_path: Path) -> None:
    labelled = read_folder(write_fashioniq(tmp_path, {"shirt": [fashion_entry("shirt")]}))
    assert [group.name for group in labelled.groups] == ["shirt"]
    assert labelled.notices == (
        "Without dress, toptee: the mean is not the one that is published.",
    )


# what is broken --------------------------------------------------------------------------------

BROKEN_CIRCO: list[tuple[object, str]] = [
    (7, "it is no record; fetch the file again"),
    ({"id": 9}, "(id 9): it has no “gt_img_ids”"),
    (circo_entry(9, reference_img_id="red"), "(id 9): its “reference_img_id” is 'red', no number"),
    (circo_entry(9, reference_img_id=True), "its “reference_img_id” is True, no number"),
    (circo_entry(9, relative_caption=" "), "its “relative_caption” is empty"),
    (circo_entry(9, gt_img_ids=None), "its “gt_img_ids” is None, no list"),
    (circo_entry(9, gt_img_ids=[77, 78]), "its picture 77 and 1 more is not in "),
    (circo_entry(9, gt_img_ids=[circo_id("red")]), "it wants its own query picture"),
]


@pytest.mark.parametrize(("broken", "told"), BROKEN_CIRCO)
def test_a_broken_entry_costs_itself(tmp_path: Path, broken: object, told: str) -> None:
    folder = write_circo(tmp_path, [circo_entry(0), broken, circo_entry(2)])
    labelled = read_folder(folder)
    assert [query.id for query in labelled.groups[0].queries] == ["0", "2"]
    (problem,) = labelled.problems
    assert problem.path == folder / "annotations" / "val.json"
    assert problem.reason.startswith("entry 2")
    assert told in problem.reason


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (cirr_entry(9, img_set={"id": 1}), "(pairid 9): it has no “members”"),
        (cirr_entry(9, target_hard=cirr_name("green")), "is not in its own set"),
        (cirr_entry(9, reference="nobody"), "its picture nobody is not in "),
        (cirr_entry(9, reference=cirr_name("blue")), "it wants its own query picture"),
    ],
)
def test_a_broken_entry_of_cirr(tmp_path: Path, broken: object, told: str) -> None:
    labelled = read_folder(write_cirr(tmp_path, [cirr_entry(), broken]))
    assert only(labelled).id == "12060"
    assert told in labelled.problems[0].reason


@pytest.mark.parametrize("captions", [[], ["", " "], "is blue", None])
def test_a_broken_entry_of_fashioniq(tmp_path: Path, captions: object) -> None:
    entries = [fashion_entry("dress", captions=captions), fashion_entry("dress")]
    labelled = read_folder(write_fashioniq(tmp_path, {"dress": entries}))
    assert only(labelled).id == "dressred dressblue"
    assert labelled.problems[0].reason.startswith("entry 1 (candidate dressred): ")


@given(entries=st.lists(json_values, max_size=4), broken_key=json_values, which=st.integers(0, 6))
def test_any_json_is_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Any], broken_key: Any, which: int
) -> None:
    """Whatever stands there: the good entry is read, and each other one read or named."""
    folder = tmp_path_factory.getbasetemp() / "any circo"
    if not folder.exists():
        write_circo(folder)
    one = circo_entry(1)
    one[list(one)[which]] = broken_key
    write_json(folder / "annotations" / "val.json", [circo_entry(0), one, *entries])
    labelled = read_folder(folder)
    assert len(labelled.groups[0].queries) + len(labelled.problems) == 2 + len(entries)
    assert labelled.groups[0].queries[0].id == "0"


WRITERS: list[tuple[Callable[[Path], Path], str]] = [
    (write_circo, "annotations/val.json"),
    (write_circo, "COCO2017_unlabeled/annotations/image_info_unlabeled2017.json"),
    (write_cirr, "captions/cap.rc2.val.json"),
    (write_cirr, "image_splits/split.rc2.val.json"),
    (write_fashioniq, "captions/cap.dress.val.json"),
    (write_fashioniq, "image_splits/split.dress.val.json"),
]


@pytest.mark.parametrize(("write", "file"), WRITERS)
@pytest.mark.parametrize("text", ["", "{", "[[[", "7", '"text"', "{}", "[]", "[" * 100_000])
def test_a_broken_file_is_named(
    tmp_path: Path, write: Callable[[Path], Path], file: str, text: str
) -> None:
    folder = write(tmp_path)
    (folder / file).write_text(text)
    with pytest.raises(LabelsProblem, match=r"val\.json|unlabeled|images"):
        read_folder(folder)


@pytest.mark.parametrize(("write", "file"), WRITERS)
def test_a_missing_file_is_named(tmp_path: Path, write: Callable[[Path], Path], file: str) -> None:
    folder = write(tmp_path)
    (folder / file).unlink()
    if file == "captions/cap.dress.val.json":
        assert [group.name for group in read_folder(folder).groups] == ["shirt", "toptee"]
        return
    with pytest.raises(LabelsProblem, match=r"missing|no file|no labelled set"):
        read_folder(folder)


def test_a_picture_list_with_a_broken_entry(tmp_path: Path) -> None:
    folder = write_circo(tmp_path)
    listed = folder / "COCO2017_unlabeled" / "annotations" / "image_info_unlabeled2017.json"
    write_json(listed, {"images": [*json.loads(listed.read_text())["images"], {"id": 3}]})
    with pytest.raises(LabelsProblem, match="an entry of its picture list is broken: it has no"):
        read_folder(folder)


@pytest.mark.parametrize(
    ("write", "pictures"),
    [
        (write_circo, "COCO2017_unlabeled/unlabeled2017"),
        (write_cirr, "img_raw"),
        (write_fashioniq, "images"),
    ],
)
def test_no_pictures_is_said(tmp_path: Path, write: Callable[[Path], Path], pictures: str) -> None:
    folder = write(tmp_path)
    shutil.rmtree(folder / pictures)
    with pytest.raises(LabelsProblem, match="the set's pictures are not there"):
        read_folder(folder)
    (folder / pictures).mkdir()
    with pytest.raises(LabelsProblem, match="the set's pictures are not there"):
        read_folder(folder)


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(LabelsProblem, match=r"CIRCO has annotations/val\.json; CIRR has"):
        read_folder(tmp_path)


def test_first_queries_keep_the_gallery(tmp_path: Path) -> None:
    labelled = read_folder(write_circo(tmp_path, [circo_entry(number) for number in range(5)]))
    few = first_queries(labelled, 2)
    assert [query.id for query in few.groups[0].queries] == ["0", "1"]
    assert few.groups[0].gallery == labelled.groups[0].gallery
    assert few.notices == ("Only the first 2 queries of each group are asked; 3 are not.",)
    assert first_queries(labelled, 5) == labelled
