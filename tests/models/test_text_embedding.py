"""The offer of a text model, and what happens without FlagEmbedding.

With it: test_flag_embedding.py.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from mmsearch_desktop.domain import ModelProblem, WeightsMissing
from mmsearch_desktop.models.device import cpu
from mmsearch_desktop.models.installed import missing_files
from mmsearch_desktop.models.judge_offers import EVERYTHING
from mmsearch_desktop.models.offers import OFFERS, TEXT_OFFERS, offer_named, where_files_go
from mmsearch_desktop.models.recommendations import Use, advice
from mmsearch_desktop.models.text_embedding import open_folder, open_text_embedder


def test_a_text_model_is_never_offered_for_pictures() -> None:
    names = {offer.name for offer in TEXT_OFFERS}
    assert names == {"bge-m3"}
    assert not names & {offer.name for offer in OFFERS}
    assert not names & {advice(use, cpu()).offer.name for use in Use}
    with pytest.raises(ModelProblem, match="no model called “bge-m3”"):
        offer_named("bge-m3")


def test_a_text_model_can_be_fetched_like_any_other(tmp_path: Path) -> None:
    (offer,) = TEXT_OFFERS
    assert offer in EVERYTHING
    assert (offer.dimensions, offer.licence) == (1024, "MIT")
    assert offer.weights.local == "pytorch_model.bin"
    assert {file.local for file in offer.files} > {"config.json", "tokenizer.json"}
    for file in offer.files:
        assert file.local == file.path
        assert re.fullmatch(r"[0-9a-f]{40}", file.revision)
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256 or "")
    assert missing_files(offer, tmp_path) == list(offer.files)
    assert str(tmp_path / "bge-m3") in where_files_go(offer, tmp_path)


def test_without_flag_embedding_the_way_to_install_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "FlagEmbedding", None)
    how = r'pip install "mmsearch-desktop\[text\]"'
    with pytest.raises(ModelProblem, match=how):
        open_text_embedder(models_folder=tmp_path)
    with pytest.raises(ModelProblem, match=how):
        open_folder(tmp_path, name="any", revision="1", device=cpu())


def test_a_name_that_is_not_known_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ModelProblem, match=r"bge-m4.*one of: bge-m3"):
        open_text_embedder("bge-m4", models_folder=tmp_path)


def test_missing_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "FlagEmbedding", sys)  # any module: it is not reached
    with pytest.raises(WeightsMissing, match=r"pytorch_model\.bin"):
        open_text_embedder(models_folder=tmp_path)
