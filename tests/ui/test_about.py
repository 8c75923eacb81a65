"""The About box: from source a few words, in the packaged app every part with its licence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mmsearch_desktop import __version__
from mmsearch_desktop.ui.about import AboutDialog, PartShown, read_parts, terms_of
from tests.ui.windows import Rig, is_idle

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As packaging/bundle/documents.py writes it."""
    listed = [
        {
            "name": name,
            "version": "1.2",
            "licence": "MIT",
            "page": "https://example.org",
            "texts": [{"title": "LICENSE", "file": f"texts/{name}.txt"}],
        }
        for name in ("first", "second")
    ]
    (tmp_path / "texts").mkdir()
    for one in listed:
        text = f"The terms of {one['name']} are <b>these</b>.\n"
        (tmp_path / "texts" / f"{one['name']}.txt").write_text(text)
    (tmp_path / "parts.json").write_text(json.dumps(listed))
    return tmp_path


def test_each_part_is_listed_and_its_terms_can_be_read(folder: Path, qtbot: QtBot) -> None:
    dialog = AboutDialog(read_parts(folder))
    qtbot.addWidget(dialog)
    assert dialog.table.rowCount() == 2
    assert "terms of first are <b>these</b>" in dialog.terms.toPlainText()
    dialog.table.setCurrentCell(1, 2)
    assert "terms of second" in dialog.terms.toPlainText()


def test_a_text_that_is_gone_is_said(folder: Path) -> None:
    (folder / "texts" / "first.txt").unlink()
    assert "cannot be read" in terms_of(read_parts(folder)[0])


def test_from_source_there_is_no_list(tmp_path: Path, qtbot: QtBot) -> None:
    assert read_parts(tmp_path) == ()
    dialog = AboutDialog(())
    qtbot.addWidget(dialog)
    dialog.show()
    assert not dialog.table.isVisible()


@pytest.mark.parametrize("text", ["{", "[1]", '[{"name": "x"}]', '{"a": 1}', "\ud800"])
def test_a_damaged_list_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "parts.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert read_parts(tmp_path) == ()


def test_the_menu_opens_it(rig: Rig, qtbot: QtBot) -> None:
    with rig.window() as window:
        qtbot.waitUntil(lambda: is_idle(window))
        window.show_about()
        dialog = window.findChild(AboutDialog)
        assert dialog is not None
        assert dialog.isVisible()
        dialog.close()


def test_a_part_without_texts_still_says_its_name() -> None:
    assert terms_of(PartShown("zlib", __version__, "Zlib", "", ())) == f"zlib {__version__}\nZlib"
