"""One file from the hub: resuming, redirects, and every trouble that networks and servers make."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mmsearch_desktop.domain import DownloadFailed
from mmsearch_desktop.models.hub import Arrival, Hub, Patience
from tests.models.local_hub import (
    QUICK,
    WEIGHTS,
    LocalHub,
    cut_after,
    edition,
    ignore_range,
    local_hub,
    redirect,
    serve,
    small_offer,
    status,
    trickle,
    web_page,
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with local_hub(small_offer()) as running:
        yield running


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "weights.pth.part"


def _fetch(server: LocalHub, part: Path, name: str = "weights.pth") -> list[Arrival]:
    with Hub(server.url, QUICK) as hub:
        return list(hub.fetch(hub.address("some/model", "main", name), part))


def _partly_there(part: Path, count: int) -> None:
    part.write_bytes(WEIGHTS[:count])
    part.with_name(part.name + ".edition").write_text(edition(WEIGHTS).strip('"'))


def test_a_file_comes_whole_and_says_how_much_there_is(server: LocalHub, part: Path) -> None:
    arrivals = _fetch(server, part)
    assert part.read_bytes() == WEIGHTS
    assert arrivals[0] == Arrival(0, len(WEIGHTS), None)
    assert arrivals[-1].bytes_here == len(WEIGHTS)
    assert [a.bytes_here for a in arrivals] == sorted(a.bytes_here for a in arrivals)


def test_a_redirect_is_followed_and_names_the_content(server: LocalHub, part: Path) -> None:
    server.behave.append(redirect)
    arrivals = _fetch(server, part)
    assert part.read_bytes() == WEIGHTS
    assert arrivals[-1].sha256 == small_offer().weights.sha256
    assert [path.startswith("/store/") for path, _ in server.requests] == [False, True]


def test_closing_keeps_the_part_and_the_next_fetch_goes_on_there(
    server: LocalHub, part: Path
) -> None:
    stop = threading.Event()
    server.behave.append(trickle(stop))
    with Hub(server.url, QUICK) as hub:
        arriving = hub.fetch(hub.address("some/model", "main", "weights.pth"), part)
        next(a for a in arriving if a.bytes_here > 10)
        arriving.close()  # type: ignore[attr-defined] # it is a generator
    stop.set()
    come = part.stat().st_size
    assert 10 < come < len(WEIGHTS)
    _fetch(server, part)
    assert server.asked_for("weights.pth") == [None, f"bytes={come}-"]
    assert part.read_bytes() == WEIGHTS


def test_a_redirected_fetch_goes_on_too(server: LocalHub, part: Path) -> None:
    server.behave.extend([redirect, cut_after(1000), redirect])
    _fetch(server, part)
    assert server.asked_for("weights.pth") == [None, None, "bytes=1000-", "bytes=1000-"]
    assert part.read_bytes() == WEIGHTS


def test_cut_connections_are_taken_up_where_they_broke(server: LocalHub, part: Path) -> None:
    server.behave.extend([cut_after(1000), cut_after(2000), cut_after(1), cut_after(1)])
    _fetch(server, part)
    assert server.asked_for("weights.pth") == [
        None,
        "bytes=1000-",
        "bytes=3000-",
        "bytes=3001-",
        "bytes=3002-",
    ]
    assert part.read_bytes() == WEIGHTS


def test_a_part_that_was_whole_is_not_fetched_again(server: LocalHub, part: Path) -> None:
    _partly_there(part, len(WEIGHTS))
    assert [a.bytes_here for a in _fetch(server, part)] == [len(WEIGHTS)]
    assert part.read_bytes() == WEIGHTS


def test_a_server_that_knows_no_ranges_starts_over(server: LocalHub, part: Path) -> None:
    _partly_there(part, 5000)
    server.behave.append(ignore_range)
    arrivals = _fetch(server, part)
    assert arrivals[0].bytes_here == 0
    assert part.read_bytes() == WEIGHTS


@pytest.mark.parametrize("count", [5000, len(WEIGHTS), len(WEIGHTS) + 77])
def test_a_file_changed_on_the_server_starts_over(server: LocalHub, part: Path, count: int) -> None:
    _partly_there(part, len(WEIGHTS))
    part.write_bytes(b"?" * count)
    part.with_name(part.name + ".edition").write_text("an older one")
    _fetch(server, part)
    assert part.read_bytes() == WEIGHTS
    assert server.asked_for("weights.pth") == [f"bytes={count}-", None]


def test_a_part_of_unknown_edition_starts_over(server: LocalHub, part: Path) -> None:
    part.write_bytes(b"?" * 5000)
    _fetch(server, part)
    assert part.read_bytes() == WEIGHTS


def test_a_busy_server_is_asked_again(server: LocalHub, part: Path) -> None:
    server.behave.extend([status(503), status(429, Retry_After="0")])
    _fetch(server, part)
    assert part.read_bytes() == WEIGHTS
    assert len(server.requests) == 3


def test_a_server_that_stays_busy_is_given_up(server: LocalHub, part: Path) -> None:
    server.behave.extend([cut_after(100)] + [status(503)] * QUICK.tries)
    with pytest.raises(DownloadFailed, match=r"weights\.pth: could not be .*busy \(503\).*kept"):
        _fetch(server, part)
    assert part.read_bytes() == WEIGHTS[:100]


@pytest.mark.parametrize(
    ("code", "says"),
    [(401, "asks for a login"), (403, "does not allow"), (404, "moved or renamed"), (418, "418")],
)
def test_a_refusal_is_not_tried_again(server: LocalHub, part: Path, code: int, says: str) -> None:
    server.behave.append(status(code))
    with pytest.raises(DownloadFailed, match=rf"weights\.pth: 127\.0\.0\.1 .*{says}"):
        _fetch(server, part)
    assert len(server.requests) == 1
    assert not part.exists()


def test_a_sign_in_page_is_not_taken_for_the_file(server: LocalHub, part: Path) -> None:
    server.behave.append(web_page)
    with pytest.raises(DownloadFailed, match="sign in"):
        _fetch(server, part)
    assert not part.exists()


def test_a_silent_server_is_given_up(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    hasty = Patience(answer_seconds=0.05, tries=2, first_wait_seconds=0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Hub(address, hasty) as hub, pytest.raises(DownloadFailed, match="did not answer"):
            list(hub.fetch(hub.address("some/model", "main", "weights.pth"), part))


def test_a_refused_connection_is_explained(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with Hub(address, QUICK) as hub, pytest.raises(DownloadFailed, match="refused the connection"):
        list(hub.fetch(hub.address("some/model", "main", "weights.pth"), part))


def test_an_unknown_name_is_explained(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with (
        Hub("http://hub.invalid", QUICK) as hub,
        pytest.raises(DownloadFailed, match=r"the name hub\.invalid was not found"),
    ):
        list(hub.fetch(hub.address("some/model", "main", "weights.pth"), part))


def test_an_address_that_is_none_is_explained(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "gopher://somewhere")
    with Hub(patience=QUICK) as hub, pytest.raises(DownloadFailed, match="HF_ENDPOINT"):
        list(hub.fetch(hub.address("some/model", "main", "weights.pth"), part))


def test_an_unusable_proxy_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://proxy")
    with pytest.raises(DownloadFailed, match="The proxy that is set"):
        Hub()


def test_the_address_follows_the_hub_and_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1/")
    with Hub() as hub:
        address = hub.address("BAAI/bge-m3", "refs/pr/1", "a folder/config.json")
    assert address == "http://127.0.0.1:1/BAAI/bge-m3/resolve/refs%2Fpr%2F1/a%20folder/config.json"


def test_waiting_can_be_cancelled(server: LocalHub, part: Path) -> None:
    server.behave.append(status(503, Retry_After="3600"))
    with Hub(server.url, Patience(first_wait_seconds=3600)) as hub:
        arriving = hub.fetch(hub.address("some/model", "main", "weights.pth"), part)
        assert next(arriving) == Arrival(0, None, None)  # the first item of the wait
        arriving.close()  # type: ignore[attr-defined] # it is a generator


def test_serving_is_what_the_tests_think_it_is(server: LocalHub, part: Path) -> None:
    server.behave.append(serve)
    _fetch(server, part)
    with pytest.raises(DownloadFailed, match="moved or renamed"):
        _fetch(server, part.with_name("other"), "other.pth")
