"""FlagEmbedding's own `FlagModel` beside the text side of Visualized BGE, and as a text embedder.

It carries no picture model, so words are all that can be compared.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsearch_desktop.domain import ModelProblem, Preparation, WeightsDamaged
from mmsearch_desktop.models import visualized_bge
from mmsearch_desktop.models.offers import Offer, OfferFile
from mmsearch_desktop.models.text_embedding import TextEmbedder, open_folder, open_text_embedder
from mmsearch_desktop.models.visualized_bge import VisualizedBgeEmbedder
from tests.models.embedder_contract import CPU, LONG, WORDS, differs_by, one_thread
from tests.models.tiny_visualized_bge import DIMENSIONS, MOST_POSITIONS, Flavour, write_tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # of what it needs
FLAVOURS: tuple[Flavour, ...] = ("base_en", "m3")
CLOSE = 1e-6


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def _opened(folder: Path) -> VisualizedBgeEmbedder:
    embedder = visualized_bge.open_embedder(
        folder, name="ours", revision="1", preparation=Preparation.OFFICIAL, device=CPU
    )
    assert isinstance(embedder, VisualizedBgeEmbedder)
    return embedder


def _text_side(ours: VisualizedBgeEmbedder, model: Path, folder: Path) -> Path:
    """Its text encoder and tokenizer as a folder of transformers', weights as BGE-M3 has them."""
    folder.mkdir()
    for path in (model / "text_model").iterdir():
        shutil.copy(path, folder)
    text = ours._model.text
    assert isinstance(text, torch.nn.Module)
    torch.save(text.state_dict(), folder / "pytorch_model.bin")
    return folder


def _flag_model(folder: Path, most_tokens: int) -> TextEmbedder:
    return open_folder(folder, name="theirs", revision="1", device=CPU, most_tokens=most_tokens)


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_words_have_flag_models_vectors(tmp_path: Path, flavour: Flavour) -> None:
    model = write_tiny_model(tmp_path / "model", flavour)
    ours = _opened(model)
    limit = len(ours.token_ids(LONG, with_picture=False))
    theirs = _flag_model(_text_side(ours, model, tmp_path / "text"), limit)
    found = theirs.embed(WORDS)
    assert found.shape == (len(WORDS), DIMENSIONS)
    assert differs_by(found, ours.embed_words(WORDS)) < CLOSE
    assert limit <= MOST_POSITIONS


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_words_of_the_check_data_have_flag_models_vectors(
    shared: Path, tmp_path: Path, flavour: Flavour
) -> None:
    model = shared / "parity" / "visualized_bge" / flavour
    ours = _opened(model)
    limit = len(ours.token_ids(LONG * 40, with_picture=False))
    theirs = _flag_model(_text_side(ours, model, tmp_path / "text"), limit)
    assert differs_by(theirs.embed(WORDS), ours.embed_words(WORDS)) < CLOSE


@pytest.fixture(scope="module")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("text")
    model = write_tiny_model(place / "model", "m3")
    return _text_side(_opened(model), model, place / "bge-tiny")


def test_many_texts_keep_their_order(text_folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    embedder = _flag_model(text_folder, 30)
    texts = [f"red bag {'car ' * (number % 7)}{number}" for number in range(40)]
    rows = embedder.embed(texts)
    single = np.concatenate([embedder.embed([text]) for text in texts])
    assert differs_by(rows, single) < CLOSE
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert embedder.embed([]).shape == (0, DIMENSIONS)
    assert "it/s" not in capfd.readouterr().err, "a progress bar was shown"


def test_an_offer_opens_with_the_start_of_its_hash_as_revision(text_folder: Path) -> None:
    offer = _offer(text_folder)
    opened = open_text_embedder(
        offer.name, models_folder=text_folder.parent, device=CPU, offers=(offer,)
    )
    assert opened.revision == (offer.weights.sha256 or "")[:12]
    assert (opened.name, opened.dimensions) == ("Tiny", DIMENSIONS)
    assert opened.most_tokens == 1024


def _offer(folder: Path) -> Offer:
    names = ("pytorch_model.bin", "config.json", "tokenizer.json")
    files = []
    for name in names:
        data = (folder / name).read_bytes()
        sha256 = hashlib.sha256(data).hexdigest()
        files.append(OfferFile("some/one", "main", name, name, len(data), sha256))
    return Offer(
        name=folder.name,
        title="Tiny",
        architecture="mmsearch_desktop.models.text_embedding",
        files=tuple(files),
        licence="MIT",
        licence_note="",
        dimensions=DIMENSIONS,
        languages="none",
        good_at="nothing",
        bad_at="everything",
    )


def test_weights_that_give_no_numbers_are_told(text_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(text_folder, tmp_path / "text"))
    weights = torch.load(folder / "pytorch_model.bin", weights_only=True)
    weights["embeddings.LayerNorm.weight"].fill_(float("nan"))
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(ModelProblem, match="theirs gave no usable numbers"):
        _flag_model(folder, 30).embed(["red"])


def test_a_folder_without_a_model_is_told(text_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsDamaged, match=r"config\.json"):
        _flag_model(tmp_path, 30)
    folder = Path(shutil.copytree(text_folder, tmp_path / "text"))
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(ModelProblem):
        _flag_model(folder, 30)
