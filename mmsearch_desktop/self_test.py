"""Does the main job once, in a folder that is thrown away, and says of each step how it went.

For a packaged program, which may lack a part that no import at its start would miss. The person's
own library, settings and logs are not touched, and nothing is fetched.
"""

from __future__ import annotations

import dataclasses
import enum
import faulthandler
import importlib
import io
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from mmsearch_desktop import __version__, settings
from mmsearch_desktop.doctor import has_screen
from mmsearch_desktop.domain import (
    Embedder,
    Hit,
    Preparation,
    Query,
    Results,
    Standing,
    VectorSpace,
)
from mmsearch_desktop.search.samples import find_samples
from mmsearch_desktop.terminal import PROGRAM, fail, let_any_path_be_printed, put, safe

if TYPE_CHECKING:
    from PIL import Image
    from PySide6.QtGui import QImage
    from PySide6.QtWidgets import QApplication

    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.search.samples import Example, Samples
    from mmsearch_desktop.ui.main_window import MainWindow

_PACKAGES = (
    "torch", "transformers", "tokenizers", "safetensors", "PIL", "pillow_heif", "numpy", "httpx",
    "msgpack", "filelock", "platformdirs", "rich", "pymilvus",
)  # fmt: skip
_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "HEIF")
_COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "white", "black")
_WORDS, _WORDS_WITH_PICTURE = "a phone case", "phone case with this"
_HITS = 20
_SEEN = 5  # among the first so many the sample model has what was asked for
_VECTORS, _DIMENSIONS = 100, 64
_JUDGED = 3
_WINDOW_SECONDS = 120.0
_UNSEEN_PIXELS = (1180, 780)
_LEAST_COLOURS = 20  # of a window that has been drawn


class Options(Protocol):
    """What the command line says about it; of a model, None is the sample one."""

    embedder: str | None
    judge: str | None
    on_screen: bool
    screenshot: Path | None


class LeftOut(Exception):
    """A step that has nothing to work with here, and why; no failure."""


class WentWrong(Exception):
    """Something worked, but not as it should."""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    does: Callable[[], str]  # returns what was found; raises LeftOut, or anything


class State(enum.StrEnum):
    OK = "ok"
    LEFT_OUT = "left out"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Outcome:
    state: State
    reason: str


@dataclass
class Bench:
    """What the steps make and hand on to those after them."""

    options: Options
    folder: Path  # thrown away at the end
    samples: Samples | None = None  # None: this build carries none
    embedder: Embedder | None = None
    library: Library | None = None
    photos: Path | None = None
    results: Results | None = None


def run(options: Options) -> int:
    """0: every step that could be done went well. 1: one failed; the last line says why."""
    let_any_path_be_printed()
    faulthandler.enable()
    if not options.on_screen:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    os.environ["HF_HUB_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory(prefix="mmsearch-self-test-") as name:
        os.environ[settings.DATA_VARIABLE] = name
        bench = Bench(options, Path(name), find_samples())
        try:
            return told(steps(bench))
        finally:
            if bench.library is not None:
                bench.library.close()


def told(todo: list[Step]) -> int:
    put(f"{PROGRAM} {__version__}, Python {platform.python_version()}, {platform.platform()}")
    outcomes = [outcome(number, step) for number, step in enumerate(todo, 1)]
    failures = [one.reason for one in outcomes if one.state is State.FAILED]
    if failures:
        return fail(f"self-test: {len(failures)} of {len(todo)} steps failed. First {failures[0]}")
    left_out = sum(one.state is State.LEFT_OUT for one in outcomes)
    put(f"self-test: all is well{f'; steps left out: {left_out}' if left_out else ''}")
    return 0


def outcome(number: int, step: Step) -> Outcome:
    """Do and tell one."""
    began = time.perf_counter()
    state = State.OK
    try:
        said = step.does()
    except LeftOut as why:
        state, said = State.LEFT_OUT, str(why)
    except Exception as error:  # noqa: BLE001 a border: any fault is what is looked for here
        state, said = State.FAILED, f"{type(error).__name__}: {error}"
    seconds = time.perf_counter() - began
    put(f"{number:2}  {state:<8}  {seconds:6.2f} s  {step.name}: {safe(said)}")
    sys.stdout.flush()  # a crash of the next step must not take this line with it
    return Outcome(state, f"step {number}, {step.name}: {said}")


def steps(bench: Bench) -> list[Step]:
    """In their order; a later one is left out where what it needs did not come."""
    return [
        Step("packages", _import_packages),
        Step("models' code", _import_models),
        Step("device", _compute),
        Step("pictures", _decode),
        Step("stores", lambda: _store(bench)),
        Step("model", lambda: _open_model(bench)),
        Step("indexing", lambda: _index(bench)),
        Step("search with words", lambda: _search(bench, Query(_WORDS, limit=_HITS))),
        Step("search with a picture", lambda: _search_with_picture(bench, words=False)),
        Step("with both", lambda: _search_with_picture(bench, words=True)),
        Step("judging", lambda: _judge(bench)),
        Step("window", lambda: _show(bench)),
    ]


# -- what the program is made of -----------------------------------------------------------


def _import_packages() -> str:
    found = []
    for name in _PACKAGES:
        version = getattr(importlib.import_module(name), "__version__", "")
        found.append(f"{name} {version}".rstrip())
    return ", ".join(found)


def _import_models() -> str:
    """Every architecture that is offered: each needs other parts of transformers."""
    from mmsearch_desktop.models.judge_offers import JUDGES
    from mmsearch_desktop.models.offers import OFFERS, load_module

    names = sorted({offer.architecture for offer in (*OFFERS, *JUDGES)})
    for name in names:
        load_module(name)
    return ", ".join(name.rpartition(".")[2] for name in names)


def _compute() -> str:
    from mmsearch_desktop.models.device import best_device
    from mmsearch_desktop.models.judging_speed import operations_per_second

    device = best_device(window=False)
    speed = operations_per_second(device, device.precision)
    return f"{device.name} ({device.kind}), {device.precision}, {speed / 1e9:.0f} billion a second"


def _decode() -> str:
    """Every format that can be, written and read back, by the place of a colour in it."""
    from mmsearch_desktop.library.decode import decode_photo

    for kind in _FORMATS:
        data = _encoded(_drawn("red", "blue"), kind)
        decoded = decode_photo(data, Path(f"drawn.{kind.lower()}"), Preparation.APP)
        picture = decoded.picture
        left = picture.getpixel((picture.width // 4, picture.height // 2))
        right = picture.getpixel((picture.width * 3 // 4, picture.height // 2))
        if not (_is_near(left, (255, 0, 0)) and _is_near(right, (0, 0, 255))):
            raise WentWrong(f"a {kind} picture, red and blue, came back as {left} and {right}")
    return f"{', '.join(_FORMATS)} written and read"


def _encoded(picture: Image.Image, kind: str) -> bytes:
    import pillow_heif

    file = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(picture).save(file, quality=90)
    else:
        picture.save(file, kind)
    return file.getvalue()


def _drawn(left: str, right: str) -> Image.Image:
    from PIL import Image

    picture = Image.new("RGB", (480, 360), left)
    picture.paste(right, (240, 0, 480, 360))
    return picture


def _is_near(pixel: object, wanted: tuple[int, int, int]) -> bool:
    return isinstance(pixel, tuple) and all(
        abs(have - want) < 40 for have, want in zip(pixel[:3], wanted, strict=True)
    )


def _store(bench: Bench) -> str:
    """SQLite opens; Milvus keeps vectors and finds each of them again."""
    from mmsearch_desktop.library.stores import Library

    bench.library = library = Library(bench.folder / "library")
    space = VectorSpace("self-test", "1", _DIMENSIONS, Preparation.APP)
    rows = np.random.default_rng(0).normal(size=(_VECTORS, _DIMENSIONS)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    index = library.open_index(space)
    index.insert(range(1, _VECTORS + 1), rows)
    for place in range(0, _VECTORS, 10):
        nearest = index.search(rows[place], 3)
        if not nearest or nearest[0][0] != place + 1:
            raise WentWrong(f"vector {place + 1} is not the nearest to itself: {nearest}")
    index.close()
    return f"catalogue opened, {_VECTORS} vectors inserted and found"


# -- the main job --------------------------------------------------------------------------


def _open_model(bench: Bench) -> str:
    from mmsearch_desktop.models.offers import open_embedder

    choice = _embedder_choice(bench)
    if choice is None:
        raise LeftOut("this build carries no sample model")
    bench.embedder = open_embedder(choice, models_folder=settings.models_folder(), window=False)
    return f"{bench.embedder.name}, {bench.embedder.space.dimensions} dimensions"


def _embedder_choice(bench: Bench) -> str | None:
    return bench.options.embedder or (bench.samples.embedder if bench.samples else None)


def _judge_choice(bench: Bench) -> str | None:
    return bench.options.judge or (bench.samples.judge if bench.samples else None)


def _photos(bench: Bench) -> tuple[Path, str]:
    """The sample photos; where there are none, some drawn here."""
    if bench.samples is not None:
        return bench.samples.photos, "sample photos"
    drawn = bench.folder / "photos"
    drawn.mkdir()
    for i, left in enumerate(_COLOURS):
        right = _COLOURS[(i + 3) % len(_COLOURS)]
        _drawn(left, right).save(drawn / f"{left} and {right}.png")
    return drawn, "drawn pictures, for this build carries no sample photos"


def _index(bench: Bench) -> str:
    from mmsearch_desktop.library.ingest import add_folder

    library, embedder = _library_and_embedder(bench)
    photos, what = _photos(bench)
    index = library.open_index(embedder.space)
    summary = None
    for progress in add_folder(photos, library, index, embedder):
        summary = progress.summary
    if summary is None or summary.photos == 0 or summary.unreadable:
        raise WentWrong(f"{photos} was not indexed whole: {summary}")
    bench.photos = photos
    return f"{summary.photos} {what}"


def _library_and_embedder(bench: Bench) -> tuple[Library, Embedder]:
    if bench.library is None:
        raise LeftOut("there are no stores")
    if bench.embedder is None:
        raise LeftOut("no model is open")
    return bench.library, bench.embedder


def _search(bench: Bench, query: Query) -> str:
    from mmsearch_desktop.search.retrieve import retrieve

    library, embedder = _library_and_embedder(bench)
    if bench.photos is None:
        raise LeftOut("nothing is indexed")
    index = library.open_index(embedder.space)
    results = retrieve(query, library=library, index=index, embedder=embedder)
    check_hits(results)
    check_meaning(bench, results)
    bench.results = results
    best = results.hits[0]
    return f"{len(results.hits)} hits, first {best.photo.path.name} ({best.score:.3f})"


def check_hits(results: Results) -> None:
    """What holds for any model: there are hits, in order, and a picture finds itself."""
    scores = [hit.score for hit in results.hits]
    if not scores or not np.isfinite(scores).all() or max(scores) > 1.01:
        raise WentWrong(f"the scores of the hits are {scores}")
    if scores != sorted(scores, reverse=True):
        raise WentWrong(f"the hits are not in the order of their scores: {scores}")
    query = results.query
    if query.picture is None or query.words:
        return
    if scores[0] < 0.99 or results.hits[0].photo.sha256 != query.picture.sha256:
        raise WentWrong(f"{query.picture.name} does not find itself but {results.hits[0].photo}")


def check_meaning(bench: Bench, results: Results) -> None:
    """The sample model knows the sample photos, which are named for what they show."""
    query = results.query
    if bench.samples is None or bench.options.embedder is not None or not query.words:
        return
    wanted = ("phone case",) if query.picture is None else ("phone case", "leopard")
    names = [hit.photo.path.stem for hit in results.hits[:_SEEN]]
    if not any(all(word in name for word in wanted) for name in names):
        raise WentWrong(f"“{query.words}” found no {' and '.join(wanted)}: {', '.join(names)}")


def _search_with_picture(bench: Bench, *, words: bool) -> str:
    if bench.photos is None:
        raise LeftOut("nothing is indexed")
    example = _example(bench, bench.photos)
    if words:
        return _search(bench, example.query(_HITS))
    alone = dataclasses.replace(example, words="").query(_HITS)
    return _search(bench, dataclasses.replace(alone, show_query_picture=True))


def _example(bench: Bench, photos: Path) -> Example:
    from mmsearch_desktop.search.samples import Example

    if bench.samples is not None:
        return bench.samples.examples[0]
    return Example(_WORDS_WITH_PICTURE, min(photos.iterdir()))


def _judge(bench: Bench) -> str:
    from mmsearch_desktop.models.judge_offers import open_judge
    from mmsearch_desktop.search.judging import Judging
    from mmsearch_desktop.search.rerank import rerank

    choice = _judge_choice(bench)
    if choice is None:
        raise LeftOut("this build carries no sample judge")
    if bench.results is None:
        raise LeftOut("there are no hits")
    judge = open_judge(choice, models_folder=settings.models_folder())
    latest: dict[int, Hit] = {}
    order = Judging(depth=_JUDGED)
    with closing(rerank(bench.results.query, bench.results.hits, judge, settings=order)) as items:
        for hit in items:
            latest[hit.photo.content_id] = hit
    said = [hit.verdict for hit in latest.values() if hit.verdict is not None]
    judge.unload()
    broken = [one.rationale for one in said if one.standing is Standing.FAILED]
    if broken or not said:
        raise WentWrong(f"{judge.name}: {broken[0] if broken else 'nothing was judged'}")
    return f"{judge.name} judged {len(said)} hits; first: {said[0].rationale}"


# -- the window ----------------------------------------------------------------------------


@dataclass
class _WindowOptions:
    embedder: str | None
    judge: str | None
    library: Path | None = None
    offline: bool = True
    folders: list[Path] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)


def _show(bench: Bench) -> str:
    from PySide6.QtCore import qInstallMessageHandler

    if bench.options.on_screen and not has_screen():
        raise WentWrong("there is no screen. Leave out --on-screen, or start it from a desktop")
    from mmsearch_desktop import app
    from mmsearch_desktop.ui.engine import standard_services

    if bench.library is not None:
        bench.library.close()  # the window opens the same
        bench.library = None
    settings.save(settings.Settings(judging_depth=_JUDGED, judging_words=False))
    qInstallMessageHandler(app.QtMessages())  # without a screen that answers, Qt would abort
    application = app.make_application()
    options = _WindowOptions(_embedder_choice(bench), _judge_choice(bench))
    services = standard_services(settings.models_folder())
    window = app.make_window(application, options, services)
    if not bench.options.on_screen:
        window.resize(*_UNSEEN_PIXELS)
    window.show()
    window.start()
    try:
        said = _use(window, application, bench)
        size = _draw(window, bench.options.screenshot or bench.folder / "window.png")
    finally:
        window.close()
    return f"{said}; {application.platformName()}, {size}"


def _use(window: MainWindow, application: QApplication, bench: Bench) -> str:
    """Ask it what was asked before, and wait for the hits and what a judge says of them."""
    from mmsearch_desktop.ui.judging_state import Phase

    parts = window.parts
    answers: list[Results] = []
    window.search.answered.connect(answers.append)
    if bench.results is None:
        _wait(application, window, lambda: parts.status.model.text() == "No model")
        return "it says that there is no model"
    query = bench.results.query
    if query.picture is not None and query.picture.path is not None:
        window.search_with(query.picture.path)
        _wait(application, window, lambda: parts.query_bar.query().picture is not None)
    parts.query_bar.set_words(query.words)
    _wait(application, window, lambda: any(_are_alike(one.query, query) for one in answers))
    hits, count, picture = parts.results_model, parts.results_model.rowCount(), 1  # Qt's number
    shown = range(min(count, 12))  # of those that are seen without scrolling
    _wait(application, window, lambda: all(hits.index(row).data(picture) for row in shown))
    if _judge_choice(bench) is None:
        return f"{count} hits shown"
    ends = (Phase.DONE, Phase.FAILED, Phase.STOPPED)
    _wait(application, window, lambda: window.judging.state.phase in ends)
    if window.judging.state.phase is not Phase.DONE:
        raise WentWrong(window.judging.state.text)
    return f"{count} hits shown, {window.judging.state.judged} judged"


def _are_alike(one: Query, other: Query) -> bool:
    return (one.words, one.picture) == (other.words, other.picture)


def _wait(application: QApplication, window: MainWindow, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WINDOW_SECONDS
    while not done():
        if time.monotonic() > deadline:
            told = window.parts.messages.text.text() or window.parts.status.text.text()
            raise WentWrong(f"nothing after {_WINDOW_SECONDS:.0f} s; the window says: {told}")
        application.processEvents()
        time.sleep(0.01)


def _draw(window: MainWindow, path: Path) -> str:
    drawn = window.grab()
    if not drawn.save(str(path)):
        raise WentWrong(f"{path} cannot be written. Choose another with --screenshot FILE.")
    colours = len(set(_some_pixels(drawn.toImage())))
    if colours < _LEAST_COLOURS:
        raise WentWrong(f"the window has only {colours} colours: it was not drawn")
    return f"{drawn.width()} × {drawn.height()} pixels, {path.stat().st_size / 1000:.0f} kB"


def _some_pixels(image: QImage) -> Iterator[int]:
    for y in range(0, image.height(), 3):
        for x in range(0, image.width(), 3):
            yield image.pixel(x, y)
