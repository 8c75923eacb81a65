"""Photos and hits that exist nowhere, for tests of what is shown of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from mmsearch_desktop.domain import Hit, Photo, Similarities

DAY_NS = 86_400 * 10**9


def photo(number: int, name: str | None = None) -> Photo:
    """The higher its number, the older it is."""
    return Photo(
        id=number,
        content_id=number + 1000,
        path=Path("/photos") / (name or f"photo {number:06}.jpg"),
        sha256=f"{number:064x}",
        width=4032,
        height=3024,
        size_bytes=3_400_000,
        modified_ns=(20_000 - number) * DAY_NS,
        taken=None,
        format="JPEG",
    )


def photos(count: int, start: int = 0) -> list[Photo]:
    return [photo(number) for number in range(start, start + count)]


def hit(rank: int, number: int | None = None) -> Hit:
    return Hit(
        rank=rank,
        retrieval_rank=rank,
        score=1 - rank / 100,
        photo=photo(rank if number is None else number),
        similarities=Similarities(words=0.311, picture=0.869, together=0.64),
    )


def hits(count: int) -> list[Hit]:
    return [hit(rank) for rank in range(1, count + 1)]


def moved(shown: Hit, rank: int) -> Hit:
    return dataclasses.replace(shown, rank=rank)
