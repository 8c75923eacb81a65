"""Words alone as vectors, for product sheets and captions: BGE-M3, opened by FlagEmbedding.

FlagEmbedding (https://github.com/FlagOpen/FlagEmbedding, MIT) is the optional extra `text`, and is
imported here alone, when a model is opened. Its `FlagModel` gives the dense vector: the first token
of the last layer, at unit length. Of BGE-M3's three kinds (arXiv 2402.03216) that is the one used.

These vectors are in a space of their own: nothing here is ever offered to search photos with.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from transformers.utils import logging as transformers_logging

from mmsearch_desktop.domain import ModelProblem
from mmsearch_desktop.models.checkpoint import read_json, tokenizer_trouble
from mmsearch_desktop.models.device import Device, best_device
from mmsearch_desktop.models.embedding import encodable, memory_trouble
from mmsearch_desktop.models.installed import checked_revision
from mmsearch_desktop.models.offers import TEXT_OFFERS, Offer, offer_named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

_MOST_TOKENS = 1024  # BGE-M3 would take 8,192, which keep a processor busy for minutes
_BATCH_SIZE = 16
_INSTALL = 'pip install "mmsearch-desktop[text]"'


class TextEmbedder:
    """Texts as float32 [B, dimensions], rows of unit length, in the order given.

    A text of more than `most_tokens` is cut. May be called from several threads: they take turns.
    """

    def __init__(self, model: Any, *, name: str, revision: str, most_tokens: int) -> None:
        self.name = name
        self.revision = revision
        self.most_tokens = most_tokens
        self.dimensions: int = model.model.config.hidden_size
        self._model = model  # FlagModel
        self._turn = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Raises ModelProblem where the model gives no numbers."""
        rows = np.empty((len(texts), self.dimensions), np.float32)
        with self._turn:
            for start in range(0, len(texts), _BATCH_SIZE):
                part = [encodable(text) for text in texts[start : start + _BATCH_SIZE]]
                # a batch size above the number of texts shows no progress bars
                rows[start : start + len(part)] = self._model.encode(
                    part, batch_size=len(part) + 1, max_length=self.most_tokens
                )
        if not np.isfinite(rows).all():
            raise ModelProblem(f"{self.name} gave no usable numbers. Check its files.")
        return rows


def open_text_embedder(
    choice: str = "bge-m3",
    *,
    models_folder: Path,
    device: Device | None = None,
    offers: Sequence[Offer] = TEXT_OFFERS,
) -> TextEmbedder:
    """Opens an offer of `TEXT_OFFERS` by its name. Slow.

    Raises ModelProblem where FlagEmbedding is not installed or the name is unknown, WeightsMissing
    saying which files go where, WeightsDamaged.
    """
    offer = offer_named(choice, offers)
    require_flag_embedding()
    revision = checked_revision(offer, models_folder)
    folder = offer.folder(models_folder)
    return open_folder(folder, name=offer.title, revision=revision, device=device)


def open_folder(
    folder: Path,
    *,
    name: str,
    revision: str,
    device: Device | None = None,
    most_tokens: int = _MOST_TOKENS,
) -> TextEmbedder:
    """Opens a folder as transformers saves a text encoder. Nothing in it is run, nothing fetched.

    Raises ModelProblem and its kinds.
    """
    flag_embedding = require_flag_embedding()
    _be_quiet()
    device = device or best_device()
    read_json(folder / "config.json")
    with memory_trouble(device), tokenizer_trouble(folder):
        model = flag_embedding.FlagModel(
            str(folder),
            normalize_embeddings=True,
            pooling_method="cls",
            use_fp16=device.precision == "float16",
            use_bf16=device.precision == "bfloat16",
            devices=device.torch_name,
        )
    return TextEmbedder(model, name=name, revision=revision, most_tokens=most_tokens)


def _be_quiet() -> None:
    """No progress bars and no warnings of weights that FlagModel does not use."""
    quiet: Any = transformers_logging  # whose functions have no types
    quiet.disable_progress_bar()
    quiet.set_verbosity_error()


def require_flag_embedding() -> Any:
    """The library. Raises ModelProblem saying how to install it."""
    try:
        import FlagEmbedding
    except ImportError as problem:
        raise ModelProblem(
            f"Embedding texts needs FlagEmbedding, which is not installed ({problem}). Install it:"
            f" {_INSTALL}"
        ) from problem
    return FlagEmbedding
