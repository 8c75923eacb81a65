"""A person's own labelled queries: a small CSV file with the columns words, picture and wanted.

    words,picture,wanted
    phone case with this,leopard.jpg,cases/12.jpg; cases/40.jpg
    a red bag,,bags/7.jpg

The first line is the heading. Separated by commas, semicolons or tabs, whichever the heading is;
UTF-8, or the UTF-16 that spreadsheets write. A query has words, a picture, or both. Files are named
by their path from the gallery's folder, from the table's, or whole; a bare name is enough where the
gallery has only one such. Several wanted files stand in one cell, separated by semicolons, or in
several rows with the same words and picture. A row that cannot be used costs that row.
"""

from __future__ import annotations

import csv
import io
import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmsearch_desktop.domain import LabelsProblem, Problem
from mmsearch_desktop.library.scan import scan_folder
from mmsearch_desktop.search.labelled_sets import (
    BrokenRow,
    LabelledQuery,
    LabelledSet,
    QueryGroup,
    measures,
)
from mmsearch_desktop.search.metrics import Kind, Labels

_COLUMNS = ("words", "picture", "wanted")
_MOST_BYTES = 20_000_000
_BOTH, _WORDS, _PICTURE = "words and picture", "words alone", "picture alone"


def read_table(path: Path, gallery: Path | None = None) -> LabelledSet:
    """The table at `path`; the gallery is all photos below a folder, that of the table by default.

    LabelsProblem where it is no such table or no row can be used, FolderProblem for the gallery.
    """
    rows = list(_rows(path))
    folder = Path(os.path.abspath(gallery or path.parent))  # noqa: PTH100 - keeps links
    pictures, problems = _photos_below(folder)
    files = _Files(folder, Path(os.path.abspath(path.parent)), pictures)  # noqa: PTH100
    asked: dict[tuple[str, Path | None], _Asked] = {}
    for row in rows:
        try:
            one = _asked(row, files)
        except BrokenRow as error:
            problems.append(Problem(path, f"line {row.line}: {error}"))
            continue
        before = asked.get((one.words, one.picture))
        asked[one.words, one.picture] = one if before is None else before.with_wanted(one)
    if not asked:
        raise _none_usable(path, len(rows), problems)
    return LabelledSet(
        name=path.name,
        pictures=pictures,
        groups=tuple(_groups(list(asked.values()), files)),
        measures=(
            *measures(Kind.RECALL, 1, 5, 10),
            *measures(Kind.PRECISION, 10),
            *measures(Kind.GAIN, 10),
        ),
        by_content=True,
        own_stays_as_published=False,
        public=False,
        problems=tuple(problems),
    )


def _none_usable(path: Path, count: int, problems: Sequence[Problem]) -> LabelsProblem:
    if count == 0:
        return LabelsProblem(f"{path}: it has a heading but no rows. Write a row for each query.")
    reason = next(one.reason for one in problems if one.path == path)
    return LabelsProblem(f"{path}: no row of {count:,} can be used. The first: {reason}.")


# ------------------------------------------------------------------------------ the text


@dataclass(frozen=True, slots=True)
class _Row:
    """The cells of one row under the heading's names, or what is wrong with it."""

    line: int  # where it begins
    cells: Mapping[str, str]
    broken: str = ""


def _rows(path: Path) -> Iterator[_Row]:
    """All rows that are not blank. LabelsProblem where the file or its heading is unusable."""
    lines = io.StringIO(_text(path), newline="").readlines()
    separator, heading, above = _heading(path, lines)
    reader = csv.reader(lines[above:], delimiter=separator, strict=True)
    while True:
        line = above + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _Row(line, {}, _why_no_row(str(error)))
            above = line  # an unclosed quotation mark must not swallow the rows below
            reader = csv.reader(lines[above:], delimiter=separator, strict=True)
            continue
        if any(cell.strip() for cell in cells):
            yield _Row(line, dict(zip(heading, cells, strict=False)), _wrong_count(cells, heading))


def _why_no_row(error: str) -> str:
    if "unexpected end" in error:
        return "a quotation mark that opens here is never closed; close it, or write it twice"
    return f"it cannot be split into cells ({error}); write each quotation mark inside a text twice"


def _wrong_count(cells: Sequence[str], heading: Sequence[str]) -> str:
    if len(cells) <= len(heading):  # what is missing at the end is empty
        return ""
    return (
        f"it has {len(cells)} cells where the heading has {len(heading)}; put text that holds a"
        " separator between quotation marks"
    )


def _text(path: Path) -> str:
    """Bytes that are no UTF-8 stay as such, since file names may hold them."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise LabelsProblem(f"{path}: it is too large for a table of queries. Choose another.")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise LabelsProblem(f"{path}: there is no such file or folder. Check the path.") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise LabelsProblem(f"{path}: it cannot be read ({reason}). Choose a CSV file.") from error
    except ValueError as error:  # a NUL in the name
        raise LabelsProblem(f"{path}: no file can have this name. Check the path.") from error
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    return data.decode("utf-8-sig", "surrogateescape")


def _heading(path: Path, lines: Sequence[str]) -> tuple[str, list[str], int]:
    """The separator, the names of the columns, and how many lines stand before the first row."""
    first = next((number for number, line in enumerate(lines) if line.strip()), None)
    if first is None:
        raise LabelsProblem(f"{path}: it is empty. Write {','.join(_COLUMNS)} in its first line.")
    for separator in (",", ";", "\t"):
        names = [name.strip().strip('"').strip().lower() for name in lines[first].split(separator)]
        if "wanted" in names and {"words", "picture"} & set(names):
            if len(set(names) & set(_COLUMNS)) != sum(name in _COLUMNS for name in names):
                raise LabelsProblem(f"{path}: line {first + 1} names a column twice. Rename one.")
            return separator, names, first + 1
    raise LabelsProblem(
        f"{path}: line {first + 1} does not name the columns {', '.join(_COLUMNS)}. Write"
        f" {','.join(_COLUMNS)} there, and a row for each query below."
    )


# ------------------------------------------------------------------------------ the files


def _photos_below(folder: Path) -> tuple[dict[str, Path], list[Problem]]:
    found: dict[str, Path] = {}
    problems = []
    for one in scan_folder(folder):
        if isinstance(one, Problem):
            problems.append(one)
        else:
            found[str(one.path)] = one.path
    if not found:
        raise LabelsProblem(
            f"{folder}: no photos lie there. Name the folder that holds them with --gallery FOLDER."
        )
    return found, problems


class _Files:
    """Finds the files that a table names."""

    def __init__(self, gallery: Path, beside: Path, photos: Mapping[str, Path]) -> None:
        self._folders = (gallery, beside)
        self._gallery = gallery
        self.photos = photos
        self._by_name: dict[str, list[str]] = {}
        for one, path in photos.items():
            self._by_name.setdefault(_composed(path.name), []).append(one)
        self._composed = {_composed(one): one for one in photos}

    def photo(self, named: str) -> str:
        """The id of a photo of the gallery. BrokenRow where there is none, or more than one."""
        for folder in self._folders:
            path = os.path.normpath(os.path.join(folder, named))  # noqa: PTH118 - any text
            found = path if path in self.photos else self._composed.get(_composed(path))
            if found is not None:
                return found
        same = self._by_name.get(_composed(named), [])
        if len(same) == 1:
            return same[0]
        if same:
            raise BrokenRow(
                f"“{named}” is the name of {len(same)} photos; write its path from {self._gallery}"
            )
        raise BrokenRow(
            f"“{named}” is no photo below {self._gallery}; correct its name, or choose the folder"
            " with --gallery"
        )

    def picture(self, named: str) -> Path:
        """A query picture, in the gallery or not."""
        try:
            return self.photos[self.photo(named)]
        except BrokenRow as error:
            for folder in self._folders:
                path = Path(os.path.normpath(folder / named))
                if _is_file(path):
                    return path
            if len(self._by_name.get(_composed(named), [])) > 1:
                raise
            raise BrokenRow(f"there is no picture “{named}”; correct its name") from error


def _composed(name: str) -> str:
    """macOS may give "é" as two characters where a table has one."""
    return unicodedata.normalize("NFC", name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no permission on the way; a NUL in the name
        return False


# ---------------------------------------------------------------------------- the queries


@dataclass(frozen=True, slots=True)
class _Asked:
    line: int
    words: str
    picture: Path | None
    wanted: frozenset[str]

    def with_wanted(self, other: _Asked) -> _Asked:
        return _Asked(self.line, self.words, self.picture, self.wanted | other.wanted)


def _asked(row: _Row, files: _Files) -> _Asked:
    if row.broken:
        raise BrokenRow(row.broken)
    words, named, wanted = (row.cells.get(name, "").strip() for name in _COLUMNS)
    if any("\ud800" <= character <= "\udfff" for character in words):
        raise BrokenRow("its words are no UTF-8 text; save the table as CSV in UTF-8")
    if not words and not named:
        raise BrokenRow("it asks nothing; give words, a picture, or both")
    picture = files.picture(named) if named else None
    found = frozenset(_wanted(wanted, files))
    if not found:
        raise BrokenRow("it wants nothing; name the files that should be found")
    if picture is not None and str(picture) in found:
        raise BrokenRow(
            "it wants its own query picture, which is always left out; name other files"
        )
    return _Asked(row.line, words, picture, found)


def _wanted(cell: str, files: _Files) -> Iterator[str]:
    """Of one cell: a file whose name may hold a semicolon, or several between semicolons."""
    if ";" in cell:
        try:
            yield files.photo(cell)
        except BrokenRow:
            for part in cell.split(";"):
                if part.strip():
                    yield files.photo(part.strip())
    elif cell:
        yield files.photo(cell)


def _groups(asked: Sequence[_Asked], files: _Files) -> Iterator[QueryGroup]:
    """By what they ask with, since only equal kinds can be compared."""
    for name in (_BOTH, _WORDS, _PICTURE):
        queries = tuple(_query(one, files) for one in asked if _kind_of(one) == name)
        if queries:
            yield QueryGroup(name, queries, tuple(files.photos))


def _kind_of(asked: _Asked) -> str:
    if asked.picture is None:
        return _WORDS
    return _BOTH if asked.words else _PICTURE


def _query(asked: _Asked, files: _Files) -> LabelledQuery:
    own = str(asked.picture) if asked.picture is not None else None
    return LabelledQuery(
        id=f"line {asked.line}",
        words=asked.words,
        picture=asked.picture,
        own=own if own in files.photos else None,
        labels=Labels(asked.wanted, asked.wanted),
    )
