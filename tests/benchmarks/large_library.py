"""What a library of 10,000, 100,000 and 500,000 photos costs: opening, searching, looking through.

python -m tests.benchmarks.large_library [--sizes 10000 100000 …] [--in FOLDER]

Without models: queries are vectors. `--in` keeps the libraries there, and takes those it finds.
Beside each figure stands what the same machine needs, in the same minute, for the bare work: an
exact matrix product, a walk with a look at each file, hashing. Needs 30 kB of disk for a photo.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from mmsearch_desktop.domain import IndexSummary, Query, Stage
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.scope import ALL, Scope
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.search.retrieve import retrieve
from tests.benchmarks.made_library import (
    FOLDER_PHOTOS,
    SPACE,
    Made,
    NoEmbedder,
    added,
    clustered,
    day_range,
    made_library,
    vectors_of,
)
from tests.benchmarks.table import median, percentile, seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mmsearch_desktop.library.vectors import MilvusIndex

    Vectors = NDArray[np.float32]
    Answer = Sequence[int]  # content ids, best first

SIZES = (10_000, 100_000)
LIMIT = 50
QUERIES = 60
_ADDED = 32  # photos at a time while it is searched, five times a second
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Figure:
    """One line: what was measured, beside the bare work where there is such."""

    name: str
    measured: str
    beside: str = ""


class Queries(NoEmbedder):
    """The words "7" ask for the seventh of some vectors that are there already."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = clustered(QUERIES, seed=987_654_321)

    def embed_words(self, words: Sequence[str]) -> Vectors:
        return self.vectors[[int(text) for text in words]]


def print_own_table(sizes: Sequence[int] = SIZES, keep: Path | None = None) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        columns = [_one_size(keep or Path(temporary), size) for size in sizes]
    print("| | " + " | ".join(f"{size:,}" for size in sizes) + " |")
    print("|---" * (len(sizes) + 1) + "|")
    for line in zip(*columns, strict=True):
        cells = [f"{one.measured} ({one.beside})" if one.beside else one.measured for one in line]
        print(f"| {line[0].name} | {' | '.join(cells)} |")


def _one_size(place: Path, size: int) -> list[Figure]:
    folder = (place / str(size)).resolve()
    if not (folder / "whole").exists():
        print(f"making a library of {size:,} …", file=sys.stderr)
        made_library(folder, size)
        (folder / "whole").touch()
    made = Made(folder / "library", folder / "photos", size)
    figures: list[Figure] = []
    for part in (_opening, _looking_through, _searching):
        for figure in _in_a_new_process(part, made):
            load = os.getloadavg()[0]
            print(f"{size:,}: {figure} (load {load:.0f})", file=sys.stderr, flush=True)
            figures.append(figure)
    return figures


def _in_a_new_process(part: Callable[[Made], _Found], made: Made) -> _Found:
    """So that memory is its own, and nothing is warm."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(part, made).result()


# ------------------------------------------------------------------------- opening, and memory


def _opening(made: Made) -> list[Figure]:
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtWidgets import QApplication

    from mmsearch_desktop.ui.results_model import ResultsModel

    application = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        empty = seconds(lambda: Library(Path(folder) / "empty").close())
    start = time.perf_counter()
    library = Library(made.folder)
    library.catalogue.folders()
    first = library.catalogue.photos(limit=1000)
    usable = time.perf_counter() - start
    model = ResultsModel()
    model.show_photos(first)
    photos = seconds(lambda: model.append_photos(library.catalogue.photos(limit=made.count)))
    start = time.perf_counter()
    index = library.open_index(SPACE)
    opened = time.perf_counter() - start
    checked = seconds(lambda: list(index.reconcile(library.catalogue)))
    embedder = Queries()
    for number in range(5):
        retrieve(Query(str(number)), library=library, index=index, embedder=embedder)
    memory = [_megabytes(pid) for pid in ("self", *_children())]
    library.close()
    application.quit()
    return [
        Figure("usable: opened, first 1,000 photos read", f"{usable:.2f} s", f"empty {empty:.2f}"),
        Figure("all photos in the grid's model", f"{photos:.2f} s"),
        Figure("vector index opened + compared", f"{opened:.1f} + {checked:.1f} s"),
        Figure(
            "memory with all that open, without models",
            f"{sum(memory):,.0f} MB",
            f"ours {memory[0]:,.0f}, index {sum(memory[1:]):,.0f}",
        ),
    ]


def _children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split() + [
        child
        for task in Path("/proc/self/task").iterdir()
        if task.name != str(os.getpid())
        for child in (task / "children").read_text().split()
    ]


def _megabytes(pid: str) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


# ------------------------------------------------------------------------- unchanged, and moved


def _looking_through(made: Made) -> list[Figure]:
    opened: list[str] = []
    inside = str(made.photos)

    def hear(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(inside):
            opened.append(arguments[0])

    embedder = Queries()
    with Library(made.folder) as library:
        index = library.open_index(SPACE)
        for _ in index.reconcile(library.catalogue):
            pass
        sys.addaudithook(hear)
        bare = seconds(lambda: _walk(made.photos))
        cpu = time.process_time()
        unchanged, again = _timed(lambda: _scanned(made, library, index, embedder))
        cpu = time.process_time() - cpu
        touched = len(opened)
        moved = _move(made.photos)
        hashing = seconds(lambda: [_hashed(path) for path in moved])
        elsewhere, after = _timed(lambda: _scanned(made, library, index, embedder))
    return [
        Figure(
            "look at unchanged photos",
            f"{unchanged:.1f} s, {cpu:.1f} of CPU; {again.unchanged:,} unchanged, {touched} opened",
            f"bare walk {bare:.1f}, so {unchanged / bare:.1f} x",
        ),
        Figure(
            "a moved folder",
            f"{after.moved:,} photos in {elsewhere:.1f} s, {embedder.pictures_embedded} embedded",
            f"hashing {hashing:.1f}",
        ),
    ]


def _timed(action: Callable[[], _Found]) -> tuple[float, _Found]:
    start = time.perf_counter()
    found = action()
    return time.perf_counter() - start, found


def _scanned(made: Made, library: Library, index: MilvusIndex, embedder: Queries) -> IndexSummary:
    *_, last = add_folder(made.photos, library, index, embedder)
    assert last.stage is Stage.FINISHED
    assert last.summary is not None
    return last.summary


def _walk(folder: Path) -> int:
    return sum(
        os.stat(os.path.join(path, name)).st_size  # noqa: PTH116, PTH118 - as bare as it gets
        for path, _, names in os.walk(folder)
        for name in names
    )


def _move(photos: Path) -> list[Path]:
    """Ten folders, or half of them, go below another; or back, where they went before."""
    away = photos / "moved"
    if away.exists():
        for folder in away.iterdir():
            folder.rename(photos / folder.name)
        away.rmdir()
        return [path for folder in sorted(photos.iterdir())[:10] for path in folder.iterdir()]
    folders = sorted(photos.iterdir())
    away.mkdir()
    chosen = folders[: min(10, len(folders) // 2)]
    for folder in chosen:
        folder.rename(away / folder.name)
    return [path for folder in away.iterdir() for path in folder.iterdir()]


def _hashed(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ------------------------------------------------------------------------- searching


def _searching(made: Made) -> list[Figure]:
    embedder = Queries()
    with Library(made.folder) as library:
        index = library.open_index(SPACE)
        for _ in index.reconcile(library.catalogue):
            pass
        ids = library.catalogue.embedded_ids(SPACE)
        exact = vectors_of(library, ids)
        last = made.photos / f"{(made.count - 1) // FOLDER_PHOTOS:04d}"
        half, month = day_range(1 / 4, 3 / 4), day_range(0.5, 0.506)

        def asked(scope: Scope) -> Callable[[int], Answer]:
            def ask(number: int) -> Answer:
                query = Query(
                    str(number), folder=scope.folder, since=scope.since, until=scope.until,
                    limit=LIMIT,
                )  # fmt: skip
                found = retrieve(query, library=library, index=index, embedder=embedder)
                return [hit.photo.content_id for hit in found.hits]

            return ask

        scopes = {
            "all": ALL,
            "one folder of 1,000": Scope(last),
            "a folder that holds all": Scope(made.photos),
            "half of the days": Scope(None, *half),
            "a month": Scope(None, *month),
            "a folder that holds all, half of the days": Scope(made.photos, *half),
        }
        figures = [
            _latency(
                f"search: {name}", asked(scope), library.catalogue.content_ids(scope),
                exact=exact, ids=ids, queries=embedder.vectors,
            )
            for name, scope in scopes.items()
        ]  # fmt: skip
        figures += [
            _while_adding(name, made, library, index, asked(scopes[name]))
            for name in ("all", "a folder that holds all, half of the days")
        ]
    return figures


def _latency(
    name: str,
    ask: Callable[[int], Answer],
    scope: Sequence[int],
    *,
    exact: Vectors,
    ids: Sequence[int],
    queries: Vectors,
) -> Figure:
    rows = np.searchsorted(ids, scope)
    known, chosen = np.array(ids)[rows], exact if len(scope) == len(ids) else exact[rows]
    first, _ = _timed(lambda: ask(0))
    ours, bare, agreement = [], [], []
    for number in range(QUERIES):
        took, answer = _timed(lambda number=number: ask(number))  # type: ignore[misc] # its default
        ours.append(took)
        start = time.perf_counter()
        scores = chosen @ queries[number]
        best = known[np.argsort(-scores, kind="stable")[:LIMIT]]
        bare.append(time.perf_counter() - start)
        agreement.append(len(set(answer) & set(best.tolist())) / len(best))
    return Figure(
        name,
        f"p50 {median(ours) * 1000:.0f}, p95 {percentile(ours, 0.95) * 1000:.0f} ms;"
        f" first {first * 1000:.0f}; agrees {np.mean(agreement):.3f}",
        f"exact product {median(bare) * 1000:.0f}, {percentile(bare, 0.95) * 1000:.0f}",
    )


def _while_adding(
    name: str, made: Made, library: Library, index: MilvusIndex, ask: Callable[[int], Answer]
) -> Figure:
    idle, busy = _times(ask), []
    with _adding(made, library, index) as count:
        busy = _times(ask)
    p95 = percentile(busy, 0.95)
    return Figure(
        f"search: {name}, while photos are added",
        f"p50 {median(busy) * 1000:.0f}, p95 {p95 * 1000:.0f} ms; {count[0]} added",
        f"idle {median(idle) * 1000:.0f}, {percentile(idle, 0.95) * 1000:.0f}, so"
        f" {median(busy) / median(idle):.1f} and {p95 / percentile(idle, 0.95):.1f} x",
    )


def _times(ask: Callable[[int], Answer]) -> list[float]:
    return [seconds(lambda number=number: ask(number)) for number in range(QUERIES)]  # type: ignore[misc]


class _adding:  # noqa: N801 - used as a context manager
    """Adds photos from a thread, and takes them out again at the end."""

    def __init__(self, made: Made, library: Library, index: MilvusIndex) -> None:
        self._made, self._library, self._index = made, library, index
        self._folder_id = library.catalogue.add_folder(made.photos)
        self._stop = threading.Event()
        self._photos: list[int] = []
        self._contents: list[int] = []
        self._count = [0]
        self._thread = threading.Thread(target=self._add)

    def __enter__(self) -> list[int]:
        self._thread.start()
        return self._count

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._library.catalogue.remove_photos(self._photos)
        self._index.remove(self._contents)

    def _add(self) -> None:
        while not self._stop.wait(0.2):
            start = self._made.count + self._count[0]
            numbers = range(start, start + _ADDED)
            for photo in added(
                self._made, self._library, self._index, numbers, folder_id=self._folder_id
            ):
                self._photos.append(photo.id)
                self._contents.append(photo.content_id)
            self._count[0] += _ADDED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--in", type=Path, dest="keep")
    options = parser.parse_args()
    print_own_table(options.sizes, options.keep)


if __name__ == "__main__":
    main()
