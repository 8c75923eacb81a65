"""Draws the gallery that the sample model is measured on, once, and stores it with its questions.

    python -m sample_model.gallery [--seed 1] [--to tests/sample_world]

All its products show pairs of object and surface that were held out of training; a second set of
products shows pairs that were seen. Sources are pictures of their own, each with its own
background, and are not in the gallery. Tests read the stored pictures: random streams and
antialiasing may differ between versions, stored pictures do not.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from sample_model import phrases, pictures
from sample_model.captions import (
    Wanted,
    adjective,
    codes_of_facts,
    codes_of_wanted,
    colour_words,
    noun,
    object_words,
    one,
    product_words,
    right_answers,
    scene_words,
)
from sample_model.combinations import compared_with, held_out, placed, random_facts, random_product
from sample_model.facts import (
    ANIMALS,
    COLOURED_SURFACES,
    COLOURS,
    OBJECTS,
    SCENES,
    TIMES,
    Facts,
    Kind,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "sample_world"
SHARES = {Kind.PRODUCT: 450, Kind.SCENE: 180, Kind.SWATCH: 180, Kind.ANIMAL: 90}
SIDE = 128
_QUALITY = 86  # of WebP
_TWINS = 40
PICTURES, LABELS = "pictures.zip", "questions.json"

# Wording of its own, in no template of training.
_OTHER_WORDS = (
    "my sister would love a {c} {o} covered in {n}", "got any {c} {o} that is {s}?",
    "birthday present: {o}, {s} design, {c}", "is there some {s} {o} around? {c} would be great",
    "{o} - {c} - {n}", "we sell {c} {s} {o}", "someone using a {s} {c} {o}",
    "that {c} {o} decorated with {n}", "hello, {s} {o} in the colour {c}, thanks",
)  # fmt: skip
_OTHER_WORDS_WITHOUT_COLOUR = (
    "my sister would love a {o} covered in {n}", "got any {o} that is {s}?",
    "birthday present: {o}, {s} design", "is there some {s} {o} around?", "{o} - {n}",
    "we sell {s} {o}", "someone using a {s} {o}", "that {o} decorated with {n}",
)  # fmt: skip
_OTHER_WITH_THIS = (
    "could i get a {o} decorated this way", "would this work for a {o}?", "{o}, same look",
    "i would love one of these as a {o}", "is there a {o} that goes with it", "{o} using that",
    "now imagine it on a {o}",
)  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What is asked, with which source (a place among the sources), and what is right."""

    type: str
    words: str
    wanted: Wanted
    source: int | None = None
    among_seen: bool = False  # asked of the gallery whose products were seen together


@dataclass(frozen=True)
class Gallery:
    """Facts of all pictures, and the questions; the pictures lie elsewhere."""

    gallery: tuple[Facts, ...]
    seen: tuple[Facts, ...]  # products that stand in for those of the gallery, in their order
    sources: tuple[Facts, ...]
    questions: tuple[Question, ...]

    def right(self, questions: Sequence[Question], *, among_seen: bool) -> NDArray[np.bool_]:
        """Which picture answers which question, [questions, pictures]."""
        facts = self.facts(among_seen=among_seen)
        wanted = codes_of_wanted([question.wanted for question in questions])
        return right_answers(wanted, codes_of_facts(facts))

    def facts(self, *, among_seen: bool) -> tuple[Facts, ...]:
        return (*self.seen, *self.gallery[len(self.seen) :]) if among_seen else self.gallery


# ------------------------------------------------------------------------------------- planning


def plan(seed: int) -> Gallery:
    """What all pictures show and what is asked, for one seed."""
    rng = np.random.default_rng([seed, 99])
    facts = [
        random_facts(kind, rng, unseen=True) for kind, count in SHARES.items() for _ in range(count)
    ]
    facts[: 2 * _TWINS] = _twins(rng)
    seen = [_seen_product(rng) for _ in range(SHARES[Kind.PRODUCT])]
    asker = _Asker(facts, seen, rng)
    questions = [question for ask in asker.all() for question in ask]
    return Gallery(tuple(facts), tuple(seen), tuple(asker.sources), tuple(questions))


def _twins(rng: np.random.Generator) -> list[Facts]:
    """Pairs of products that differ in their surface alone, which "without stripes" tells apart."""
    pairs = [
        (object_, surfaces)
        for object_ in OBJECTS
        if len(surfaces := [s for s in COLOURED_SURFACES if held_out(object_, s)]) > 1
    ]
    twins = []
    for _ in range(_TWINS):
        object_, surfaces = pairs[rng.integers(len(pairs))]
        colour = one(COLOURS, rng)
        for surface in rng.permutation(surfaces)[:2]:
            twin = Facts(Kind.PRODUCT, object=object_, surface=str(surface), colour=colour)
            twins.append(placed(twin, rng))
    return twins


def _seen_product(rng: np.random.Generator) -> Facts:
    while True:
        product = random_product(rng, unseen=False)
        if compared_with(product.object or "", product.surface or ""):
            return product


class _Asker:
    """Makes the questions, and notes the sources that they need."""

    def __init__(
        self, facts: Sequence[Facts], seen: Sequence[Facts], rng: np.random.Generator
    ) -> None:
        self._products = [fact for fact in facts if fact.kind is Kind.PRODUCT]
        self._scenes = [fact for fact in facts if fact.kind is Kind.SCENE]
        self._facts, self._seen, self._rng = facts, seen, rng
        self.sources: list[Facts] = []

    def all(self) -> Iterator[Iterator[Question]]:
        yield self._of_products("words: colour, surface, object", self._full)
        yield self._of_seen("words: colour, surface, object (seen)", self._full)
        yield self._of_products("words: other wording", self._otherwise, 200)
        yield self._of_products("words: the object alone", self._object_alone)
        yield self._scene_words()
        yield self._of_swatches("swatch + with this", "{o} with this", self._products, 200)
        yield self._of_swatches(
            "swatch + with this (seen)", "{o} with this", self._seen, 100, among_seen=True
        )
        yield self._of_swatches("swatch + other wording", "", self._products, 150)
        yield self._of_animals("animal + with this", 60)
        yield self._of_products("product + the same but", self._the_same_but, 150)
        yield self._of_products("product + in a colour", self._in_colour, 120)
        yield self._of_products("product + in a surface", self._in_surface, 120)
        yield self._of_products("product + without", self._without, 80)
        yield self._of_products("product + elsewhere", self._elsewhere, 60)
        yield self._at_time("scene + at a time", 100)
        yield self._of_products("picture: another view", self._another_view, 150)

    def _of_products(
        self, type_: str, make: Callable[[Facts], Question | None], count: int | None = None
    ) -> Iterator[Question]:
        """So many questions, each with a random product of the gallery as a right answer."""
        order = self._rng.permutation(len(self._products))
        made = (make(self._products[place]) for place in order)
        for question in islice((asked for asked in made if asked is not None), count):
            yield replace(question, type=type_)

    def _of_seen(self, type_: str, make: Callable[[Facts], Question]) -> Iterator[Question]:
        for product in self._seen:
            yield replace(make(product), type=type_, among_seen=True)

    def _full(self, target: Facts) -> Question:
        words = product_words(target, self._rng)
        return Question("", words.text, words.wanted)

    def _otherwise(self, target: Facts) -> Question:
        templates = _OTHER_WORDS if target.colour else _OTHER_WORDS_WITHOUT_COLOUR
        text = one(templates, self._rng).format(**self._named(target))
        return Question("", text, _the_product(target))

    def _named(self, facts: Facts) -> dict[str, str]:
        return {
            "o": object_words(facts.object, self._rng),
            "s": adjective(facts.surface, self._rng),
            "n": noun(facts.surface, self._rng),
            "c": colour_words(facts.colour, self._rng),
        }

    def _object_alone(self, target: Facts) -> Question:
        text = object_words(target.object, self._rng)
        return Question("", text, Wanted(Kind.PRODUCT, target.object))

    def _scene_words(self) -> Iterator[Question]:
        for scene in self._scenes:
            time = one(phrases.AT_TIME[scene.time or ""], self._rng)
            text = f"{scene_words(scene, self._rng)} {time}"
            yield Question("words: a scene", text, _the_scene(scene))

    def _of_swatches(
        self,
        type_: str,
        template: str,
        targets: Sequence[Facts],
        count: int,
        *,
        among_seen: bool = False,
    ) -> Iterator[Question]:
        for place in self._rng.permutation(len(targets))[:count]:
            target = targets[place]
            source = Facts(Kind.SWATCH, surface=target.surface, colour=target.colour)
            yield replace(self._with_this(type_, template, source, target), among_seen=among_seen)

    def _with_this(self, type_: str, template: str, source: Facts, target: Facts) -> Question:
        text = (template or one(_OTHER_WITH_THIS, self._rng)).format(o=target.object)
        return Question(type_, text, _the_product(target), self._new_source(source))

    def _of_animals(self, type_: str, count: int) -> Iterator[Question]:
        targets = [product for product in self._products if product.surface in ANIMALS]
        for place in self._rng.integers(len(targets), size=count):
            animal = random_facts(Kind.ANIMAL, self._rng, unseen=False)
            source = replace(animal, surface=targets[place].surface)
            yield self._with_this(type_, "{o} with this", source, targets[place])

    def _the_same_but(self, target: Facts) -> Question:
        other = self._other_product(target, "object")
        source = replace(target, object=other.object)
        text = f"the same but a {target.object}"
        return self._asked_elsewhere(source, text, _the_product(target))

    def _in_colour(self, target: Facts) -> Question | None:
        if target.colour is None:
            return None
        source = replace(target, colour=self._other_product(target, "colour").colour)
        return self._asked_elsewhere(source, f"in {target.colour}", _the_product(target))

    def _in_surface(self, target: Facts) -> Question:
        other = self._other_product(target, "surface")
        source = replace(target, surface=other.surface, colour=other.colour)
        text = f"in {noun(target.surface, self._rng)}"
        wanted = Wanted(Kind.PRODUCT, target.object, target.surface)
        if target.colour is not None:
            said = adjective(target.surface, self._rng)
            text, wanted = f"in {target.colour}, {said}", _the_product(target)
        return self._asked_elsewhere(source, text, wanted)

    def _without(self, target: Facts) -> Question | None:
        """The source's like, with the surface not wanted, is in the gallery as well."""
        sources = [
            product
            for product in self._products
            if (product.object, product.colour) == (target.object, target.colour)
            and product.surface not in ("plain", target.surface)
        ]
        if target.colour is None or not sources:
            return None
        source = sources[self._rng.integers(len(sources))]
        wanted = Wanted(Kind.PRODUCT, target.object, colour=target.colour, without=source.surface)
        text = f"without {noun(source.surface, self._rng)}"
        return self._asked_elsewhere(source, text, wanted)

    def _elsewhere(self, target: Facts) -> Question | None:
        if target.scene is None:
            return None
        other = one([scene for scene in SCENES if scene != target.scene], self._rng)
        source = replace(target, scene=other)
        text = phrases.IN_SCENE[target.scene][0]
        wanted = replace(_the_product(target), scene=target.scene)
        return Question("", text, wanted, self._new_source(source))

    def _at_time(self, type_: str, count: int) -> Iterator[Question]:
        for place in self._rng.permutation(len(self._scenes))[:count]:
            target = self._scenes[place]
            time = one([time for time in TIMES if time != target.time], self._rng)
            text = phrases.AT_TIME[target.time or ""][0]
            source = self._new_source(replace(target, time=time))
            yield Question(type_, text, _the_scene(target), source)

    def _another_view(self, target: Facts) -> Question:
        return self._asked_elsewhere(target, "", _the_product(target))

    def _asked_elsewhere(self, source: Facts, text: str, wanted: Wanted) -> Question:
        """The source with another background, so that the background leads nowhere."""
        return Question("", text, wanted, self._new_source(placed(source, self._rng)))

    def _other_product(self, target: Facts, field: str) -> Facts:
        """A random product that differs in the field, where it has one."""
        while True:
            other = random_product(self._rng, unseen=bool(self._rng.integers(2)))
            found = getattr(other, field)
            if found is not None and found != getattr(target, field):
                return other

    def _new_source(self, facts: Facts) -> int:
        self.sources.append(facts)
        return len(self.sources) - 1


def _the_product(facts: Facts) -> Wanted:
    return Wanted(Kind.PRODUCT, facts.object, facts.surface, facts.colour)


def _the_scene(facts: Facts) -> Wanted:
    return Wanted(Kind.SCENE, scene=facts.scene, time=facts.time)


# -------------------------------------------------------------------------------------- storing


_GROUPS = ("gallery", "seen", "sources")


def drawing(gallery: Gallery, seed: int) -> Callable[[str, Sequence[int]], list[Image.Image]]:
    """Draws pictures of a group by their places, each the same every time."""

    def draw(group: str, places: Sequence[int]) -> list[Image.Image]:
        facts: tuple[Facts, ...] = getattr(gallery, group)
        first = seed * 10_000_000 + (_GROUPS.index(group) + 5) * 1_000_000
        return [pictures.draw(facts[place], first + place, side=SIDE) for place in places]

    return draw


def store(gallery: Gallery, seed: int, folder: Path) -> None:
    """The pictures in one archive, whole or not at all, the facts and questions beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = drawing(gallery, seed)
    unfinished = folder / f"{PICTURES}.unfinished"
    with zipfile.ZipFile(unfinished, "w") as archive:
        for name in _GROUPS:
            for place, picture in enumerate(draw(name, range(len(getattr(gallery, name))))):
                # a fixed time: the same pictures are the same bytes
                entry = zipfile.ZipInfo(f"{name}/{place:04}.webp", (2020, 1, 1, 0, 0, 0))
                archive.writestr(entry, _encoded(picture))
    unfinished.replace(folder / PICTURES)
    write_labels(gallery, seed, folder)


def write_labels(gallery: Gallery, seed: int, folder: Path) -> None:
    labels: dict[str, Any] = {"seed": seed}
    labels |= {name: _rows(getattr(gallery, name)) for name in (*_GROUPS, "questions")}
    text = ",\n".join(f"{json.dumps(name)}: {_lines(rows)}" for name, rows in labels.items())
    (folder / LABELS).write_text(f"{{\n{text}\n}}\n", encoding="utf-8")


def _lines(value: Any) -> str:
    """JSON with one row of a list on each line."""
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in value) + "\n]"


def _encoded(picture: Image.Image) -> bytes:
    memory = io.BytesIO()
    picture.save(memory, "WEBP", quality=_QUALITY, method=6)
    return memory.getvalue()


def _rows(values: Sequence[Facts] | Sequence[Question]) -> list[dict[str, Any]]:
    return [_without_nothing(asdict(value)) for value in values]


def _without_nothing(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if value is not None and value is not False}
    if "wanted" in kept:
        kept["wanted"] = _without_nothing(kept["wanted"])
    return kept


def read_labels(folder: Path) -> Gallery:
    """The stored facts and questions."""
    labels = json.loads((folder / LABELS).read_text(encoding="utf-8"))
    gallery, seen, sources = (tuple(map(_facts, labels[name])) for name in _GROUPS)
    return Gallery(gallery, seen, sources, tuple(map(_question, labels["questions"])))


def _facts(row: Mapping[str, Any]) -> Facts:
    return Facts(**{**row, "kind": Kind(row["kind"])})


def _question(row: Mapping[str, Any]) -> Question:
    wanted = dict(row["wanted"])
    if "kind" in wanted:
        wanted["kind"] = Kind(wanted["kind"])
    return Question(**{**row, "wanted": Wanted(**wanted)})


def read_pictures(folder: Path, group: str, places: Sequence[int]) -> list[Image.Image]:
    """Of "gallery", "seen" or "sources", in the order of the places."""
    with zipfile.ZipFile(folder / PICTURES) as archive:
        names = [f"{group}/{place:04}.webp" for place in places]
        return [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in names]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sample_model.gallery", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path, default=FOLDER)
    options = parser.parse_args(arguments)
    gallery = plan(options.seed)
    store(gallery, options.seed, options.to)
    print(f"{len(gallery.gallery)} pictures, {len(gallery.sources)} sources,", end=" ")
    print(f"{len(gallery.questions)} questions: {options.to}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
