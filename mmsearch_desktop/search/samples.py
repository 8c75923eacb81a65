"""What can be tried without a download: the sample photos, their model, and questions to ask them.

The photos and the models come with the program, as resources; a build may lack them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmsearch_desktop.domain import Query
from mmsearch_desktop.models.judge_offers import SAMPLE_JUDGE
from mmsearch_desktop.models.offers import SAMPLE, Offer, installed
from mmsearch_desktop.settings import resources_folder

_FOLDER = "sample_photos"
_NAME = "Sample photos"


@dataclass(frozen=True, slots=True)
class Example:
    """A question to the sample photos: words, or a picture among them and words."""

    words: str
    picture: Path | None = None

    @property
    def text(self) -> str:
        """Such as "leopard in a meadow + “phone case with this”"."""
        words = f"“{self.words}”"
        return words if self.picture is None else f"{self.picture.stem} + {words}"

    def query(self, limit: int) -> Query:
        """QueryProblem where the picture cannot be read."""
        from mmsearch_desktop.search.query import picture_from_file  # needs Pillow

        picture = None if self.picture is None else picture_from_file(self.picture)
        return Query(self.words, picture, limit=limit)


@dataclass(frozen=True, slots=True)
class Samples:
    """The photos with all that belongs to them."""

    photos: Path
    embedder: str  # a choice of model
    judge: str | None  # likewise; None where there is none for them
    examples: tuple[Example, ...]


def find_samples() -> Samples | None:
    """None where this program comes without the photos, or without their model."""
    photos = resources_folder() / _FOLDER
    if not photos.is_dir() or not _is_here(SAMPLE):
        return None
    judge = SAMPLE_JUDGE.name if _is_here(SAMPLE_JUDGE) else None
    return Samples(photos, SAMPLE.name, judge, examples_of(photos))


def examples_of(photos: Path) -> tuple[Example, ...]:
    """First the one that the program is about: a picture and words, read as one question."""
    return (
        Example("phone case with this", photos / "leopard in a meadow.jpg"),
        Example("blue striped mug"),
        Example("at night", photos / "city.jpg"),
    )


def folder_name(folder: Path) -> str:
    """What a person calls a folder of photos."""
    is_sample = folder.parts[-2:] == ("resources", _FOLDER)
    return _NAME if is_sample else folder.name or str(folder)


def _is_here(offer: Offer) -> bool:
    return installed(offer, Path())
