"""The `demo` command, as in a packaged app whose sample model is a tiny one of random weights."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mmsearch_desktop import cli, settings
from mmsearch_desktop.models.offers import SAMPLE_LABEL
from mmsearch_desktop.models.visualized_bge import convert
from tests.library.pictures import write_photo
from tests.models.answering_phi3 import write_answering_phi3
from tests.models.tiny_visualized_bge import write_tiny_model

NAMES = ("leopard in a meadow", "city", "leopard mug", "city at night")


@pytest.fixture
def resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Without anything in them."""
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "app"), raising=False)
    folder = settings.resources_folder()
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def samples(resources: Path) -> Path:
    convert(write_tiny_model(resources / "sample_model"))
    photos = resources / "sample_photos"
    photos.mkdir()
    for name, colour in zip(NAMES, ("orange", "blue", "brown", "black"), strict=True):
        write_photo(photos / f"{name}.jpg", colour)
    return photos


def test_a_program_without_samples_says_so(
    resources: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["demo"]) == 1
    assert f"are not in {resources}" in capsys.readouterr().err


def test_three_questions_are_asked_and_answered_with_reasons(
    samples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["demo", "--hits", "2"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0] == SAMPLE_LABEL
    assert lines[1].startswith("4 sample photos in ")
    for heading in (
        "leopard in a meadow + “phone case with this”",
        "“blue striped mug”",
        "city + “at night”",
    ):
        assert heading in lines
    hits = [line for line in lines if line.endswith(".jpg")]
    assert len(hits) == 6
    assert sum(", picture " in line and ", together " in line for line in lines) == 4
    assert not settings.data_folder().exists()  # the person's own library is left alone


def test_a_library_that_is_named_is_kept_and_labelled_at_each_search(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = str(tmp_path / "library")
    assert cli.main(["demo", "--library", library, "--hits", "1"]) == 0
    common = ["--library", library, "--embedder", "sample"]
    capsys.readouterr()
    assert cli.main(["search", "--text", "leopard mug", "--limit", "1", *common]) == 0
    done = capsys.readouterr()
    assert SAMPLE_LABEL in done.err
    assert len(done.out.splitlines()) == 1
    assert cli.main(["models", "list", "--embedder", "sample"]) == 0
    assert "sample  (here, in use)" in capsys.readouterr().out


def test_a_sample_judge_says_why(samples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_answering_phi3(samples.parent / "sample_judge")
    assert cli.main(["demo", "--hits", "1"]) == 0
    done = capsys.readouterr()
    assert "Sample judge: " in done.err
    said = ("yes", "no", "neither")  # what a model of random weights answers, is chance
    reasons = [line for line in done.out.splitlines() if "%" in line or "neither" in line]
    assert all(any(word in line for word in said) for line in reasons)
    assert len(reasons) >= 3
