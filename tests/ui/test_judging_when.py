"""When hits are judged and when not, by whom, and what is said where that fails."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    Judge,
    ModelProblem,
    Standing,
    WeightsMissing,
)
from mmsearch_desktop.models.judging_speed import Outlook
from mmsearch_desktop.settings import JudgingWhen
from mmsearch_desktop.ui.judging_state import Phase
from mmsearch_desktop.ui.preferences import Overrides
from tests.fakes_judges import BrokenJudge, ColourJudge
from tests.ui.judged_windows import (
    Bench,
    TastefulJudge,
    ask,
    give_judge,
    is_judged,
    phase,
    wait_for_photos,
)
from tests.ui.windows import Rig, shown_names, shows_hits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from mmsearch_desktop.ui.main_window import MainWindow

SLOW = Outlook("Phi-3 Vision", "Runs in 16 bits on a processor.", 5.0, on_processor=True)
MISSING = WeightsMissing("Phi-3 Vision is not installed.\nPut its files into a folder.")


class RepeatingJudge(TastefulJudge):
    """Writes the request it was asked about."""

    def write(self, prepared: Any, *_: Any) -> Iterator[str]:
        for word in prepared.split():
            yield f"{word} "


@pytest.fixture
def bench(rig: Rig, tmp_path: Path) -> Bench:
    made = Bench()
    give_judge(rig, tmp_path / "photos", made)
    return made


def choose(rig: Rig, **settings: Any) -> None:
    rig.settings = dataclasses.replace(rig.settings, **settings)


def said(window: MainWindow) -> str:
    return window.parts.judging.text.text()


def in_search_order(window: MainWindow) -> bool:
    return [hit.retrieval_rank for hit in window.parts.results_model.hits] == list(range(1, 10))


def standings(window: MainWindow) -> set[Standing | None]:
    verdicts = [hit.verdict for hit in window.parts.results_model.hits]
    return {None if verdict is None else verdict.standing for verdict in verdicts}


def all_are_about(window: MainWindow, words: str) -> bool:
    verdicts = [hit.verdict for hit in window.parts.results_model.hits]
    return is_judged(window) and all(
        verdict is not None and f"Request: {words}" in verdict.words for verdict in verdicts
    )


# --------------------------------------------------------------------------- new queries


def test_a_new_query_cancels_at_once(rig: Rig, bench: Bench, qtbot: QtBot) -> None:
    judge = RepeatingJudge(allowed=2)
    bench.judge = lambda _: judge
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: window.judging.state.settled == 2 and judge.is_waiting)
        ask(window, "green")
        qtbot.waitUntil(lambda: judge.closed_early == 1)
        judge.allowed = 100
        qtbot.waitUntil(lambda: is_judged(window))
        assert window.judging.state.judged == 9


def test_a_search_that_hangs_leaves_nothing_waiting(rig: Rig, bench: Bench, qtbot: QtBot) -> None:
    judge = TastefulJudge(allowed=1)
    bench.judge = lambda _: judge
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: window.judging.state.settled == 1)
        window.search.stop()  # as while another model is being opened
        ask(window, "green")
        assert standings(window) == {Standing.JUDGED, Standing.FAILED}
        assert in_search_order(window)
        assert phase(window) is Phase.IDLE


def test_of_two_quick_queries_only_the_second_is_judged_on_screen(
    rig: Rig, bench: Bench, qtbot: QtBot
) -> None:
    bench.judge = lambda _: RepeatingJudge()
    seen: set[str] = set()
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        model = window.parts.results_model

        def look() -> None:
            words = window.parts.query_bar.query().words
            seen.update(
                f"{words}: {hit.verdict.words}"
                for hit in model.hits
                if hit.verdict is not None and "Request:" in hit.verdict.words
            )

        model.dataChanged.connect(look)
        for first, second in (("red", "green"), ("yellow", "black")):
            ask(window, first)
            ask(window, second)
            qtbot.waitUntil(partial(all_are_about, window, second))
    assert any(one.startswith("green: ") for one in seen)
    wrong = ("Request: red", "Request: yellow")
    assert not [one for one in seen if one.endswith(wrong)]


def test_asking_again_is_answered_from_the_catalogue(rig: Rig, bench: Bench, qtbot: QtBot) -> None:
    judge = TastefulJudge()
    bench.judge = lambda _: judge
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: is_judged(window))
        order, asked = shown_names(window), len(judge.asked)
        window.parts.query_bar.clear()
        qtbot.waitUntil(lambda: not shows_hits(window))
        ask(window, "red")
        qtbot.waitUntil(lambda: is_judged(window))
        assert shown_names(window) == order
    assert len(judge.asked) == asked
    assert len(bench.opened) == 1


# --------------------------------------------------------------------------- when


def test_switched_off_nothing_is_ever_opened_or_looked_for(
    rig: Rig, bench: Bench, qtbot: QtBot
) -> None:
    choose(rig, judging=JudgingWhen.NEVER)
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: shows_hits(window))
        window.judging.judge_now()
        ask(window, "blue")
        qtbot.waitUntil(lambda: shown_names(window)[0] == "blue.png")
        assert (phase(window), standings(window)) == (Phase.HIDDEN, {None})
        assert not window.parts.judging.isVisible()
    assert (bench.looked, bench.opened) == ([], [])


def test_without_a_card_a_large_judge_is_only_offered_with_an_estimate(
    rig: Rig, bench: Bench, qtbot: QtBot
) -> None:
    bench.outlook = SLOW
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: phase(window) is Phase.OFFERED)
        expected = "Phi-3 Vision can judge the best 9 hits in about 50 s on the processor"
        assert said(window) == expected
        assert bench.opened == []
        window.parts.judging.judge_button.click()
        qtbot.waitUntil(lambda: is_judged(window))
        ask(window, "blue")
        qtbot.waitUntil(lambda: phase(window) in (Phase.OFFERED, Phase.DONE))


@pytest.mark.parametrize(
    ("when", "outlook", "by_itself"),
    [
        (JudgingWhen.QUICK, dataclasses.replace(SLOW, on_processor=False), True),
        (JudgingWhen.QUICK, dataclasses.replace(SLOW, seconds_per_photo=1.0), True),
        (JudgingWhen.ALWAYS, SLOW, True),
        (JudgingWhen.ASKED, dataclasses.replace(SLOW, on_processor=False), False),
    ],
)
def test_it_judges_by_itself_as_set(
    rig: Rig, bench: Bench, qtbot: QtBot, when: JudgingWhen, outlook: Outlook, *, by_itself: bool
) -> None:
    choose(rig, judging=when)
    bench.outlook = outlook
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        wanted = Phase.DONE if by_itself else Phase.OFFERED
        qtbot.waitUntil(lambda: phase(window) is wanted)


def test_a_judge_named_on_the_command_line_is_used(rig: Rig, bench: Bench, qtbot: QtBot) -> None:
    choose(rig, judging=JudgingWhen.NEVER)
    rig.overrides = Overrides(judge="/models/mine")
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: is_judged(window))
    assert bench.opened == ["/models/mine"]
    assert all(saved.judge != "/models/mine" for saved in rig.saved)


def test_stopping_keeps_what_is_judged(rig: Rig, bench: Bench, qtbot: QtBot) -> None:
    judge = TastefulJudge(allowed=2)
    bench.judge = lambda _: judge
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: window.judging.state.settled == 2 and judge.is_waiting)
        window.parts.judging.stop_button.click()
        assert said(window).startswith("Stopped  ·  2 of 9 judged by Colour judge")
        qtbot.waitUntil(lambda: judge.closed_early == 1)
        assert standings(window) == {Standing.JUDGED, Standing.FAILED}
        judge.allowed = 100
        window.parts.judging.judge_button.click()  # go on
        qtbot.waitUntil(lambda: window.judging.state.judged == 9)


# --------------------------------------------------------------------------- settings


def test_the_weight_moves_hits_without_asking_again(rig: Rig, bench: Bench, qtbot: QtBot) -> None:
    judge = TastefulJudge()
    bench.judge = lambda _: judge
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: is_judged(window))
        asked = len(judge.asked)
        assert not in_search_order(window)
        window.apply_settings(dataclasses.replace(rig.settings, judging_weight=0.0))
        assert in_search_order(window)
        assert len(judge.asked) == asked


def test_switching_off_gives_memory_back_and_takes_marks_away(
    rig: Rig, bench: Bench, qtbot: QtBot
) -> None:
    judge = TastefulJudge()
    bench.judge = lambda _: judge
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: is_judged(window))
        window.apply_settings(dataclasses.replace(rig.settings, judging=JudgingWhen.NEVER))
        qtbot.waitUntil(lambda: not judge.loaded)
        assert in_search_order(window)
        assert standings(window) == {None}
        assert not window.parts.judging.isVisible()


def test_another_judge_is_opened_instead(rig: Rig, bench: Bench, qtbot: QtBot) -> None:
    judges = {"phi-3-vision": TastefulJudge("blue"), "phi-3.5-vision": TastefulJudge("white")}
    judges["phi-3.5-vision"].revision = "another"
    bench.judge = lambda choice: judges[choice]
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: is_judged(window))
        first = shown_names(window)
        window.apply_settings(dataclasses.replace(rig.settings, judge="phi-3.5-vision"))
        qtbot.waitUntil(lambda: is_judged(window) and shown_names(window) != first)
        assert not judges["phi-3-vision"].loaded
    assert bench.opened == ["phi-3-vision", "phi-3.5-vision"]


def test_memory_wanted_elsewhere_is_given_back(rig: Rig, bench: Bench, qtbot: QtBot) -> None:
    made: list[TastefulJudge] = []

    def open_one(_choice: str) -> Judge:
        made.append(TastefulJudge())
        return made[-1]

    bench.judge = open_one
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: is_judged(window))
        window.search.searching.failed.emit(DeviceOutOfMemory("The card is full."))
        qtbot.waitUntil(lambda: not made[0].loaded)
        ask(window, "blue")
        qtbot.waitUntil(lambda: is_judged(window))
    assert len(made) == 2


# --------------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("error", "notice"),
    [
        (RuntimeError("boom"), "the judge failed (RuntimeError)"),
        (ModelProblem("It broke. Open it again."), "It broke. Open it again."),
        (DeviceOutOfMemory("The card is full."), "The card is full."),
    ],
)
def test_a_judge_that_throws_shows_one_quiet_notice(
    rig: Rig, bench: Bench, qtbot: QtBot, error: Exception, notice: str
) -> None:
    judge = BrokenJudge(error)
    bench.judge = lambda _: judge
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: phase(window) is Phase.FAILED)
        assert notice in said(window)
        assert in_search_order(window)
        assert standings(window) == {Standing.FAILED}
        assert not window.parts.messages.isVisible()
        assert judge.loaded is not isinstance(error, DeviceOutOfMemory)


def test_one_photo_that_fails_costs_only_itself(rig: Rig, bench: Bench, qtbot: QtBot) -> None:
    failed: list[str] = []

    def at(what: str) -> bool:
        if what.startswith("check") and "blank" not in what and not failed:
            failed.append(what)
        return what in failed

    bench.judge = lambda _: BrokenJudge(RuntimeError("boom"), at=at)
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: is_judged(window))
        assert said(window).startswith("8 of 9 judged")
        assert "Not judged" in str(window.parts.results_model.hits[0].verdict)


def test_a_judge_that_is_not_there_is_no_news_unless_it_is_wanted(
    rig: Rig, bench: Bench, qtbot: QtBot
) -> None:
    bench.outlook = MISSING
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: shows_hits(window) and bench.looked != [])
        qtbot.waitUntil(lambda: window.judging.keeper.problem is not None)
        assert not window.parts.judging.isVisible()
        window.apply_settings(dataclasses.replace(rig.settings, judging=JudgingWhen.ALWAYS))
        qtbot.waitUntil(lambda: phase(window) is Phase.FAILED)
        assert said(window).startswith("Not judged: Phi-3 Vision is not installed.")
        assert window.parts.judging.isVisible()
        assert in_search_order(window)
    assert bench.opened == []


def test_one_that_cannot_be_opened_is_tried_again_only_when_asked(
    rig: Rig, bench: Bench, qtbot: QtBot
) -> None:
    broken: list[Judge] = []

    def open_one(_choice: str) -> Judge:
        if not broken:
            raise ModelProblem("The judge needs 9 GB, but 4 GB are free.")
        return broken[0]

    bench.judge = open_one
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: phase(window) is Phase.FAILED)
        assert "needs 9 GB" in said(window)
        ask(window, "blue")
        qtbot.waitUntil(lambda: shown_names(window)[0] == "blue.png")
        qtbot.waitUntil(lambda: phase(window) is Phase.FAILED)
        assert len(bench.opened) == 1
        broken.append(ColourJudge())
        window.parts.judging.judge_button.click()
        qtbot.waitUntil(lambda: is_judged(window))
    assert len(bench.opened) == 2


def test_the_window_closes_while_a_judge_is_at_work(rig: Rig, bench: Bench, qtbot: QtBot) -> None:
    judge = TastefulJudge(allowed=1)
    bench.judge = lambda _: judge
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: window.judging.state.settled == 1 and judge.is_waiting)
    assert judge.closed_early == 1


def test_a_judge_whose_files_come_is_taken(rig: Rig, bench: Bench, qtbot: QtBot) -> None:
    from mmsearch_desktop.models.judge_offers import JUDGES

    here: set[str] = set()
    rig.services |= {"is_installed": lambda offer: offer.name in here}
    bench.outlook = MISSING
    with rig.window() as window:
        wait_for_photos(window, qtbot)
        ask(window, "red")
        qtbot.waitUntil(lambda: window.judging.keeper.problem is not None)
        here.add(JUDGES[1].name)
        bench.outlook = Outlook("Phi-3.5 Vision", "", 0.01, on_processor=False)
        window.models.model_came.emit(JUDGES[1])
        qtbot.waitUntil(lambda: is_judged(window))
    assert bench.opened == [JUDGES[1].name]
    assert rig.saved[-1].judge == JUDGES[1].name
