"""`evaluate` with tiny models on small drawn sets: what it prints, writes, returns and refuses."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from mmsearch_desktop import cli
from mmsearch_desktop.arguments import parse
from tests.models.answering_phi3 import write_answering_phi3
from tests.models.tiny_visualized_bge import write_tiny_model
from tests.search.labelled_folders import (
    circo_entry,
    cirr_entry,
    write_circo,
    write_cirr,
    write_fashioniq,
    write_gallery,
    write_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = ["composed", "sum", "words", "picture"]


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Run(Protocol):
    def __call__(self, *arguments: object) -> Done: ...


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], model: Path) -> Run:
    def run(*arguments: object) -> Done:
        capsys.readouterr()
        given = ["evaluate", *arguments, "--embedder", model]
        status = cli.main([str(argument) for argument in given])
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_answering_phi3(tmp_path_factory.mktemp("judge") / "tiny judge")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_gallery(tmp_path_factory.mktemp("mine"))
    return write_table(
        folder / "mine.csv",
        "in blue,red.png,blue.png;purple.png",
        "in green,orange.png,green.png",
        "nothing,nowhere.png,green.png",
        "something green,,green.png",
        ",black.png,white.png",
    )


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def measured_again(query: dict[str, Any], ranking: dict[str, Any], measure: str) -> float:
    """One figure of one query from a stored run, by a wording of its own."""
    kind, _, text = measure.partition("@")
    depth = int(text)
    ranked = ranking["members" if kind == "R_subset" else "ids"][:depth]
    wanted, targets = set(query["wanted"]), set(query["targets"])
    if kind.startswith("R"):
        return len(targets & set(ranked)) / len(targets)
    places = [place for place, one in enumerate(ranked, start=1) if one in wanted]
    least = min(depth, len(wanted))
    if kind == "mAP":
        return sum(number / place for number, place in enumerate(places, start=1)) / least
    best = sum(1 / math.log2(1 + place) for place in range(1, least + 1))
    return sum(1 / math.log2(1 + place) for place in places) / best


def figures(group: dict[str, Any]) -> Iterator[tuple[str, str, str, float]]:
    """Measure, stage, column and mean of all figures of a group."""
    for row in group["figures"]:
        for column in COLUMNS:
            if row[column] is not None:
                stage = "judged" if row["judged"] else "found"
                yield row["measure"], stage, column, row[column]["mean"]


def check_against_runs(done: Done, runs: Path) -> int:
    """Every figure equals what is worked out from the stored runs; how many there are."""
    stored, count = json.loads(runs.read_text())["queries"], 0
    for group in done.json["groups"]:
        queries = [query for query in stored if query["group"] == group["name"]]
        assert len(queries) == group["queries"]
        for measure, stage, column, value in figures(group):
            again = [measured_again(query, query[stage][column], measure) for query in queries]
            assert value == pytest.approx(mean(again)), (measure, stage, column)
            count += 1
    return count


def test_a_persons_table(run: Run, table: Path) -> None:
    done = run(table)
    assert done.status == 0
    assert f"{table}: line 4: there is no picture “nowhere.png”" in done.err
    lines = done.out.splitlines()
    assert lines[0] == "mine.csv, by tiny"
    headings = [line for line in lines if line.endswith(", 10 pictures")]
    assert headings == [
        "words and picture: 2 queries, 10 pictures",
        "words alone: 1 query, 10 pictures",
        "picture alone: 1 query, 10 pictures",
    ]
    assert [line.split() for line in lines if "composed  " in line] == [COLUMNS] * 3
    cells = [line.split() for line in lines if line.startswith("  R@1 ")]
    assert cells[0].count("±") == 4
    assert cells[1][1:3] == ["–", "–"]
    assert cells[1][4] == "–"
    assert cells[2][1:4] == ["–", "–", "–"]
    assert "R@1 " in lines[-1]
    assert "by the better part alone." in lines[-1]
    assert "Public sets" not in done.out


def test_json_of_a_persons_table(run: Run, table: Path, tmp_path: Path) -> None:
    done = run(table, "--json", "--runs", tmp_path / "runs.json")
    found = done.json
    assert list(found) == [
        "set", "embedder", "model", "revision", "preparation", "wording", "query_picture",
        "judge", "groups", "mean", "left_out", "notices",
    ]  # fmt: skip
    assert (found["preparation"], found["query_picture"]) == ("app-1", "left out")
    assert (found["judge"], found["mean"], found["notices"]) == (None, None, [])
    (left_out,) = found["left_out"]
    assert left_out["path"] == str(table)
    assert left_out["reason"].startswith("line 4: ")
    both, words, picture = found["groups"]
    assert [one["queries"] for one in (both, words, picture)] == [2, 1, 1]
    measures = [row["measure"] for row in both["figures"]]
    assert measures == ["R@1", "R@5", "R@10", "mAP@10", "nDCG@10"]
    assert set(both["figures"][0]["sum"]) == {"mean", "standard_error", "queries"}
    assert words["figures"][0]["composed"] is None
    assert picture["figures"][0]["words"] is None
    assert check_against_runs(done, tmp_path / "runs.json") == 5 * (4 + 1 + 1)


def test_judged_figures_beside_the_others(
    run: Run, table: Path, judge: Path, tmp_path: Path
) -> None:
    given = [table, "--rerank", 3, "--judge", judge]
    done = run(*given, "--json", "--runs", tmp_path / "runs.json")
    assert done.json["judge"] == {
        "name": "tiny judge", "strategy": "pointwise", "depth": 3, "weight": 1.0,
        "judged": 30, "to_be_judged": 30,
    }  # fmt: skip
    stages = [row["judged"] for row in done.json["groups"][0]["figures"]]
    assert stages == [False, True] * 5
    assert check_against_runs(done, tmp_path / "runs.json") == 2 * 5 * (4 + 1 + 1)
    shown = run(*given, "--weight", 0).out
    assert "judged: the 3 best of each, by tiny judge; 30 of 30 got a judgement" in shown
    starts = ("  R@", "  mAP@", "  nDCG@", "    judged")
    rows = [line.split()[1:] for line in shown.splitlines() if line.startswith(starts)]
    assert len(rows) == 2 * 5 * 3
    assert rows[0::2] == rows[1::2]  # a weight of 0 moves nothing


def test_circo(run: Run, tmp_path: Path) -> None:
    folder = write_circo(tmp_path / "circo", [circo_entry(number) for number in range(3)])
    done = run(folder, "--json", "--queries", 2, "--runs", tmp_path / "runs.json")
    (group,) = done.json["groups"]
    assert (group["queries"], group["pictures"]) == (2, 8)
    assert done.json["notices"] == ["Only the first 2 queries of each group are asked; 1 are not."]
    assert "Only the first 2" in done.err
    assert check_against_runs(done, tmp_path / "runs.json") == 8 * 4
    shown = run(folder).out
    assert "CIRCO, validation, by tiny" in shown
    assert "words as the set has them" in shown
    assert "arXiv 2605.14787" in shown


def test_as_published(run: Run, tmp_path: Path) -> None:
    folder = write_circo(tmp_path / "circo")
    found = run(folder, "--json", "--as-published").json
    assert (found["preparation"], found["query_picture"]) == ("official", "stays")
    assert "stays in the gallery, as in published runs" in run(folder, "--as-published").out


def test_cirr(run: Run, tmp_path: Path) -> None:
    folder = write_cirr(tmp_path / "cirr", [cirr_entry(1), cirr_entry(2)])
    done = run(folder, "--json", "--runs", tmp_path / "runs.json")
    measures = [row["measure"] for row in done.json["groups"][0]["figures"]]
    assert measures[4:7] == ["R_subset@1", "R_subset@2", "R_subset@3"]
    assert check_against_runs(done, tmp_path / "runs.json") == 9 * 4


def test_fashioniq(run: Run, tmp_path: Path) -> None:
    folder = write_fashioniq(tmp_path / "fiq")
    done = run(folder, "--json", "--runs", tmp_path / "runs.json")
    groups, means = done.json["groups"], done.json["mean"]
    assert [group["name"] for group in groups] == ["dress", "shirt", "toptee"]
    for place, row in enumerate(means):
        for column in COLUMNS:
            each = [group["figures"][place][column]["mean"] for group in groups]
            assert row[column]["mean"] == pytest.approx(mean(each))
    assert check_against_runs(done, tmp_path / "runs.json") == 3 * 6 * 4
    shown = run(folder).out
    assert "mean of dress, shirt, toptee" in shown
    assert shown.count("by the better part alone") == 1


def test_what_is_refused_before_anything_is_done(run: Run, table: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken.json"
    taken.write_text("mine")
    for arguments, told in (
        ([tmp_path / "nowhere.csv"], "there is no such file or folder"),
        ([tmp_path], "no labelled set that is known here"),
        ([table, "--gallery", tmp_path], "no photos lie there"),
        ([table, "--as-published"], "no figures are published for a table of one's own"),
        ([table, "--runs", taken], "this file is there already"),
        ([table, "--runs", tmp_path / "no" / "runs.json"], "there is no such folder"),
        ([table, "--rerank", 3, "--judge", "phi-3-vision"], "is not installed"),
        ([table, "--rerank", 3, "--judge", "nobody"], "no judge"),
    ):
        refused = run(*arguments)
        assert (refused.status, refused.out) == (1, "")
        assert told in refused.err
    assert taken.read_text() == "mine"


def test_a_model_that_is_not_here(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", str(table), "--embedder", "bge-vl-base"]) == 1
    told = capsys.readouterr()
    assert (told.out, "bge-vl-base" in told.err) == ("", True)


def test_many_broken_rows_do_not_flood(run: Run, table: Path, tmp_path: Path) -> None:
    rows = [f"row {number},,nothing.png" for number in range(30)]
    many = write_table(tmp_path / "many.csv", "green,,green.png", *rows)
    done = run(many, "--gallery", table.parent, "--json")
    assert done.err.count("“nothing.png” is no photo below") == 20
    assert "… and 10 more; --json lists them all." in done.err
    assert len(done.json["left_out"]) == 30


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate"],
        ["evaluate", "mine.csv", "--rerank", "51"],
        ["evaluate", "mine.csv", "--queries", "0"],
        ["evaluate", "mine.csv", "--queries", "all"],
        ["evaluate", "mine.csv", "--weight", "-1"],
        ["evaluate", "mine.csv", "--words"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert "usage: mmsearch-desktop" in capsys.readouterr().err
