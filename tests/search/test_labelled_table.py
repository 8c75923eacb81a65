"""A person's own table: what is understood, and that each broken row is named and costs itself."""

from __future__ import annotations

import csv
import io
import os
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import FolderProblem, LabelsProblem
from mmsearch_desktop.search.labelled_table import read_table
from tests.library.pictures import write_photo
from tests.search.labelled_folders import GALLERY, write_gallery, write_table

if TYPE_CHECKING:
    from mmsearch_desktop.search.labelled_sets import LabelledQuery, LabelledSet


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return write_gallery(tmp_path)


def queries(labelled: LabelledSet) -> list[LabelledQuery]:
    return [query for group in labelled.groups for query in group.queries]


def wanted(query: LabelledQuery) -> set[str]:
    assert query.labels.wanted == query.labels.targets
    return {Path(one).name for one in query.labels.wanted}


def reasons(labelled: LabelledSet) -> list[str]:
    return [problem.reason for problem in labelled.problems]


def test_the_three_kinds_of_queries(place: Path) -> None:
    table = write_table(
        place / "mine.csv",
        "in blue,red.png,blue.png; purple.png",
        "something green,,green.png",
        ",black.png,white.png",
    )
    labelled = read_table(table)
    groups = {group.name: group for group in labelled.groups}
    assert list(groups) == ["words and picture", "words alone", "picture alone"]
    (both,) = groups["words and picture"].queries
    assert (both.id, both.words, both.picture) == ("line 2", "in blue", place / "red.png")
    assert both.own == str(place / "red.png")
    assert wanted(both) == {"blue.png", "purple.png"}
    (words,) = groups["words alone"].queries
    assert (words.id, words.words, words.picture, words.own) == (
        "line 3", "something green", None, None,
    )  # fmt: skip
    (picture,) = groups["picture alone"].queries
    assert (picture.words, picture.picture) == ("", place / "black.png")
    assert len(labelled.pictures) == len(GALLERY) + 3
    assert (labelled.by_content, labelled.public, reasons(labelled)) == (True, False, [])


@pytest.mark.parametrize(
    ("heading", "row"),
    [
        ("words,picture,wanted", '"red, or blue",red.png,blue.png'),
        ("words;picture;wanted", '"red, or blue";red.png;blue.png'),
        ("words;picture;wanted", 'red, or blue;red.png;"blue.png;blue.png"'),
        ("words\tpicture\twanted", "red, or blue\tred.png\tblue.png"),
        ("wanted,picture,note,Words", 'blue.png,red.png,"made up","red, or blue"'),
        (' "WORDS" , Picture ,wanted', '"red, or blue",red.png,blue.png'),
        ("wanted,words,picture", 'blue.png, " red, or blue " ,red.png'.replace(' "', '"')
         .replace('" ', '"')),
    ],
)  # fmt: skip
def test_headings_and_separators(place: Path, heading: str, row: str) -> None:
    (query,) = queries(read_table(write_table(place / "mine.csv", row, heading=heading)))
    assert (query.words, query.picture, wanted(query)) == (
        "red, or blue", place / "red.png", {"blue.png"},
    )  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(place: Path, encoding: str, end: str) -> None:
    text = f"words,picture,wanted{end}gr\u00fcn \u2028 \U0001f33f,,green.png{end}"
    mark = "\ufeff" if encoding.endswith("e") else ""
    (place / "mine.csv").write_bytes((mark + text).encode(encoding))
    (query,) = queries(read_table(place / "mine.csv"))
    assert (query.id, query.words) == ("line 2", "gr\u00fcn \u2028 \U0001f33f")


def test_rows_of_the_same_query_are_one(place: Path) -> None:
    table = write_table(
        place / "mine.csv", "red,,red.png", "", "green,,green.png", " red ,,orange.png", ",,"
    )
    first, second = queries(read_table(table))
    assert (first.id, wanted(first)) == ("line 2", {"red.png", "orange.png"})
    assert (second.id, wanted(second)) == ("line 4", {"green.png"})


def test_words_may_go_over_several_lines(place: Path) -> None:
    table = write_table(place / "mine.csv", '"red', 'and green",,red.png', "blue,,nothing.png")
    labelled = read_table(table)
    (query,) = queries(labelled)
    assert query.words == "red\nand green"
    assert reasons(labelled)[0].startswith("line 4: ")


def test_files_are_found_from_the_gallery_the_table_or_anywhere(tmp_path: Path) -> None:
    gallery = write_gallery(tmp_path / "photos")
    elsewhere = write_photo(tmp_path / "tables" / "asked.png", "navy")
    table = write_table(
        tmp_path / "tables" / "mine.csv",
        f"a,asked.png,{gallery / 'red.png'}",
        "b,../photos/green.png,one/same.png",
        "c,red.png,red again.png",
        f"d,{elsewhere},copies/../blue.png",
    )
    labelled = read_table(table, gallery)
    a, b, c, d = queries(labelled)
    assert (a.picture, a.own, wanted(a)) == (elsewhere, None, {"red.png"})
    assert b.own == str(gallery / "green.png")
    assert b.labels.wanted == {str(gallery / "one" / "same.png")}
    assert c.labels.wanted == {str(gallery / "copies" / "red again.png")}
    assert (d.picture, wanted(d)) == (elsewhere, {"blue.png"})
    assert reasons(labelled) == []


def test_a_name_with_a_semicolon_is_a_name(place: Path) -> None:
    write_photo(place / "a;b.png", "navy")
    table = write_table(place / "mine.csv", "x,,a;b.png", "y,,red.png;blue.png;")
    x, y = queries(read_table(table))
    assert (wanted(x), wanted(y)) == ({"a;b.png"}, {"red.png", "blue.png"})


def test_composed_and_decomposed_names_are_the_same(place: Path) -> None:
    name = unicodedata.normalize("NFD", "caf\u00e9.png")
    write_photo(place / name, "navy")
    table = write_table(place / "mine.csv", "x,,caf\u00e9.png")
    (query,) = queries(read_table(table))
    assert query.labels.wanted == {str(place / name)}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are no text")
def test_names_that_are_no_text(place: Path) -> None:
    name = os.fsdecode(b"gr\xfcn.png")
    write_photo(place / name, "green")
    (place / "mine.csv").write_bytes(
        b"words,picture,wanted\ngreen,,gr\xfcn.png\ngr\xfcn,,red.png\n"
    )
    labelled = read_table(place / "mine.csv")
    (query,) = queries(labelled)
    assert query.labels.wanted == {str(place / name)}
    assert reasons(labelled) == [
        "line 3: its words are no UTF-8 text; save the table as CSV in UTF-8"
    ]


BROKEN = [
    (",,red.png", "it asks nothing; give words, a picture, or both"),
    ("red", "it wants nothing; name the files that should be found"),
    ("red,, ; ;", "it wants nothing"),
    ("red,,scarlet.png", "“scarlet.png” is no photo below "),
    ("red,,red.png;scarlet.png", "“scarlet.png” is no photo below "),
    ("red,,same.png", "“same.png” is the name of 2 photos; write its path from "),
    ("red,nothing.png,red.png", "there is no picture “nothing.png”; correct its name"),
    ("red,same.png,red.png", "“same.png” is the name of 2 photos"),
    ("red,copies,red.png", "there is no picture “copies”"),
    ("red,red.png,red.png;blue.png", "it wants its own query picture"),
    ("red, bright,,red.png", "it has 4 cells where the heading has 3"),
    ('red,"red.png"x,blue.png', "it cannot be split into cells"),
    ('red,,"blue.png', "a quotation mark that opens here is never closed"),
    ("red,nothing\0.png,red.png", "there is no picture"),
    ("red,,nothing\0.png", "is no photo below"),
    (f"{'red ' * 40_000},,red.png", "it cannot be split into cells"),
]


@pytest.mark.parametrize(("row", "told"), BROKEN)
def test_a_broken_row_costs_itself(place: Path, row: str, told: str) -> None:
    table = write_table(place / "mine.csv", "above,,red.png", row, "below,,blue.png")
    labelled = read_table(table)
    assert [query.words for query in queries(labelled)] == ["above", "below"]
    (problem,) = labelled.problems
    assert problem.path == table
    assert problem.reason.startswith("line 3: ")
    assert told in problem.reason


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is empty"),
        ("\n\n", "it is empty"),
        ("red,,red.png\n", "line 1 does not name the columns words, picture, wanted"),
        ("words,picture\nred,\n", "line 1 does not name the columns"),
        ("wanted\nred.png\n", "line 1 does not name the columns"),
        ("\nwords,wanted,words\n", "line 2 names a column twice"),
        ("words,picture,wanted\n", "a heading but no rows"),
        ("words,wanted\n,\nred,\n,\nblue,\n", "no row of 2 can be used. The first: line 3: "),
        ("\x89PNG\r\n\x1a\n" * 9, "does not name the columns"),
    ],
)
def test_a_table_that_is_none(place: Path, text: str, told: str) -> None:
    (place / "mine.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(LabelsProblem, match=r"mine\.csv") as raised:
        read_table(place / "mine.csv")
    assert told in str(raised.value)


def test_places_that_cannot_be_read(place: Path, tmp_path: Path) -> None:
    with pytest.raises(LabelsProblem, match="there is no such file"):
        read_table(place / "nothing.csv")
    with pytest.raises(LabelsProblem, match="cannot be read"):
        read_table(place / "copies")
    table = write_table(tmp_path / "empty" / "mine.csv", "red,,red.png")
    with pytest.raises(LabelsProblem, match=r"no photos lie there.*--gallery"):
        read_table(table)
    with pytest.raises(FolderProblem, match="no such folder"):
        read_table(table, tmp_path / "nowhere")


def test_photos_of_other_formats_are_named(place: Path) -> None:
    (place / "raw.cr2").write_bytes(b"")
    table = write_table(place / "mine.csv", "red,,red.png")
    (problem,) = read_table(table).problems
    assert problem.path.name == "raw.cr2"


def test_unclosed_quotation_marks_do_not_swallow_the_rest(place: Path) -> None:
    rows = [f"row {number},,red.png" for number in range(50)]
    rows[10] = '"row 10,,red.png'
    labelled = read_table(write_table(place / "mine.csv", *rows))
    assert len(queries(labelled)) == 49
    assert [reason[:8] for reason in reasons(labelled)] == ["line 12:"]


cells = st.text(max_size=12) | st.sampled_from(["red.png", "blue.png", '"', ",", ";", "a;b"])


@given(st.lists(st.lists(cells, max_size=5), max_size=8), st.sampled_from(",;\t"), st.booleans())
def test_any_rows_are_read_or_named(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    separator: str,
    quoted: bool,
) -> None:
    """The good rows above and below are read, whatever a spreadsheet or a person writes between."""
    folder = tmp_path_factory.getbasetemp() / "any table"
    if not folder.exists():
        write_gallery(folder)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL)
    writer.writerow(["words", "picture", "wanted"])
    writer.writerow(["the first", "", "red.png"])
    for row in rows:
        if quoted:
            writer.writerow(row)
        else:
            text.write(separator.join(row) + "\n")
    if quoted:  # else an open quotation mark may reach the last row and take it along
        writer.writerow(["the last", "", "blue.png"])
    path = folder / "mine.csv"
    path.write_bytes(text.getvalue().encode("utf-8", "replace"))
    labelled = read_table(path)
    found = {query.words for query in queries(labelled)}
    assert "the first" in found
    assert "the last" in found or not quoted
    if quoted:
        blank = sum(not any(cell.strip() for cell in row) for row in rows)
        assert len(found) + len(labelled.problems) <= 2 + len(rows) - blank
    for problem in labelled.problems:
        assert problem.path == path
        assert problem.reason.startswith("line ")


@given(st.binary(max_size=200))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "any bytes"
    if not folder.exists():
        write_gallery(folder)
    path = folder / "mine.csv"
    path.write_bytes(b"words,picture,wanted\nred,,red.png\n" + data)
    assert queries(read_table(path))[0].words == "red"
    path.write_bytes(data)
    with pytest.raises(LabelsProblem):
        read_table(path)
