"""What a command shows of long work, on a terminal and elsewhere."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import Progress, Stage
from mmsearch_desktop.terminal import busy, duration, fail, put_json, safe, standing, tell, watched


class _Screen(io.StringIO):
    """A terminal that keeps all that was written to it."""

    def isatty(self) -> bool:
        return True


def _work(closed: list[bool]) -> Iterator[Progress]:
    try:
        yield Progress(Stage.SCANNING, 3)
        for done in range(1, 4):
            yield Progress(Stage.EMBEDDING, done, 3, per_second=2.0, seconds_left=3.0 - done)
        yield Progress(Stage.FINISHED, 3, 3)
    finally:
        closed.append(True)


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        (Progress(Stage.SCANNING, 1234), "Scanning: 1,234 photos"),
        (Progress(Stage.EMBEDDING, 5, 1000), "Embedding: 5 of 1,000 photos"),
        (
            Progress(Stage.EMBEDDING, 5, 1000, per_second=8.04, seconds_left=124),
            "Embedding: 5 of 1,000 photos (8.0 a second) - 2 min left",
        ),
        (
            Progress(Stage.DOWNLOADING, 1_500_000, 400_000_000, per_second=2e6),
            "Downloading: 1.5 of 400.0 MB (2.0 a second)",
        ),
    ],
)
def test_standing(progress: Progress, line: str) -> None:
    assert standing(progress, "photos") == line


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (600, "10 min"), (11_100, "3 h 5 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    last = watched(_work([]), "photos")
    assert last == Progress(Stage.FINISHED, 3, 3)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[0] == "Scanning: 3 photos"
    assert told.err.splitlines()[1].startswith("Embedding: 1 of 3 photos")
    assert "Finished" not in told.err


def test_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Screen()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", screen)
    watched(_work([]), "photos")
    with busy("Opening the model"):
        pass
    assert "━" in screen.getvalue()
    assert "Opening the model" in screen.getvalue()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_work_is_closed_when_showing_it_fails(
    stop: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    class _Broken(io.StringIO):
        def write(self, _text: str) -> int:
            raise stop

    monkeypatch.setattr(sys, "stderr", _Broken())
    closed: list[bool] = []
    with pytest.raises(stop):
        watched(_work(closed), "photos")
    assert closed == [True]


def test_nothing_to_do() -> None:
    assert watched(iter(()), "photos") is None


@given(st.text(st.characters()))
def test_no_name_steers_the_terminal(name: str) -> None:
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in safe(name))


def test_messages_keep_their_lines(capsys: pytest.CaptureFixture[str]) -> None:
    tell("one\ntwo\x1b[2J")
    assert fail("broken") == 1
    assert capsys.readouterr().err == "one\ntwo\\x1b[2J\nmmsearch-desktop: broken\n"


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    put_json({"path": "снег \udcff.jpg"})
    assert capsys.readouterr().out.isascii()
