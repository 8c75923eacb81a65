"""Embedders and the whole search as MTEB asks for them.

Without MTEB: batches and rows as it hands them over. With it (`slow`: it is not installed for the
other tests): tasks of a few drawn pictures, scored by it.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from mmsearch_desktop.domain import DeviceOutOfMemory, JudgingStopped, LabelsProblem, Preparation
from mmsearch_desktop.search.evaluation import Reranking
from mmsearch_desktop.search.judging import Judging
from mmsearch_desktop.search.mteb_adapter import MtebEncoder, MtebSearch
from tests.fakes import DIMENSIONS, ColourEmbedder, flat_picture
from tests.fakes_judges import BrokenJudge, ColourJudge

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "black", "white")
CORPUS = [{"id": f"d-{colour}", "image": flat_picture(colour)} for colour in COLOURS]
WORDLESS = Judging(words_tokens=0, depth=3)


@dataclass(frozen=True)
class Task:
    """All that the adapter asks of a task."""

    category: str


def encoded(batches: Sequence[Mapping[str, Any]], embedder: Any = None) -> NDArray[np.float32]:
    encoder = MtebEncoder(embedder or ColourEmbedder())
    return encoder.encode(batches, task_metadata=Task("it2i"), hf_split="test", hf_subset="default")


def indexed(folder: Path, **named: Any) -> MtebSearch:
    search = MtebSearch(ColourEmbedder(), folder, **named)
    search.index(CORPUS, task_metadata=Task("t2i"), hf_split="test", hf_subset="default")
    return search


def found_by(
    search: MtebSearch, category: str, *, top_k: int = 4, **query: Any
) -> dict[str, float]:
    (found,) = search.search(
        [{"id": "q", **query}], task_metadata=Task(category), top_k=top_k, hf_split="test"
    ).values()
    return found


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> MtebSearch:
    return indexed(tmp_path_factory.mktemp("search"))


# ----------------------------------------------------------------------------------- encoder


def test_a_batch_of_any_parts_gives_the_embedders_own_vectors_in_order() -> None:
    embedder, red, blue = ColourEmbedder(), flat_picture("red"), flat_picture("blue")
    rows = encoded(
        [
            {"text": ["red", "green"]},
            {"image": [red, blue]},
            {"text": ["green", "", "black"], "image": [red, blue, None]},
        ]
    )
    expected = np.concatenate(
        [
            embedder.embed_words(["red", "green"]),
            embedder.embed_pictures([red, blue]),
            embedder.embed_pictures_with_words([red], ["green"]),
            embedder.embed_pictures([blue]),
            embedder.embed_words(["black"]),
        ]
    )
    assert rows.dtype == np.float32
    assert np.array_equal(rows, expected)


def test_no_batches_give_no_rows_and_a_batch_of_sounds_is_refused() -> None:
    assert encoded([]).shape == (0, DIMENSIONS)
    with pytest.raises(LabelsProblem, match="gave audio, and neither text nor pictures"):
        encoded([{"audio": [1, 2]}])


class Roomless(ColourEmbedder):
    """Out of memory above two pictures."""

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        if len(pictures) > self.most:
            raise DeviceOutOfMemory("too little")
        return super().embed_pictures(pictures)

    most = 2


def test_out_of_memory_makes_batches_smaller() -> None:
    pictures = [flat_picture(colour) for colour in COLOURS]
    rows = encoded([{"image": pictures}], Roomless(batch_size=5))
    assert np.array_equal(rows, ColourEmbedder().embed_pictures(pictures))
    hopeless = Roomless()
    hopeless.most = 0
    with pytest.raises(DeviceOutOfMemory):
        encoded([{"image": pictures}], hopeless)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_pictures_of_any_mode_are_prepared_as_photos_are(mode: str) -> None:
    for preparation in Preparation:
        shown = Image.new(mode, (40, 30))
        rows = encoded([{"image": [shown]}], ColourEmbedder(preparation=preparation))
        assert np.isfinite(rows).all()
    clear = Image.new("RGBA", (40, 30), (0, 0, 0, 0))
    white = encoded([{"image": [flat_picture("white")]}])
    assert np.allclose(encoded([{"image": [clear]}]), white)  # as the app shows it
    official = ColourEmbedder(preparation=Preparation.OFFICIAL)
    assert not np.allclose(encoded([{"image": [clear]}], official), white)


def test_similarities_are_cosines() -> None:
    encoder = MtebEncoder(ColourEmbedder())
    rows = encoded([{"text": ["red", "green", "blue"]}])
    table = encoder.similarity(rows, rows[:2])
    assert table.shape == (3, 2)
    assert np.allclose(np.diag(encoder.similarity(rows, rows)), 1)
    assert encoder.similarity(rows[0], rows).shape == (1, 3)
    pairs = encoder.similarity_pairwise(rows, rows[::-1])
    assert np.allclose(
        pairs, [(one * two).sum() for one, two in zip(rows, rows[::-1], strict=True)]
    )


# --------------------------------------------------------------------------------- the search


def test_the_search_finds_by_words_by_picture_and_by_both(search: MtebSearch) -> None:
    red = flat_picture("red")
    words = found_by(search, "t2i", text="yellow", image=red)
    assert next(iter(words)) == "d-yellow"
    assert list(words.values()) == [1, 1 / 2, 1 / 3, 1 / 4]
    picture = found_by(search, "i2i", text="yellow", image=red)
    assert next(iter(picture)) == "d-orange"
    both = found_by(search, "it2i", text="yellow", image=red)
    assert len({tuple(words), tuple(picture), tuple(both)}) == 3
    told = found_by(search, "t2i", text="a square,", instruction="yellow please")
    assert told == words


def test_the_query_picture_is_left_out_as_in_the_app_or_stays_as_in_published_runs(
    search: MtebSearch, tmp_path: Path
) -> None:
    red = flat_picture("red")
    assert "d-red" not in found_by(search, "i2i", image=red, top_k=20)
    staying = indexed(tmp_path, show_query_picture=True)
    assert next(iter(found_by(staying, "i2i", image=red))) == "d-red"


def test_a_reranking_task_gets_its_candidates_alone(search: MtebSearch) -> None:
    candidates = {"q": ["d-black", "d-red", "d-unknown"]}
    queries = [{"id": "q", "text": "red"}, {"id": "without", "text": "red"}]
    found = search.search(queries, task_metadata=Task("t2i"), top_k=1, top_ranked=candidates)
    assert found == {"q": {"d-red": 1.0}, "without": {}}


def test_a_query_that_asks_nothing_finds_nothing(
    search: MtebSearch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "mmsearch.evaluation"):
        assert found_by(search, "t2i", text=" ") == {}
    assert "The query is empty" in caplog.text


def test_a_second_set_takes_the_place_of_the_first_and_copies_share_a_rank(tmp_path: Path) -> None:
    search = indexed(tmp_path)
    again = [CORPUS[0], {"id": "again", "image": flat_picture("red")}, CORPUS[1]]
    search.index(again)
    assert found_by(search, "t2i", text="red") == {"d-red": 1, "again": 1, "d-orange": 1 / 2}


def test_texts_cannot_be_found(tmp_path: Path) -> None:
    with pytest.raises(LabelsProblem, match="d-1 is no picture"):
        MtebSearch(ColourEmbedder(), tmp_path).index([{"id": "d-1", "text": "red"}])


def test_the_judge_reorders_what_was_found(search: MtebSearch, tmp_path: Path) -> None:
    judge = ColourJudge()
    asked = {"text": "orange", "image": flat_picture("black")}
    judged = indexed(tmp_path, reranking=Reranking(judge, WORDLESS, weight=100.0))
    plain = found_by(search, "it2i", top_k=8, **asked)
    anew = found_by(judged, "it2i", top_k=8, **asked)
    assert set(anew) == set(plain)
    assert list(anew)[3:] == list(plain)[3:]
    assert judge.asked
    best = max(list(plain)[:3], key=lambda id_: _orange(judge, id_))
    assert next(iter(anew)) == best


def _orange(judge: ColourJudge, id_: str) -> float:
    return judge.score("orange", flat_picture(id_.removeprefix("d-"))).logit


def test_a_judge_that_stops_leaves_no_half_judged_figures(tmp_path: Path) -> None:
    broken = Reranking(BrokenJudge(DeviceOutOfMemory("too little")), WORDLESS)
    with pytest.raises(JudgingStopped):
        found_by(indexed(tmp_path, reranking=broken), "t2i", text="red")


# ------------------------------------------------------------------------------------ by MTEB


def drawn_task(category: str, queries: Sequence[Mapping[str, Any]]) -> Any:
    """Finds the colour that a query names; "d-red" is wanted by the query with the id "q-red"."""
    from datasets import Dataset, Features, Value
    from datasets import Image as Pictures
    from mteb.abstasks.retrieval import AbsTaskRetrieval
    from mteb.abstasks.task_metadata import TaskMetadata

    def as_dataset(rows: Sequence[Mapping[str, Any]]) -> Any:
        kinds = {"id": Value("string"), "text": Value("string"), "image": Pictures()}
        named = {name: kinds[name] for name in rows[0]}
        return Dataset.from_list([_with_bytes(row) for row in rows], features=Features(named))

    class Drawn(AbsTaskRetrieval):  # type: ignore[misc] # without types where it is not installed
        metadata = TaskMetadata(
            name=f"Drawn{category.upper()}Retrieval",
            description="Colours.",
            dataset={"path": "drawn", "revision": "1"},
            type="Any2AnyRetrieval",
            category=category,
            modalities=["text", "image"],
            eval_langs=["eng-Latn"],
            main_score="ndcg_at_10",
        )

        def load_data(self, *_: object, **__: object) -> None:
            wanted = {query["id"]: {query["id"].replace("q-", "d-"): 1} for query in queries}
            data = {
                "corpus": as_dataset(CORPUS),
                "queries": as_dataset(queries),
                "relevant_docs": wanted,
                "top_ranked": None,
            }
            self.dataset = {"default": {"test": data}}
            self.data_loaded = True

    return Drawn()


def _with_bytes(row: Mapping[str, Any]) -> dict[str, Any]:
    if "image" not in row:
        return dict(row)
    stream = io.BytesIO()
    row["image"].save(stream, "PNG")
    return {**row, "image": {"bytes": stream.getvalue(), "path": None}}


def scores(model: Any, task: Any) -> dict[str, Any]:
    import mteb

    found = mteb.evaluate(model, [task], cache=None, show_progress_bar=False)
    (result,) = found.task_results
    (one,) = result.scores["test"]
    return dict(one)


WORDS = [{"id": f"q-{colour}", "text": f"a {colour} square"} for colour in COLOURS]
PICTURES = [{"id": f"q-{colour}", "image": flat_picture(colour)} for colour in COLOURS]
BOTH = [
    {"id": f"q-{colour}", "text": f"{colour}", "image": flat_picture("grey")} for colour in COLOURS
]
TASKS: dict[str, list[dict[str, Any]]] = {"t2i": WORDS, "i2i": PICTURES, "it2i": BOTH}


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of MTEB and what it needs
@pytest.mark.parametrize("category", TASKS)
def test_mteb_scores_an_embedder(category: str) -> None:
    found = scores(MtebEncoder(ColourEmbedder()), drawn_task(category, TASKS[category]))
    assert found["ndcg_at_10"] == found["recall_at_1"] == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("category", TASKS)
def test_mteb_scores_the_whole_search_and_its_judge(category: str, tmp_path: Path) -> None:
    for name, reranking in (("plain", None), ("judged", Reranking(ColourJudge(), WORDLESS))):
        search = MtebSearch(
            ColourEmbedder(), tmp_path / name, reranking=reranking, show_query_picture=True
        )
        found = scores(search, drawn_task(category, TASKS[category]))
        assert found["ndcg_at_10"] == found["recall_at_1"] == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_mteb_sees_that_the_app_leaves_the_query_picture_out(tmp_path: Path) -> None:
    search = MtebSearch(ColourEmbedder(), tmp_path)
    assert scores(search, drawn_task("i2i", PICTURES))["recall_at_10"] == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_mteb_is_told_who_is_scored(tmp_path: Path) -> None:
    from mteb.models import EncoderProtocol, SearchProtocol

    encoder = MtebEncoder(ColourEmbedder())
    assert isinstance(encoder, EncoderProtocol)
    about = encoder.mteb_model_meta
    assert (about.name, about.revision) == ("mmsearch-desktop/colours-app-1", "1")
    assert about.embed_dim == DIMENSIONS
    search = MtebSearch(ColourEmbedder(), tmp_path, reranking=Reranking(ColourJudge(), WORDLESS))
    assert isinstance(search, SearchProtocol)
    assert not isinstance(search, EncoderProtocol)
    assert search.mteb_model_meta.name == (
        "mmsearch-desktop/colours-app-1-search-judged-by-Colour-judge-1"
    )
