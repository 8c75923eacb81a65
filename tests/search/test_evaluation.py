"""Figures of small drawn sets: equal to what is worked out apart, by the rules of each set."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    LabelsProblem,
    Mode,
    ModelProblem,
    Preparation,
    Progress,
    Stage,
)
from mmsearch_desktop.library.catalogue import Catalogue
from mmsearch_desktop.search.evaluation import (
    GroupReport,
    Outcome,
    Report,
    Reranking,
    Row,
    evaluate,
)
from mmsearch_desktop.search.judging import Judging
from mmsearch_desktop.search.labelled_sets import LabelledSet, Wording, read_folder
from mmsearch_desktop.search.labelled_table import read_table
from tests.fakes import ColourEmbedder, flat_picture
from tests.fakes_judges import BrokenJudge, ColourJudge
from tests.library.pictures import write_photo
from tests.search.labelled_folders import (
    GALLERY,
    circo_entry,
    circo_id,
    cirr_entry,
    cirr_name,
    write_circo,
    write_cirr,
    write_fashioniq,
    write_gallery,
    write_table,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

WORDLESS = Judging(words_tokens=0, depth=3)


def run(
    labelled: LabelledSet, embedder: ColourEmbedder | None = None, **named: Any
) -> tuple[Report, list[Progress]]:
    """The report and all that was said on the way."""
    steps = evaluate(labelled, embedder or ColourEmbedder(), **named)
    said = []
    while True:
        try:
            said.append(next(steps))
        except StopIteration as end:
            return end.value, said


def report_on(labelled: LabelledSet, **named: Any) -> Report:
    return run(labelled, **named)[0]


def only(report: Report) -> Outcome:
    (group,) = report.groups
    (outcome,) = group.outcomes
    return outcome


def near(words: str, picture: str, mode: Mode) -> dict[str, float]:
    """How near each colour of the gallery is to the query, worked out one by one."""
    embedder = ColourEmbedder()
    said = embedder.embed_words([words])[0]
    shown = embedder.embed_pictures([flat_picture(picture)])[0]
    asked = {
        Mode.TEXT: said,
        Mode.PICTURE: shown,
        Mode.COMPOSED: embedder.embed_pictures_with_words([flat_picture(picture)], [words])[0],
        Mode.SUM: (said + shown) / np.sqrt(((said + shown) ** 2).sum()),
    }[mode]
    rows = embedder.embed_pictures([flat_picture(colour) for colour in GALLERY])
    return dict(zip(GALLERY, (rows @ asked).tolist(), strict=True))


def is_falling(values: Sequence[float]) -> bool:
    """JPEG changes a flat colour a little, and some colours are equally near."""
    return all(after <= before + 0.03 for before, after in itertools.pairwise(values))


def row(report: Report, name: str, *, judged: bool = False) -> Row:
    found = [one for group in report.groups for one in group.rows(report.labelled.measures)]
    return next(one for one in found if (one.measure.name, one.judged) == (name, judged))


# searching ------------------------------------------------------------------------------------


def test_circo_in_four_modes(tmp_path: Path) -> None:
    report = report_on(read_folder(write_circo(tmp_path)))
    outcome = only(report)
    colours = {str(circo_id(colour)): colour for colour in GALLERY}
    assert set(outcome.found) == set(Mode)
    for mode, ranking in outcome.found.items():
        nearness = near("is blue", "red", mode)
        assert set(ranking.ids) == set(colours) - {str(circo_id("red"))}
        assert is_falling([nearness[colours[one]] for one in ranking.ids])
        assert ranking.members == ()
    assert outcome.found[Mode.TEXT].ids[0] == str(circo_id("blue"))
    assert outcome.found[Mode.PICTURE].ids[0] == str(circo_id("orange"))
    assert (report.wording, report.own_stays, report.judge) == (Wording.PLAIN, False, None)
    assert report.groups[0].pictures == len(GALLERY)


def test_four_columns_side_by_side(tmp_path: Path) -> None:
    report = report_on(read_folder(write_circo(tmp_path)))
    found = only(report).found
    target, also = str(circo_id("blue")), str(circo_id("purple"))
    for mode, figure in row(report, "R@1").figures.items():
        assert figure.mean == float(found[mode].ids[0] == target)
        assert (figure.queries, figure.error) == (1, None)
    for mode, figure in row(report, "mAP@5").figures.items():
        hits = [at for at, one in enumerate(found[mode].ids[:5], 1) if one in (target, also)]
        assert figure.mean == pytest.approx(sum(n / at for n, at in enumerate(hits, 1)) / 2)
    assert row(report, "R@1").figures[Mode.TEXT].mean == 1
    assert row(report, "R@1").figures[Mode.PICTURE].mean == 0


def test_the_query_picture_stays_only_as_published(tmp_path: Path) -> None:
    circo = read_folder(write_circo(tmp_path / "circo"))
    own = str(circo_id("red"))
    assert own not in only(report_on(circo)).found[Mode.PICTURE].ids
    published = report_on(circo, as_published=True)
    assert only(published).found[Mode.PICTURE].ids[0] == own
    assert published.own_stays
    cirr = read_folder(write_cirr(tmp_path / "cirr"))
    assert cirr_name("red") not in only(report_on(cirr, as_published=True)).found[Mode.PICTURE].ids


def test_cirr_ranks_its_own_set_apart(tmp_path: Path) -> None:
    report = report_on(read_folder(write_cirr(tmp_path)))
    colours = {cirr_name(one): one for one in ("blue", "purple", "black", "yellow")}
    for mode, ranking in only(report).found.items():
        nearness = near("make it blue", "red", mode)
        assert set(ranking.members) == set(colours)
        assert is_falling([nearness[colours[one]] for one in ranking.members])
        subset = row(report, "R_subset@1").figures[mode]
        assert subset.mean == float(ranking.members[0] == cirr_name("blue"))
    assert row(report, "R_subset@1").figures[Mode.TEXT].mean == 1


def test_fashioniq_looks_within_each_kind_and_has_a_mean(tmp_path: Path) -> None:
    report = report_on(read_folder(write_fashioniq(tmp_path)))
    for group in report.groups:
        (outcome,) = group.outcomes
        for ranking in outcome.found.values():
            assert len(ranking.ids) == len(GALLERY) - 1
            assert all(one.startswith(group.name) for one in ranking.ids)
    means = report.mean_rows()
    assert [one.measure.name for one in means[:2]] == ["R@10", "R@50"]
    assert {figure.queries for figure in means[0].figures.values()} == {3}
    assert means[0].figures[Mode.COMPOSED].mean == 1


def test_a_persons_table_by_content(tmp_path: Path) -> None:
    """The copy of the query picture is left out, and wanting either copy is wanting both."""
    gallery = write_gallery(tmp_path / "photos")
    table = write_table(
        tmp_path / "mine.csv",
        "in blue,red.png,blue.png",
        "something red,,copies/red again.png",
        ",orange.png,copies/red again.png;yellow.png",
    )
    report = report_on(read_table(table, gallery))
    groups = {group.name: group for group in report.groups}
    red = {str(gallery / "red.png"), str(gallery / "copies" / "red again.png")}
    (both,) = groups["words and picture"].outcomes
    assert set(both.found) == set(Mode)
    for ranking in both.found.values():
        assert not red & set(ranking.ids)
        assert len(ranking.ids) == len(GALLERY) + 1
    (words,) = groups["words alone"].outcomes
    assert set(words.found) == {Mode.TEXT}
    assert words.found[Mode.TEXT].ids[0] in red
    assert len(red & set(words.found[Mode.TEXT].ids)) == 1
    assert row(report, "R@1").figures.keys() == set(Mode)
    (found,) = groups["words alone"].rows([report.labelled.measures[0]])
    assert (found.figures[Mode.TEXT].mean, set(found.figures)) == (1, {Mode.TEXT})
    (picture,) = groups["picture alone"].outcomes
    assert set(picture.found) == {Mode.PICTURE}
    assert len(picture.labels.wanted) == 2
    assert report.mean_rows() == ()


@pytest.mark.parametrize("asked", ["elsewhere/red.png", "photos/copies/red again.png"])
def test_any_copy_of_the_query_picture_is_left_out(tmp_path: Path, asked: str) -> None:
    gallery = write_gallery(tmp_path / "photos")
    write_photo(tmp_path / "elsewhere" / "red.png", "red")
    table = write_table(tmp_path / "mine.csv", f",{asked},orange.png")
    found = only(report_on(read_table(table, gallery))).found[Mode.PICTURE].ids
    assert len(found) == len(GALLERY) + 1  # two other photos, without the red ones
    assert not any("red" in Path(one).name for one in found)


def test_wanting_a_copy_of_the_query_picture_leaves_the_query_out(tmp_path: Path) -> None:
    gallery = write_gallery(tmp_path / "photos")
    table = write_table(
        tmp_path / "mine.csv",
        "again,red.png,copies/red again.png",
        "blue,red.png,copies/red again.png;blue.png",
    )
    report = report_on(read_table(table, gallery))
    outcome = only(report)
    assert outcome.labels.wanted == {str(gallery / "blue.png")}
    (problem,) = report.problems
    assert problem.reason.startswith("line 2 is left out: it wants copies of its own query picture")


def test_unreadable_pictures_are_named_and_counted(tmp_path: Path) -> None:
    gallery = write_gallery(tmp_path / "photos")
    (gallery / "green.png").write_bytes(b"no picture")
    table = write_table(
        tmp_path / "mine.csv", "like it,green.png,blue.png", "green,,green.png;blue.png"
    )
    report = report_on(read_table(table, gallery))
    assert only(report).query.id == "line 3"
    assert only(report).labels.wanted == {str(gallery / one) for one in ("green.png", "blue.png")}
    unread, asked = report.problems
    assert unread.path == asked.path == gallery / "green.png"
    assert asked.reason.startswith("line 2 is left out: ")
    assert report.notices[0].startswith("1 pictures of the gallery cannot be read")
    assert row(report, "R@10").figures[Mode.TEXT].mean == 0.5


def test_nothing_that_can_be_asked(tmp_path: Path) -> None:
    gallery = write_gallery(tmp_path / "photos")
    (gallery / "green.png").write_bytes(b"no picture")
    table = write_table(tmp_path / "mine.csv", "like it,green.png,blue.png")
    with pytest.raises(LabelsProblem, match=r"mine\.csv: no query can be asked.*line 2"):
        run(read_table(table, gallery))
    for photo in gallery.rglob("*.png"):
        photo.write_bytes(b"no picture")
    with pytest.raises(LabelsProblem, match="No picture of the gallery can be read"):
        run(read_table(table, gallery))


def test_words_that_are_cut_are_counted(tmp_path: Path) -> None:
    labelled = read_folder(write_circo(tmp_path))
    report = report_on(labelled, embedder=ColourEmbedder(words_limit=3))
    assert report.notices == ("The words of 1 queries are too long for this model and were cut.",)


def test_pictures_are_prepared_as_the_embedder_wants(tmp_path: Path) -> None:
    labelled = read_folder(write_circo(tmp_path))
    official = ColourEmbedder(preparation=Preparation.OFFICIAL)
    report = report_on(labelled, embedder=official)
    assert report.space.preparation is Preparation.OFFICIAL
    assert only(report).found == only(report_on(labelled)).found  # flat pictures look the same


def test_progress_grows_to_its_end(tmp_path: Path) -> None:
    labelled = read_folder(write_circo(tmp_path, [circo_entry(number) for number in range(3)]))
    _, said = run(labelled, clock=itertools.count().__next__)
    assert {one.stage for one in said} == {Stage.EMBEDDING}
    assert {one.total for one in said} == {len(GALLERY) + 3}
    assert [one.done for one in said] == [4, 8, 8, 9, 10, 11]
    assert said[-1].seconds_left == 0
    assert all(one.per_second for one in said)


def test_closing_it_stops_it(tmp_path: Path) -> None:
    embedder = ColourEmbedder(batch_size=1)
    labelled = read_folder(write_circo(tmp_path))
    with closing(evaluate(labelled, embedder)) as steps:
        next(steps)
    assert embedder.pictures_embedded == 1


# embedders that fail ----------------------------------------------------------------------------


class SmallMemory(ColourEmbedder):
    """Fails above so many pictures at once."""

    def __init__(self, most: int) -> None:
        super().__init__(batch_size=8)
        self._most = most

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        if len(pictures) > self._most:
            raise DeviceOutOfMemory("too much")
        return super().embed_pictures(pictures)


def test_out_of_memory_makes_batches_smaller(tmp_path: Path) -> None:
    labelled = read_folder(write_circo(tmp_path))
    small = SmallMemory(3)
    assert only(report_on(labelled, embedder=small)).found == only(report_on(labelled)).found
    with pytest.raises(ModelProblem):
        run(labelled, SmallMemory(0))


class BlindToGreen(ColourEmbedder):
    """Gives green pictures no usable vector."""

    def embed_pictures(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        rows = super().embed_pictures(pictures)
        green = [picture.convert("RGB").getpixel((0, 0)) == (0, 128, 0) for picture in pictures]
        rows[green] = np.nan
        return rows


def test_a_picture_without_a_vector_is_named(tmp_path: Path) -> None:
    gallery = write_gallery(tmp_path / "photos")
    table = write_table(tmp_path / "mine.csv", "blue,green.png,blue.png", "red,,red.png")
    report = report_on(read_table(table, gallery), embedder=BlindToGreen())
    assert only(report).query.id == "line 3"
    assert str(gallery / "green.png") not in only(report).found[Mode.TEXT].ids
    assert [problem.path.name for problem in report.problems] == ["green.png", "green.png"]
    assert "no usable vector" in report.problems[0].reason


# judging ---------------------------------------------------------------------------------------


def test_the_best_are_judged_and_ordered_anew(tmp_path: Path) -> None:
    labelled = read_folder(write_cirr(tmp_path, [cirr_entry(1), cirr_entry(2)]))
    before = report_on(labelled)
    judge = ColourJudge()
    reranking = Reranking(judge, WORDLESS, weight=1e9)
    after, said = run(labelled, reranking=reranking)
    for plain, judged in zip(before.groups[0].outcomes, after.groups[0].outcomes, strict=True):
        assert judged.found == plain.found
        assert set(judged.judged) == set(Mode)
        for mode, ranking in judged.judged.items():
            assert sorted(ranking.ids[:3]) == sorted(plain.found[mode].ids[:3])
            assert ranking.ids[3:] == plain.found[mode].ids[3:]
            assert sorted(ranking.members) == sorted(plain.found[mode].members)
            within = [one for one in ranking.ids if one in ranking.members]
            assert list(ranking.members) == within
    # by words alone the judge knows only the words, as it is with a search in that mode
    assert after.groups[0].outcomes[0].judged[Mode.TEXT].ids[0] == cirr_name("blue")
    assert (after.judge, after.judged, after.to_be_judged) == ("Colour judge", 24, 24)
    judging = [one for one in said if one.stage is Stage.JUDGING]
    assert [one.done for one in judging] == sorted(one.done for one in judging)
    assert (judging[-1].done, judging[-1].total) == (24, 24)
    rows = after.groups[0].rows(labelled.measures)
    assert [(one.measure.name, one.judged) for one in rows[:4]] == [
        ("R@1", False), ("R@1", True), ("R@5", False), ("R@5", True),
    ]  # fmt: skip


def test_no_weight_moves_nothing(tmp_path: Path) -> None:
    labelled = read_folder(write_circo(tmp_path))
    outcome = only(report_on(labelled, reranking=Reranking(ColourJudge(), WORDLESS, weight=0)))
    assert outcome.judged == outcome.found


def test_kept_judgements_are_not_made_twice(tmp_path: Path) -> None:
    """The same picture for the same request in two modes: asked once."""
    labelled = read_folder(write_circo(tmp_path / "set"))
    plain, sparing = ColourJudge(), ColourJudge()
    first = report_on(labelled, reranking=Reranking(plain, WORDLESS))
    with closing(Catalogue(tmp_path / "kept.sqlite")) as catalogue:
        kept = Reranking(sparing, WORDLESS, cache=catalogue.judgements)
        assert only(report_on(labelled, reranking=kept)).judged == only(first).judged
    checked = [sum(one.startswith("check") for one in judge.asked) for judge in (plain, sparing)]
    assert checked[1] < checked[0]


def test_a_broken_judge_costs_the_judged_figures_only(tmp_path: Path) -> None:
    labelled = read_folder(write_circo(tmp_path, [circo_entry(number) for number in range(3)]))
    broken = BrokenJudge(RuntimeError("no"))
    report = report_on(labelled, reranking=Reranking(broken, WORDLESS))
    assert len(report.groups[0].outcomes) == 3
    assert not any(row.judged for row in report.groups[0].rows(labelled.measures))
    assert "Judging was given up" in report.notices[-1]
    assert [problem.reason.split(":")[0] for problem in report.problems] == [
        "0, composed", "0, sum", "0, text",
    ]  # fmt: skip


def test_one_candidate_that_fails_keeps_its_place(tmp_path: Path) -> None:
    labelled = read_folder(write_circo(tmp_path))
    checks = itertools.count(1)
    broken = BrokenJudge(
        RuntimeError("no"), at=lambda what: what.startswith("check") and next(checks) == 3
    )
    report = report_on(labelled, reranking=Reranking(broken, WORDLESS))
    assert (report.judged, report.to_be_judged) == (11, 12)
    assert report.problems == ()


def test_rows_of_one_group_are_over_the_same_queries(tmp_path: Path) -> None:
    outcome = only(report_on(read_folder(write_circo(tmp_path))))
    group = GroupReport("", 8, (outcome, dataclasses.replace(outcome)))
    rows = group.rows(read_folder(tmp_path).measures)
    assert {figure.queries for one in rows for figure in one.figures.values()} == {2}
    assert all(figure.error == 0 for one in rows for figure in one.figures.values())
