"""Measures the sample judge on the stored gallery, whose products it never saw, by its three gates.

    python -m sample_model.judge_evaluate [--asked 200]

1. Attributes: the picture path with its naming heads, read as the app prepares pictures.
2. Yes or no: the exported judge, asked about whole requests and about single attributes, as often
   with a picture that is right as with one that misses one constraint.
3. Reranking: the best nine of the sample embedder, judged and ordered as the app does it. Every
   type of question about products counts the same. Beside it stands what the same order makes of a
   judge that knows all facts: the app weighs the embedder's ranks like the judge's.
"""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mmsearch_desktop.domain import (
    Hit,
    Photo,
    Query,
    QueryPicture,
    Standing,
    Verdict,
)
from mmsearch_desktop.models.device import cpu
from mmsearch_desktop.models.phi3_judge import Phi3Judge, open_judge
from mmsearch_desktop.models.phi3_loading import LoadingPlan
from mmsearch_desktop.models.phi3_vision import prepare_picture
from mmsearch_desktop.search import questions as app
from mmsearch_desktop.search.judging import Judging
from mmsearch_desktop.search.order import reordered, updated
from mmsearch_desktop.search.rerank import rerank
from sample_model import gallery as stored
from sample_model.captions import FIELDS, codes_of_facts, codes_of_wanted
from sample_model.evaluate import embedded, open_model
from sample_model.export import MODEL as EMBEDDER
from sample_model.facts import Kind
from sample_model.judge_export import MODEL, export
from sample_model.judge_network import CONFIG, PIXELS, Naming, cells, new_judge, word_bags
from sample_model.judge_questions import asks_for, attribute_questions
from sample_model.judge_trainer import CHECKPOINT, RUN
from sample_model.judge_words import sentence

if TYPE_CHECKING:
    from PIL import Image

    from sample_model.facts import Facts
    from sample_model.gallery import Gallery, Question

EVALUATION = "eval.json"
NAME = "Sample judge"
DEPTH = 9
GATES = {"attributes": 0.80, "yes_or_no": 0.85, "reranking": 0.05}
_JUDGE_ALONE = 1e6  # a weight beside which the embedder's order counts for nothing
_MAIN_FIELDS = ("object", "surface", "colour", "scene")
_SEED = 11
_ORDERS = 20  # of a judge that knows all, drawn at random


@dataclass(frozen=True)
class World:
    """The stored gallery, and how its pictures are read."""

    folder: Path
    labels: Gallery

    def picture(self, group: str, place: int) -> Image.Image:
        return _picture(self.folder, group, place)


@lru_cache(maxsize=4000)
def _picture(folder: Path, group: str, place: int) -> Image.Image:
    return stored.read_pictures(folder, group, [place])[0]


def open_sample_judge(folder: Path) -> Phi3Judge:
    """In float32 on the processor, so that the figures are the same wherever they are measured."""
    plan = LoadingPlan("float32", 0, None, "", 0)
    return open_judge(folder, cpu(window=False), name=NAME, plan=plan)


# ------------------------------------------------------------------------------------- attributes


@torch.inference_mode()
def attributes(run: Path, world: World) -> dict[str, float]:
    """Shares of the gallery's products whose facts the picture path names right, by field.

    All of them show pairs of object and surface that were held out of training.
    """
    saved = torch.load(run / CHECKPOINT, weights_only=True)
    model = new_judge(CONFIG, 0)
    model.load_state_dict(saved["model"])
    naming = Naming(CONFIG["hidden_size"], word_bags(lambda _: [0]))
    naming.load_state_dict(saved["naming"])
    known = enumerate(world.labels.gallery)
    products = [(place, fact) for place, fact in known if fact.kind is Kind.PRODUCT]
    pictures = [world.picture("gallery", place) for place, _ in products]
    pixels = [prepare_picture(one, 1, PIXELS).pixels[1] for one in pictures]
    rows = [naming(cells(model, torch.stack(pixels[at : at + 100]))) for at in _hundreds(pixels)]
    codes = codes_of_facts([fact for _, fact in products])
    found = {}
    for place, field in enumerate(FIELDS):
        named = torch.cat([row[place] for row in rows]).argmax(dim=1).numpy()
        stated = codes[:, place] >= 0
        found[field] = round(float((named == codes[:, place])[stated].mean()), 3)
    return found


def _hundreds(values: Sequence[Any]) -> range:
    return range(0, len(values), 100)


# -------------------------------------------------------------------------------------- yes or no


def yes_or_no(judge: Phi3Judge, world: World, asked: int) -> dict[str, dict[str, float]]:
    """Shares right by type of question: of the whole request, and of single attributes.

    Half of the pictures asked about are right, the others miss one constraint.
    """
    rng = np.random.default_rng(_SEED)
    found: dict[str, dict[str, float]] = {}
    for type_, questions in _by_type(world.labels).items():
        right: dict[str, list[bool]] = defaultdict(list)
        for place in rng.permutation(len(questions))[:asked]:
            _ask(judge, world, questions[place], rng, right)
        found[type_] = {name: round(float(np.mean(rows)), 3) for name, rows in right.items()}
        found[type_]["asked"] = len(right["whole"])
    return found


def _ask(
    judge: Phi3Judge,
    world: World,
    question: Question,
    rng: np.random.Generator,
    right: dict[str, list[bool]],
) -> None:
    picture = None if question.source is None else world.picture("sources", question.source)
    words = app.request_words(question.words, with_picture=picture is not None)
    prepared = judge.prepare(words, picture, None, lead_in=app.LEAD_IN)
    facts = world.labels.facts(among_seen=question.among_seen)
    whole = app.whole(question.words, with_picture=picture is not None)
    for place in _one_right_one_wrong(question, facts, rng):
        other = facts[place] if rng.random() < 0.5 else facts[rng.integers(len(facts))]
        known = [("whole", whole, question.wanted.met_by(facts[place]))]
        for one in attribute_questions(other, rng):
            wanted = asks_for(one, None)
            if wanted is not None:
                known.append(("attribute", one, wanted.met_by(facts[place])))
        group = "seen" if question.among_seen and place < len(world.labels.seen) else "gallery"
        texts = [app.asked(one) for _, one, _ in known]
        scores = judge.check(prepared, world.picture(group, place), None, texts)
        for (name, _, said), score in zip(known, scores, strict=True):
            right[name].append((score.logit > 0) is said)
            right[f"{name} yes"].append(score.logit > 0)


def _one_right_one_wrong(
    question: Question, facts: Sequence[Facts], rng: np.random.Generator
) -> list[int]:
    wanted, codes = codes_of_wanted([question.wanted])[0], codes_of_facts(facts)
    stated = wanted[: len(FIELDS)] >= 0
    missed = (codes[:, stated] != wanted[: len(FIELDS)][stated]).sum(axis=1)
    missed += (codes[:, tuple(FIELDS).index("surface")] == wanted[-1]) & (wanted[-1] >= 0)
    right, near = np.flatnonzero(missed == 0), np.flatnonzero(missed == max(1, _least(missed)))
    return [int(rng.choice(right)), int(rng.choice(near))]


def _least(missed: np.ndarray[Any, np.dtype[Any]]) -> int:
    return int(missed[missed > 0].min())


def _by_type(gallery: Gallery) -> dict[str, list[Question]]:
    found: dict[str, list[Question]] = defaultdict(list)
    for question in gallery.questions:
        found[question.type].append(question)
    return dict(found)


# -------------------------------------------------------------------------------------- reranking


@dataclass(frozen=True)
class Reranked:
    """R@1 of some questions: of the embedder, of the app's order, and by the judge alone."""

    asked: int
    within: float  # share with a right answer among those judged
    knowing: float  # the app's order with a judge that knows all facts
    embedder: float
    app: float
    judge: float


def reranking(judge: Phi3Judge, world: World, embedder: Path, asked: int) -> dict[str, Reranked]:
    """By type of question; those of the held-out gallery alone."""
    opened = open_model(embedder)
    pictures = [world.picture("gallery", place) for place in range(len(world.labels.gallery))]
    vectors = embedded(opened, pictures)
    rng = np.random.default_rng(_SEED)
    found = {}
    for type_, all_of_them in _by_type(world.labels).items():
        if all_of_them[0].among_seen:
            continue
        order = rng.permutation(len(all_of_them))[:asked]
        rows = [_reranked(judge, world, all_of_them[one], opened, vectors) for one in order]
        within, knowing, *first = np.mean(rows, axis=0).round(3).tolist()
        found[type_] = Reranked(len(rows), within, knowing, *first)
    return found


def _reranked(
    judge: Phi3Judge, world: World, question: Question, embedder: Any, vectors: Any
) -> tuple[float, ...]:
    query, vector = _query(world, question, embedder)
    best = np.argsort(-(vectors @ vector), kind="stable")[:DEPTH].tolist()
    hits: tuple[Hit, ...] = tuple(_hit(rank, place) for rank, place in enumerate(best, start=1))
    show = partial(_shown, world)
    for judged in rerank(query, hits, judge, settings=Judging(words_tokens=0), pictures=show):
        hits = updated(hits, judged)
    right = [question.wanted.met_by(world.labels.gallery[place]) for place in best]
    firsts = [reordered(hits, weight=weight)[0] for weight in (0.0, 1.0, _JUDGE_ALONE)]
    first = (float(right[hit.retrieval_rank - 1]) for hit in firsts)
    return (float(any(right)), _knowing(hits, right), *first)


def _knowing(hits: Sequence[Hit], right: Sequence[bool]) -> float:
    """R@1 of the app's order where the judge puts all right answers first, else as it happens."""
    rng = np.random.default_rng(_SEED)
    found = []
    for _ in range(_ORDERS):
        scores = np.array(right) + 0.1 * rng.random(len(right))
        judged = [
            dataclasses.replace(hit, verdict=Verdict(None, "", NAME, Standing.JUDGED, float(score)))
            for hit, score in zip(hits, scores, strict=True)
        ]
        found.append(right[reordered(judged)[0].retrieval_rank - 1])
    return float(np.mean(found))


def _query(world: World, question: Question, embedder: Any) -> tuple[Query, Any]:
    if question.source is None:
        return Query(question.words), embedder.embed_words([question.words])[0]
    picture = world.picture("sources", question.source)
    memory = io.BytesIO()
    picture.save(memory, "PNG")
    shown = QueryPicture.from_bytes(memory.getvalue(), f"source {question.source}.png")
    vector = (
        embedder.embed_pictures_with_words([picture], [question.words])
        if question.words
        else embedder.embed_pictures([picture])
    )[0]
    return Query(question.words, shown), vector


def _hit(rank: int, place: int) -> Hit:
    photo = Photo(place, place, Path(f"{place}.webp"), f"{place:064x}", 1, 1, 1, 0, None, "WEBP")
    return Hit(rank, rank, 0.0, photo)


def _shown(world: World, hit: Hit) -> Image.Image:
    return world.picture("gallery", hit.photo.content_id)


# ------------------------------------------------------------------------------------------ gates


def descriptions(judge: Phi3Judge, world: World, asked: int) -> dict[str, Any]:
    """How many captions are word for word those of training, and some of them."""
    places = np.random.default_rng(_SEED).permutation(len(world.labels.gallery))[:asked]
    right, shown = 0, []
    for place in places.tolist():
        picture = world.picture("gallery", place)
        pieces = judge.caption(picture, None, instruction=app.CAPTION_INSTRUCTION, max_tokens=24)
        said, wanted = "".join(pieces).strip(), sentence(world.labels.gallery[place])
        right += said == wanted
        shown.append(f"{wanted} | {said}")
    return {"asked": len(places), "exact": right / max(1, len(places)), "some": shown[:8]}


def passed(figures: dict[str, Any]) -> dict[str, bool]:
    """Which gates are passed."""
    named = [figures["attributes"][field] for field in _MAIN_FIELDS]
    wholes = [row["whole"] for row in figures["yes_or_no"].values()]
    gain = figures["reranking_of_products"]
    return {
        "attributes": min(named) >= GATES["attributes"],
        "yes_or_no": float(np.mean(wholes)) >= GATES["yes_or_no"],
        "reranking": gain["app"] - gain["embedder"] >= GATES["reranking"],
    }


def of_products(reranked: dict[str, Reranked]) -> dict[str, float]:
    """The mean over the types of question whose right answers are products."""
    rows = [row for name, row in reranked.items() if "scene" not in name]
    columns = ("within", "knowing", "embedder", "app", "judge")
    return {
        name: round(float(np.mean([getattr(row, name) for row in rows])), 4) if rows else 0.0
        for name in columns
    }


def evaluate(
    run: Path, folder: Path, world: World, *, embedder: Path, asked: int
) -> dict[str, Any]:
    judge = open_sample_judge(folder)
    saved = torch.load(run / CHECKPOINT, weights_only=True)
    reranked = reranking(judge, world, embedder, asked) if embedder.is_dir() else {}
    figures: dict[str, Any] = {
        "judge": judge.revision,
        "progress": saved["progress"],
        "attributes": attributes(run, world),
        "yes_or_no": yes_or_no(judge, world, asked),
        "descriptions": descriptions(judge, world, asked),
        "reranking": {name: dataclasses.asdict(row) for name, row in reranked.items()},
        "reranking_of_products": of_products(reranked),
    }
    return {**figures, "passed": passed(figures)}


def _lines(figures: dict[str, Any]) -> Iterator[str]:
    yield f"attributes {figures['attributes']}"
    for name in ("yes_or_no", "reranking"):
        for type_, row in figures[name].items():
            yield f"{name} {type_}: {row}"
    yield f"reranking of products {figures['reranking_of_products']}"
    yield f"descriptions {figures['descriptions']}"
    yield f"passed {figures['passed']}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="sample_model.judge_evaluate", description=__doc__)
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--world", type=Path, default=stored.FOLDER)
    parser.add_argument("--embedder", type=Path, default=EMBEDDER)
    parser.add_argument("--asked", type=int, default=200, help="questions of each type")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    folder = export(options.run, MODEL if options.run == RUN else options.run / "model")
    world = World(options.world, stored.read_labels(options.world))
    figures = evaluate(options.run, folder, world, embedder=options.embedder, asked=options.asked)
    text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    (options.run / EVALUATION).write_text(text, encoding="utf-8")
    print("\n".join(_lines(figures)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
