"""The values that every layer speaks in, the protocols of the models, and the one exception tree.

The tree stands in problems.py, and is handed on here. Nothing else of the project is imported, and
none of Qt, torch or Milvus, so that anything may import this.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mmsearch_desktop.problems import (
    DeviceOutOfMemory,
    DownloadFailed,
    FolderProblem,
    JudgingStopped,
    LabelsProblem,
    LibraryBusy,
    LibraryDamaged,
    LibraryProblem,
    MmsearchError,
    ModelProblem,
    NoSpace,
    QueryProblem,
    ServerGone,
    UnreadablePhoto,
    WeightsDamaged,
    WeightsMissing,
    WeightsUnknown,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

    Vectors = NDArray[np.float32]

__all__ = [  # of problems.py; what is defined here needs no listing
    "DeviceOutOfMemory",
    "DownloadFailed",
    "FolderProblem",
    "JudgingStopped",
    "LabelsProblem",
    "LibraryBusy",
    "LibraryDamaged",
    "LibraryProblem",
    "MmsearchError",
    "ModelProblem",
    "NoSpace",
    "QueryProblem",
    "ServerGone",
    "UnreadablePhoto",
    "WeightsDamaged",
    "WeightsMissing",
    "WeightsUnknown",
]


class Preparation(enum.StrEnum):
    """How a file becomes the picture a model sees; part of a vector's identity.

    OFFICIAL is what the models' own code does: the pixels as stored, no EXIF orientation, alpha
    dropped. APP is what a person sees: upright, alpha on white, 16-bit grey brought to 8 bits,
    colours in sRGB, and made small in whole steps (JPEG: while decoding) where that is still twice
    what the model needs. The number in its value goes up whenever its pixels change.
    """

    OFFICIAL = "official"
    APP = "app-1"


@dataclass(frozen=True, slots=True)
class VectorSpace:
    """What must be equal for two vectors to be comparable."""

    model: str
    revision: str
    dimensions: int
    preparation: Preparation

    @property
    def key(self) -> str:
        """Eight hexadecimal digits that name this space in file and collection names."""
        text = f"{self.model}\n{self.revision}\n{self.dimensions}\n{self.preparation}"
        return hashlib.sha256(text.encode()).hexdigest()[:8]


class Embedder(Protocol):
    """Puts words, pictures, and pictures with words into one vector space.

    Every method returns float32 [B, dimensions], rows of unit length, in the order given, and
    may be called from any one thread at a time per call; calls from two threads are allowed.
    Pictures are Pillow images as `library.decode` gives them for `space.preparation`.
    """

    @property
    def name(self) -> str:
        """What a person calls it, such as "Visualized BGE base (English)"."""
        ...

    @property
    def space(self) -> VectorSpace: ...

    @property
    def batch_size(self) -> int:
        """How many pictures to give at once on this device (about 100 ms of work, at least 1)."""
        ...

    @property
    def picture_side_pixels(self) -> int:
        """Side of the square that the model sees."""
        ...

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> Vectors: ...

    def embed_words(self, words: Sequence[str]) -> Vectors: ...

    def embed_pictures_with_words(
        self, pictures: Sequence[Image.Image], words: Sequence[str]
    ) -> Vectors:
        """One vector per pair; both sequences have the same length."""
        ...

    def cut_notice(self, words: str, *, with_picture: bool) -> str | None:
        """A sentence saying how much of over-long words is used, or None if all of them are."""
        ...


@dataclass(frozen=True, slots=True)
class Score:
    """A yes-or-no answer as a judge holds it before saying it."""

    logit: float  # log of the odds of yes to no; not calibrated; may be not-a-number
    answered: float  # probability, 0 to 1, that the next word is yes or no at all


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of a list that a judge ranks, and the text right before it."""

    picture: Image.Image
    key: str | None = None  # equal for equal content and preparation; None: not kept
    label: str = ""
    num_crops: int = 1


@dataclass(frozen=True, slots=True)
class JudgeName:
    """Who judges: where all three are equal, so are the judgements of equal questions."""

    name: str  # what a person calls it
    revision: str
    prompt_version: str


class Judge(Protocol):
    """Answers yes or no about a candidate picture of a request, ranks pictures, and writes.

    Pictures are upright RGB Pillow images; the key of a picture names its content and preparation,
    so that what was computed for it can be kept, and None keeps nothing. All wording is the
    caller's and ordinary text. Whatever takes long goes in steps of at most a slice of a prompt, a
    few crops or one token; closing a generator stops it there. One thread at a time, and one
    generator at a time. What `preparing` returns belongs to the judge that made it.

    Raises QueryProblem where a prompt would be too long, DeviceOutOfMemory, ModelProblem.
    """

    @property
    def name(self) -> str: ...

    @property
    def revision(self) -> str:
        """Equal revisions give equal scores."""
        ...

    @property
    def prompt_version(self) -> str:
        """Of what the judge adds around the caller's wording."""
        ...

    def preparing(
        self,
        words: str,
        picture: Image.Image | None = None,
        picture_key: str | None = None,
        *,
        lead_in: str = "",
        question: str = "",
    ) -> Generator[None, None, Any]:
        """Read what all candidates share: `words`, the request's picture, then `lead_in`."""
        ...

    def checking(
        self,
        prepared: Any,
        picture: Image.Image,
        picture_key: str | None,
        questions: Sequence[str],
    ) -> Generator[None, None, tuple[Score, ...]]:
        """Ask each question about a candidate as if it were the only one."""
        ...

    def write(
        self,
        prepared: Any,
        picture: Image.Image,
        picture_key: str | None,
        instruction: str,
        max_tokens: int,
    ) -> Iterator[str]:
        """Text about a candidate as it comes; "" where a step gave none."""
        ...

    def caption(
        self,
        picture: Image.Image,
        picture_key: str | None,
        *,
        instruction: str,
        max_tokens: int = 100,
    ) -> Iterator[str]:
        """Text about one picture as it comes."""
        ...

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
        """ "Ranked list: [2, 1, …]" with each number to `count` once, then "Reasons:" and text."""
        ...

    def unload(self) -> None:
        """Give all memory back; only the name and revision may be asked afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class Drive:
    """A drive that begins below a folder the person added: its photos come and go with it."""

    id: int
    path: Path
    connected: bool  # False: it is away; its photos are kept
    photos: int


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder the person added; all photos below it belong to the library."""

    id: int
    path: Path
    connected: bool  # False: the drive is away; its photos are kept
    photos: int  # at hand or not, with those of the drives below
    moved_to: Path | None = None  # for one that is away: another that shows the same photos
    drives: tuple[Drive, ...] = ()  # below it, by path

    @property
    def places(self) -> tuple[Folder | Drive, ...]:
        """Each comes and goes by itself."""
        return (self, *self.drives)

    @property
    def drives_away(self) -> tuple[Drive, ...]:
        """Those that have photos."""
        return tuple(drive for drive in self.drives if drive.photos and not drive.connected)

    @property
    def places_away(self) -> tuple[Path, ...]:
        """What has to be connected to have all its photos."""
        return tuple(drive.path for drive in self.drives_away) if self.connected else (self.path,)


@dataclass(frozen=True, slots=True)
class Photo:
    """One file, at one path, that shows one content."""

    id: int
    content_id: int  # also its key in the vector index
    path: Path
    sha256: str  # of the file's bytes, hexadecimal
    width: int  # pixels, upright
    height: int
    size_bytes: int
    modified_ns: int  # nanoseconds since 1970
    taken: datetime | None  # from EXIF, without time zone; None where the file does not say
    format: str  # "JPEG", "HEIF", …


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that could not be indexed, and why."""

    path: Path
    reason: str


class Mode(enum.StrEnum):
    """Which vector stands for a query that has both words and a picture."""

    COMPOSED = "composed"  # the model reads both together
    SUM = "sum"  # the two separate vectors, added
    TEXT = "text"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class QueryPicture:
    """A picture to search with; equal to another when the bytes are, wherever they came from."""

    sha256: str
    data: bytes = field(repr=False, compare=False)  # the file's bytes
    name: str = field(compare=False)  # shown to the person
    path: Path | None = field(default=None, compare=False)

    @classmethod
    def from_bytes(cls, data: bytes, name: str, path: Path | None = None) -> QueryPicture:
        return cls(hashlib.sha256(data).hexdigest(), data, name, path)


@dataclass(frozen=True, slots=True)
class Query:
    """What a person asks for. Blank words and no picture ask nothing."""

    words: str = ""
    picture: QueryPicture | None = None
    mode: Mode = Mode.COMPOSED
    folder: Path | None = None  # only photos below it
    since: date | None = None  # only photos of this day or later; a photo's day: `library/scope.py`
    until: date | None = None  # only photos of this day or earlier
    limit: int = 50
    show_query_picture: bool = False  # keep the query picture and its exact copies among the hits


@dataclass(frozen=True, slots=True)
class Similarities:
    """Cosines of one photo with the query's words, its picture, and both read together.

    None where the query has no such part. They are the embedder's, unscaled.
    """

    words: float | None = None
    picture: float | None = None
    together: float | None = None


class Standing(enum.StrEnum):
    """How far the judging of one hit has come."""

    WAITING = "waiting"  # not reached yet
    JUDGING = "judging"  # being judged now
    JUDGED = "judged"
    UNSURE = "unsure"  # the judge did not answer the question; moves nothing
    FAILED = "failed"  # no judgement; the rationale says why


@dataclass(frozen=True, slots=True)
class Check:
    """One question that a judge was asked about a hit, and its answer."""

    claim: str  # what holds if the answer is yes, such as "phone case" or "no stripes"
    probability: float | None  # 0 to 1 that the claim holds; None: the judge did not answer


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said of one hit. All texts are plain: no markup, no control characters."""

    probability: float | None  # 0 to 1 that the hit is what was asked for; None: not said
    rationale: str  # built by the program from the checks, or why there is no judgement
    judge: str
    standing: Standing = Standing.JUDGED
    score: float | None = None  # higher is better, among hits of the same query and judge
    checks: tuple[Check, ...] = ()  # the first is the whole request; they made the score
    words: str = ""  # the model's own, to be shown as such: they need not be its true reasons


@dataclass(frozen=True, slots=True)
class Hit:
    """One content found, shown by one of its files."""

    rank: int  # from 1, in the order shown
    retrieval_rank: int  # from 1, in the order of the scores
    score: float  # cosine in the mode asked for
    photo: Photo
    similarities: Similarities = Similarities()
    copies: tuple[Path, ...] = ()  # other paths of the same content
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """The hits of one query, best first, and what the person should know about them."""

    query: Query
    hits: tuple[Hit, ...]
    notices: tuple[str, ...] = ()


class Strategy(enum.StrEnum):
    """How hits are judged."""

    POINTWISE = "pointwise"  # one after the other, each against the request
    LISTWISE = "listwise"  # all at once, by the list that the model writes


class Layout(enum.StrEnum):
    """How a judge is shown the hits that it ranks in a list."""

    SEPARATE = "separate"  # each its own picture
    PAGE = "page"  # nine to a page, numbered


class Stage(enum.StrEnum):
    SCANNING = "scanning"
    EMBEDDING = "embedding"
    REBUILDING = "rebuilding"  # the vector index, from the catalogue
    DOWNLOADING = "downloading"
    JUDGING = "judging"
    WRITING = "writing"  # a judge's words about what it has judged
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """What one run over a folder did. Counts are of files, not of contents."""

    photos: int  # in the folder now, readable
    indexed: int  # new or changed
    unchanged: int
    moved: int
    removed: int
    unreadable: tuple[Problem, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """Where long work stands. The last one of a run over a folder carries its summary."""

    stage: Stage
    done: int
    total: int | None = None  # None while it is not known yet
    per_second: float | None = None
    seconds_left: float | None = None
    photos: tuple[Photo, ...] = ()  # new since the last item
    problems: tuple[Problem, ...] = ()  # new since the last item
    summary: IndexSummary | None = None
