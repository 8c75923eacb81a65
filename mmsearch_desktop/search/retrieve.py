"""From a query to its hits: one vector, its nearest contents, and the photos that show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmsearch_desktop.domain import (
    Embedder,
    Hit,
    Mode,
    Photo,
    Query,
    Results,
    Similarities,
)
from mmsearch_desktop.library.scope import Scope
from mmsearch_desktop.search.days import in_words
from mmsearch_desktop.search.query import checked, decoded

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from mmsearch_desktop.library.catalogue import Catalogue
    from mmsearch_desktop.library.stores import Library
    from mmsearch_desktop.library.vectors import VectorIndex

    Vector = NDArray[np.float32]  # [D], of unit length

EMPTY_LIBRARY = "The library holds no photos yet. Add a folder of photos first."
_SURPLUS = 32  # asked for beyond the limit, since some contents found may have no photo at hand


@dataclass(frozen=True, slots=True)
class QueryVectors:
    """A query in the embedder's space. None where the query has no such part."""

    words: Vector | None
    picture: Vector | None
    together: Vector | None  # both, read by the model at once
    asked: Vector  # the one that the hits are near to


@dataclass(frozen=True, slots=True)
class _Found:
    content_id: int
    score: float
    photos: tuple[Photo, ...]  # at least one; those that were asked for come first


def retrieve(query: Query, *, library: Library, index: VectorIndex, embedder: Embedder) -> Results:
    """The nearest contents, best first, each shown by one photo.

    QueryProblem where the query asks nothing or its picture is none. A query with only words or
    only a picture uses that part, whatever its mode. Takes one encoding for each part of the
    query and one for both, and 20 to 50 ms of search at 100,000 photos; call it on a worker.
    """
    if index.space != embedder.space:
        raise ValueError(f"{index.space} is another space than that of {embedder.space}")
    asked = checked(query)
    vectors = encode(asked, embedder)
    own = _own_content(asked, library.catalogue)
    found = _nearest(asked, vectors.asked, library.catalogue, index, own)
    ids = [one.content_id for one in found]
    stored = library.catalogue.embeddings(ids, embedder.space)
    hits = tuple(_hit(rank, one, vectors, stored) for rank, one in enumerate(found, start=1))
    notices = tuple(_notices(asked, library.catalogue, embedder, own, found))
    return Results(query, hits, notices)


def encode(query: Query, embedder: Embedder) -> QueryVectors:
    """The query's vectors; `asked` is chosen by its mode. The query must have passed `checked`."""
    if query.picture is None:
        words = embedder.embed_words([query.words])[0]
        return QueryVectors(words, None, None, words)
    image = decoded(
        query.picture,
        embedder.space.preparation,
        model_side_pixels=embedder.picture_side_pixels,
    )
    picture = embedder.embed_pictures([image])[0]
    if not query.words:
        return QueryVectors(None, picture, None, picture)
    words = embedder.embed_words([query.words])[0]
    together = embedder.embed_pictures_with_words([image], [query.words])[0]
    asked = vector_of(query.mode, words, picture, together)
    return QueryVectors(words, picture, together, asked)


def vector_of(mode: Mode, words: Vector, picture: Vector, together: Vector) -> Vector:
    """The one that stands for a query with both parts in this mode."""
    both = words + picture
    length = np.linalg.norm(both)
    return {
        Mode.COMPOSED: together,
        Mode.SUM: both / length if length > 0 else together,
        Mode.TEXT: words,
        Mode.PICTURE: picture,
    }[mode]


def _own_content(query: Query, catalogue: Catalogue) -> int | None:
    """The content of the query picture, where the library has it and it is not to be shown."""
    if query.picture is None or query.show_query_picture:
        return None
    return catalogue.content_id_of(query.picture.sha256)


def _nearest(
    query: Query, vector: Vector, catalogue: Catalogue, index: VectorIndex, own: int | None
) -> list[_Found]:
    """At most `query.limit` contents with a photo to show.

    Those on drives that are away take no places: where they did, the index is asked once more for
    those at hand alone, which costs their ids.
    """
    scope = Scope.of(query)
    among = None if scope.is_all else catalogue.content_ids(scope)
    wanted = query.limit + _SURPLUS
    neighbours = index.search(vector, wanted, among=among)
    found = _showable(neighbours, query, catalogue, own)
    if len(found) < query.limit and len(neighbours) == wanted:
        at_hand = catalogue.content_ids(scope)
        found = _showable(index.search(vector, wanted, among=at_hand), query, catalogue, own)
    return found[: query.limit]


def _showable(
    neighbours: Sequence[tuple[int, float]], query: Query, catalogue: Catalogue, own: int | None
) -> list[_Found]:
    photos, scope = catalogue.photos_of([id_ for id_, _ in neighbours]), Scope.of(query)
    found = []
    for content_id, score in neighbours:
        if content_id == own:
            continue
        ordered = _shown_first(photos.get(content_id, ()), scope)
        if ordered and scope.holds(ordered[0]):
            found.append(_Found(content_id, score, ordered))
    return found


def _shown_first(photos: Sequence[Photo], scope: Scope) -> tuple[Photo, ...]:
    return tuple(sorted(photos, key=lambda photo: (not scope.holds(photo), photo.path)))


def _hit(rank: int, found: _Found, vectors: QueryVectors, stored: Mapping[int, Vector]) -> Hit:
    shown, *others = found.photos
    return Hit(
        rank=rank,
        retrieval_rank=rank,
        score=found.score,
        photo=shown,
        similarities=_similarities(vectors, stored.get(found.content_id)),
        copies=tuple(photo.path for photo in others),
    )


def _similarities(vectors: QueryVectors, photo: Vector | None) -> Similarities:
    def with_photo(part: Vector | None) -> float | None:
        return None if part is None or photo is None else float(part @ photo)

    return Similarities(
        with_photo(vectors.words), with_photo(vectors.picture), with_photo(vectors.together)
    )


def _notices(
    query: Query,
    catalogue: Catalogue,
    embedder: Embedder,
    own: int | None,
    found: Sequence[_Found],
) -> Iterator[str]:
    scope = Scope.of(query)
    folders = [folder for folder in catalogue.folders() if folder.photos]
    away = [str(place) for one in folders for place in one.places_away if _is_asked(place, query)]
    if away:
        yield f"Not searched, since the drive is not connected: {', '.join(away)}."
    elif not folders:
        yield EMPTY_LIBRARY
    elif not found and not scope.is_all:
        yield from _nothing_there(scope, catalogue)
    together = query.picture is not None and query.mode is Mode.COMPOSED
    cut = embedder.cut_notice(query.words, with_picture=together)
    if cut is not None:
        yield cut
    waiting = catalogue.waiting_count(embedder.space, scope)
    if waiting:
        yield (
            f"{_photos(waiting)} cannot be found with this model yet; index their folder to have"
            " them searched."
        )
    if own is not None:
        yield from _left_out(own, query, catalogue)


def _nothing_there(scope: Scope, catalogue: Catalogue) -> Iterator[str]:
    """That no photo was asked for, if that is so: by the folder, or by the days."""
    if catalogue.photo_count(scope):
        return
    place = "" if scope.folder is None else f" in {scope.folder}"
    if scope.folder is not None and catalogue.photo_count(Scope(scope.folder)) == 0:
        yield f"No photos of the library lie{place}."
    else:
        yield f"No photos of the library{place} are {in_words(scope.since, scope.until)}."


def _is_asked(place: Path, query: Query) -> bool:
    """Whether the query is about photos of this folder too."""
    scope = query.folder
    return scope is None or place.is_relative_to(scope) or scope.is_relative_to(place)


def _left_out(own: int, query: Query, catalogue: Catalogue) -> Iterator[str]:
    photos = catalogue.photos_of([own]).get(own, ())
    copies = sum(map(Scope.of(query).holds, photos))
    if copies == 1:
        yield "The query picture itself is left out."
    elif copies:
        yield f"The query picture itself ({copies:,} copies) is left out."


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count:,} photos"
