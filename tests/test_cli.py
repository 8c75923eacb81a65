"""The commands on real stores with a tiny model of random weights: what they print and return."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mmsearch_desktop import cli
from mmsearch_desktop.library.stores import Library
from tests.library.pictures import write_photo
from tests.models.tiny_visualized_bge import DIMENSIONS, write_tiny_model

COLOURS = ("red", "green", "blue", "yellow", "black")


@dataclass(frozen=True)
class Place:
    """A tiny model, a folder of photos, and a library in which they are indexed."""

    model: Path
    photos: Path
    library: Path

    @property
    def common(self) -> list[str]:
        return ["--library", str(self.library), "--embedder", str(self.model)]


@dataclass(frozen=True)
class Done:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> Done:
        capsys.readouterr()
        status = cli.main([str(argument) for argument in arguments])
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Place:
    folder = tmp_path_factory.mktemp("place")
    for colour in COLOURS:
        write_photo(folder / "photos" / f"{colour}.png", colour)
    write_photo(folder / "photos" / "more" / "red again.png", "red")
    place = Place(model, folder / "photos", folder / "library")
    assert cli.main(["index", str(place.photos), *place.common]) == 0
    return place


# index ---------------------------------------------------------------------------------------


def test_index_again_changes_nothing(run: Run, place: Place) -> None:
    done = run("index", place.photos, "--json", *place.common)
    assert (done.status, done.json.pop("seconds") >= 0) == (0, True)
    assert {key: value for key, value in done.json.items() if key != "seconds"} == {
        "photos": 6,
        "indexed": 0,
        "unchanged": 6,
        "moved": 0,
        "removed": 0,
        "unreadable": [],
    }


def test_index_lists_what_it_cannot_read(run: Run, model: Path, tmp_path: Path) -> None:
    write_photo(tmp_path / "photos" / "red.png", "red")
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no photo")
    common = ["--library", tmp_path / "library", "--embedder", model]
    done = run(*common, "index", tmp_path / "photos", "--json")
    assert done.status == 0
    assert (done.json["photos"], done.json["indexed"]) == (1, 1)
    (problem,) = done.json["unreadable"]
    assert problem["path"] == str(tmp_path / "photos" / "broken.jpg")
    assert problem["reason"]
    told = run(*common, "index", tmp_path / "photos")
    assert "1 photos; 0 indexed, 1 unchanged" in told.out
    assert "unreadable: " in told.out
    assert "broken.jpg" in told.out


def test_index_of_several_folders_gives_sums_and_each(
    run: Run, model: Path, tmp_path: Path
) -> None:
    write_photo(tmp_path / "a" / "red.png", "red")
    write_photo(tmp_path / "b" / "green.png", "green")
    write_photo(tmp_path / "b" / "blue.png", "blue")
    done = run(
        "index", tmp_path / "a", tmp_path / "b", "--json",
        "--library", tmp_path / "library", "--embedder", model,
    )  # fmt: skip
    assert (done.json["photos"], done.json["indexed"]) == (3, 3)
    each = {one["folder"]: one["photos"] for one in done.json["folders"]}
    assert each == {str(tmp_path / "a"): 1, str(tmp_path / "b"): 2}


def test_index_of_a_folder_without_photos(run: Run, model: Path, tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "letter.txt").write_text("Dear Ada")
    (tmp_path / "empty").mkdir()
    common = ["--library", tmp_path / "library", "--embedder", model]
    done = run("index", tmp_path / "papers", tmp_path / "empty", "--json", *common)
    assert (done.status, done.json["photos"]) == (0, 0)
    for name in ("papers", "empty"):
        assert f"{tmp_path / name}: no photos were found" in done.err
    assert ".heic .heics" in done.err


@pytest.mark.parametrize("name", ["nowhere", "file.txt"])
def test_index_of_what_is_no_folder(run: Run, place: Place, tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("no folder")
    done = run("index", tmp_path / name, *place.common)
    assert (done.status, done.out) == (1, "")
    assert str(tmp_path / name) in done.err


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are of another kind there")
def test_index_of_a_folder_that_may_not_be_read(run: Run, place: Place, plain_folder: Path) -> None:
    locked = plain_folder / "locked"
    locked.mkdir(mode=0)
    done = run("index", locked, *place.common)
    assert (done.status, done.out) == (1, "")
    assert f"{locked}: reading this folder is not permitted" in done.err
    locked.chmod(0o700)


def test_index_without_the_model_makes_no_library(run: Run, place: Place, tmp_path: Path) -> None:
    for model in ("bge-visualized-m3", "no-such-model", tmp_path, "~nobody-of-this-name/model"):
        done = run("index", place.photos, "--library", tmp_path / "library", "--embedder", model)
        assert (done.status, done.out) == (1, ""), model
        assert str(model) in done.err
    assert not (tmp_path / "library").exists()


def test_index_onto_a_full_disk(run: Run, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))
    done = run("index", place.photos, *place.common)
    assert (done.status, done.out) == (1, "")
    assert "only 1 MB are free on this disk" in done.err
    found = run("search", "--text", "red", "--json", *place.common)  # needs no room
    assert (found.status, len(found.json["hits"])) == (0, 5)


def test_library_that_is_in_use(run: Run, place: Place) -> None:
    with Library(place.library):
        done = run("search", "--text", "red", *place.common)
    assert (done.status, done.out) == (1, "")
    assert str(place.library) in done.err


def test_damaged_library(
    run: Run, place: Place, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Library(tmp_path / "library") as library:
        catalogue = library.catalogue.path
    catalogue.write_bytes(b"not a catalogue" * 1000)
    done = run("index", place.photos, "--library", tmp_path / "library", "--embedder", place.model)
    assert done.status == 0
    assert "was damaged" in caplog.text
    assert str(tmp_path / "library") in caplog.text


# search --------------------------------------------------------------------------------------


def test_search_by_words(run: Run, place: Place) -> None:
    done = run("search", "--text", "red bag", "--json", *place.common)
    hits = done.json["hits"]
    assert (done.status, set(done.json), done.err) == (0, {"hits"}, "")
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4, 5]
    assert all(set(hit) == {"rank", "path", "score"} for hit in hits)
    assert hits == sorted(hits, key=lambda hit: -hit["score"])


def test_search_for_people(run: Run, place: Place) -> None:
    done = run("search", "--text", "red bag", "--limit", 2, *place.common)
    first, second = done.out.splitlines()
    assert first.split()[0] == "1"
    assert second.split()[0] == "2"
    assert str(place.photos) in first


def test_search_with_a_photo_of_the_library(run: Run, place: Place) -> None:
    search = ["search", "--image", place.photos / "red.png", "--json", *place.common]
    done = run(*search)
    names = {Path(hit["path"]).name for hit in done.json["hits"]}
    assert names == {"green.png", "blue.png", "yellow.png", "black.png"}
    assert "query picture itself (2 copies) is left out" in done.err
    shown = run(*search, "--show-query-picture").json["hits"][0]
    assert Path(shown["path"]).name in {"red.png", "red again.png"}
    assert shown["score"] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("mode", ["composed", "sum", "text", "picture"])
def test_search_with_both_in_every_mode(run: Run, place: Place, mode: str) -> None:
    done = run(
        "search", "--text", "blue", "--image", place.photos / "red.png", "--mode", mode,
        "--limit", 3, "--json", *place.common,
    )  # fmt: skip
    assert (done.status, len(done.json["hits"])) == (0, 3)


def test_search_in_a_folder(run: Run, place: Place) -> None:
    more = place.photos / "more"
    done = run("search", "--text", "red", "--folder", more, "--json", *place.common)
    assert [hit["path"] for hit in done.json["hits"]] == [str(more / "red again.png")]


def test_search_of_certain_days(run: Run, model: Path, tmp_path: Path) -> None:
    for year in (2019, 2020):
        taken = f"{year}:06:01 12:00:00"
        write_photo(tmp_path / "photos" / f"{year}.jpg", "red", (year % 10 + 8, 8), taken=taken)
    common = ["--library", tmp_path / "library", "--embedder", model]
    run("index", tmp_path / "photos", *common)
    asked = ["search", "--text", "red", "--json", *common]
    for days, names in (
        (["--since", "2020"], ["2020.jpg"]),
        (["--until", "2019-06"], ["2019.jpg"]),
        (["--since", "2018", "--until", "2018-12-31"], []),
    ):
        done = run(*asked, *days)
        assert [Path(hit["path"]).name for hit in done.json["hits"]] == names
    assert "No photos of the library are from 2018." in done.err
    assert "Swap the two" in run(*asked, "--since", "2020", "--until", "2019").err


def test_search_of_an_empty_library_needs_no_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "library").mkdir()
    done = run("search", "--text", "red", "--json", "--library", tmp_path / "library")
    assert (done.status, done.json) == (0, {"hits": []})
    assert "holds no photos yet" in done.err


def test_search_while_the_only_drive_is_away(run: Run, model: Path, tmp_path: Path) -> None:
    write_photo(tmp_path / "drive" / "red.png", "red")
    common = ["--library", tmp_path / "library", "--embedder", model]
    run("index", tmp_path / "drive", *common)
    (tmp_path / "drive").rename(tmp_path / "unplugged")
    done = run("search", "--text", "red", "--json", *common)
    assert (done.status, done.json) == (0, {"hits": []})
    assert done.err == f"Not searched, since the drive is not connected: {tmp_path / 'drive'}.\n"


def test_search_of_a_library_that_is_not_there(run: Run, tmp_path: Path) -> None:
    done = run("search", "--text", "red", "--library", tmp_path / "libary")
    assert done.status == 1
    assert "libary: there is no library" in done.err
    assert not (tmp_path / "libary").exists()


def test_empty_words(run: Run, place: Place) -> None:
    done = run("search", "--text", " ", *place.common)
    assert (done.status, done.out) == (1, "")
    assert "The query is empty" in done.err


def test_query_picture_that_is_none(run: Run, place: Place, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("milk, bread")
    done = run("search", "--image", tmp_path / "notes.jpg", *place.common)
    assert (done.status, done.out) == (1, "")
    assert "notes.jpg cannot be used as the query picture" in done.err


def test_over_long_words_are_told(run: Run, place: Place) -> None:
    done = run("search", "--text", "red bag " * 100, "--json", *place.common)
    assert (done.status, len(done.json["hits"])) == (0, 5)
    assert done.err.strip()


def test_name_that_is_no_valid_text(
    model: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    name = os.fsencode(tmp_path / "photos") + b"/red\xff\x1b[2J.png"
    write_photo(tmp_path / "photos" / "red.png", "red").rename(os.fsdecode(name))
    common = ["--library", tmp_path / "library", "--embedder", model]
    assert cli.main([str(word) for word in ("index", tmp_path / "photos", *common)]) == 0
    capfdbinary.readouterr()
    assert cli.main([str(word) for word in ("search", "--text", "red", *common)]) == 0
    assert b"red\xff\\x1b[2J.png" in capfdbinary.readouterr().out
    assert cli.main([str(word) for word in ("search", "--text", "red", "--json", *common)]) == 0
    (hit,) = json.loads(capfdbinary.readouterr().out)["hits"]
    assert os.fsencode(hit["path"]) == name


# embed ---------------------------------------------------------------------------------------


def test_embed(run: Run, place: Place) -> None:
    words = run("embed", "--text", "red bag", "--json", "--embedder", place.model).json
    assert set(words) == {"model", "dimensions", "embedding"}
    assert (type(words["model"]), words["dimensions"]) == (str, DIMENSIONS)
    assert sum(number**2 for number in words["embedding"]) == pytest.approx(1)
    both = run(
        "embed", "--text", "red bag", "--image", place.photos / "red.png", "--preparation",
        "official", "--json", "--embedder", place.model,
    ).json  # fmt: skip
    assert both["embedding"] != words["embedding"]
    plain = run("embed", "--text", "red bag", "--embedder", place.model).out.split()
    assert [float(number) for number in plain] == pytest.approx(words["embedding"])


def test_embed_without_weights_says_where_they_go(run: Run, own_data_folder: Path) -> None:
    done = run("embed", "--text", "red")
    assert (done.status, done.out) == (1, "")
    assert "Visualized_base_en_v1.5.pth" in done.err
    assert str(own_data_folder / "models") in done.err


# models --------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["models"], ["models", "list"]])
def test_models_list(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.status == 0
    assert "bge-visualized-base-en  (not here, in use)" in done.out
    assert "bge-visualized-m3" in done.out
    assert "licence MIT" in done.out


def test_a_library_is_searched_with_the_model_asked_for_and_lists_both(
    run: Run, place: Place, tmp_path: Path
) -> None:
    """`index --embedder` with another model fills its space beside the first; either can go."""
    other = write_tiny_model(tmp_path / "other", seed=5)
    library = tmp_path / "library"
    shutil.copytree(place.library, library)
    first, second = (["--library", library, "--embedder", model] for model in (place.model, other))
    assert run("index", place.photos, "--json", *second).json["unchanged"] == 6
    for common in (first, second):
        assert len(run("search", "--text", "red", "--json", *common).json["hits"]) == 5
    listed = run("models", *second).out.splitlines()
    lines = listed[listed.index(f"{library} is searchable with:") + 1 :]
    assert [line.split("  ")[1] for line in lines[::2]] == ["tiny", "other, in use"]
    assert all(line.strip().startswith("5 photos; ") for line in lines[1::2])
    refused = run("models", "remove-index", "other", *second)
    assert (refused.status, "Use another model first" in refused.err) == (1, True)
    assert "There is no index for “third”" in run("models", "remove-index", "third", *second).err
    removed = run("models", "remove-index", "tiny", *second)
    assert (removed.status, "tiny: 5 photos" in removed.out) == (0, True)
    assert run("search", "--text", "red", "--json", *first).json["hits"] == []
    assert len(run("search", "--text", "red", "--json", *second).json["hits"]) == 5


def test_models_download_with_the_offline_switch(run: Run) -> None:
    done = run("models", "download", "bge-visualized-m3", "--offline")
    assert (done.status, done.out) == (1, "")
    assert "offline" in done.err
    assert "Visualized_m3.pth" in done.err


def test_models_import_from_a_folder_without_them(run: Run, tmp_path: Path) -> None:
    done = run("models", "import", "bge-visualized-m3", tmp_path)
    assert (done.status, done.out) == (1, "")
    assert "Visualized_m3.pth" in done.err


@pytest.mark.parametrize("action", [["download", "clip-9"], ["verify", "clip-9"]])
def test_unknown_model(run: Run, action: list[str]) -> None:
    done = run("models", *action, "--offline")
    assert done.status == 1
    assert "bge-visualized-base-en" in done.err


def test_models_verify_finds_wrong_bytes(run: Run, own_data_folder: Path) -> None:
    folder = own_data_folder / "models" / "bge-visualized-base-en"
    folder.mkdir(parents=True)  # as a download leaves it that did not begin
    nothing = run("models", "verify")
    assert (nothing.status, nothing.out) == (1, "")
    assert "nothing to verify" in nothing.err
    (folder / "Visualized_base_en_v1.5.pth").write_bytes(b"no weights")
    done = run("models", "verify", "bge-visualized-base-en")
    assert done.status == 1
    assert "WRONG" in done.out
    assert "Visualized_base_en_v1.5.pth" in done.out


# doctor --------------------------------------------------------------------------------------


def test_doctor(run: Run, place: Place) -> None:
    done = run("doctor", "--json", *place.common)
    checks = {check["topic"]: check for check in done.json["checks"]}
    assert (done.status, done.json["ok"]) == (0, True), done.out
    assert "float32" in checks["device"]["fact"] or "float16" in checks["device"]["fact"]
    assert checks["library"]["fact"].endswith("6 photos; folders: 1")
    assert checks["index"]["fact"].endswith("5 of 5 vectors")


def test_doctor_without_a_model(run: Run, place: Place) -> None:
    done = run("doctor", "--library", place.library)
    assert done.status == 1
    assert "wrong   embedder: " in done.out
    assert "models download bge-visualized-base-en" in done.out


# the whole program ---------------------------------------------------------------------------


def test_no_command_loads_qt(place: Place) -> None:
    program = (
        "import sys\n"
        "from mmsearch_desktop.cli import main\n"
        f"common = {place.common!r}\n"
        f"assert main(['index', {str(place.photos)!r}, *common]) == 0\n"
        f"assert main(['search', '--image', {str(place.photos / 'red.png')!r}, *common]) == 0\n"
        "assert main(['embed', '--text', 'red', *common]) == 0\n"
        "assert main(['models', *common]) == 0\n"
        "assert main(['doctor', *common]) == 0\n"
        "print([name for name in sys.modules if name.startswith(('PySide6', 'shiboken6'))])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C reaches the whole console there")
def test_ctrl_c_keeps_what_is_indexed(model: Path, tmp_path: Path) -> None:
    for number in range(150):
        write_photo(tmp_path / "photos" / f"{number}.png", "red", (number + 1, 20))
    common = ["--library", str(tmp_path / "library"), "--embedder", str(model)]
    program = [sys.executable, "-m", "mmsearch_desktop", "index", str(tmp_path / "photos")]
    process = subprocess.Popen(
        [*program, *common], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stdout as out, process.stderr as err:
        told = next(line for line in err if line.startswith("Embedding"))
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the index's process gets it too
        rest = err.read()
        assert out.read() == ""
    assert process.returncode == 130, told + rest
    assert "Traceback" not in rest
    assert "What was indexed so far is kept" in rest
    assert cli.main(["index", str(tmp_path / "photos"), *common]) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_nobody_reads_the_output(place: Place) -> None:
    program = [sys.executable, "-m", "mmsearch_desktop", "models", "list"]
    process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate()
    assert (process.returncode, err) == (141, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
def test_output_goes_to_a_full_disk() -> None:
    program = [sys.executable, "-m", "mmsearch_desktop", "models", "list"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Exception ignored" not in done.stderr
