"""The command line's grammar: what may be written, and what it says about itself."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from mmsearch_desktop import __version__
from mmsearch_desktop.argument_types import (
    at_least_one,
    count,
    depth,
    first_day,
    last_day,
    limit,
    weight,
)
from mmsearch_desktop.domain import Layout, Mode, Strategy
from mmsearch_desktop.terminal import PROGRAM

_DESCRIPTION = """\
Photo and product search by words, by picture, or by both, on your own computer.
Without a command, the window opens."""
_INDEX_JSON = """\
With --json: {"photos", "indexed", "unchanged", "moved", "removed", "unreadable": [{"path",
"reason"}], "seconds"}. Over several folders these are sums, and "folders" lists the same for each
folder, with its path as "folder". With --watch a line more for each change: the same of one
folder, with its path as "folder"."""
_SEARCH_JSON = """\
With --json: {"hits": [{"rank", "path", "score"}]}, best first. Photos with the same content are
one hit. Bytes of a name that are no valid text are written \\udcXX, as by Python's os.fsdecode.
With --rerank each hit also has {"retrieval_rank", "judgement", "rationale"}; the judgement is null
where there is none, else {"judge", "standing": "judged|unsure|failed", "probability", "checks":
[{"claim", "probability"}], "words"}. "words" are the model's own and need not be its reasons."""
_JUDGE_JSON = """\
With --json: {"hits": [{"rank", "path", "retrieval_rank", "judgement", "rationale"}]}, best first.
The parts are those of search --rerank; the retrieval rank is the place in the order given."""

_DEMO = """\
Your own library is left alone: the photos are indexed in a folder that is thrown away, or in the
library that --library names. Below each hit stand the model's similarities to the words, to the
picture, and to both read together."""
_EVALUATE = """\
SET is a CSV file with the columns words,picture,wanted (several wanted files: separated by
semicolons), or the folder of CIRCO, CIRR or FashionIQ, whose validation part is read. Four columns
stand side by side: both parts read together, the sum of both, the words alone, the picture alone.
R@K is the share of what is wanted among the first K; mAP@K is divided as CIRCO does.
With --json: {"set", "embedder", "model", "revision", "preparation", "wording", "query_picture",
"judge", "groups": [{"name", "queries", "pictures", "figures": [{"measure", "judged", "composed",
"sum", "words", "picture"}]}], "mean", "left_out": [{"path", "reason"}], "notices"}; each of the
four is null or {"mean", "standard_error", "queries"}, from 0 to 1."""

_SERVER = """\
Off until you turn it on, for by default nothing leaves this computer. With a server vectors leave
it, and so does the library's own id; photos, their names and folders, and your words do not.
The vectors are made from the library's catalogue at each move, so that nothing is embedded again
and nothing can be lost. The token is kept in a file that only you may read; the environment's
MMSEARCH_DESKTOP_MILVUS_TOKEN goes before it."""

_REMOVE_INDEX = f"""\
NAME is a key, a name or a title from the list of {PROGRAM} models. Frees what the library keeps of
its photos for that model. The photos stay, and so does the model; the one in use is not removed."""


def parse(argv: list[str]) -> argparse.Namespace:
    """`.command` (None: the window), `.library`, `.embedder`, `.offline`, and the command's own.

    For the window also `.folders`, those to index once it is open, and `.paths`, folders and
    pictures to be taken as if they were dropped on it.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    if not options.self_test and (options.on_screen or options.screenshot):
        parser.error("--on-screen and --screenshot belong to --self-test")
    if options.command == "search" and options.text is None and options.image is None:
        parser.error("search needs --text WORDS, --image FILE, or both")
    if options.command == "judge" and options.text is None and options.image is None:
        parser.error("judge needs --text WORDS, --image FILE, or both")
    if options.command == "embed" and options.text is None and options.image is None:
        parser.error("embed needs --text WORDS, --image FILE, or both")
    return options


def grammar() -> argparse.ArgumentParser:
    """The whole of it: the manual page and the shells' completion are made from this."""
    return _parser()


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
    parser.add_argument(
        "--open",
        dest="paths",
        nargs="*",
        action="extend",
        type=_path,
        metavar="PATH",
        help="open the window as if these were dropped on it: folders are added, a picture is"
        " searched with",
    )
    _add_self_test(parser)
    _add_judge_choice(parser)
    _add_common(parser)
    parser.set_defaults(
        library=None,
        embedder=None,
        judge=None,
        offline=False,
        folders=[],
        paths=[],
        kept="Nothing was changed.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    _add_demo(commands)
    _add_index(commands)
    _add_search(commands)
    _add_judge(commands)
    _add_evaluate(commands)
    _add_embed(commands)
    _add_models(commands)
    _add_server(commands)
    _add_doctor(commands)
    return parser


def _add_self_test(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("self-test")
    group.add_argument(
        "--self-test",
        action="store_true",
        help="do the main job once with sample photos, in a folder that is thrown away, and say"
        " how each step went; --embedder and --judge take the place of the sample models",
    )
    group.add_argument(
        "--on-screen", action="store_true", help="show its window (default: drawn unseen)"
    )
    group.add_argument(
        "--screenshot", type=_path, metavar="FILE", help="keep its picture of the window there"
    )


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


def _add_demo(commands: Any) -> None:
    parser = _command(
        commands, "demo", "search the sample photos with the sample model: nothing is downloaded",
        _DEMO,
    )  # fmt: skip
    parser.add_argument(
        "--hits", type=at_least_one, default=5, metavar="N",
        help="how many to show of each question (default: 5)",
    )  # fmt: skip


def _add_index(commands: Any) -> None:
    parser = _command(
        commands, "index", "add folders of photos to the library, or bring them up to date",
        _INDEX_JSON,
    )  # fmt: skip
    parser.add_argument("folders", nargs="+", type=_path, metavar="FOLDER")
    parser.add_argument("--json", action="store_true", help="the summary as JSON")
    parser.add_argument(
        "--watch",
        action="store_true",
        help="then stay, and take in what comes, changes or goes, until Ctrl+C; the library is in"
        " use meanwhile",
    )
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
        "--limit", type=limit, default=50, metavar="N", help="most hits to show (default: 50)"
    )
    parser.add_argument("--folder", type=_path, metavar="DIR", help="only photos below it")
    _add_days(parser)
    parser.add_argument(
        "--show-query-picture",
        action="store_true",
        help="keep the query picture and its exact copies among the hits",
    )
    parser.add_argument("--json", action="store_true", help="the hits as JSON")
    judging = parser.add_argument_group("judging")
    _add_depth_and_weight(judging)
    _add_judging(judging)
    _add_sentences(judging)


def _add_days(parser: Any) -> None:
    parser.add_argument(
        "--since",
        type=first_day,
        metavar="DAY",
        help="only photos of this day or later: 2024-06-01, or 2024-06 or 2024 for its first day."
        " A photo is of the day it was taken; where it does not say, its file's last change counts",
    )
    parser.add_argument(
        "--until",
        type=last_day,
        metavar="DAY",
        help="only photos of this day or earlier: 2024-08-31, or 2024-08 or 2024 for its last day",
    )


def _add_judge(commands: Any) -> None:
    parser = _command(
        commands, "judge", "judge photos against words, a picture, or both", _JUDGE_JSON
    )
    parser.add_argument("candidates", nargs="+", type=_path, metavar="CANDIDATE")
    _add_words_and_picture(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")
    judging = parser.add_argument_group("judging")
    _add_judging(judging)
    _add_sentences(judging)


def _add_evaluate(commands: Any) -> None:
    parser = _command(
        commands, "evaluate", "measure how well a model finds what should be found", _EVALUATE
    )
    add = parser.add_argument
    add("set", type=_path, metavar="SET")
    add(
        "--gallery", type=_path, metavar="FOLDER",
        help="where the pictures lie (default: beside the CSV; where the set's page says)",
    )  # fmt: skip
    add("--queries", type=at_least_one, metavar="N", help="only the first N of each group")
    add(
        "--as-published",
        action="store_true",
        help="public sets: pictures as the model's own code prepares them, and the query picture"
        " stays where published runs let it stay (CIRCO, FashionIQ)",
    )
    add("--runs", type=_path, metavar="FILE", help="write what was found and wanted, as JSON")
    add("--json", action="store_true", help="the figures as JSON")
    judging = parser.add_argument_group("judging")
    _add_depth_and_weight(judging)
    _add_judging(judging)
    parser.set_defaults(words=False)  # no sentence changes an order


def _add_depth_and_weight(group: Any) -> None:
    group.add_argument(
        "--rerank", type=depth, default=0, metavar="N",
        help="have a model judge the N best hits (1 to 50) and order them anew",
    )  # fmt: skip
    group.add_argument(
        "--weight", type=weight, default=1.0, metavar="W",
        help="of the judge's order against the search's; 0 moves nothing (default: 1)",
    )  # fmt: skip


def _add_judging(group: Any) -> None:
    _add_judge_choice(group)
    group.add_argument(
        "--strategy",
        type=Strategy,
        choices=list(Strategy),
        default=Strategy.POINTWISE,
        metavar="{" + ",".join(Strategy) + "}",
        help="one photo after the other, or all by one list (default: pointwise)",
    )
    group.add_argument(
        "--near-ties",
        type=count,
        default=0,
        metavar="N",
        help="pointwise: show it up to N pairs that it finds nearly alike side by side, both ways"
        " round",
    )
    group.add_argument(
        "--layout",
        type=Layout,
        choices=list(Layout),
        default=Layout.SEPARATE,
        metavar="{" + ",".join(Layout) + "}",
        help="listwise: pictures of their own, or nine to a numbered page (default: separate)",
    )
    group.add_argument(
        "--caption", action="store_true", help="listwise: first describe the query picture"
    )


def _add_sentences(group: Any) -> None:
    group.add_argument(
        "--words", action="store_true", help="pointwise: also have a sentence written about each"
    )


def _add_judge_choice(group: Any) -> None:
    """For the window too; what is not given leaves no trace, as with the common options."""
    group.add_argument(
        "--judge",
        metavar="NAME_OR_FOLDER",
        default=argparse.SUPPRESS,
        help="the judge: a name from `models list`, or a folder with its files (default: the one"
        " set)",
    )


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
    parser.add_argument("--image", type=_file, metavar="FILE")


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
    remove = _command(
        actions, "remove-index", "free what the library keeps for a model no longer searched with",
        _REMOVE_INDEX,
    )  # fmt: skip
    remove.add_argument("name", metavar="NAME")
    verify = _command(actions, "verify", "check the files of one model, or of all here")
    verify.add_argument("name", nargs="?", metavar="NAME")


def _add_name_to_bring(parser: Any) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument(
        "--accept-unknown",
        action="store_true",
        help="take a file even if it is not the edition known here; look at where it comes from",
    )


def _add_server(commands: Any) -> None:
    server = _command(
        commands, "server", "have a Milvus server hold the vectors, or take them back here",
        _SERVER,
    )  # fmt: skip
    actions = server.add_subparsers(dest="action", metavar="ACTION")
    _command(actions, "show", "where the vectors are, and how safe the way there is (the default)")
    use = _command(
        actions, "use", "check a server, fill it from the library, and search there from then on"
    )
    use.add_argument("address", metavar="ADDRESS", help="host, host:port, or https://host:port")
    use.add_argument(
        "--tls", action="store_true", help="encrypt, and check the server's certificate"
    )
    use.add_argument(
        "--certificate", type=_path, metavar="FILE",
        help="the authority to trust, as PEM, instead of this system's; means --tls",
    )  # fmt: skip
    use.add_argument(
        "--token-file", type=_file, metavar="FILE",
        help="its first line is the token (a key, or user:password); - is standard input",
    )  # fmt: skip
    use.set_defaults(kept="The vectors stay where they were; the same command goes on from there.")
    local = _command(actions, "local", "bring the vectors back to this computer")
    local.add_argument(
        "--drop", action="store_true", help="and drop what the server holds of this library"
    )
    local.set_defaults(
        kept="The vectors stay where they were; the same command goes on from there."
    )


def _add_doctor(commands: Any) -> None:
    parser = _command(
        commands, "doctor", "look at everything that is needed; say what is wrong and what to do",
        'With --json: {"ok", "checks": [{"topic", "state": "ok|warning|wrong", "fact",'
        ' "remedy"}]}.',
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="as JSON")


def _path(text: str) -> Path:
    return Path(os.path.abspath(_file(text)))  # noqa: PTH100 - keeps links, drops ".."


def _file(text: str) -> Path:
    """As written; an empty text is what a variable without a value leaves, and no place."""
    if not text:
        raise argparse.ArgumentTypeError("an empty name is no file and no folder")
    try:
        return Path(text).expanduser()
    except RuntimeError:  # "~name" of nobody here: then it is a name that begins so
        return Path(text)
