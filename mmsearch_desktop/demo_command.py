"""The `demo` command: indexes the sample photos, asks them three questions, and shows the answers.

It needs no download and no network, and leaves the person's own library and settings alone.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop import judging_commands, settings
from mmsearch_desktop.domain import (
    Embedder,
    Hit,
    Layout,
    Query,
    Results,
    Similarities,
    Strategy,
)
from mmsearch_desktop.models.offers import SAMPLE_LABEL, is_sample
from mmsearch_desktop.search.samples import Samples, find_samples
from mmsearch_desktop.terminal import busy, duration, fail, put, safe, watched

if TYPE_CHECKING:
    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.library.vectors import VectorIndex

_LIMIT = 50
_JUDGED = 9


def demo(options: argparse.Namespace) -> int:
    """The exit status: 1 where this program comes without the samples."""
    samples = find_samples()
    if samples is None:
        return fail(
            f"the sample photos and their model are not in {settings.resources_folder()}. Install"
            " the program again, from a release or from its repository."
        )
    embedder = _embedder(options.embedder or samples.embedder)
    label = SAMPLE_LABEL if is_sample(options.embedder or samples.embedder) else ""
    if label:
        put(label)
    with _library(options.library) as library:
        index = _indexed(samples, library, embedder)
        for example in samples.examples:
            results = _answer(samples, example.query(_LIMIT), library, index, embedder)
            put("")
            put(safe(example.text))
            _put_hits(results.hits[: options.hits])
    return 0


def _embedder(choice: str) -> Embedder:
    from mmsearch_desktop.models.offers import open_embedder

    with busy("Opening the model"):
        return open_embedder(choice, models_folder=settings.models_folder(), window=False)


@contextlib.contextmanager
def _library(folder: Path | None) -> Iterator[Library]:
    """The one named, which is kept, or one that is thrown away."""
    from mmsearch_desktop.library.stores import Library

    with contextlib.ExitStack() as stack:
        if folder is None:
            made = stack.enter_context(tempfile.TemporaryDirectory(prefix="mmsearch-demo-"))
            folder = Path(made) / "library"
        yield stack.enter_context(Library(folder))


def _indexed(samples: Samples, library: Library, embedder: Embedder) -> VectorIndex:
    from mmsearch_desktop.library.ingest import add_folder

    index = library.open_index(embedder.space)
    watched(index.reconcile(library.catalogue), "photos")
    last = watched(add_folder(samples.photos, library, index, embedder), "photos")
    if last is not None and last.summary is not None:
        summary = last.summary
        new = "" if summary.indexed else ", all known already"
        put(f"{summary.photos:,} sample photos in {duration(summary.seconds)}{new}.")
    return index


def _answer(
    samples: Samples, query: Query, library: Library, index: VectorIndex, embedder: Embedder
) -> Results:
    from mmsearch_desktop.search.retrieve import retrieve

    results = retrieve(query, library=library, index=index, embedder=embedder)
    if samples.judge is None:
        return results
    return judging_commands.reranked(results, _judging(samples.judge), library.catalogue.judgements)


def _judging(judge: str) -> argparse.Namespace:
    """As the options of `search --rerank` would say it."""
    return argparse.Namespace(
        judge=judge, rerank=_JUDGED, weight=1.0, words=True, strategy=Strategy.POINTWISE,
        layout=Layout.SEPARATE, caption=False, near_ties=0, kept="Nothing was changed.",
    )  # fmt: skip


def _put_hits(hits: Sequence[Hit]) -> None:
    for hit in hits:
        put(f"{hit.rank:>4}  {hit.score:6.3f}  {safe(hit.photo.path.name)}")
        put(f"{'':12}{_similarities(hit.similarities)}")
        judging_commands.put_judgement(hit)


def _similarities(found: Similarities) -> str:
    """Such as "words 0.31, picture 0.87, together 0.64"."""
    parts = (("words", found.words), ("picture", found.picture), ("together", found.together))
    return ", ".join(f"{name} {value:.2f}" for name, value in parts if value is not None)
