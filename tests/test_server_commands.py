"""`mmsearch-desktop server` where no server answers; with one: tests/library/test_servers.py."""

from __future__ import annotations

import dataclasses
import io
import sys
from pathlib import Path

import pytest

from mmsearch_desktop import cli, settings
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.milvus_server import Server
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.library.vectors import index_file
from mmsearch_desktop.server_commands import security_in_words
from tests.fakes import ColourEmbedder
from tests.library.pictures import write_photo

NOBODY = "127.0.0.1:1"


def test_where_the_vectors_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["server"]) == 0
    assert "on this computer" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("address", "fact"),
    [("ftp://nas", "is no Milvus"), (NOBODY, "nothing listens"), ("me:pw@nas", "must not hold")],
)
def test_a_server_that_cannot_be_used_is_not_set(
    address: str, fact: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["server", "use", address]) == 1
    assert fact in capsys.readouterr().err
    assert settings.load().milvus_address == ""


@pytest.mark.parametrize(
    ("content", "fact"),
    [(b"", "holds no token"), (b"\xff\xfe", "no text"), (b"a\tb\n", "no token")],
)
def test_a_token_file_that_holds_none(
    content: bytes, fact: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    assert cli.main(["server", "use", NOBODY, "--token-file", str(file)]) == 1
    assert fact in capsys.readouterr().err


def test_a_token_comes_from_standard_input_and_is_kept_only_if_the_server_will_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("user:very-secret\n"))
    assert cli.main(["server", "use", NOBODY, "--token-file", "-"]) == 1
    told = capsys.readouterr()
    assert "nothing listens" in told.err
    assert "very-secret" not in told.out + told.err
    assert settings.load_server_token() == ""


def test_a_library_comes_home_from_a_server_that_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    embedder = ColourEmbedder()
    folder = tmp_path / "library"
    write_photo(tmp_path / "photos" / "red.png", "red")
    with Library(folder, reserve_bytes=0) as library:
        index = library.open_index(embedder.space)
        list(add_folder(tmp_path / "photos", library, index, embedder))
        library.drop_index(embedder.space)  # as if it had moved there
    chosen = dataclasses.replace(
        settings.Settings(), milvus_address=NOBODY, theme=settings.Theme.DARK
    )
    settings.save(chosen)
    settings.save_server_token("key")
    assert cli.main(["search", "--text", "red", "--library", str(folder)]) == 1
    assert cli.main(["server", "show"]) == 1
    assert "nothing listens" in capsys.readouterr().err
    assert cli.main(["server", "local", "--library", str(folder)]) == 0
    told = capsys.readouterr()
    assert "on this computer" in told.out
    assert "stays there" in told.err
    assert settings.load() == dataclasses.replace(settings.Settings(), theme=settings.Theme.DARK)
    assert settings.load_server_token() == ""
    assert index_file(folder / "index", embedder.space).exists()
    with Library(folder, reserve_bytes=0) as library:
        assert library.open_index(embedder.space).count() == 1


def test_how_safe_the_way_is() -> None:
    assert security_in_words(Server.of("https://nas")).startswith("Verified: encrypted")
    authority = Server("nas:1", tls=True, certificate=Path("ca.pem"))
    assert "by ca.pem" in security_in_words(authority)
    assert security_in_words(Server.of("nas")).startswith("NOT VERIFIED: not encrypted; anyone")
    assert "does not leave this computer" in security_in_words(Server.of("localhost"))
