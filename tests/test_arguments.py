"""The grammar: common options on both sides of a command, and what is refused as wrong usage."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from mmsearch_desktop import __version__
from mmsearch_desktop.arguments import parse
from mmsearch_desktop.domain import Mode


def test_no_command_is_the_window() -> None:
    options = parse([])
    assert options.command is None
    assert (options.library, options.embedder, options.offline) == (None, None, False)
    assert options.folders == []


def test_window_with_options_and_folders() -> None:
    options = parse(["--library", "/lib", "--offline", "--add", "/a", "--add", "/b"])
    assert (options.command, options.library, options.offline) == (None, Path("/lib"), True)
    assert options.folders == [Path("/a"), Path("/b")]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--library", "/lib", "--embedder", "x", "--offline", "search", "--text", "red"],
        ["search", "--text", "red", "--library", "/lib", "--embedder", "x", "--offline"],
        ["--library", "/lib", "search", "--embedder", "x", "--text", "red", "--offline"],
    ],
)
def test_common_options_on_either_side(arguments: list[str]) -> None:
    options = parse(arguments)
    assert (options.library, options.embedder, options.offline) == (Path("/lib"), "x", True)


def test_common_options_around_an_action() -> None:
    options = parse(["models", "--library", "/lib", "verify", "name", "--offline"])
    assert (options.library, options.offline, options.name) == (Path("/lib"), True, "name")


def test_the_option_after_the_command_wins() -> None:
    assert parse(["--library", "/a", "doctor", "--library", "/b"]).library == Path("/b")


def test_folders_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    assert parse(["index", "../photos", "."]).folders == [tmp_path / "photos", tmp_path / "inside"]


def test_a_home_of_nobody_is_a_name_like_any_other() -> None:
    (folder,) = parse(["index", "~nobody-of-this-name/photos"]).folders
    assert folder.parts[-2:] == ("~nobody-of-this-name", "photos")


def test_defaults_of_a_search() -> None:
    options = parse(["search", "--text", "red"])
    assert (options.mode, options.limit, options.folder) == (Mode.COMPOSED, 50, None)
    assert options.show_query_picture is False
    assert (options.since, options.until) == (None, None)


def test_days_may_be_whole_months_and_years() -> None:
    options = parse(["search", "--text", "red", "--since", "2024-06", "--until", "2024"])
    assert (options.since, options.until) == (date(2024, 6, 1), date(2024, 12, 31))


@pytest.mark.parametrize(
    "arguments",
    [
        ["serach"],
        ["index"],
        ["index", ""],
        ["--library", "", "doctor"],
        ["search", "--image", ""],
        ["search"],
        ["embed", "--json"],
        ["search", "--text", "red", "--limit", "0"],
        ["search", "--text", "red", "--limit", "-5"],
        ["search", "--text", "red", "--limit", "many"],
        ["search", "--text", "red", "--limit", "10001"],
        ["search", "--text", "red", "--mode", "both"],
        ["search", "--text", "red", "--since", "yesterday"],
        ["search", "--text", "red", "--until", "2024-02-30"],
        ["embed", "--text", "red", "--preparation", "none"],
        ["models", "download"],
        ["models", "import", "name"],
        ["models", "remove"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "usage: mmsearch-desktop" in told.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"mmsearch-desktop {__version__}\n"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("index", '"folders" lists the same'),
        ("search", '"hits"'),
        ("embed", '"embedding"'),
        ("doctor", '"checks"'),
        ("models", "download"),
    ],
)
def test_help_tells_the_json(command: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([command, "--help"])
    assert ended.value.code == 0
    assert told in capsys.readouterr().out
