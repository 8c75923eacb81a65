"""The bill of materials and the licences: of everything, in order, and the same each time."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

import compare_builds
from bundle import documents, sbom
from bundle.parts import Owner, Owners, Part, Text, UnknownOwner, parts

ROOT = Path(__file__).resolve().parents[2]
LICENCES = ROOT / "packaging" / "licences"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def owners(work: Path) -> Owners:
    return Owners(ROOT, work, "1.2")


def _module_of(package: str, ending: str) -> str:
    files = importlib.metadata.distribution(package).files or []
    path = next(file for file in files if str(file).endswith(ending))
    return str(importlib.metadata.distribution(package).locate_file(path))


def test_a_package_owns_its_files(owners: Owners) -> None:
    entry = ("PIL.Image", _module_of("pillow", "PIL/Image.py"), "PYMODULE")
    assert owners.of(entry) == Owner("python", "pillow", importlib.metadata.version("pillow"))


def test_our_own_and_pythons_files(owners: Owners, work: Path) -> None:
    ours = str(ROOT / "mmsearch_desktop" / "domain.py")
    assert owners.of(("mmsearch_desktop.domain", ours, "PYMODULE")).kind == "own"
    pythons = str(Path(sysconfig.get_paths()["stdlib"], "json", "decoder.py"))
    assert owners.of(("json.decoder", pythons, "PYMODULE")).kind == "interpreter"
    made = str(work / "base_library.zip")
    assert owners.of(("base_library.zip", made, "DATA")).kind == "interpreter"


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no Debian")
def test_debians_libraries_are_debians(owners: Owners) -> None:
    library = "/bin/sh" if not sys.platform.startswith("linux") else os.path.realpath("/bin/sh")
    assert owners.of(("sh", library, "BINARY")).kind == "debian"


def test_a_file_of_nobody_stops_the_build(owners: Owners, tmp_path: Path) -> None:
    stranger = tmp_path.parent / f"{tmp_path.name}-stranger.so"
    stranger.touch()
    with pytest.raises(UnknownOwner, match=r"stranger\.so"):
        owners.of(("stranger.so", str(stranger), "BINARY"))


@pytest.fixture
def found(owners: Owners) -> list[Part]:
    entries = [
        ("PIL.Image", _module_of("pillow", "PIL/Image.py"), "PYMODULE"),
        ("PySide6/QtCore.abi3.so", _module_of("PySide6-Essentials", "QtCore.abi3.so"), "EXTENSION"),
        ("tokenizers", _module_of("tokenizers", "tokenizers/__init__.py"), "PYMODULE"),
        ("namespace", "-", "PYMODULE"),
        ("libQt6Core.so.6", "PySide6/Qt/lib/libQt6Core.so.6", "SYMLINK"),
        ("mmsearch_desktop.domain", str(ROOT / "mmsearch_desktop" / "domain.py"), "PYMODULE"),
        ("resources/style.qss", str(ROOT / "resources" / "style.qss"), "DATA"),
    ]
    return parts(entries, owners, LICENCES)


def test_each_part_has_its_licence_and_its_text(found: list[Part]) -> None:
    told = {part.owner.name: part for part in found}
    assert told["pillow"].licence == "MIT-CMU"
    assert "PIL" in told["pillow"].texts[0].text
    assert told["PySide6_Essentials"].licence == "LGPL-3.0-only"
    titles = [text.name for text in told["PySide6_Essentials"].texts]
    assert titles == ["LGPL-3.0.txt", "GPL-3.0.txt"]
    assert told["tokenizers"].licence == "Apache-2.0"
    assert "Apache License" in told["tokenizers"].texts[0].text


def test_the_bill_is_the_same_each_time_and_in_order(found: list[Part]) -> None:
    text = sbom.document(found, "1.2", 1_700_000_000)
    assert text == sbom.document(list(found), "1.2", 1_700_000_000)
    bill = json.loads(text)
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    assert bill["serialNumber"].startswith("urn:uuid:")
    names = [component["name"] for component in bill["components"]]
    assert names == sorted(names)
    assert "mmsearch-desktop" not in names
    qt = next(one for one in bill["components"] if one["name"] == "PySide6_Essentials")
    assert qt["purl"].startswith("pkg:pypi/pyside6-essentials@")
    library = Path(_module_of("PySide6-Essentials", "QtCore.abi3.so")).read_bytes()
    assert [file["hashes"][0]["content"] for file in qt["components"]] == [
        hashlib.sha256(library).hexdigest()
    ]
    own = bill["metadata"]["component"]["components"]
    assert [file["name"] for file in own] == ["resources/style.qss"]


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("MIT", {"license": {"id": "MIT"}}),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", {"expression": "MPL-2.0 AND (Apache-2.0 OR MIT)"}),
        ("Dual License", {"license": {"name": "Dual License"}}),
        ("See LICENSE", {"license": {"name": "See LICENSE"}}),
    ],
)
def test_licences_in_the_bills_words(said: str, written: dict[str, object]) -> None:
    assert sbom._licence(said) == written


def test_texts_that_several_share_are_printed_once() -> None:
    long = "x" * 200
    shared = [
        Part(Owner("python", name, "1"), "MIT", "", (Text("LICENSE", long),), ())
        for name in ("first", "second")
    ]
    text = documents.licences_text(shared)
    assert text.count(long) == 1
    assert "(the same text as for first 1)" in text


def test_what_is_written_for_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mmsearch_desktop.ui.about import read_parts, terms_of

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    entries = [("PIL.Image", _module_of("pillow", "PIL/Image.py"), "PYMODULE")]
    added = documents.add_to_bundle(entries, documents.Sources(ROOT, tmp_path, "1.2"))
    assert all(Path(source).is_file() for _, source, _ in added)
    shown = read_parts(tmp_path / "documents")
    assert [part.name for part in shown] == ["pillow"]
    assert "Secret Labs" in terms_of(shown[0])


# -- two builds of one commit -------------------------------------------------------------------


@pytest.fixture
def builds(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("one", "other"):
        (tmp_path / name / "folder").mkdir(parents=True)
        (tmp_path / name / "folder" / "file").write_text("the same")
        (tmp_path / name / "link").symlink_to("folder/file")
    return tmp_path / "one", tmp_path / "other"


def test_like_builds_are_alike(builds: tuple[Path, Path]) -> None:
    assert compare_builds.report(*builds) == 0


def test_every_kind_of_difference_is_seen(builds: tuple[Path, Path]) -> None:
    one, other = builds
    (one / "folder" / "file").write_text("another")
    (other / "more").touch()
    (one / "link").unlink()
    (one / "link").symlink_to("elsewhere")
    (one / "folder").chmod(0o700)
    told = dict(compare_builds.differences(one, other))
    assert told == {
        "folder": "rights differ",
        "folder/file": "bytes differ",
        "link": "link differ",
        "more": f"only in {other}",
    }
    assert compare_builds.report(one, other) == 1


def test_a_named_place_may_differ(
    builds: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (builds[0] / "folder" / "file").write_text("another")
    monkeypatch.setitem(compare_builds.NAMED_PLACES, "folder/*", "it holds the time")
    assert compare_builds.report(*builds) == 0
