"""What may be passed on holds no name of a photo or folder, and still says what went wrong."""

from __future__ import annotations

import logging
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import UnreadablePhoto
from mmsearch_desktop.library.decode import SUFFIXES
from mmsearch_desktop.ui.private_text import (
    error_text,
    logged_text,
    names_in,
    stand_in,
    without_names,
)

# Names that no sentence below holds by chance: each begins and ends with a letter of no other use.
_LETTERS = st.characters(
    exclude_characters="/\\\0\n\r", exclude_categories=["Cs", "Zl", "Zp", "Cc"]
)
_NAMES = st.text(_LETTERS | st.sampled_from(" :.,'\"()<>"), max_size=12).map(
    lambda text: f"Ж{text}Ж"
)
_PATHS = st.lists(_NAMES, min_size=1, max_size=4)
_PHOTOS = st.tuples(_PATHS, st.sampled_from(sorted(SUFFIXES)))
_SENTENCES = (
    "{}",
    "{}: cannot be read",
    "cannot open {} for reading",
    "ValueError: '{}' is no picture",
    'the file "{}" (JPEG) is cut off: {}',
    "2026-11-23 02:40:00,123 WARNING mmsearch.library: {}: a write failed",
)


@given(
    photo=_PHOTOS, sentence=st.sampled_from(_SENTENCES), root=st.sampled_from(["/", "C:\\", "~/"])
)
def test_no_part_of_a_path_is_left(photo: tuple[list[str], str], sentence: str, root: str) -> None:
    parts, suffix = photo
    path = root + ("\\" if "\\" in root else "/").join(parts) + suffix
    said = without_names(sentence.replace("{}", path))
    assert "Ж" not in said
    assert without_names(said) == said


@given(name=_NAMES, suffix=st.sampled_from(sorted(SUFFIXES)), sentence=st.sampled_from(_SENTENCES))
def test_no_name_of_a_photo_is_left(name: str, suffix: str, sentence: str) -> None:
    assert "Ж" not in without_names(sentence.replace("{}", name + suffix.upper()))


@given(parts=st.lists(st.text(min_size=1).map(lambda text: f"Ж{text}Ж"), min_size=1, max_size=3))
def test_a_name_known_by_its_type_may_hold_anything(parts: list[str]) -> None:
    path = Path("/", *(part.replace("\0", "") for part in parts))
    record = logging.LogRecord(
        "x", logging.WARNING, "", 0, "%s: %s", (path, OSError(2, "gone", str(path))), None
    )
    assert "Ж" not in logged_text(record, ())
    assert "Ж" not in error_text(UnreadablePhoto(path, "cut off"), ())


@given(text=st.text())
def test_any_text_can_be_cleaned_twice_as_well_as_once(text: str) -> None:
    once = without_names(text)
    assert without_names(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "CPU/GPU and/or nothing, 3 / 4 of it",
        "see https://example.org/a/b",
        "index 12 is out of bounds for axis 0 with size 3",
        '  File "mmsearch_desktop/ui/app.py", line 3, in run',
        "Fatal Python error: Segmentation fault",
        "Current thread 0x00007f7 (most recent call first):",
    ],
)
def test_what_holds_no_name_stays_as_it_is(text: str) -> None:
    assert without_names(text) == text


def test_the_reason_is_left_where_the_photo_is_known() -> None:
    path = Path("/home/anna/My photos: 1/Tom & Eve.jpg")
    said = error_text(UnreadablePhoto(path, "it is cut off"), ())
    assert said.endswith(f"{stand_in(str(path))}: it is cut off")


def test_places_in_code_are_told_without_where_they_are_installed() -> None:
    lines = (
        '  File "/home/anna/venv/lib/python3.11/site-packages/PIL/Image.py", line 3 in open\n'
        '  File "C:\\Users\\Anna\\app\\_internal\\mmsearch_desktop\\ui\\app.py", line 4, in run\n'
        '  File "/usr/lib/python3.11/threading.py", line 5 in run'
    )
    assert without_names(lines) == (
        '  File "site-packages/PIL/Image.py", line 3 in open\n'
        '  File "mmsearch_desktop/ui/app.py", line 4, in run\n'
        '  File "threading.py", line 5 in run'
    )


def test_folders_of_the_library_are_names_wherever_they_stand() -> None:
    said = without_names("KeyError: 'Wedding'", [PurePosixPath("/home/anna/Wedding")])
    assert said == f"KeyError: '{stand_in('/home/anna/Wedding')}'"


def test_the_same_name_has_the_same_stand_in() -> None:
    assert stand_in("a/b.jpg") == stand_in("a/b.jpg") != stand_in("a/c.jpg")
    assert stand_in("a/b.JPG").endswith(", jpg>")


def test_files_are_found_in_causes_and_groups() -> None:
    inner = FileNotFoundError(2, "gone", "/a/inner.jpg", None, "/a/other.jpg")
    group = ExceptionGroup("two", [UnreadablePhoto(Path("/a/grouped.jpg"), "cut"), inner])
    outer = ValueError("bad", Path("/a/argument.jpg"))
    outer.__cause__ = group
    group.__context__ = outer  # a ring
    names = {PurePosixPath(name).stem for name in names_in(outer)}
    assert names == {"inner", "other", "grouped", "argument"}


def test_a_log_line_that_does_not_fit_its_arguments_is_no_trouble() -> None:
    record = logging.LogRecord(
        "x", logging.WARNING, "", 0, "all of %(what)s", ({"what": "it"},), None
    )
    assert logged_text(record, ()) == "all of it"
