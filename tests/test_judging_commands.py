"""`search --rerank` and `judge` on real stores with tiny models: what they print and return."""

from __future__ import annotations

import io
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from mmsearch_desktop import arguments, cli, judging_commands, settings
from mmsearch_desktop.domain import Query, Results
from mmsearch_desktop.library.stores import Library
from mmsearch_desktop.settings import Settings
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
    first = run(*given)
    assert "tiny judge: Runs in 32 bits on " in first.err
    with Library(Path(place.search[2])) as library:
        kept = library.catalogue.judgements.count()
        assert kept >= 10, "five verdicts, and five times the model's words"
    again = run(*given)
    assert again.hits == first.hits
    assert again.err == "", "no judge is opened where it has nothing to do"
    with Library(Path(place.search[2])) as library:
        assert library.catalogue.judgements.count() == kept
    assert "Runs in" in run(*given, "--strategy", "listwise").err


def test_near_ties_are_compared_when_asked_for_and_kept(run: Run, place: Place) -> None:
    given = [*place.search, "--rerank", 5, "--near-ties", 2, "--judge", place.judge, "--json"]
    first = run(*given)
    assert "Runs in" in first.err
    again = run(*given)
    assert (again.err, again.hits) == ("", first.hits)


def test_what_is_known_of_some_hits_is_used_for_those(run: Run, place: Place) -> None:
    other = [*place.search[:-1], "green, without stripes", "--judge", place.judge, "--json"]
    few = {hit["path"]: hit["judgement"] for hit in run(*other, "--rerank", 2).hits}
    more = run(*other, "--rerank", 5)
    assert "Runs in" in more.err
    assert "Judging: 2 of 5 photos" in more.err
    known = {path: verdict for path, verdict in few.items() if verdict is not None}
    assert len(known) == 2
    for hit in more.hits:
        assert hit["judgement"]["standing"] == "judged"
        assert hit["judgement"] == known.get(hit["path"], hit["judgement"])


def test_as_text_the_reason_stands_below_each_hit(run: Run, place: Place) -> None:
    asked = [*place.search[:-1], "blue, without dots"]
    before = [hit["path"] for hit in run(*asked, "--json").hits]
    done = run(*asked, "--rerank", 5, "--weight", 1e6, "--judge", place.judge)
    lines = done.out.splitlines()
    assert len(lines) == 10
    assert " of 5 photos" in done.err
    moved = 0
    for rank, (hit, reason) in enumerate(zip(lines[::2], lines[1::2], strict=True), start=1):
        was = before.index(hit.split(maxsplit=2)[2]) + 1
        told = "" if was == rank else f"(was {was}) "
        assert reason.startswith(f"{'':12}{told}the whole request: ")
        moved += was != rank
    assert moved


def test_letters_that_the_terminal_lacks_are_spelled(
    place: Place, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(sys.stdout.buffer, "latin-1"))
    asked = [*place.search[:-1], "手机壳, grün", "--rerank", "1", "--judge", str(place.judge)]
    assert cli.main(asked) == 0
    out = capsysbinary.readouterr().out
    assert b"\\u624b\\u673a\\u58f3: " in out
    assert "grün: ".encode("latin-1") in out


def test_a_judge_that_does_not_fit_is_refused_with_the_figures_before_anything_is_searched(
    run: Run, place: Place, tmp_path: Path
) -> None:
    giant = write_tiny_phi3(tmp_path / "giant judge")
    config = json.loads((giant / "config.json").read_bytes())
    config |= {"hidden_size": 4096, "num_attention_heads": 512, "num_key_value_heads": 512}
    config |= {"intermediate_size": 4_000_000}  # of random weights that nobody could hold
    (giant / "config.json").write_text(json.dumps(config))
    for command in (["judge", "--text", "red", place.files[0]], [*place.search, "--rerank", 5]):
        done = run(*command, "--judge", giant)
        assert (done.status, done.out) == (1, "")
        assert re.search(r"the judge needs \d+\.\d GB in 32 bits.* GB free", done.err)
        assert "choose a smaller judge" in done.err


def test_the_judge_that_is_set_is_asked_unless_another_is_named(run: Run, place: Place) -> None:
    chosen = Settings(judge=str(place.judge))
    settings.save(chosen)
    hits = run(*place.search, "--rerank", 1, "--json").hits
    assert hits[0]["judgement"]["judge"] == "tiny judge"
    assert run(*place.search, "--rerank", 1, "--judge", "nobody").status == 1


def test_stopping_says_what_is_kept(run: Run, place: Place) -> None:
    options = arguments.parse([*place.search, "--rerank", "1", "--judge", str(place.judge)])
    assert options.kept == "Nothing was changed."
    with Library(Path(place.search[2])) as library:
        empty = Results(Query("red"), ())
        judging_commands.reranked(empty, options, library.catalogue.judgements)
    assert options.kept.startswith("What was judged so far is kept")


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
        ["search", "--text", "a", "--rerank", "5", "--near-ties", "-1"],
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


def test_judge_says_when_it_is_given_too_many(run: Run, place: Place) -> None:
    done = run("judge", "--text", "red", *place.files * 11, "--json", "--judge", place.judge)
    assert "Only the first 50 of 55 photos are judged" in done.err
    assert sum(hit["judgement"] is None for hit in done.hits) == 5


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
