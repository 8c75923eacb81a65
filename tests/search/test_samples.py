"""The sample photos that this program comes with, and what is asked of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop.search.samples import Example, examples_of, find_samples, folder_name
from mmsearch_desktop.settings import resources_folder

if TYPE_CHECKING:
    import pytest


def test_the_folder_is_called_by_what_it_is() -> None:
    assert folder_name(Path("/opt/app/resources/sample_photos")) == "Sample photos"
    assert folder_name(Path("/home/anna/sample_photos")) == "sample_photos"
    assert folder_name(Path("/")) == str(Path("/"))


def test_a_program_without_them_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)  # as in a packaged app
    assert find_samples() is None
    (tmp_path / "resources" / "sample_photos").mkdir(parents=True)
    assert find_samples() is None


def test_every_example_has_its_picture_among_the_photos() -> None:
    examples = examples_of(resources_folder() / "sample_photos")
    assert len(examples) == 3
    for example in examples:
        assert example.picture is None or example.picture.is_file()
        query = example.query(7)
        assert (query.words, query.limit) == (example.words, 7)
        assert (query.picture is None) == (example.picture is None)


def test_an_example_reads_as_a_person_would_say_it() -> None:
    assert Example("red mug").text == "“red mug”"
    assert Example("at night", Path("a/city.jpg")).text == "city + “at night”"
