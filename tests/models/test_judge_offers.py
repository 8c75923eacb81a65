"""The table of judges, and opening one by its name or by its folder."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from mmsearch_desktop.domain import Judge, JudgeName, ModelProblem, WeightsMissing
from mmsearch_desktop.models.device import cpu
from mmsearch_desktop.models.installed import verify
from mmsearch_desktop.models.judge_offers import (
    EVERYTHING,
    JUDGES,
    name_of,
    open_judge,
    opening_judge,
    plan_of,
)
from mmsearch_desktop.models.offers import (
    OFFERS,
    TEXT_OFFERS,
    Offer,
    installed,
    offer_named,
    size_text,
    where_files_go,
)
from mmsearch_desktop.models.weights import import_folder
from tests.models.tiny_phi3 import write_tiny_phi3


@pytest.mark.parametrize("offer", JUDGES, ids=lambda offer: offer.name)
def test_an_offer_says_all_that_a_person_and_the_program_need(offer: Offer) -> None:
    for words in (offer.title, offer.licence_note, offer.languages, offer.good_at, offer.bad_at):
        assert words
    assert offer.licence == "MIT"
    names = [file.local for file in offer.files]
    assert {"config.json", "tokenizer.json", "model.safetensors.index.json"} < set(names)
    assert offer.repos == (f"microsoft/{_REPOS[offer.name]}",)
    tensors = sum(file.size_bytes for file in offer.files if file.local.endswith("safetensors"))
    assert 0 < tensors - 8_293_242_880 < 1_000_000
    for file in offer.files:
        assert file.size_bytes > 0
        assert file.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", file.sha256)


_REPOS = {
    "phi-3-vision": "Phi-3-vision-128k-instruct",
    "phi-3.5-vision": "Phi-3.5-vision-instruct",
}


def test_judges_and_embedders_are_listed_apart_but_all_can_be_fetched() -> None:
    assert {offer.name for offer in JUDGES} == set(_REPOS)
    assert not {offer.name for offer in JUDGES} & {offer.name for offer in OFFERS}
    assert {offer_named(offer.name, EVERYTHING) for offer in EVERYTHING} == {
        *OFFERS,
        *JUDGES,
        *TEXT_OFFERS,
    }


def test_a_judge_that_is_not_here_says_which_files_go_where(tmp_path: Path) -> None:
    for offer in JUDGES:
        assert not installed(offer, tmp_path)
        with pytest.raises(WeightsMissing) as refused:
            open_judge(offer.name, models_folder=tmp_path)
        text = str(refused.value)
        assert text.endswith(where_files_go(offer, tmp_path))
        assert f"about {size_text(offer.files[0].size_bytes)}" in text
        assert str(tmp_path / offer.name) in text


def _tiny_offer(contents: Path) -> Offer:
    """An offer of exactly the files of a folder."""
    like = JUDGES[0].files[0]
    paths = sorted(contents.iterdir(), key=lambda path: path.suffix != ".safetensors")
    files = tuple(
        dataclasses.replace(like, path=path.name, local=path.name, size_bytes=path.stat().st_size)
        for path in paths
    )
    return dataclasses.replace(JUDGES[0], name="tiny", title="Tiny judge", files=files)


def test_an_imported_judge_opens_by_its_name_and_a_folder_by_its_path(tmp_path: Path) -> None:
    folder = write_tiny_phi3(tmp_path / "my judge", files=2)
    offer = _tiny_offer(folder)
    models = tmp_path / "models"
    list(import_folder(offer, folder, models))
    assert all(check.ok for check in verify(offer, models))
    by_name: Judge = open_judge("tiny", models_folder=models, device=cpu(), judges=(offer,))
    by_folder = open_judge(str(folder), models_folder=models)
    assert (by_name.name, by_folder.name) == ("Tiny judge", "my judge")
    on_cpu = open_judge(str(folder), models_folder=models, device=cpu())
    assert by_name.revision == on_cpu.revision, "the same weights, the same judgements"


def test_who_it_would_be_is_asked_without_opening_it(tmp_path: Path) -> None:
    folder = write_tiny_phi3(tmp_path / "my judge")
    judge = open_judge(str(folder), models_folder=tmp_path, device=cpu())
    who = name_of(str(folder), models_folder=tmp_path, device=cpu())
    assert who == JudgeName("my judge", judge.revision, judge.prompt_version)
    with pytest.raises(WeightsMissing, match="Phi-3 Vision is not installed"):
        name_of(JUDGES[0].name, models_folder=tmp_path)


def test_opening_can_be_watched_and_left(tmp_path: Path) -> None:
    folder = write_tiny_phi3(tmp_path / "judge")
    steps = opening_judge(str(folder), models_folder=tmp_path, device=cpu())
    first, second = next(steps), next(steps)
    assert 0 < first <= second
    steps.close()


def test_the_plan_says_how_it_would_run_and_what_a_candidate_costs(tmp_path: Path) -> None:
    folder = write_tiny_phi3(tmp_path / "judge")
    plan = plan_of(str(folder), models_folder=tmp_path, device=cpu())
    assert "Runs in 32 bits" in plan.sentence
    assert plan.operations_per_candidate > 0


def test_what_is_no_judge_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ModelProblem, match=r"phi-3-vision, phi-3\.5-vision; or the path"):
        open_judge("phi-4", models_folder=tmp_path)
    (tmp_path / "photos").mkdir()
    with pytest.raises(WeightsMissing, match=r"config\.json"):
        open_judge(str(tmp_path / "photos"), models_folder=tmp_path)
