"""The command line's grammar: what may be written, and what it says about itself."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from mmsearch_desktop import __version__
from mmsearch_desktop.domain import Mode
from mmsearch_desktop.terminal import PROGRAM

_DESCRIPTION = """\
Photo and product search by words, by picture, or by both, on your own computer.
Without a command, the window opens."""
_INDEX_JSON = """\
With --json: {"photos", "indexed", "unchanged", "moved", "removed", "unreadable": [{"path",
"reason"}], "seconds"}. Over several folders these are sums, and "folders" lists the same for each
folder, with its path as "folder"."""
_SEARCH_JSON = """\
With --json: {"hits": [{"rank", "path", "score"}]}, best first. Photos with the same content are
one hit. Bytes of a name that are no valid text are written \\udcXX, as by Python's os.fsdecode."""


def parse(argv: list[str]) -> argparse.Namespace:
    """`.command` (None: the window), `.library`, `.embedder`, `.offline`, and the command's own.

    For the window also `.folders`, those to index once it is open.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    if options.command == "search" and options.text is None and options.image is None:
        parser.error("search needs --text WORDS, --image FILE, or both")
    if options.command == "embed" and options.text is None and options.image is None:
        parser.error("embed needs --text WORDS, --image FILE, or both")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        PROGRAM, description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument(
        "--add",
        dest="folders",
        action="append",
        type=_path,
        metavar="FOLDER",
        help="open the window and index this folder (may be repeated)",
    )
    _add_common(parser)
    parser.set_defaults(
        library=None, embedder=None, offline=False, folders=[], kept="Nothing was changed."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_index(commands)
    _add_search(commands)
    _add_embed(commands)
    _add_models(commands)
    _add_doctor(commands)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    """Accepted before and after the command: what is not given leaves no trace (SUPPRESS)."""
    common = parser.add_argument_group("common options")
    add = common.add_argument
    missing = argparse.SUPPRESS
    add("--library", type=_path, metavar="DIR", default=missing, help="the library to use")
    add(
        "--embedder",
        metavar="NAME_OR_FOLDER",
        default=missing,
        help="the model to use: a name from `models list`, or a folder with its files",
    )
    add("--offline", action="store_true", default=missing, help="never fetch anything")


def _command(commands: Any, name: str, about: str, epilog: str = "") -> Any:
    parser = commands.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_common(parser)
    return parser


def _add_index(commands: Any) -> None:
    parser = _command(
        commands, "index", "add folders of photos to the library, or bring them up to date",
        _INDEX_JSON,
    )  # fmt: skip
    parser.add_argument("folders", nargs="+", type=_path, metavar="FOLDER")
    parser.add_argument("--json", action="store_true", help="the summary as JSON")
    parser.set_defaults(
        kept="What was indexed so far is kept; the same command goes on from there."
    )


def _add_search(commands: Any) -> None:
    parser = _command(commands, "search", "find photos by words, a picture, or both", _SEARCH_JSON)
    _add_words_and_picture(parser)
    parser.add_argument(
        "--mode",
        type=Mode,
        choices=list(Mode),
        default=Mode.COMPOSED,
        metavar="{" + ",".join(Mode) + "}",
        help="what stands for words and picture together (default: composed)",
    )
    parser.add_argument(
        "--limit", type=_limit, default=50, metavar="N", help="most hits to show (default: 50)"
    )
    parser.add_argument("--folder", type=_path, metavar="DIR", help="only photos below it")
    parser.add_argument(
        "--show-query-picture",
        action="store_true",
        help="keep the query picture and its exact copies among the hits",
    )
    parser.add_argument("--json", action="store_true", help="the hits as JSON")


def _add_embed(commands: Any) -> None:
    parser = _command(
        commands, "embed", "print the vector of words, a picture, or both",
        'With --json: {"model", "dimensions", "embedding": [...]}.',
    )  # fmt: skip
    _add_words_and_picture(parser)
    parser.add_argument(
        "--preparation",
        choices=("official", "app"),
        default="app",
        help="how the file becomes a picture: as the model's own code does, or upright and on"
        " white as the app does (default: app)",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")


def _add_words_and_picture(parser: Any) -> None:
    parser.add_argument("--text", metavar="WORDS")
    parser.add_argument("--image", type=Path, metavar="FILE")


def _add_models(commands: Any) -> None:
    models = _command(commands, "models", "list, fetch, import or verify models")
    actions = models.add_subparsers(dest="action", metavar="ACTION")
    _command(actions, "list", "what can be had, and what is here (the default)")
    download = _command(actions, "download", "fetch a model; resumes a broken one")
    _add_name_to_bring(download)
    download.set_defaults(
        kept="The part that was fetched is kept; the same command goes on from there."
    )
    taken = _command(actions, "import", "take a model from a folder you have")
    _add_name_to_bring(taken)
    taken.add_argument("folder", type=_path, metavar="FOLDER")
    verify = _command(actions, "verify", "check the files of one model, or of all here")
    verify.add_argument("name", nargs="?", metavar="NAME")


def _add_name_to_bring(parser: Any) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--accept-unknown",
        action="store_true",
        help="take a file even if it is not the edition known here; look at where it comes from",
    )


def _add_doctor(commands: Any) -> None:
    parser = _command(
        commands, "doctor", "look at everything that is needed; say what is wrong and what to do",
        'With --json: {"ok", "checks": [{"topic", "state": "ok|warning|wrong", "fact",'
        ' "remedy"}]}.',
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="as JSON")


def _path(text: str) -> Path:
    return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100 - keeps links, drops ".."


def _limit(text: str) -> int:
    from mmsearch_desktop.search.query import LIMIT_MOST

    number = int(text)
    if not 1 <= number <= LIMIT_MOST:
        raise argparse.ArgumentTypeError(f"{text} is not from 1 to {LIMIT_MOST:,}")
    return number
