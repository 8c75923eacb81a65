"""Lets MTEB (https://github.com/embeddings-benchmark/mteb) score an embedder, or the whole search.

    from pathlib import Path

    import mteb
    from mmsearch_desktop.domain import Preparation
    from mmsearch_desktop.models.offers import open_embedder
    from mmsearch_desktop.search.mteb_adapter import MtebEncoder, MtebSearch
    from mmsearch_desktop.settings import models_folder

    embedder = open_embedder(
        "bge-vl-base", models_folder=models_folder(), preparation=Preparation.OFFICIAL
    )
    tasks = mteb.get_tasks(["CIRRIT2IRetrieval"])
    mteb.evaluate(MtebEncoder(embedder), tasks, cache=None)
    mteb.evaluate(MtebSearch(embedder, Path("an empty folder")), tasks, cache=None)

The classes have the methods that MTEB 2 asks for and inherit from none of its own; it is imported
here alone, where it asks who is being scored. It is the optional extra `mteb`.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    Embedder,
    Hit,
    LabelsProblem,
    Preparation,
    Query,
    QueryPicture,
    QueryProblem,
    VectorSpace,
)
from mmsearch_desktop.library.decode import decode_photo
from mmsearch_desktop.library.ingest import add_folder
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.search.order import reordered, updated
from mmsearch_desktop.search.query import LIMIT_MOST
from mmsearch_desktop.search.rerank import rerank
from mmsearch_desktop.search.retrieve import retrieve

if TYPE_CHECKING:
    from mteb.models.model_meta import ModelMeta
    from numpy.typing import NDArray
    from PIL import Image

    from mmsearch_desktop.search.evaluation import Reranking

    Vectors = NDArray[np.float32]

_log = logging.getLogger("mmsearch.evaluation")
_NAMESPACE = "mmsearch-desktop"
_IN_PNG = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
_LETTERS = {"t": "text", "i": "image"}  # of a task's category: "it2i" finds pictures by both


@dataclass(frozen=True, slots=True)
class _Input:
    """One thing to be embedded; at least one of the two is there."""

    words: str | None
    picture: Image.Image | None


class MtebEncoder:
    """An embedder as MTEB's encoder of texts, pictures, and both together.

    Pictures go to the model as its preparation says: for OFFICIAL as MTEB has them, for APP as if
    they had been read from a file without loss.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def mteb_model_meta(self) -> ModelMeta:
        return _about(self._embedder.space, "")

    def encode(self, inputs: Iterable[Mapping[str, Any]], **_: Any) -> Vectors:
        """Rows [n, D] of unit length, of batches that have "text", "image", or both.

        LabelsProblem where a batch has neither.
        """
        found = [self._embed(_inputs(batch)) for batch in inputs]
        return np.concatenate(found) if found else self._none(0)

    def similarity(self, one: Any, other: Any) -> Vectors:
        """Cosines [n, m] of rows of unit length."""
        return np.atleast_2d(_rows(one)) @ np.atleast_2d(_rows(other)).T

    def similarity_pairwise(self, one: Any, other: Any) -> Vectors:
        cosines: Vectors = (_rows(one) * _rows(other)).sum(axis=-1)
        return cosines

    def _none(self, count: int) -> Vectors:
        return np.empty((count, self._embedder.space.dimensions), np.float32)

    def _embed(self, inputs: Sequence[_Input]) -> Vectors:
        rows = self._none(len(inputs))
        for embed, places in self._kinds(inputs):
            size = self._embedder.batch_size
            for start in range(0, len(places), size):
                part = places[start : start + size]
                rows[part] = _halving(embed, [inputs[place] for place in part])
        return rows

    def _kinds(
        self, inputs: Sequence[_Input]
    ) -> Iterable[tuple[Callable[[Sequence[_Input]], Vectors], list[int]]]:
        """Pictures without words, words without a picture, and both, each with its places."""
        kinds: dict[Callable[[Sequence[_Input]], Vectors], list[int]] = {}
        for place, one in enumerate(inputs):
            if one.picture is None:
                kinds.setdefault(self._of_words, []).append(place)
            elif not one.words:
                kinds.setdefault(self._of_pictures, []).append(place)
            else:
                kinds.setdefault(self._of_both, []).append(place)
        return kinds.items()

    def _of_words(self, inputs: Sequence[_Input]) -> Vectors:
        return self._embedder.embed_words([one.words or "" for one in inputs])

    def _of_pictures(self, inputs: Sequence[_Input]) -> Vectors:
        return self._embedder.embed_pictures(self._prepared(inputs))

    def _of_both(self, inputs: Sequence[_Input]) -> Vectors:
        words = [one.words or "" for one in inputs]
        return self._embedder.embed_pictures_with_words(self._prepared(inputs), words)

    def _prepared(self, inputs: Sequence[_Input]) -> list[Image.Image]:
        pictures = [one.picture for one in inputs if one.picture is not None]
        if self._embedder.space.preparation is Preparation.OFFICIAL:
            return pictures
        return [self._as_in_app(picture) for picture in pictures]

    def _as_in_app(self, picture: Image.Image) -> Image.Image:
        side = self._embedder.picture_side_pixels
        place = Path("a picture of MTEB")
        preparation = self._embedder.space.preparation
        return decode_photo(_png(picture), place, preparation, model_side_pixels=side).picture


class MtebSearch:
    """The whole of the app's search as MTEB's: catalogue, vector index, queries, and the judge.

    Each set of pictures that MTEB hands over is written into `folder` (empty at first; to be
    removed afterwards) and indexed there as a folder of photos. `show_query_picture` keeps the
    query's own picture among what is found, as published runs do. What the judge raises passes
    through: figures of a search that was judged by half would say nothing.
    """

    def __init__(
        self,
        embedder: Embedder,
        folder: Path,
        *,
        reranking: Reranking | None = None,
        show_query_picture: bool = False,
    ) -> None:
        self._embedder = embedder
        self._folder = folder
        self._reranking = reranking
        self._show_query_picture = show_query_picture
        self._count = 0  # of sets so far
        self._ids: dict[str, str] = {}  # MTEB's, by the name of the file

    @property
    def mteb_model_meta(self) -> ModelMeta:
        judge = None if self._reranking is None else self._reranking.judge
        judged = "" if judge is None else f"-judged-by-{judge.name}-{judge.revision}"
        return _about(self._embedder.space, f"-search{judged}")

    def index(self, corpus: Iterable[Mapping[str, Any]], **_: Any) -> None:
        """Write and index the pictures; forgets those before. LabelsProblem where one is none."""
        self._count += 1
        self._ids = {}
        self._photos.mkdir(parents=True)
        for number, row in enumerate(corpus):
            if row.get("image") is None:
                raise LabelsProblem(
                    f"{row['id']} is no picture, and the app finds pictures alone. Choose a task"
                    " that finds pictures, or score the embedder by itself (MtebEncoder)."
                )
            path = self._photos / f"{number:08}.png"
            path.write_bytes(_png(row["image"]))
            self._ids[path.name] = str(row["id"])
        with Library(self._library) as library:
            index = library.open_index(self._embedder.space)
            for progress in add_folder(self._photos, library, index, self._embedder):
                for problem in progress.summary.unreadable if progress.summary else ():
                    _log.warning(
                        "never found: %s: %s", self._ids[problem.path.name], problem.reason
                    )

    def search(
        self,
        queries: Iterable[Mapping[str, Any]],
        *,
        task_metadata: Any,
        top_k: int,
        top_ranked: Mapping[str, Sequence[str]] | None = None,
        **_: Any,
    ) -> dict[str, dict[str, float]]:
        """For each query what was found, best first, by 1 / rank; copies share a rank.

        With `top_ranked` only those are kept of each query. One that asks nothing finds nothing.
        """
        asked_for = {_LETTERS.get(one) for one in str(task_metadata.category).partition("2")[0]}
        limit = LIMIT_MOST if top_ranked is not None else max(1, min(top_k, LIMIT_MOST))
        found: dict[str, dict[str, float]] = {}
        with Library(self._library) as library:
            index = library.open_index(self._embedder.space)
            list(index.reconcile(library.catalogue))
            for row in queries:
                query = self._query(row, asked_for, limit)
                ranked = self._by_rank(self._found(query, library))
                found[str(row["id"])] = _among(ranked, top_ranked, str(row["id"]), top_k)
        return found

    @property
    def _photos(self) -> Path:
        return self._folder / f"photos-{self._count}"

    @property
    def _library(self) -> Path:
        return self._folder / f"library-{self._count}"

    def _query(self, row: Mapping[str, Any], asked_for: set[str | None], limit: int) -> Query:
        words = _words(row) if "text" in asked_for else ""
        image = row.get("image") if "image" in asked_for else None
        picture = None if image is None else QueryPicture.from_bytes(_png(image), str(row["id"]))
        own = self._show_query_picture
        return Query(words=words, picture=picture, limit=limit, show_query_picture=own)

    def _found(self, query: Query, library: Library) -> tuple[Hit, ...]:
        index = library.open_index(self._embedder.space)
        try:
            hits = retrieve(query, library=library, index=index, embedder=self._embedder).hits
        except QueryProblem as problem:
            _log.warning("%s", problem)
            return ()
        judging = self._reranking
        if judging is None:
            return hits
        judged = rerank(query, hits, judging.judge, settings=judging.settings, cache=judging.cache)
        with closing(judged) as steps:
            for hit in steps:
                hits = updated(hits, hit)
        return reordered(hits, weight=judging.weight)

    def _by_rank(self, hits: Sequence[Hit]) -> dict[str, float]:
        return {
            self._ids[path.name]: 1 / hit.rank
            for hit in hits
            for path in (hit.photo.path, *hit.copies)
        }


def _about(space: VectorSpace, ending: str) -> ModelMeta:
    """Who is scored. MTEB knows none of our names, so the rest is left unsaid."""
    from mteb.models.model_meta import ModelMeta

    unsaid = dict.fromkeys(
        (
            "loader",
            "release_date",
            "languages",
            "n_parameters",
            "memory_usage_mb",
            "max_tokens",
            "license",
            "open_weights",
            "public_training_code",
            "public_training_data",
            "use_instructions",
            "training_datasets",
        )
    )
    return ModelMeta(
        **unsaid,
        name=f"{_NAMESPACE}/{space.model}-{space.preparation}{ending}".replace(" ", "-"),
        revision=space.revision,
        embed_dim=space.dimensions,
        framework=["PyTorch"],
        similarity_fn_name="cosine",
        modalities=["text", "image"],
    )


def _inputs(batch: Mapping[str, Any]) -> list[_Input]:
    texts, pictures = batch.get("text", ()), batch.get("image", ())
    if not len(texts) and not len(pictures):
        there = ", ".join(batch) or "nothing"
        raise LabelsProblem(
            f"MTEB gave {there}, and neither text nor pictures. Choose a task of those."
        )
    nothing = [None] * max(len(texts), len(pictures))
    pairs = zip(texts or nothing, pictures or nothing, strict=True)
    return [_Input(words, picture) for words, picture in pairs]


def _words(row: Mapping[str, Any]) -> str:
    """With the instruction behind it, where a task has one, as MTEB itself puts them together."""
    return " ".join(str(row[name]) for name in ("text", "instruction") if row.get(name))


def _halving(embed: Callable[[Sequence[_Input]], Vectors], inputs: Sequence[_Input]) -> Vectors:
    """All at once, or in halves where that is too much for the device."""
    try:
        return embed(inputs)
    except DeviceOutOfMemory:
        if len(inputs) == 1:
            raise
    middle = len(inputs) // 2
    return np.concatenate([_halving(embed, inputs[:middle]), _halving(embed, inputs[middle:])])


def _rows(vectors: Any) -> Vectors:
    return np.asarray(vectors, dtype=np.float32)


def _png(picture: Image.Image) -> bytes:
    """The same for the same picture, so that a query picture is known again among the photos."""
    stream = io.BytesIO()
    kept = picture if picture.mode in _IN_PNG else picture.convert("RGB")
    kept.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _among(
    found: Mapping[str, float],
    top_ranked: Mapping[str, Sequence[str]] | None,
    query: str,
    top_k: int,
) -> dict[str, float]:
    allowed = found.keys() if top_ranked is None else set(top_ranked.get(query, ()))
    kept = [(id_, score) for id_, score in found.items() if id_ in allowed]
    return dict(kept[:top_k])
