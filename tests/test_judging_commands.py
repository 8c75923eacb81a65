"""`search --rerank` and `judge` on real stores with tiny models: what they print and return."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from mmsearch_desktop import arguments, cli
from mmsearch_desktop.library.stores import Library
from tests.library.pictures import write_photo
from tests.models.answering_phi3 import write_answering_phi3
from tests.models.tiny_phi3 import write_tiny_phi3
from tests.models.tiny_visualized_bge import write_tiny_model

COLOURS = ("red", "green", "blue", "yellow", "black")


@dataclass(frozen=True)
class Place:
    """Tiny models, a folder of photos, and a library in which they are indexed."""

    judge: Path
    photos: Path
    search: list[str]

    @property
    def files(self) -> list[Path]:
        return [self.photos / f"{colour}.png" for colour in COLOURS]


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def hits(self) -> list[dict[str, Any]]:
        hits: list[dict[str, Any]] = json.loads(self.out)["hits"]
        return hits


class Run(Protocol):
    def __call__(self, *arguments: object) -> Done: ...


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> Done:
        capsys.readouterr()
        status = cli.main([str(argument) for argument in arguments])
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("place")
    for colour in COLOURS:
        write_photo(folder / "photos" / f"{colour}.png", colour)
    common = ["--library", str(folder / "library"), "--embedder"]
    common.append(str(write_tiny_model(folder / "embedder")))
    assert cli.main(["index", str(folder / "photos"), *common]) == 0
    judge = write_answering_phi3(folder / "tiny judge")
    return Place(judge, folder / "photos", ["search", *common, "--text", "red, without stripes"])


def test_without_rerank_a_hit_is_what_it_was(run: Run, place: Place) -> None:
    hits = run(*place.search, "--json").hits
    assert [set(hit) for hit in hits] == [{"rank", "path", "score"}] * 5


def test_rerank_adds_the_judgement_of_the_first_hits_and_loses_none(run: Run, place: Place) -> None:
    before = run(*place.search, "--json").hits
    done = run(*place.search, "--rerank", 3, "--judge", place.judge, "--json")
    assert done.status == 0
    assert sorted(hit["path"] for hit in done.hits) == sorted(hit["path"] for hit in before)
    assert [hit["rank"] for hit in done.hits] == [1, 2, 3, 4, 5]
    for hit in done.hits:
        assert before[hit["retrieval_rank"] - 1]["path"] == hit["path"]
    for hit in (hit for hit in done.hits if hit["retrieval_rank"] <= 3):
        assert hit["rank"] <= 3
        assert hit["judgement"]["judge"] == "tiny judge"
        assert hit["judgement"]["standing"] == "judged"
        assert 0 <= hit["judgement"]["probability"] <= 1
        claims = [check["claim"] for check in hit["judgement"]["checks"]]
        assert claims == ["the whole request", "red", "no stripes"]
        assert hit["rationale"].startswith("the whole request: ")
        assert hit["judgement"]["words"] == ""
    for hit in done.hits[3:]:
        assert (hit["judgement"], hit["rationale"]) == (None, "")
        assert hit["rank"] == hit["retrieval_rank"]


def test_weight_0_judges_and_moves_nothing(run: Run, place: Place) -> None:
    given = [*place.search, "--rerank", 5, "--judge", place.judge, "--json", "--weight"]
    assert [hit["retrieval_rank"] for hit in run(*given, 0).hits] == [1, 2, 3, 4, 5]
    judged = run(*given, 1e6).hits
    sure = [hit["judgement"]["probability"] for hit in judged]
    assert sure == sorted(sure, reverse=True)


@pytest.mark.parametrize("layout", ["separate", "page"])
def test_the_seed_articles_way_can_be_compared(run: Run, place: Place, layout: str) -> None:
    picture = ["--image", place.photos / "red.png", "--caption"]
    given = ["--rerank", 5, "--strategy", "listwise", "--layout", layout, "--judge", place.judge]
    hits = run(*place.search, *picture, "--show-query-picture", *given, "--json").hits
    assert sorted(hit["retrieval_rank"] for hit in hits) == [1, 2, 3, 4, 5]
    assert all(hit["rationale"].endswith("of 5 in the judge's list") for hit in hits)


def test_the_second_time_nothing_is_judged_and_the_answer_is_the_same(
    run: Run, place: Place
) -> None:
    given = [*place.search, "--rerank", 5, "--judge", place.judge, "--words", "--json"]
    first = run(*given).hits
    with Library(Path(place.search[2])) as library:
        kept = library.catalogue.judgements.count()
        assert kept >= 10, "five verdicts, and five times the model's words"
    assert run(*given).hits == first
    with Library(Path(place.search[2])) as library:
        assert library.catalogue.judgements.count() == kept


def test_as_text_the_reason_stands_below_each_hit(run: Run, place: Place) -> None:
    done = run(*place.search, "--rerank", 2, "--judge", place.judge)
    lines = done.out.splitlines()
    assert len(lines) == 7
    assert lines[1].startswith(" " * 12 + "the whole request: ")
    assert " of 2 photos" in done.err


def test_a_judge_that_is_not_here_is_said_before_anything_is_searched(
    run: Run, place: Place
) -> None:
    done = run(*place.search, "--rerank", 5)
    assert (done.status, done.out) == (1, "")
    assert "Phi-3 Vision is not installed" in done.err
    assert "models download phi-3-vision" in done.err
    done = run(*place.search, "--rerank", 5, "--judge", "nobody")
    assert "phi-3-vision, phi-3.5-vision" in done.err


@pytest.mark.parametrize(
    "given",
    [
        ["search", "--text", "a", "--rerank", "0"],
        ["search", "--text", "a", "--rerank", "51"],
        ["search", "--text", "a", "--rerank", "5", "--weight", "-1"],
        ["search", "--text", "a", "--rerank", "5", "--weight", "nan"],
        ["search", "--text", "a", "--rerank", "5", "--strategy", "guess"],
        ["judge", "a.png"],
        ["judge", "--text", "a"],
    ],
)
def test_wrong_usage(given: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        arguments.parse(given)
    assert refused.value.code == 2


# judge ---------------------------------------------------------------------------------------


def test_judge_orders_files_that_are_in_no_library(run: Run, place: Place) -> None:
    picture = ["--image", place.photos / "red.png"]
    done = run("judge", "--text", "case with this", *picture, *place.files, "--json",
               "--judge", place.judge)  # fmt: skip
    assert done.status == 0
    assert sorted(hit["path"] for hit in done.hits) == sorted(map(str, place.files))
    sure = [hit["judgement"]["probability"] for hit in done.hits]
    assert sure == sorted(sure, reverse=True)
    for hit in done.hits:
        assert str(place.files[hit["retrieval_rank"] - 1]) == hit["path"]
        claims = [check["claim"] for check in hit["judgement"]["checks"][1:]]
        assert claims == ["case", "query picture's pattern"]


def test_judge_as_text_with_the_models_words(run: Run, place: Place) -> None:
    done = run("judge", "--text", "red", place.files[0], "--words", "--judge", place.judge)
    rank, reason, *words = done.out.splitlines()
    assert rank.endswith("red.png")
    assert " %" in rank
    assert reason.strip().startswith("the whole request: ")
    assert not words or words[0].strip().startswith("the model's words: ")


def test_judge_tells_what_it_cannot_read_and_goes_on(
    run: Run, place: Place, tmp_path: Path
) -> None:
    (tmp_path / "letter.png").write_text("Dear Ada")
    given = ["judge", "--text", "red", "--json", "--judge", place.judge]
    done = run(*given, tmp_path / "nowhere.png", tmp_path / "letter.png", place.files[0])
    assert done.status == 0
    assert "nowhere.png" in done.err
    standings = {Path(hit["path"]).name: hit["judgement"]["standing"] for hit in done.hits}
    assert standings == {"letter.png": "failed", "red.png": "judged"}
    nothing = run(*given, tmp_path / "nowhere.png")
    assert (nothing.status, nothing.hits) == (1, [])


def test_judge_says_why_it_stopped(run: Run, place: Place, tmp_path: Path) -> None:
    small = write_tiny_phi3(tmp_path / "small judge", context_tokens=100)
    done = run("judge", "--text", "a red case", place.files[0], "--json", "--judge", small)
    assert done.status == 1
    assert [hit["judgement"]["standing"] for hit in done.hits] == ["failed"]
    assert "Judging stopped: Too much for one question to small judge" in done.err


def test_judge_needs_a_picture_that_is_one(run: Run, place: Place, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Ada")
    refused = run("judge", "--image", tmp_path / "letter.txt", place.files[0])
    assert refused.status == 1
    assert "cannot be used as the query picture" in refused.err


def test_models_are_listed_by_what_they_are_for(run: Run) -> None:
    out = run("models", "list").out
    assert out.index("bge-visualized-base-en") < out.index("To judge") < out.index("phi-3-vision")
    assert " 0 dimensions" not in out


def test_judges_are_fetched_as_any_model(run: Run) -> None:
    done = run("models", "download", "phi-3.5-vision", "--offline")
    assert "microsoft/Phi-3.5-vision-instruct" in done.err
