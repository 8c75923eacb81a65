"""The embedders that can be chosen: their files, licences, and what each is good and bad at.

A new model is one file beside this one, an entry in `LAYOUTS`, and an entry in `OFFERS`.

Where the figures come from. Sizes and sha256 of the text models' files: the hub's listing at the
commits named here, as repeated by several projects that pin the same commits. The picture models:
BAAI's page for m3; for base_en the redirect of BAAI's own address (25 November 2024) and a third
party's copy, both of which name the same sha256 as the one here. Scores behind `good_at` and
`bad_at`: VISTA (arXiv 2406.04292) and the MTEB results of the two models.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from mmsearch_desktop.domain import Embedder, ModelProblem, Preparation, WeightsMissing
from mmsearch_desktop.models.hub import HUB

if TYPE_CHECKING:
    from mmsearch_desktop.models.device import Device

_PACKAGE = "mmsearch_desktop.models"


@dataclass(frozen=True, slots=True)
class OfferFile:
    """One file of a model: where it lies on the hub, where it goes, and what it must be."""

    repo: str
    revision: str  # a commit, or a branch where the sha256 alone says which edition is meant
    path: str  # in the repo
    local: str  # below the model's own folder, with "/"
    size_bytes: int
    sha256: str | None  # None: unknown
    size_is_exact: bool = True
    sha256_is_sure: bool = True  # False: another one may be right; the person is asked

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that can be had. Its first file holds the weights."""

    name: str
    title: str
    architecture: str  # the full name of the module that opens it
    files: tuple[OfferFile, ...]
    licence: str
    licence_note: str
    dimensions: int
    languages: str
    good_at: str
    bad_at: str

    @property
    def weights(self) -> OfferFile:
        return self.files[0]

    @property
    def size_bytes(self) -> int:
        """Of all files; nearly right where the size of one is not exactly known."""
        return sum(file.size_bytes for file in self.files)

    @property
    def repos(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(file.repo for file in self.files))

    def folder(self, models_folder: Path) -> Path:
        return models_folder / self.name


@dataclass(frozen=True, slots=True)
class Layout:
    """How a folder looks that holds a model of one kind."""

    module: str  # its full name; has open_embedder, and convert where that is needed
    weights: tuple[str, ...]  # patterns; the first file that matches gives the revision
    beside: tuple[str, ...]  # files that lie there too

    def weights_in(self, folder: Path) -> Path | None:
        """The weights, or None where the folder does not look like this."""
        if not all((folder / name).is_file() for name in self.beside):
            return None
        found = (path for pattern in self.weights for path in sorted(folder.glob(pattern)))
        return next((path for path in found if path.is_file()), None)


_VISUALIZED_BGE = f"{_PACKAGE}.visualized_bge"
LAYOUTS: tuple[Layout, ...] = (
    Layout(
        _VISUALIZED_BGE,
        # the official file first: a converted one beside it has the same numbers
        ("Visualized_*.pth", "*.pth", "model.safetensors"),
        ("text_model/config.json", "text_model/tokenizer.json"),
    ),
    Layout(_VISUALIZED_BGE, ("Visualized_*.pth",), ("config.json", "tokenizer.json")),
)

_BGE_BASE_COMMIT = "a5beb1e3e68b9ab74eb54cfd186867f64f240e1a"
_BGE_M3_COMMIT = "5617a9f61b028005a4858fdac845db406aefb181"


def _picture_weights(
    path: str, size_bytes: int, sha256: str, *, exact: bool, sure: bool
) -> OfferFile:
    return OfferFile("BAAI/bge-visualized", "main", path, path, size_bytes, sha256, exact, sure)


def _text_file(repo: str, commit: str, path: str, size_bytes: int, sha256: str) -> OfferFile:
    return OfferFile(repo, commit, path, f"text_model/{path}", size_bytes, sha256)


def _bge_base(path: str, size_bytes: int, sha256: str) -> OfferFile:
    return _text_file("BAAI/bge-base-en-v1.5", _BGE_BASE_COMMIT, path, size_bytes, sha256)


def _bge_m3(path: str, size_bytes: int, sha256: str) -> OfferFile:
    return _text_file("BAAI/bge-m3", _BGE_M3_COMMIT, path, size_bytes, sha256)


_LICENCE_NOTE = (
    "MIT by the details of the hub pages; an older copy of the page of the picture weights names "
    "no licence. Read the pages before passing the files on."
)
_GOOD_AT = (
    "A picture together with words (“this bag, but in red”), pictures like this one, "
    "and pictures with their descriptions: all in one kind of vector"
)
_BAD_AT = (
    "Words alone: there it is about as good as the CLIP of 2021 and clearly weaker than newer "
    "models of that type. Of fashion photos it finds few by words. It sees 224 × 224 pixels, so "
    "small print and small things are lost"
)

OFFERS: tuple[Offer, ...] = (
    Offer(
        name="bge-visualized-base-en",
        title="Visualized BGE base (English)",
        architecture=_VISUALIZED_BGE,
        files=(
            _picture_weights(
                "Visualized_base_en_v1.5.pth",
                392_860_018,
                "07e58cf70ee6962530490ef1ac5b632e7e0153ba8c7ed49d55e0f41ec97bf6a6",
                exact=True,
                sure=False,  # until a person has compared it with BAAI's page of today
            ),
            _bge_base(
                "config.json",
                777,
                "bc00af31a4a31b74040d73370aa83b62da34c90b75eb77bfa7db039d90abd591",
            ),
            _bge_base(
                "tokenizer.json",
                711_396,
                "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66",
            ),
            _bge_base(
                "tokenizer_config.json",
                366,
                "9261e7d79b44c8195c1cada2b453e55b00aeb81e907a6664974b4d7776172ab3",
            ),
            _bge_base(
                "special_tokens_map.json",
                125,
                "b6d346be366a7d1d48332dbc9fdf3bf8960b5d879522b7799ddba59e76237ee3",
            ),
            _bge_base(
                "vocab.txt",
                231_508,
                "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            ),
        ),
        licence="MIT",
        licence_note=_LICENCE_NOTE,
        dimensions=768,
        languages="English",
        good_at=f"{_GOOD_AT}. The quicker of the two: runs on a computer without a graphics card",
        bad_at=f"{_BAD_AT}. It knows English only",
    ),
    Offer(
        name="bge-visualized-m3",
        title="Visualized BGE m3 (many languages)",
        architecture=_VISUALIZED_BGE,
        files=(
            _picture_weights(
                "Visualized_m3.pth",
                1_746_000_000,  # 2 bytes × 872,942,273 numbers, and the zip file's own part
                "d14e7e8f2618b80d3f4a3283c08f79a16f09ce37d4447dac24117b44df6bd069",
                exact=False,
                sure=True,
            ),
            _bge_m3(
                "config.json",
                687,
                "26159e7ad065073448460117eb24b7a4572f6f4e78eadff65dc0a11c052449fa",
            ),
            _bge_m3(
                "tokenizer.json",
                17_098_108,
                "21106b6d7dab2952c1d496fb21d5dc9db75c28ed361a05f5020bbba27810dd08",
            ),
            _bge_m3(
                "tokenizer_config.json",
                444,
                "a62b2b6784f990259fddef5f16388693a8043be4f69179e6a5257eeb3f9abac4",
            ),
            _bge_m3(
                "special_tokens_map.json",
                964,
                "8c785abebea9ae3257b61681b4e6fd8365ceafde980c21970d001e834cf10835",
            ),
            _bge_m3(
                "sentencepiece.bpe.model",
                5_069_051,
                "cfc8146abe2a0488e9e2a0c56de7952f7c11ab059eca145a0a727afce0db2865",
            ),
        ),
        licence="MIT",
        licence_note=_LICENCE_NOTE,
        dimensions=1024,
        languages="over 100 languages",
        good_at=f"{_GOOD_AT}. Words in many languages",
        bad_at=(
            f"{_BAD_AT}; in English weaker there than the base model. About five times the work "
            "and memory: slow without a graphics card"
        ),
    ),
)


def offer_named(name: str, offers: Sequence[Offer] = OFFERS) -> Offer:
    """Raises ModelProblem listing the known names."""
    for offer in offers:
        if offer.name == name:
            return offer
    known = ", ".join(offer.name for offer in offers)
    raise ModelProblem(f"There is no model called “{name}”. Choose one of: {known}.")


def installed(offer: Offer, models_folder: Path) -> bool:
    """Whether its files are all there, by size; `installed.verify` reads every byte."""
    from mmsearch_desktop.models.installed import missing_files  # which knows this module

    return not missing_files(offer, models_folder)


def open_embedder(
    choice: str,
    *,
    models_folder: Path,
    preparation: Preparation = Preparation.APP,
    device: Device | None = None,
    offers: Sequence[Offer] = OFFERS,
    layouts: Sequence[Layout] = LAYOUTS,
) -> Embedder:
    """Opens an offer by its name, or any folder that holds a model. Slow; imports torch.

    The revision in the vectors' space is the start of the weights' sha256. Raises WeightsMissing
    saying which files go where, WeightsDamaged, or ModelProblem for an unknown choice.
    """
    from mmsearch_desktop.models import installed  # which knows this module
    from mmsearch_desktop.models.device import best_device

    offer = next((offer for offer in offers if offer.name == choice), None)
    if offer is not None:
        folder, name, module = offer.folder(models_folder), offer.title, offer.architecture
        revision = installed.checked_revision(offer, models_folder)
    else:
        folder = _folder_chosen(choice, offers)
        layout, weights = layout_of(folder, layouts)
        name, module = folder.name, layout.module
        revision = installed.file_sha256(weights)[: installed.REVISION_DIGITS]
    embedder = load_module(module).open_embedder(
        folder,
        name=name,
        revision=revision,
        preparation=preparation,
        device=device or best_device(),
    )
    return cast("Embedder", embedder)


def load_module(name: str) -> ModuleType:
    """The file of an architecture; imports torch and transformers."""
    return importlib.import_module(name)


def layout_of(folder: Path, layouts: Sequence[Layout] = LAYOUTS) -> tuple[Layout, Path]:
    """How a folder is laid out, and its weights. Raises ModelProblem if it holds no model."""
    for layout in layouts:
        path = layout.weights_in(folder)
        if path is not None:
            return layout, path
    kinds = "; ".join(
        f"{layout.weights[0]} with {' and '.join(layout.beside)}" for layout in layouts
    )
    raise ModelProblem(
        f"{folder}: holds no model that is known here (such as {kinds}). If its files lie there in "
        f'another order, import them: mmsearch-desktop models import NAME "{folder}".'
    )


def _folder_chosen(choice: str, offers: Sequence[Offer]) -> Path:
    folder = Path(choice).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if any(mark in choice for mark in {os.sep, "/", os.altsep or "/"}):
        raise WeightsMissing(f"{folder}: there is no such folder. Choose another model or folder.")
    known = ", ".join(offer.name for offer in offers)
    raise ModelProblem(
        f"There is no model and no folder called “{choice}”. Choose one of: {known}; "
        "or the path of a folder that holds a model."
    )


def where_files_go(offer: Offer, models_folder: Path) -> str:
    """For a person without network: which files, from where, how large, into which folder."""
    return "\n".join(_where_files_go(offer, models_folder))


def _where_files_go(offer: Offer, models_folder: Path) -> Iterator[str]:
    yield f"{offer.title} needs these {len(offer.files)} files, {size_text(offer.size_bytes)}:"
    for repo in offer.repos:
        files = [file for file in offer.files if file.repo == repo]
        yield f"  from {HUB}/{repo}/tree/{files[0].revision}"
        width = max(len(file.local) for file in offer.files)
        for file in files:
            about = "" if file.size_is_exact else "about "
            yield f"    {file.local:<{width}}  {about}{size_text(file.size_bytes)}"
    yield f"in this folder:\n  {offer.folder(models_folder)}"
    yield f"With a network: mmsearch-desktop models download {offer.name}"
    yield f"Files you have elsewhere: mmsearch-desktop models import {offer.name} FOLDER"


def size_text(size_bytes: int) -> str:
    """In decimal units, as the hub shows them: "777 bytes", "711 kB", "1.75 GB"."""
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    for unit, bytes_in_it in (("kB", 10**3), ("MB", 10**6)):
        if round(size_bytes / bytes_in_it) < 1000:
            return f"{size_bytes / bytes_in_it:.0f} {unit}"
    return f"{size_bytes / 10**9:.2f} GB"
