"""Small real judges with a meaning that tests can predict, and hits for them to judge."""

# ruff: noqa: ARG002 - the protocol has more arguments than these judges look at

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmsearch_desktop.domain import Hit, Photo, QueryPicture, Score, Shown
from mmsearch_desktop.search.composite import CELL_PIXELS, COLUMNS, LABEL_PIXELS
from tests.fakes import ColourEmbedder, flat_picture


class ColourJudge:
    """Says yes to what has the colours named: by its question, or by the request.

    `asked` lists everything it was made to do, `steps` counts how far it went.
    """

    name = "Colour judge"
    revision = "1"
    prompt_version = "1"

    def __init__(self, *, bias: float = 0.0, answered: float = 0.9) -> None:
        self.bias = bias  # added to every logit: what calibration takes away
        self.answered = answered
        self.asked: list[str] = []
        self.steps = 0
        self.loaded = True
        self._colours = ColourEmbedder()

    def preparing(
        self,
        words: str,
        picture: Image.Image | None = None,
        picture_key: str | None = None,
        *,
        lead_in: str = "",
        question: str = "",
    ) -> Generator[None, None, Any]:
        self._note(f"prepare {picture_key}")
        yield
        return words

    def checking(
        self,
        prepared: Any,
        picture: Image.Image,
        picture_key: str | None,
        questions: Sequence[str],
    ) -> Generator[None, None, tuple[Score, ...]]:
        self._note(f"check {picture_key}")
        yield
        scores = []
        for place, question in enumerate(questions):
            scores.append(self.score(prepared if place == 0 else question, picture))
            self.steps += 1
            yield
        return tuple(scores)

    def score(self, words: str, picture: Image.Image) -> Score:
        near = self._colours.embed_words([words]) @ self._colours.embed_pictures([picture]).T
        return Score(6 * float(near[0, 0]) + self.bias, self.answered)

    def write(
        self,
        prepared: Any,
        picture: Image.Image,
        picture_key: str | None,
        instruction: str,
        max_tokens: int,
    ) -> Iterator[str]:
        self._note(f"write {picture_key}")
        yield ""
        for word in ("It ", "shows ", "a ", "colour.")[:max_tokens]:
            self.steps += 1
            yield word

    def caption(
        self,
        picture: Image.Image,
        picture_key: str | None,
        *,
        instruction: str,
        max_tokens: int = 100,
    ) -> Iterator[str]:
        self._note(f"caption {picture_key}")
        yield "A picture "
        yield "of a colour."

    def rank(
        self,
        words: str,
        picture: Image.Image | None,
        picture_key: str | None,
        pages: Sequence[Shown],
        count: int,
        *,
        instruction: str,
        max_tokens: int = 200,
    ) -> Iterator[str]:
        self._note(f"rank {count}")
        pictures = [page.picture for page in pages] if len(pages) == count else _cells(pages, count)
        scores = [self.score(words, one).logit for one in pictures]
        order = sorted(range(1, count + 1), key=lambda number: -scores[number - 1])
        yield "Ranked list: ["
        yield ", ".join(map(str, order))
        yield "]\nReasons:"
        for place, number in enumerate(order, start=1):
            self.steps += 1
            yield f"\n{number}: it comes "
            yield f"at place {place}."

    def unload(self) -> None:
        self.loaded = False

    def _note(self, what: str) -> None:
        self.steps += 1
        self.asked.append(what)


def _cells(pages: Sequence[Shown], count: int) -> list[Image.Image]:
    """The middle of each cell of a page."""
    cells = []
    for number in range(count):
        top, left = (CELL_PIXELS * part for part in divmod(number, COLUMNS))
        inner = (left, top + LABEL_PIXELS, left + CELL_PIXELS, top + CELL_PIXELS - LABEL_PIXELS)
        cells.append(pages[0].picture.crop(inner))
    return cells


class BrokenJudge(ColourJudge):
    """Raises what it is given: when asked about some candidates, or for everything."""

    def __init__(self, error: Exception, *, at: Callable[[str], bool] = lambda _: True) -> None:
        super().__init__()
        self._error = error
        self._at = at

    def _note(self, what: str) -> None:
        super()._note(what)
        if self._at(what):
            raise self._error


class SlowJudge(ColourJudge):
    """Each of its steps takes so many seconds of a clock of its own."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def clock(self) -> float:
        return self.steps * self._seconds


class AnyJudge(ColourJudge):
    """Does what `behave` says: returns it, or raises it where it is an exception."""

    def __init__(self, behave: Callable[[str], Any]) -> None:
        super().__init__()
        self._behave = behave

    def checking(
        self,
        prepared: Any,
        picture: Image.Image,
        picture_key: str | None,
        questions: Sequence[str],
    ) -> Generator[None, None, tuple[Score, ...]]:
        self._note(f"check {picture_key}")
        yield
        scores: tuple[Score, ...] = self._done("check")
        return scores

    def write(
        self,
        prepared: Any,
        picture: Image.Image,
        picture_key: str | None,
        instruction: str,
        max_tokens: int,
    ) -> Iterator[str]:
        yield from self._done("write")

    def rank(
        self,
        words: str,
        picture: Image.Image | None,
        picture_key: str | None,
        pages: Sequence[Shown],
        count: int,
        *,
        instruction: str,
        max_tokens: int = 200,
    ) -> Iterator[str]:
        yield from self._done("rank")

    def _done(self, what: str) -> Any:
        done = self._behave(what)
        if isinstance(done, Exception):
            raise done
        return done


def coloured_hits(*colours: str) -> tuple[Hit, ...]:
    """One hit for each colour, in this order; `Painted` has their pictures."""
    return tuple(_hit(number, colour) for number, colour in enumerate(colours, start=1))


def _hit(number: int, colour: str) -> Hit:
    sha256 = hashlib.sha256(f"{number} {colour}".encode()).hexdigest()
    path = Path("photos") / f"{number} {colour}.png"
    photo = Photo(number, 100 + number, path, sha256, 64, 48, 1000, 0, None, "PNG")
    return Hit(number, number, 1 - number / 100, photo)


def painted(hit: Hit) -> Image.Image:
    """The picture of one of `coloured_hits`."""
    return flat_picture(hit.photo.path.stem.split()[-1])


def picture_to_ask_with(colour: str) -> QueryPicture:
    data = io.BytesIO()
    flat_picture(colour).save(data, "PNG")
    return QueryPicture.from_bytes(data.getvalue(), f"{colour}.png")


def noise(seed: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """A picture that is like no other."""
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)
