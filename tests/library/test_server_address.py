"""What a person may type for a Milvus server, and what protects the way there."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import LibraryProblem
from mmsearch_desktop.library.server_address import Security, Server, server_of
from mmsearch_desktop.settings import Settings, save_server_token


@pytest.mark.parametrize(
    ("typed", "address", "security"),
    [
        ("nas", "nas:19530", Security.OPEN),
        (" nas.local:1 ", "nas.local:1", Security.OPEN),
        ("http://192.0.2.1:19531/", "192.0.2.1:19531", Security.OPEN),
        ("tcp://nas", "nas:19530", Security.OPEN),
        ("https://milvus.example.org", "milvus.example.org:19530", Security.VERIFIED),
        ("HTTPS://[2001:DB8::1]:443", "[2001:db8::1]:443", Security.VERIFIED),
        ("[::1]", "[::1]:19530", Security.LOCAL),
        ("localhost", "localhost:19530", Security.LOCAL),
        ("127.0.0.2:5", "127.0.0.2:5", Security.LOCAL),
        ("localhost.example.org", "localhost.example.org:19530", Security.OPEN),
    ],
)
def test_what_is_typed(typed: str, address: str, security: Security) -> None:
    server = Server.of(typed)
    assert (server.address, server.security) == (address, security)
    assert Server.of(server.address, tls=server.tls) == server
    assert f"{server.host}:{server.port}".replace("[", "").replace("]", "") == address.replace(
        "[", ""
    ).replace("]", "")
    assert Server.of(typed, tls=True).security is Security.VERIFIED


@pytest.mark.parametrize(
    ("typed", "fact"),
    [
        ("", "No server is named"),
        ("a b", "is no address"),
        ("::1", "is no address"),
        ("[::1", "is no address"),
        ("nas:port", "is no address"),
        ("nas:65536", "is no address"),
        ("nas:0", "numbers from 1"),
        ("-nas", "is no address"),
        ("nas/photos", "names more than a server"),
        ("nas?x", "names more than a server"),
        ("ftp://nas", "is no Milvus"),
        ("me:secret@nas", "must not hold a user or a password"),
        ("https://me:secret@nas:99999", "must not hold a user or a password"),
    ],
)
def test_what_is_no_address(typed: str, fact: str) -> None:
    with pytest.raises(LibraryProblem, match=fact) as caught:
        Server.of(typed)
    assert "secret" not in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_an_address_or_is_refused(typed: str) -> None:
    try:
        server = Server.of(typed)
    except LibraryProblem as error:
        assert str(error)  # noqa: PT017 - either is right
    else:
        assert Server.of(server.address, tls=server.tls) == server
        assert 0 < server.port < 65536


def test_a_token_is_never_shown() -> None:
    assert "hidden" not in repr(Server.of("nas", token="hidden"))  # noqa: S106 - of nobody


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LibraryProblem, match=r"ca\.pem: there is no such certificate"):
        Server.of("nas", tls=True, certificate=tmp_path / "ca.pem")


def test_the_server_of_the_settings(tmp_path: Path) -> None:
    assert server_of(Settings()) is None
    assert server_of(Settings(milvus_tls=True)) is None
    authority = tmp_path / "ca.pem"
    authority.write_text("")
    save_server_token("key")
    chosen = Settings(milvus_address="nas", milvus_tls=True, milvus_certificate=str(authority))
    assert server_of(chosen) == Server("nas:19530", "key", tls=True, certificate=authority)
