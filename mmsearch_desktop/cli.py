"""The same work without a window, by commands such as index, search, judge, models and doctor.

Standard output carries data only; progress, notices and errors go to standard error. Exit status:
0 done, 1 failed, 2 wrong usage, 130 stopped with Ctrl+C, 141 nobody reads the output any more.
Torch and Milvus are imported by the commands that need them, Qt by none.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop import (
    arguments,
    demo_command,
    evaluation_commands,
    judging_commands,
    server_commands,
    settings,
    spaces_commands,
    watch_command,
)
from mmsearch_desktop.domain import (
    Embedder,
    Hit,
    IndexSummary,
    LibraryProblem,
    MmsearchError,
    Mode,
    NoSpace,
    Preparation,
    Progress,
    Query,
    Results,
    WeightsUnknown,
)
from mmsearch_desktop.terminal import (
    PROGRAM,
    busy,
    discard_output,
    duration,
    fail,
    let_any_path_be_printed,
    put,
    put_json,
    safe,
    tell,
    watched,
)

if TYPE_CHECKING:
    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.library.vectors import VectorIndex
    from mmsearch_desktop.models.offers import Offer

_Command = Callable[[argparse.Namespace], int]
_PREPARATIONS = {"official": Preparation.OFFICIAL, "app": Preparation.APP}


def main(argv: list[str]) -> int:
    """Run one command; its exit status. SystemExit(2) on wrong usage, SystemExit(0) after help."""
    options = arguments.parse(argv)
    let_any_path_be_printed()
    if options.command is None:
        tell(f"{PROGRAM}: which command? See {PROGRAM} --help")
        return 2
    try:
        status = _COMMANDS[options.command](options)
        sys.stdout.flush()
    except MmsearchError as error:
        return fail(str(error))
    except BrokenPipeError:
        discard_output()
        return 141
    except OSError as error:
        discard_output()
        return fail(f"{error}. Check that the place exists and may be read and written.")
    except KeyboardInterrupt:
        tell(f"{PROGRAM}: stopped. {options.kept}")
        return 130
    return status


def _index(options: argparse.Namespace) -> int:
    from mmsearch_desktop.library.ingest import add_folder

    _check_folders(options.folders)
    summaries: dict[Path, IndexSummary] = {}
    with _opened(options) as (library, index, embedder):
        spaces_commands.remember(library, embedder, _embedder_choice(options))

        def bring_up_to_date(folder: Path, within: Collection[Path] | None = None) -> None:
            last = watched(add_folder(folder, library, index, embedder, within), "photos")
            if last is not None and last.summary is not None:
                summaries[folder] = watch_command.of_all(
                    folder, library.catalogue, summaries.get(folder), last.summary, within
                )

        def take_in(folder: Path, within: Collection[Path] | None) -> None:
            before = summaries.get(folder)
            bring_up_to_date(folder, within)
            _put_change(folder, before, summaries[folder], options)

        for folder in options.folders:
            bring_up_to_date(folder)
        _put_summaries(summaries, options)
        if options.watch:
            watch_command.keep_watching(options.folders, library.folder, take_in)
    return 0


def _put_summaries(summaries: Mapping[Path, IndexSummary], options: argparse.Namespace) -> None:
    for folder, summary in summaries.items():
        if not options.json:
            _put_summary(folder, summary)
        _tell_if_empty(folder, summary)
    if options.json:
        put_json(_index_json(summaries))
    sys.stdout.flush()


def _put_change(
    folder: Path, before: IndexSummary | None, now: IndexSummary, options: argparse.Namespace
) -> None:
    """Nothing where all is as it was."""
    same_problems = before is not None and before.unreadable == now.unreadable
    if same_problems and not (now.indexed or now.moved or now.removed):
        return
    if options.json:
        put_json({"folder": str(folder)} | _summary_json(now))
    else:
        _put_summary(folder, now)


def _check_folders(folders: Iterable[Path]) -> None:
    """Raise FolderProblem for any that cannot be read, before a model is loaded."""
    from mmsearch_desktop.library.scan import scan_folder

    for folder in folders:
        scan_folder(folder)  # looks at the folder itself at once, at what is in it when asked


def _index_json(summaries: Mapping[Path, IndexSummary]) -> dict[str, object]:
    sums = _summary_json(_added(summaries.values()))
    if len(summaries) == 1:
        return sums
    each = [{"folder": str(folder)} | _summary_json(one) for folder, one in summaries.items()]
    return sums | {"folders": each}


def _summary_json(summary: IndexSummary) -> dict[str, object]:
    unreadable = [{"path": str(one.path), "reason": one.reason} for one in summary.unreadable]
    return {
        "photos": summary.photos,
        "indexed": summary.indexed,
        "unchanged": summary.unchanged,
        "moved": summary.moved,
        "removed": summary.removed,
        "unreadable": unreadable,
        "seconds": round(summary.seconds, 3),
    }


def _added(summaries: Collection[IndexSummary]) -> IndexSummary:
    return IndexSummary(
        photos=sum(one.photos for one in summaries),
        indexed=sum(one.indexed for one in summaries),
        unchanged=sum(one.unchanged for one in summaries),
        moved=sum(one.moved for one in summaries),
        removed=sum(one.removed for one in summaries),
        unreadable=tuple(problem for one in summaries for problem in one.unreadable),
        seconds=sum(one.seconds for one in summaries),
    )


def _put_summary(folder: Path, summary: IndexSummary) -> None:
    put(
        f"{safe(folder)}: {summary.photos:,} photos; {summary.indexed:,} indexed,"
        f" {summary.unchanged:,} unchanged, {summary.moved:,} moved, {summary.removed:,} removed,"
        f" {len(summary.unreadable):,} unreadable; {duration(summary.seconds)}"
    )
    for problem in summary.unreadable:
        put(f"  unreadable: {safe(problem.path)}: {safe(problem.reason)}")


def _tell_if_empty(folder: Path, summary: IndexSummary) -> None:
    from mmsearch_desktop.library.decode import SUFFIXES

    if summary.photos == 0:
        kind = "readable photos" if summary.unreadable else "photos"
        tell(f"{folder}: no {kind} were found. Looked for {' '.join(sorted(SUFFIXES))}")


def _search(options: argparse.Namespace) -> int:
    from mmsearch_desktop.search.query import checked

    query = checked(dataclasses.replace(_asked(options), limit=options.limit))
    library = options.library
    if library is not None and not os.path.isdir(library):  # noqa: PTH112 - raises nothing
        raise LibraryProblem(
            f"{library}: there is no library, or it may not be read. Check the path, or make one"
            f" with {PROGRAM} index FOLDER --library {library}"
        )
    if options.rerank:
        judging_commands.check_judge(options)
    results = _answer(query, options)
    for notice in results.notices:
        tell(notice)
    if options.json:
        put_json({"hits": [_hit_json(hit, options) for hit in results.hits]})
        return 0
    for hit in results.hits:
        put(f"{hit.rank:>4}  {hit.score:6.3f}  {safe(hit.photo.path)}")
        judging_commands.put_judgement(hit)
    return 0


def _hit_json(hit: Hit, options: argparse.Namespace) -> dict[str, object]:
    found = {"rank": hit.rank, "path": str(hit.photo.path), "score": hit.score}
    return found | judging_commands.judgement_json(hit) if options.rerank else found


def _judge(options: argparse.Namespace) -> int:
    from mmsearch_desktop.search.query import checked

    return judging_commands.judge(checked(_asked(options)), options)


def _evaluate(options: argparse.Namespace) -> int:
    from mmsearch_desktop.models.offers import place_of

    place_of(_embedder_choice(options), settings.models_folder())  # before anything is read
    return evaluation_commands.evaluate(options, lambda kind: _embedder(options, kind))


def _asked(options: argparse.Namespace) -> Query:
    from mmsearch_desktop.search.query import picture_from_file

    return Query(
        words=options.text or "",
        picture=None if options.image is None else picture_from_file(options.image),
        mode=getattr(options, "mode", Mode.COMPOSED),
        folder=getattr(options, "folder", None),
        since=getattr(options, "since", None),
        until=getattr(options, "until", None),
        show_query_picture=getattr(options, "show_query_picture", False),
    )


def _answer(query: Query, options: argparse.Namespace) -> Results:
    from mmsearch_desktop.search.retrieve import EMPTY_LIBRARY, retrieve

    with server_commands.opened(_library_folder(options)) as library:
        if not any(folder.photos for folder in library.catalogue.folders()):  # needs no model
            return Results(query, (), (EMPTY_LIBRARY,))
        embedder = _embedder(options)
        with _index_of(library, embedder, for_reading=True) as index:
            results = retrieve(query, library=library, index=index, embedder=embedder)
        if options.rerank:
            return judging_commands.reranked(results, options, library.catalogue.judgements)
        return results


def _embed(options: argparse.Namespace) -> int:
    from mmsearch_desktop.search.query import checked
    from mmsearch_desktop.search.retrieve import encode

    query = checked(_asked(options))
    embedder = _embedder(options, _PREPARATIONS[options.preparation])
    vector = encode(query, embedder).asked
    notice = embedder.cut_notice(query.words, with_picture=query.picture is not None)
    if notice is not None:
        tell(notice)
    numbers = [float(number) for number in vector]
    if options.json:
        model = embedder.space.model
        put_json({"model": model, "dimensions": len(numbers), "embedding": numbers})
    else:
        put(" ".join(f"{number:.8g}" for number in numbers))
    return 0


def _models(options: argparse.Namespace) -> int:
    return _MODEL_ACTIONS[options.action or "list"](options)


def _models_list(options: argparse.Namespace) -> int:
    from mmsearch_desktop.models.judge_offers import JUDGES
    from mmsearch_desktop.models.offers import OFFERS, SAMPLE, installed

    chosen = _embedder_choice(options)
    put("To search with:")
    shipped = [SAMPLE] if installed(SAMPLE, settings.models_folder()) else []
    for offer in (*OFFERS, *shipped):
        mark = ", in use" if offer.name == chosen else ""
        _put_offer(offer, mark, f"{offer.dimensions} dimensions; words in {offer.languages}")
    put("To judge what was found, with --rerank:")
    for offer in JUDGES:
        _put_offer(offer, "", f"words in {offer.languages}")
    spaces_commands.put_spaces(_library_folder(options), chosen)
    return 0


def _remove_index(options: argparse.Namespace) -> int:
    chosen = _embedder_choice(options)
    return spaces_commands.remove_index(options.name, _library_folder(options), chosen)


def _put_offer(offer: Offer, mark: str, about: str) -> None:
    from mmsearch_desktop.models.offers import installed, size_text

    here = "here" if installed(offer, settings.models_folder()) else "not here"
    put(f"{offer.name}  ({here}{mark})")
    put(f"    {offer.title}; {size_text(offer.size_bytes)}; licence {offer.licence}")
    put(f"    {about}")
    put(f"    good at: {offer.good_at}.")
    put(f"    bad at:  {offer.bad_at}.")


def _download(options: argparse.Namespace) -> int:
    from mmsearch_desktop.models import weights

    offer, folder = _offer(options.name), settings.models_folder()
    offline = options.offline or settings.load().offline
    return _brought(
        weights.download(offer, folder, offline=offline, accept_unknown=options.accept_unknown),
        offer.folder(folder),
    )


def _import(options: argparse.Namespace) -> int:
    from mmsearch_desktop.models import weights

    offer, folder = _offer(options.name), settings.models_folder()
    return _brought(
        weights.import_folder(offer, options.folder, folder, accept_unknown=options.accept_unknown),
        offer.folder(folder),
    )


def _offer(name: str) -> Offer:
    from mmsearch_desktop.models.judge_offers import EVERYTHING
    from mmsearch_desktop.models.offers import offer_named

    return offer_named(name, EVERYTHING)


def _brought(items: Iterator[Progress], folder: Path) -> int:
    try:
        watched(items, "bytes")
    except WeightsUnknown as error:
        return fail(f"{error}\nTo take it as it is, add --accept-unknown.")
    tell(f"The model is ready in {folder}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from mmsearch_desktop.models import weights
    from mmsearch_desktop.models.judge_offers import EVERYTHING

    folder = settings.models_folder()
    chosen = [_offer(options.name)] if options.name else EVERYTHING
    present = [offer for offer in chosen if _has_files(offer.folder(folder))]
    if not present:
        names = ", ".join(offer.name for offer in chosen)
        return fail(f"{folder}: nothing to verify. Fetch one of {names} with models download NAME.")
    good = True
    for offer in present:
        for check in weights.verify(offer, folder):
            put(f"{'right' if check.ok else 'WRONG'}  {safe(check.path)}: {safe(check.message)}")
            good = good and check.ok
    return 0 if good else 1


def _has_files(folder: Path) -> bool:
    """A download that did not begin leaves an empty folder."""
    return any(path.is_file() for path in folder.rglob("*"))


def _server(options: argparse.Namespace) -> int:
    return server_commands.run(options, _library_folder(options))


def _doctor(options: argparse.Namespace) -> int:
    from mmsearch_desktop.doctor import State, examine

    checks = []
    for check in examine(
        library=_library_folder(options),
        embedder=_embedder_choice(options),
        models_folder=settings.models_folder(),
        choices=settings.load(),
    ):
        checks.append(check)
        if not options.json:
            put(f"{check.state:<8}{check.topic}: {safe(check.fact)}")
            if check.remedy:
                put(f"{'':8}  {safe(check.remedy)}")
    good = all(check.state is not State.WRONG for check in checks)
    if options.json:
        put_json({"ok": good, "checks": [dataclasses.asdict(check) for check in checks]})
    return 0 if good else 1


@contextlib.contextmanager
def _opened(options: argparse.Namespace) -> Iterator[tuple[Library, VectorIndex, Embedder]]:
    from mmsearch_desktop.models.offers import place_of

    place_of(_embedder_choice(options), settings.models_folder())  # else no library is made
    with server_commands.opened(_library_folder(options)) as library:
        library.require_space()  # said without waiting for the model
        library.thumbnails.limit_bytes = settings.load().thumbnails_bytes
        embedder = _embedder(options)
        with _index_of(library, embedder) as index:
            yield library, index, embedder


@contextlib.contextmanager
def _index_of(
    library: Library, embedder: Embedder, *, for_reading: bool = False
) -> Iterator[VectorIndex]:
    with contextlib.closing(library.open_index(embedder.space)) as index:
        try:
            watched(index.reconcile(library.catalogue), "photos")
        except NoSpace as error:
            if not for_reading:
                raise
            tell(f"{error} Until then some photos are not found.")
        yield index


def _library_folder(options: argparse.Namespace) -> Path:
    return options.library or settings.load().library_folder


def _embedder_choice(options: argparse.Namespace) -> str:
    return options.embedder or settings.load().embedder


def _embedder(options: argparse.Namespace, preparation: Preparation = Preparation.APP) -> Embedder:
    from mmsearch_desktop.models.offers import SAMPLE_LABEL, is_sample, open_embedder

    choice = _embedder_choice(options)
    if is_sample(choice):
        tell(SAMPLE_LABEL)
    with busy("Opening the model"):
        return open_embedder(
            choice, models_folder=settings.models_folder(), preparation=preparation, window=False
        )


_COMMANDS: dict[str, _Command] = {
    "demo": demo_command.demo,
    "index": _index,
    "search": _search,
    "judge": _judge,
    "evaluate": _evaluate,
    "embed": _embed,
    "models": _models,
    "server": _server,
    "doctor": _doctor,
}
_MODEL_ACTIONS: dict[str, _Command] = {
    "remove-index": _remove_index,
    "list": _models_list,
    "download": _download,
    "import": _import,
    "verify": _verify,
}
