"""Settings survive a round trip, an older or newer program, and a damaged file."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop import settings
from mmsearch_desktop.domain import Mode
from mmsearch_desktop.settings import Settings, Theme


def test_round_trip(own_data_folder: Path) -> None:
    chosen = dataclasses.replace(
        Settings(), library="/photos", offline=True, mode=Mode.SUM, theme=Theme.DARK
    )
    settings.save(chosen)
    assert settings.load() == chosen
    assert settings.settings_path().parent == own_data_folder


def test_unknown_names_are_kept(own_data_folder: Path) -> None:
    own_data_folder.mkdir()
    settings.settings_path().write_text('{"from_the_future": 1, "offline": true}')
    loaded = settings.load()
    settings.save(loaded)
    assert json.loads(settings.settings_path().read_text())["from_the_future"] == 1
    assert loaded.offline


@given(
    st.dictionaries(st.sampled_from(["mode", "limit", "offline", "theme"]), st.text() | st.none())
)
def test_wrong_values_fall_back(tmp_path_factory: pytest.TempPathFactory, values: object) -> None:
    path = tmp_path_factory.mktemp("settings") / "settings.json"
    path.write_text(json.dumps(values))
    loaded = settings.load(path)
    assert isinstance(loaded.mode, Mode)
    assert isinstance(loaded.limit, int)
    assert loaded.theme in Theme


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00", "null"])
def test_a_damaged_file_gives_the_defaults(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "settings.json"
    path.write_text(text)
    with caplog.at_level(logging.ERROR):
        assert settings.load(path) == Settings()


def test_library_folder(own_data_folder: Path) -> None:
    assert Settings().library_folder == own_data_folder / "library"
    assert Settings(library="/elsewhere").library_folder == Path("/elsewhere")


def test_resources_are_found() -> None:
    assert settings.resources_folder().is_dir()


def test_the_token_lies_in_a_file_that_only_its_owner_may_read(
    own_data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.load_server_token() == ""
    settings.save_server_token(" user:password\n")
    file = own_data_folder / "milvus-token"
    assert settings.load_server_token() == "user:password"
    if os.name == "posix":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    settings.save_server_token("another")
    assert settings.load_server_token() == "another"
    assert [path.name for path in own_data_folder.iterdir()] == ["milvus-token"]
    monkeypatch.setenv(settings.TOKEN_VARIABLE, "of the environment ")
    assert settings.load_server_token() == "of the environment"
    monkeypatch.delenv(settings.TOKEN_VARIABLE)
    file.write_bytes(b"\xff\xfe")
    assert settings.load_server_token() == ""
    settings.save_server_token("")
    settings.save_server_token("")
    assert not file.exists()


def test_the_token_is_no_setting() -> None:
    assert not [f.name for f in dataclasses.fields(Settings) if "token" in f.name]
