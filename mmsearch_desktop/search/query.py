"""What a person hands in, made into a query that can be asked, or a QueryProblem saying why not."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import Preparation, Query, QueryPicture, QueryProblem, UnreadablePhoto
from mmsearch_desktop.library.decode import read_file
from mmsearch_desktop.library.decoders import decode_apart

if TYPE_CHECKING:
    from PIL import Image

LIMIT_MOST = 10_000  # hits; the vector index refuses more than 16,384


def picture_from_file(path: Path) -> QueryPicture:
    """The photo at `path`, read and seen to be one. QueryProblem where it cannot be."""
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where a folder above is locked
        raise QueryProblem(f"{path} is a folder. Choose one photo to search with.")
    try:
        data = read_file(path)
    except UnreadablePhoto as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise QueryProblem(
                f"{path}: there is no such file. Choose one photo to search with."
            ) from error
        raise _no_picture(error) from error
    return picture_from_bytes(data, path.name, path)


def picture_from_bytes(data: bytes, name: str, path: Path | None = None) -> QueryPicture:
    """A dropped or pasted picture: the bytes of a file. QueryProblem where they show nothing."""
    picture = QueryPicture.from_bytes(data, name, path)
    decoded(picture, Preparation.APP)
    return picture


def decoded(
    picture: QueryPicture, preparation: Preparation, *, model_side_pixels: int = 224
) -> Image.Image:
    """The picture as a model with this preparation is given it. QueryProblem where it is none."""
    place = picture.path or Path(picture.name)
    try:
        photo = decode_apart(picture.data, place, preparation, model_side_pixels=model_side_pixels)
    except UnreadablePhoto as error:
        raise _no_picture(error) from error
    return photo.picture


def checked(query: Query) -> Query:
    """The same, words trimmed, folder by its real path. QueryProblem where it asks nothing."""
    words = query.words.encode("utf-8", "replace").decode().strip()  # no tokenizer takes surrogates
    if not words and query.picture is None:
        raise QueryProblem("The query is empty. Give words, a picture, or both.")
    if not 1 <= query.limit <= LIMIT_MOST:
        raise QueryProblem(
            f"{query.limit} hits cannot be shown. Ask for a number from 1 to {LIMIT_MOST:,}."
        )
    if query.since is not None and query.until is not None and query.until < query.since:
        raise QueryProblem(
            f"No day is {query.since} or later and {query.until} or earlier. Swap the two."
        )
    folder = None if query.folder is None else Path(os.path.realpath(query.folder))
    return dataclasses.replace(query, words=words, folder=folder)


def _no_picture(error: UnreadablePhoto) -> QueryProblem:
    return QueryProblem(
        f"{error.path} cannot be used as the query picture: {error.reason.rstrip('.')}. "
        "Choose another photo, or search with words alone."
    )
