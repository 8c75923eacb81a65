"""Queries whose right answers are known, and CIRCO, CIRR and FashionIQ folders read as such.

A row that cannot be used costs that row: it becomes a Problem that names its file, its entry, the
fact and the remedy. The validation part is read, the only one whose answers are public. No picture
is opened here. A person's own table: `search.labelled_table`.

Layouts, as their authors describe them: github.com/miccunifi/CIRCO, Cuberick-Orion/CIRR and
XiaoxiaoGuo/fashion-iq. Wordings, as published with the models' figures: FlagEmbedding's BGE-VL
(`research/BGE_VL/eval/data`) and google-deepmind/magiclens (`data_utils.py`).
"""

from __future__ import annotations

import dataclasses
import enum
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmsearch_desktop.domain import LabelsProblem, Problem
from mmsearch_desktop.search.metrics import Kind, Labels, Measure

_SUFFIXES = (".png", ".jpg", ".jpeg")  # of FashionIQ's pictures, whose names come without
_COMPLETE_IT = "put it there, or leave the row out"


class Wording(enum.StrEnum):
    """How the parts of a public set's query are put into words."""

    PLAIN = "plain"  # CIRCO: the change alone, as its authors do; FashionIQ: joined by "and"
    BGE_VL = "bge-vl"
    MAGICLENS = "magiclens"


def wording_of(model: str) -> Wording:
    """The one that a model's figures were published with; `model` as its vectors' space has it."""
    found = (one for one in Wording if one is not Wording.PLAIN and model.startswith(one))
    return next(found, Wording.PLAIN)


@dataclass(frozen=True, slots=True)
class LabelledQuery:
    """A query and what it should find. Pictures of the gallery go by their ids."""

    id: str  # in its set; "line 3" in a table
    words: str  # "" : a picture alone
    picture: Path | None
    own: str | None  # the query picture's id, where it is in the gallery itself
    labels: Labels
    published: Mapping[Wording, str] = field(default_factory=dict)  # where it differs from `words`

    def said(self, wording: Wording) -> str:
        return self.published.get(wording, self.words)


@dataclass(frozen=True, slots=True)
class QueryGroup:
    """Queries that are measured together, and the pictures they are looked for in."""

    name: str
    queries: tuple[LabelledQuery, ...]
    gallery: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """All that a measurement needs besides an embedder."""

    name: str
    pictures: Mapping[str, Path]  # every gallery's, by id
    groups: tuple[QueryGroup, ...]
    measures: tuple[Measure, ...]  # first the one that it is known by
    by_content: bool  # equal files are one picture, as in the app
    own_stays_as_published: bool  # published figures: the query picture stays in the gallery
    public: bool
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()


def first_queries(labelled: LabelledSet, most: int) -> LabelledSet:
    """With no more than the first `most` queries of each group; the galleries stay whole."""
    groups = tuple(
        dataclasses.replace(group, queries=group.queries[:most]) for group in labelled.groups
    )
    left_out = sum(len(group.queries) for group in labelled.groups) - sum(
        len(group.queries) for group in groups
    )
    notice = f"Only the first {most:,} queries of each group are asked; {left_out:,} are not."
    notices = (*labelled.notices, notice) if left_out else labelled.notices
    return dataclasses.replace(labelled, groups=groups, notices=notices)


class BrokenRow(Exception):
    """One row that cannot be used; its text is the fact and the remedy."""


def measures(kind: Kind, *depths: int) -> tuple[Measure, ...]:
    return tuple(Measure(kind, depth) for depth in depths)


def read_folder(folder: Path, pictures: Path | None = None) -> LabelledSet:
    """A public set by its own layout; `pictures` where they do not lie in it.

    LabelsProblem where it is none of them, is not complete, or has no row that can be used.
    """
    for looks, read in _LAYOUTS:
        home = next((home for home in _homes(folder) if list(home.glob(looks))), None)
        if home is not None:
            return read(home, pictures)
    kinds = "; ".join(f"{name} has {looks}" for name, looks in _LOOKS.items())
    raise LabelsProblem(
        f"{folder}: no labelled set that is known here ({kinds}). Choose its folder, or a CSV file."
    )


def _homes(folder: Path) -> Iterator[Path]:
    yield folder
    yield from (folder / "cirr", folder / "data" / "cirr")  # as CIRR's own page has it made


# ------------------------------------------------------------------------------------- CIRCO


def _read_circo(folder: Path, pictures: Path | None) -> LabelledSet:
    home = folder / "COCO2017_unlabeled"
    listed = _entries(home / "annotations" / "image_info_unlabeled2017.json", "images")
    place = pictures or home / "unlabeled2017"
    there = _names_in(place)
    names = dict(_circo_picture(one, home) for one in listed)
    gallery = {one: place / name for one, name in names.items() if name in there}
    path = folder / "annotations" / "val.json"
    queries, problems = _read_rows(
        path, _entries(path), "id", lambda entry: _circo_query(entry, gallery, place)
    )
    return LabelledSet(
        name="CIRCO, validation",
        pictures=gallery,
        groups=(QueryGroup("", queries, tuple(gallery)),),
        measures=(
            *measures(Kind.PRECISION, 5, 10, 25, 50),
            *measures(Kind.RECALL, 1, 5, 10),
            *measures(Kind.GAIN, 10),
        ),
        by_content=False,
        own_stays_as_published=True,
        public=True,
        problems=problems,
        notices=tuple(_incomplete(len(gallery), len(names), place)),
    )


def _circo_picture(entry: Any, home: Path) -> tuple[str, str]:
    try:
        return str(_value(entry, "id", int)), _value(entry, "file_name", str)
    except BrokenRow as error:
        raise LabelsProblem(f"{home}: an entry of its picture list is broken: {error}.") from error


def _circo_query(entry: Any, gallery: Mapping[str, Path], place: Path) -> LabelledQuery:
    wanted = frozenset(str(one) for one in _value(entry, "gt_img_ids", list))
    target, own = (str(_value(entry, name, int)) for name in ("target_img_id", "reference_img_id"))
    change, shared = (_words(entry, name) for name in ("relative_caption", "shared_concept"))
    _check_there({own, target, *wanted}, gallery, place)
    _check_not_wanted(own, wanted | {target})
    return LabelledQuery(
        id=str(_value(entry, "id", int)),
        words=change,
        picture=gallery[own],
        own=own,
        labels=Labels(wanted | {target}, frozenset({target})),
        published={
            Wording.BGE_VL: f"Find a picture that also {shared}, but {change}.",
            Wording.MAGICLENS: f"find {shared} but {change}",
        },
    )


# -------------------------------------------------------------------------------------- CIRR


def _read_cirr(folder: Path, pictures: Path | None) -> LabelledSet:
    path = _newest(folder / "captions", "cap.*.val.json")
    split = _newest(folder / "image_splits", "split.*.val.json")
    places = _json(split)
    texts = isinstance(places, dict) and all(isinstance(one, str) for one in places.values())
    if not places or not texts:
        raise LabelsProblem(f"{split}: it is no list of pictures and places. Fetch it again.")
    roots = [pictures] if pictures else [folder / "img_raw", folder, folder.parent]
    root = next((root for root in roots if _any_there(root, places.values())), roots[0])
    gallery = {one: root / place for one, place in places.items() if (root / place).is_file()}
    if not gallery:
        raise _no_pictures(root)
    queries, problems = _read_rows(
        path, _entries(path), "pairid", lambda entry: _cirr_query(entry, gallery, root)
    )
    return LabelledSet(
        name="CIRR, validation",
        pictures=gallery,
        groups=(QueryGroup("", queries, tuple(gallery)),),
        measures=(
            *measures(Kind.RECALL, 1, 5, 10, 50),
            *measures(Kind.SUBSET, 1, 2, 3),
            *measures(Kind.PRECISION, 10),
            *measures(Kind.GAIN, 10),
        ),
        by_content=False,
        own_stays_as_published=False,
        public=True,
        problems=problems,
        notices=tuple(_incomplete(len(gallery), len(places), root)),
    )


def _cirr_query(entry: Any, gallery: Mapping[str, Path], place: Path) -> LabelledQuery:
    own, target = (_value(entry, name, str) for name in ("reference", "target_hard"))
    listed = _value(_value(entry, "img_set", dict), "members", list)
    members = frozenset(str(one) for one in listed) - {own}
    _check_there({own, target, *members}, gallery, place)
    _check_not_wanted(own, {target})
    if target not in members:
        raise BrokenRow(f"its wanted picture {target} is not in its own set; fetch the file again")
    return LabelledQuery(
        id=str(_value(entry, "pairid", int)),
        words=_words(entry, "caption"),
        picture=gallery[own],
        own=own,
        labels=Labels(frozenset({target}), frozenset({target}), members),
    )


def _any_there(root: Path, places: Iterable[str]) -> bool:
    return any((root / place).is_file() for place in list(places)[:20])


# --------------------------------------------------------------------------------- FashionIQ

_FASHION_KINDS = ("dress", "shirt", "toptee")


def _read_fashioniq(folder: Path, pictures: Path | None) -> LabelledSet:
    kinds = [one for one in _FASHION_KINDS if (folder / f"captions/cap.{one}.val.json").is_file()]
    read = [_fashion_kind(folder, kind, pictures) for kind in kinds]
    notices = [notice for one in read for notice in one.notices]
    if len(kinds) < len(_FASHION_KINDS):
        missing = ", ".join(one for one in _FASHION_KINDS if one not in kinds)
        notices.append(f"Without {missing}: the mean is not the one that is published.")
    return LabelledSet(
        name="FashionIQ, validation",
        pictures={id_: path for one in read for id_, path in one.pictures.items()},
        groups=tuple(one.group for one in read),
        measures=(
            *measures(Kind.RECALL, 10, 50, 1, 5),
            *measures(Kind.PRECISION, 10),
            *measures(Kind.GAIN, 10),
        ),
        by_content=False,
        own_stays_as_published=True,
        public=True,
        problems=tuple(problem for one in read for problem in one.problems),
        notices=tuple(notices),
    )


@dataclass(frozen=True, slots=True)
class _FashionKind:
    group: QueryGroup
    pictures: Mapping[str, Path]
    problems: tuple[Problem, ...]
    notices: tuple[str, ...]


def _fashion_kind(folder: Path, kind: str, pictures: Path | None) -> _FashionKind:
    split = folder / "image_splits" / f"split.{kind}.val.json"
    names = [str(one) for one in _entries(split)]
    usual = (folder / "images", folder / "resized_images" / kind)
    place = pictures or next((one for one in usual if one.is_dir()), usual[0])
    there = _names_in(place)
    files = ((name, _with_suffix(name, there)) for name in names)
    gallery = {name: place / file for name, file in files if file is not None}
    path = folder / "captions" / f"cap.{kind}.val.json"
    queries, problems = _read_rows(
        path, _entries(path), "candidate", lambda entry: _fashion_query(entry, gallery, place)
    )
    notices = tuple(_incomplete(len(gallery), len(set(names)), place))
    return _FashionKind(QueryGroup(kind, queries, tuple(gallery)), gallery, problems, notices)


def _with_suffix(name: str, there: Collection[str]) -> str | None:
    return next((name + suffix for suffix in _SUFFIXES if name + suffix in there), None)


def _fashion_query(entry: Any, gallery: Mapping[str, Path], place: Path) -> LabelledQuery:
    own, target = (_value(entry, name, str) for name in ("candidate", "target"))
    captions = [str(one).strip() for one in _value(entry, "captions", list)]
    captions = [one for one in captions if one]
    if not captions:
        raise BrokenRow("it has no words; fetch the file again, or leave the row out")
    _check_there({own, target}, gallery, place)
    _check_not_wanted(own, {target})
    return LabelledQuery(
        id=f"{own} {target}",
        words=" and ".join(captions),
        picture=gallery[own],
        own=own,
        labels=Labels(frozenset({target}), frozenset({target})),
        published={Wording.BGE_VL: ", and ".join(captions)},
    )


_LAYOUTS: tuple[tuple[str, Callable[[Path, Path | None], LabelledSet]], ...] = (
    ("annotations/val.json", _read_circo),
    ("captions/cap.rc*.val.json", _read_cirr),
    ("captions/cap.*.val.json", _read_fashioniq),
)
_LOOKS = {
    "CIRCO": "annotations/val.json",
    "CIRR": "captions/cap.rc2.val.json",
    "FashionIQ": "captions/cap.dress.val.json",
}

# ------------------------------------------------------------------- what the readers share


def _read_rows(
    path: Path, entries: Sequence[Any], key: str, read: Callable[[Any], LabelledQuery]
) -> tuple[tuple[LabelledQuery, ...], tuple[Problem, ...]]:
    """The queries of all entries that can be used, and a Problem for each other one."""
    queries, problems = [], []
    for number, entry in enumerate(entries, start=1):
        try:
            queries.append(read(entry))
        except BrokenRow as error:
            name = f" ({key} {entry[key]})" if isinstance(entry, dict) and key in entry else ""
            problems.append(Problem(path, f"entry {number:,}{name}: {error}"))
    if not queries:
        first = f" The first: {problems[0].reason}." if problems else ""
        raise LabelsProblem(f"{path}: no entry of {len(entries):,} can be used.{first}")
    return tuple(queries), tuple(problems)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise LabelsProblem(f"{path}: this file is missing. Put it there.") from error
    except OSError as error:
        raise LabelsProblem(f"{path}: it cannot be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:
        raise LabelsProblem(f"{path}: it is no JSON ({error}). Fetch it again.") from error


def _entries(path: Path, name: str | None = None) -> list[Any]:
    """The list that a file is, or has under `name`."""
    found = _json(path)
    if name is not None and isinstance(found, dict):
        found = found.get(name)
    if not isinstance(found, list):
        raise LabelsProblem(f"{path}: it holds no list of entries. Fetch it again.")
    return found


def _newest(folder: Path, pattern: str) -> Path:
    """The last by name: versions are called rc1, rc2."""
    found = sorted(folder.glob(pattern))
    if not found:
        raise LabelsProblem(f"{folder}: there is no file {pattern}. Put it there.")
    return found[-1]


def _names_in(folder: Path) -> frozenset[str]:
    try:
        with os.scandir(folder) as entries:  # one look, not one for each of 123,403 pictures
            names = frozenset(entry.name for entry in entries)
    except OSError as error:
        raise _no_pictures(folder) from error
    if not names:
        raise _no_pictures(folder)
    return names


def _no_pictures(folder: Path) -> LabelsProblem:
    return LabelsProblem(
        f"{folder}: the set's pictures are not there. Put them there, or name their folder with"
        " --gallery FOLDER."
    )


def _incomplete(found: int, listed: int, place: Path) -> Iterator[str]:
    if found < listed:
        yield (
            f"{listed - found:,} of {listed:,} pictures are not in {place}. A smaller gallery is"
            " an easier one: do not compare with published figures."
        )


def _value(entry: Any, name: str, kind: type) -> Any:
    """A part of an entry. BrokenRow where it is not there or of another kind."""
    if not isinstance(entry, dict):
        raise BrokenRow("it is no record; fetch the file again")
    if name not in entry:
        raise BrokenRow(f"it has no “{name}”; fetch the file again, or leave the row out")
    value = entry[name]
    if type(value) is not kind:
        raise BrokenRow(f"its “{name}” is {value!r:.60}, no {_KINDS[kind]}; fetch the file again")
    return value


_KINDS = {int: "number", str: "text", list: "list", dict: "record"}


def _words(entry: Any, name: str) -> str:
    words = str(_value(entry, name, str)).strip()
    if not words:
        raise BrokenRow(f"its “{name}” is empty; fetch the file again, or leave the row out")
    return words


def _check_there(ids: Collection[str], gallery: Mapping[str, Path], place: Path) -> None:
    missing = sorted(one for one in ids if one not in gallery)
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise BrokenRow(f"its picture {missing[0]}{more} is not in {place}; {_COMPLETE_IT}")


def _check_not_wanted(own: str, wanted: Collection[str]) -> None:
    if own in wanted:
        raise BrokenRow("it wants its own query picture; leave the row out")
