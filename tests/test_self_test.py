"""The self-test: what it says of each step, where it works, and that it sees what is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from mmsearch_desktop import self_test, settings
from mmsearch_desktop.domain import Hit, Photo, Query, QueryPicture, Results
from mmsearch_desktop.search.samples import Samples
from mmsearch_desktop.self_test import Bench, LeftOut, Outcome, State, Step, WentWrong
from tests.fakes import ColourEmbedder
from tests.models.answering_phi3 import write_answering_phi3
from tests.models.tiny_visualized_bge import write_tiny_model

if TYPE_CHECKING:
    from collections.abc import Iterator

_PROJECT = Path(__file__).resolve().parents[1]
_NOWHERE = "/dev/null/home" if os.name == "posix" else "Z:\\home"  # nothing can be written there


@dataclass
class Options:
    embedder: str | None = None
    judge: str | None = None
    on_screen: bool = False
    screenshot: Path | None = None


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(Options(), tmp_path)
    yield made
    if made.library is not None:
        made.library.close()


def _program(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """With a home that cannot be written, and the person's data in `folder`."""
    homes = dict.fromkeys(("HOME", "USERPROFILE", "XDG_CACHE_HOME", "HF_HOME"), _NOWHERE)
    return subprocess.run(
        [sys.executable, "-m", "mmsearch_desktop", "--self-test", *arguments],
        cwd=_PROJECT,
        env=os.environ | homes | {settings.DATA_VARIABLE: str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )


def test_the_whole_of_it_with_models_of_ones_own(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path / "model")
    judge = write_answering_phi3(tmp_path / "judge")
    picture, data = tmp_path / "window.png", tmp_path / "data"
    done = _program(
        data, "--embedder", str(model), "--judge", str(judge), "--screenshot", str(picture)
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[1] for line in lines[1:-1]] == ["ok"] * 12
    assert lines[-1] == "self-test: all is well"
    assert not data.exists()  # the person's own
    with Image.open(picture) as drawn:
        assert drawn.size == (1180, 780)


def test_how_a_step_went_is_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    def leave_out() -> str:
        raise LeftOut("there is none")

    def fail() -> str:
        raise RuntimeError("it broke")

    well, without = Step("one", lambda: "found"), Step("two", leave_out)
    assert self_test.told([well, without]) == 0
    assert self_test.told([well, without, Step("three", fail), Step("four", fail)]) == 1
    out, err = capsys.readouterr()
    first, second = out.split("mmsearch-desktop ")[1:]
    assert first.splitlines()[1].startswith(" 1  ok ")
    assert first.splitlines()[1].endswith(" s  one: found")
    assert first.splitlines()[2].split()[1:3] == ["left", "out"]
    assert first.splitlines()[3] == "self-test: all is well; steps left out: 1"
    assert second.splitlines()[3].endswith("three: RuntimeError: it broke")
    assert err == (
        "mmsearch-desktop: self-test: 2 of 4 steps failed."
        " First step 3, three: RuntimeError: it broke\n"
    )


def test_without_a_model_what_needs_one_is_left_out(bench: Bench) -> None:
    for step in self_test.steps(bench)[6:11]:
        assert self_test.outcome(1, step).state is State.LEFT_OUT


def test_every_format_is_written_and_read() -> None:
    assert "HEIF" in self_test.steps(Bench(Options(), Path()))[3].does()


def test_stores_keep_what_they_are_given(bench: Bench) -> None:
    outcome = self_test.outcome(5, self_test.steps(bench)[4])
    assert outcome == Outcome(
        State.OK, "step 5, stores: catalogue opened, 100 vectors inserted and found"
    )


def test_photos_are_indexed_and_searched(bench: Bench) -> None:
    steps = {step.name: step for step in self_test.steps(bench)}
    steps["stores"].does()
    bench.embedder = ColourEmbedder()
    assert steps["indexing"].does().startswith("8 drawn pictures")
    assert "8 hits" in steps["search with words"].does()
    assert "(1.000)" in steps["search with a picture"].does()
    assert "7 hits" in steps["with both"].does()


def test_a_model_that_is_not_there_fails_its_step(bench: Bench) -> None:
    bench.options.embedder = str(bench.folder / "nowhere")
    outcome = self_test.outcome(6, self_test.steps(bench)[5])
    assert outcome.state is State.FAILED
    assert "nowhere" in outcome.reason


def _hit(name: str, score: float) -> Hit:
    photo = Photo(1, 1, Path(name), name, 1, 1, 1, 1, None, "JPEG")
    return Hit(1, 1, score, photo)


_PICTURE = QueryPicture("here.jpg", b"", "here.jpg")


@pytest.mark.parametrize(
    ("results", "fault"),
    [
        (Results(Query("x"), ()), "scores of the hits"),
        (Results(Query("x"), (_hit("a", float("nan")),)), "scores of the hits"),
        (Results(Query("x"), (_hit("a", 7.0),)), "scores of the hits"),
        (Results(Query("x"), (_hit("a", 0.1), _hit("b", 0.2))), "not in the order"),
        (Results(Query("", _PICTURE), (_hit("other.jpg", 1.0),)), "does not find itself"),
        (Results(Query("", _PICTURE), (_hit("here.jpg", 0.5),)), "does not find itself"),
    ],
)
def test_hits_that_make_no_sense_are_seen(results: Results, fault: str) -> None:
    with pytest.raises(WentWrong, match=fault):
        self_test.check_hits(results)


def test_hits_that_make_sense_pass() -> None:
    self_test.check_hits(Results(Query("x"), (_hit("a", 0.2), _hit("b", 0.1))))
    self_test.check_hits(Results(Query("", _PICTURE), (_hit("here.jpg", 1.0),)))


def test_the_sample_model_has_to_know_the_sample_photos(bench: Bench) -> None:
    bench.samples = Samples(Path("photos"), "sample", None, ())
    found, wrong = _hit("a leopard phone case.jpg", 0.2), _hit("a zebra mug.jpg", 0.2)
    for query in (Query("phone case with this", _PICTURE), Query("a phone case")):
        self_test.check_meaning(bench, Results(query, (wrong, found)))
        with pytest.raises(WentWrong, match=r"found no phone case.*: a zebra mug"):
            self_test.check_meaning(bench, Results(query, (wrong,)))
    bench.options.embedder = "another model"  # of which nothing is known
    self_test.check_meaning(bench, Results(query, (wrong,)))


def test_where_to_draw_belongs_to_the_self_test() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mmsearch_desktop", "--screenshot", "x.png"],
        cwd=_PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "--self-test" in done.stderr
