"""What the doctor finds, from facts given to each check and on libraries made here."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mmsearch_desktop.doctor import (
    PACKAGES,
    Check,
    State,
    check_embedder,
    check_library,
    check_package,
    check_pkg_resources,
    check_pyside,
    check_server,
    check_space,
    check_window,
    examine,
)
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.scope import Scope
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.settings import Settings
from tests.fakes import ColourEmbedder
from tests.library.pictures import write_photo
from tests.models.tiny_visualized_bge import write_tiny_model

GB = 10**9


def _only(checks: list[Check], topic: str) -> Check:
    (check,) = [check for check in checks if check.topic == topic]
    return check


@pytest.mark.parametrize(
    ("python", "version", "state"),
    [
        ((3, 11), "6.11.3", State.OK),
        ((3, 11), "6.12.0", State.WRONG),
        ((3, 11), "7.0", State.WRONG),
        ((3, 12), "6.12.0", State.OK),
        ((3, 11), None, State.OK),  # that it is missing, another check says
    ],
)
def test_pyside_that_kills_python_3_11(
    python: tuple[int, int], version: str | None, state: State
) -> None:
    check = check_pyside(python, version)
    assert check.state is state
    assert ("<6.12" in check.remedy) == (state is State.WRONG)


def test_every_package_that_is_needed_is_looked_at() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    names = {re.split("[<>=;]", line)[0] for line in project["project"]["dependencies"]}
    assert set(PACKAGES) == names - {"setuptools"}  # of which only pkg_resources is needed


def test_missing_package() -> None:
    assert check_package("torch", "2.13.0").fact == "torch 2.13.0"
    missing = check_package("torch", None)
    assert missing.state is State.WRONG
    assert missing.remedy.endswith("-m pip install torch")


def test_missing_pkg_resources() -> None:
    assert check_pkg_resources(present=True).state is State.OK
    assert '"setuptools<81"' in check_pkg_resources(present=False).remedy


@pytest.mark.parametrize(
    ("free", "state"),
    [(100 * GB, State.OK), (2 * GB, State.WARNING), (GB // 5, State.WRONG)],
)
def test_space(free: int, state: State) -> None:
    check = check_space(Path("library"), free)
    assert check.state is state
    assert bool(check.remedy) == (state is not State.OK)


def test_window_is_tried_in_a_process_of_its_own() -> None:
    program = (
        "import sys; from mmsearch_desktop.doctor import check_window; check = check_window()\n"
        "print(check.state, 'PySide6' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "ok False\n", done


def test_python_without_qt() -> None:
    check = check_window(python=str(Path("no") / "such" / "python"))
    assert check.state is State.WRONG
    assert "python" in check.fact
    assert "libxcb-cursor0" in check.remedy


def test_embedder(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "tiny")
    assert check_embedder(str(model), tmp_path).state is State.OK
    empty = check_embedder(str(tmp_path), tmp_path)
    assert empty.state is State.WRONG
    assert "holds no model that is known here" in empty.fact
    unknown = check_embedder("clip-9", tmp_path)
    assert unknown.state is State.WRONG
    assert "bge-visualized-base-en" in unknown.fact
    missing = check_embedder("bge-visualized-base-en", tmp_path)
    assert missing.state is State.WRONG
    assert str(tmp_path) in missing.fact
    assert "models download bge-visualized-base-en" in missing.remedy


def test_library_that_is_not_made_yet(tmp_path: Path) -> None:
    (check,) = check_library(tmp_path / "library")
    assert check.state is State.OK
    assert not (tmp_path / "library").exists()


def test_library_with_photos(tmp_path: Path) -> None:
    embedder = ColourEmbedder()
    write_photo(tmp_path / "photos" / "red.png", "red")
    write_photo(tmp_path / "photos" / "red copy.png", "red")
    with Library(tmp_path / "library") as library:
        index = library.open_index(embedder.space)
        list(add_folder(tmp_path / "photos", library, index, embedder))
        index.close()
    checks = list(check_library(tmp_path / "library"))
    assert _only(checks, "library").fact.endswith("2 photos; folders: 1")
    assert _only(checks, "index") == Check("index", State.OK, "colours (app-1): 1 of 1 vectors")


def test_index_that_lacks_vectors(tmp_path: Path) -> None:
    embedder = ColourEmbedder()
    write_photo(tmp_path / "photos" / "red.png", "red")
    with Library(tmp_path / "library") as library:
        index = library.open_index(embedder.space)
        list(add_folder(tmp_path / "photos", library, index, embedder))
        index.remove(library.catalogue.content_ids(Scope(tmp_path / "photos")))
        index.close()
    check = _only(list(check_library(tmp_path / "library")), "index")
    assert (check.state, check.fact) == (State.WARNING, "colours (app-1): 0 of 1 vectors")
    assert "rebuilds it" in check.remedy


def test_library_that_is_in_use(tmp_path: Path) -> None:
    with Library(tmp_path / "library"):
        (check,) = check_library(tmp_path / "library")
    assert check.state is State.WARNING
    assert "Close the other program" in check.remedy


def test_damaged_library(tmp_path: Path) -> None:
    folder = tmp_path / "library"
    with Library(folder) as library:
        catalogue = library.catalogue.path
    catalogue.write_bytes(b"not a catalogue" * 1000)
    counts, notice = check_library(folder)
    assert (counts.state, notice.state) == (State.OK, State.WARNING)
    assert "was damaged" in notice.fact
    assert str(folder) in notice.fact


def test_library_that_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (check,) = check_library(tmp_path / "file" / "library")
    assert check.state is State.WRONG
    assert "cannot be reached" in check.fact


def test_everything_is_examined(tmp_path: Path) -> None:
    checks = list(
        examine(library=tmp_path / "a" / "library", embedder=str(tmp_path), models_folder=tmp_path)
    )
    topics = {check.topic for check in checks}
    assert topics >= {"program", "package", "window", "disk", "device", "embedder", "library"}
    assert all(check.remedy for check in checks if check.state is not State.OK)
    assert not (tmp_path / "a").exists()


def test_no_server_is_looked_for_where_none_is_set(tmp_path: Path) -> None:
    assert check_server(Settings(), tmp_path) == (None, [])


@pytest.mark.parametrize(
    ("address", "fact"),
    [("127.0.0.1:1", "nothing listens at that port"), ("a b", "is no address of a server")],
)
def test_a_server_that_cannot_be_used(address: str, fact: str, tmp_path: Path) -> None:
    _, (check,) = check_server(Settings(milvus_address=address), tmp_path)
    assert check.state is State.WRONG
    assert fact in check.fact
    assert "server local" in check.remedy
