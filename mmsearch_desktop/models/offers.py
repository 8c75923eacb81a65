"""The embedders that can be chosen: their files, licences, and what each is good and bad at.

A new model is one file beside this one, an entry in `LAYOUTS`, and an entry in `OFFERS`.

Where the figures come from. Sizes and sha256 of the text models' files: the hub's listing at the
commits named here, as repeated by several projects that pin the same commits. The picture models:
BAAI's page for m3; for base_en the redirect of BAAI's own address (25 November 2024) and a third
party's copy, both of which name the same sha256 as the one here. BGE-VL: the commits of MTEB's
model entries; large's weights as a third party's list of that commit has them; base's size is two
bytes for each of its numbers, and its sha256 unknown. Scores behind `good_at` and `bad_at`: VISTA
(arXiv 2406.04292) and the MTEB results of its two models; MegaPairs (arXiv 2412.14475), table 1,
for BGE-VL and those compared with it there. MagicLens: its README for where the files lie and
for the CIRCO figures of the published files, the same table 1 for the paper's; their size is four
bytes for each number of the official parameter tree, and their sha256 unknown; the vocabulary's
sha256 was worked out again from the file of OpenAI's CLIP. Qwen3-VL-Embedding: the hub's listing
of that commit (sizes, and the sha256 of weights and tokenizer) and that of config.json, as several
projects that pin it repeat them; scores of the README of its makers (8ce3aab).
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from mmsearch_desktop.domain import Embedder, ModelProblem, Preparation, WeightsMissing
from mmsearch_desktop.models.hub import HUB
from mmsearch_desktop.settings import resources_folder

if TYPE_CHECKING:
    from mmsearch_desktop.models.device import Device
    from mmsearch_desktop.models.recommendations import Use

_PACKAGE = "mmsearch_desktop.models"
_GITHUB = "https://github.com"


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
    address: str | None = None  # the whole of it where the hub does not have the file

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def page(self) -> str:
        """For a person: the files of the repo, or the code's page, which says where they are."""
        return f"{HUB if self.address is None else _GITHUB}/{self.repo}/tree/{self.revision}"


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
    shipped: str = ""  # its folder among the resources, where it comes with the program

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
        return resources_folder() / self.shipped if self.shipped else models_folder / self.name


@dataclass(frozen=True, slots=True)
class Layout:
    """How a folder looks that holds a model of one kind."""

    module: str  # its full name; has open_embedder, and convert where that is needed
    weights: tuple[str, ...]  # patterns; the first file that matches gives the revision
    beside: tuple[str, ...]  # files that lie there too
    model_type: str | None = None  # what its config.json must say, where the names say too little

    def weights_in(self, folder: Path) -> Path | None:
        """The weights, or None where the folder does not look like this."""
        if not all((folder / name).is_file() for name in self.beside):
            return None
        if self.model_type is not None and _model_type(folder) != self.model_type:
            return None
        found = (path for pattern in self.weights for path in sorted(folder.glob(pattern)))
        return next((path for path in found if path.is_file()), None)


def _model_type(folder: Path) -> str | None:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return config.get("model_type") if isinstance(config, dict) else None


_VISUALIZED_BGE = f"{_PACKAGE}.visualized_bge"
_BGE_VL = f"{_PACKAGE}.bge_vl"
_MAGICLENS = f"{_PACKAGE}.magiclens"
_QWEN3_VL_EMBEDDING = f"{_PACKAGE}.qwen3_vl_embedding"
LAYOUTS: tuple[Layout, ...] = (
    Layout(
        _VISUALIZED_BGE,
        # the official file first: a converted one beside it has the same numbers
        ("Visualized_*.pth", "*.pth", "model.safetensors"),
        ("text_model/config.json", "text_model/tokenizer.json"),
    ),
    Layout(_VISUALIZED_BGE, ("Visualized_*.pth",), ("config.json", "tokenizer.json")),
    # before BGE-VL, whose files have the same names
    Layout(
        _QWEN3_VL_EMBEDDING,
        ("model-00001-of-*.safetensors", "model.safetensors"),
        ("config.json", "tokenizer.json"),
        "qwen3_vl",
    ),
    Layout(_BGE_VL, ("model.safetensors",), ("config.json", "vocab.json", "merges.txt")),
    # the official file first, as above
    *(
        Layout(_MAGICLENS, ("magic_lens_clip_*.pkl", "magiclens.safetensors"), beside)
        for beside in (("vocab.json", "merges.txt"), ("tokenizer.json",))
    ),
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


def _bge_vl(
    repo: str, commit: str, weights_bytes: int, sha256: str | None = None
) -> tuple[OfferFile, ...]:
    """Small files by their size in OpenAI's CLIP, the same words and pieces; weights as known."""
    weights = "model.safetensors"
    sizes = {"config.json": 800, "vocab.json": 862_328, "merges.txt": 524_619}
    return (
        OfferFile(
            repo,
            commit,
            weights,
            weights,
            weights_bytes,
            sha256,
            size_is_exact=sha256 is not None,
            sha256_is_sure=False,  # until a person has compared it with BAAI's page
        ),
        *(
            OfferFile(repo, commit, name, name, size_bytes, None, size_is_exact=False)
            for name, size_bytes in sizes.items()
        ),
    )


def _magiclens(size: str, numbers: int) -> tuple[OfferFile, ...]:
    name = f"magic_lens_clip_{size}.pkl"
    return (
        OfferFile(
            "google-deepmind/magiclens",
            "5135f58be020614010104c3542d26b9e269d5e9f",  # of the code; the files have none
            name,
            name,
            4 * numbers,
            None,
            size_is_exact=False,
            address=f"https://storage.googleapis.com/gresearch/magiclens/models/{name}",
        ),
        _clip(
            "vocab.json",
            961_143,
            "3f0c4f7d2086b61b38487075278ea9ed04edb53a03cbb045b86c27190fa8fb69",
        ),
        _clip(
            "merges.txt",
            524_619,
            "9fd691f7c8039210e0fced15865466c65820d09b63988b0174bfe25de299051a",
        ),
    )


def _clip(name: str, size_bytes: int, sha256: str) -> OfferFile:
    commit = "32bd64288804d66eefd0ccbe215aa642df71cc41"
    return OfferFile("openai/clip-vit-large-patch14", commit, name, name, size_bytes, sha256)


def _qwen(name: str, size_bytes: int, sha256: str) -> OfferFile:
    commit = "9f2f7e710d6d81056aa5c0a4f04764fec6bb7bda"
    return OfferFile("Qwen/Qwen3-VL-Embedding-2B", commit, name, name, size_bytes, sha256)


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
_BGE_VL_GOOD_AT = (
    "A picture together with words (“this bag, but in red”): published by its makers as the best "
    "of its size there"
)
_BGE_VL_BAD_AT = (
    "Words alone: nothing is published; it is built on the CLIP of 2021, so expect about that, "
    "weaker than newer models. It knows English only, reads no more than about 50 words, and "
    "sees 224 × 224 pixels, so small print and small things are lost"
)
_BGE_VL_LICENCE_NOTE = "MIT by the hub page, which has the text of the licence among its files."
_MAGICLENS_GOOD_AT = (
    "A picture together with words that say what to look for beside it (“the same bag from the "
    "inside”), also where what is wanted looks quite different"
)
_MAGICLENS_BAD_AT = (
    "Words alone: the model has no form for them, and what is done here is an experiment without "
    "any published figure; expect it to be weaker than every other model. In the published "
    "comparison BGE-VL of the same size finds more. It knows English only, reads no more than "
    "about 50 words, and sees each picture squeezed into a square of 224 × 224 pixels"
)
_MAGICLENS_LICENCE_NOTE = (
    "The README of its makers puts the software under Apache-2.0 and “all other materials” under "
    "CC BY 4.0, which asks for their names to be given. That this covers the weights is how it is "
    "read here: read it yourself before passing the files on. The vocabulary is of OpenAI's CLIP "
    "(MIT)."
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
    Offer(
        name="bge-vl-base",
        title="BGE-VL base (English)",
        architecture=_BGE_VL,
        files=_bge_vl("BAAI/BGE-VL-base", "cc4c733ed997dbee4ac70ccffb911e70c9c24b93", 299_289_000),
        licence="MIT",
        licence_note=_BGE_VL_LICENCE_NOTE,
        dimensions=512,
        languages="English",
        good_at=(
            f"{_BGE_VL_GOOD_AT} (CIRCO mAP@5 34.3, MagicLens base 23.1; CIRR R@1 36.1 and 27.0). "
            "Half the work of Visualized BGE base for each photo, and a third less room for the "
            "index: the first choice without a graphics card"
        ),
        bad_at=_BGE_VL_BAD_AT,
    ),
    Offer(
        name="bge-vl-large",
        title="BGE-VL large (English)",
        architecture=_BGE_VL,
        files=_bge_vl(
            "BAAI/BGE-VL-large",
            "40fb48217f521df22a2a5bf15edd52ed1146ef05",
            855_304_818,
            "6d6c5dcd259b71a49a51916e5fd1dc248563ce08b41a713eb00dd296dfd8f5f4",
        ),
        licence="MIT",
        licence_note=_BGE_VL_LICENCE_NOTE,
        dimensions=768,
        languages="English",
        good_at=(
            f"{_BGE_VL_GOOD_AT} (CIRCO mAP@5 39.2, MagicLens large 29.6; CIRR R@1 38.0 and 30.1)"
        ),
        bad_at=(
            f"{_BGE_VL_BAD_AT}. Nearly five times the work of the base model: slow without a "
            "graphics card"
        ),
    ),
    Offer(
        name="magiclens-base",
        title="MagicLens base (English)",
        architecture=_MAGICLENS,
        files=_magiclens("base", 166_433_025),
        licence="CC-BY-4.0",
        licence_note=_MAGICLENS_LICENCE_NOTE,
        dimensions=512,
        languages="English",
        good_at=(
            f"{_MAGICLENS_GOOD_AT} (published: CIRCO mAP@5 22.3 for these files, 23.1 in the "
            "paper; CIRR R@1 27.0; FashionIQ R@10 26.3)"
        ),
        bad_at=_MAGICLENS_BAD_AT,
    ),
    Offer(
        name="magiclens-large",
        title="MagicLens large (English)",
        architecture=_MAGICLENS,
        files=_magiclens("large", 465_417_665),
        licence="CC-BY-4.0",
        licence_note=_MAGICLENS_LICENCE_NOTE,
        dimensions=768,
        languages="English",
        good_at=(
            f"{_MAGICLENS_GOOD_AT} (published: CIRCO mAP@5 29.5 for these files, 29.6 in the "
            "paper; CIRR R@1 30.1; FashionIQ R@10 30.7)"
        ),
        bad_at=(
            f"{_MAGICLENS_BAD_AT}. Nearly five times the work of the base model: slow without a "
            "graphics card"
        ),
    ),
    Offer(
        name="qwen3-vl-embedding-2b",
        title="Qwen3-VL-Embedding 2B (many languages)",
        architecture=_QWEN3_VL_EMBEDDING,
        files=(
            _qwen(
                "model.safetensors",
                4_255_140_312,
                "c73fa9caeddeb3ff831d46c085a7a5708343248ca777e90f2d486964464509c1",
            ),
            _qwen(
                "config.json",
                1_570,
                "9172f55b0b9cce70b7f67b10c58a408ccf3ec15c587e6efd4d5f41631237fded",
            ),
            _qwen(
                "tokenizer.json",
                11_423_705,
                "def76fb086971c7867b829c23a26261e38d9d74e02139253b38aeb9df8b4b50a",
            ),
        ),
        licence="Apache-2.0",
        licence_note="Apache-2.0 by the hub page and by the LICENSE file of its makers' code.",
        dimensions=1024,
        languages="over 30 languages",
        good_at=(
            "Words alone, in many languages and in whole sentences; a picture together with words; "
            "small things and print, for it sees whole photos of about 600 × 600 pixels. Published "
            "by its makers: 74.8 on picture retrieval of MMEB-V2 (twelve tests; GME 2B 66.9, "
            "VLM2Vec-V2 69.5). The first choice with 8 GB or more of graphics memory"
        ),
        bad_at=(
            "Slow without a graphics card: some 60 times the work of Visualized BGE base for each "
            "photo, so seconds to a minute on a processor, and 5 to 9 GB of memory. Photos "
            "are shown to it smaller than its makers showed them, and half of each vector is kept: "
            "expect it to be somewhat weaker than the published figures. For a picture "
            "together with words nothing is published on CIRCO, where BGE-VL is strong"
        ),
    ),
)


# For words alone, opened by `text_embedding.open_text_embedder`: none of the offers to search
# photos with. The small files are those of the text side of Visualized BGE m3; the weights have
# the size and sha256 of the hub's listing of that commit, as several projects that pin it repeat
# them.
TEXT_OFFERS: tuple[Offer, ...] = (
    Offer(
        name="bge-m3",
        title="BGE-M3 (texts in many languages)",
        architecture=f"{_PACKAGE}.text_embedding",
        files=(
            OfferFile(
                "BAAI/bge-m3",
                _BGE_M3_COMMIT,
                "pytorch_model.bin",
                "pytorch_model.bin",
                2_271_145_830,
                "b5e0ce3470abf5ef3831aa1bd5553b486803e83251590ab7ff35a117cf6aad38",
            ),
            *(
                dataclasses.replace(file, local=file.path)
                for offer in OFFERS
                for file in offer.files
                if file.repo == "BAAI/bge-m3"
            ),
        ),
        licence="MIT",
        licence_note="MIT by the hub page.",
        dimensions=1024,
        languages="over 100 languages",
        good_at=(
            "Texts: product sheets and captions, found by words in the same or another language. "
            "Published by the makers of Qwen3-VL-Embedding: 59.6 on MMTEB"
        ),
        bad_at=(
            "Pictures: it sees none. As large as Visualized BGE m3, and slow without a graphics "
            "card. Needs FlagEmbedding (the extra “text”)"
        ),
    ),
)


def shipped_file(name: str, size_bytes: int) -> OfferFile:
    """One that comes with the program; another release may have a larger or smaller one."""
    return OfferFile("", "", name, name, size_bytes, None, size_is_exact=False)


SAMPLE_LABEL = (
    "Sample model - understands only the drawn sample pictures. Download Visualized BGE to search "
    "your own photos."
)
# Comes with the program, so it is none of the offers: nobody fetches it, nothing recommends it.
SAMPLE = Offer(
    name="sample",
    title="Sample model",
    architecture=_VISUALIZED_BGE,
    files=(
        shipped_file("model.safetensors", 3_700_000),
        shipped_file("text_model/config.json", 600),
        shipped_file("text_model/tokenizer.json", 30_000),
    ),
    licence="Apache-2.0",
    licence_note="Made by this project, from pictures that it drew itself; see its MODEL_CARD.md.",
    dimensions=128,
    languages="some 200 English words",
    good_at=(
        "Understands only the drawn sample pictures: by words, by a picture, and by a picture "
        "together with words. It shows within a minute what this program does, without a download"
    ),
    bad_at=(
        "Everything else. Of real photos it sees little more than colours, so it is never to be "
        "taken for your own"
    ),
    shipped="sample_model",
)


def is_sample(choice: str) -> bool:
    """Whether a choice of model is the one for the sample photos: its name, or its folder."""
    folder = SAMPLE.folder(Path())
    return choice == SAMPLE.name or Path(choice) in (folder, folder.resolve())


def offer_named(name: str, offers: Sequence[Offer] = OFFERS) -> Offer:
    """Raises ModelProblem listing the known names."""
    for offer in offers:
        if offer.name == name:
            return offer
    known = ", ".join(offer.name for offer in offers)
    raise ModelProblem(f"There is no model called “{name}”. Choose one of: {known}.")


def recommended(use: Use, device: Device) -> Offer:
    """The embedder to choose for a use on a device; `recommendations.advice` says why."""
    from mmsearch_desktop.models.recommendations import advice  # which knows this module

    return advice(use, device).offer


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
    window: bool = True,
    offers: Sequence[Offer] = OFFERS,
    layouts: Sequence[Layout] = LAYOUTS,
) -> Embedder:
    """Opens an offer by its name, or any folder that holds a model. Slow; imports torch.

    The revision in the vectors' space is the start of the weights' sha256. `window`: leave a core
    to it, where no device is given. Raises WeightsMissing saying which files go where,
    WeightsDamaged, or ModelProblem for an unknown choice.
    """
    from mmsearch_desktop.models import installed  # which knows this module
    from mmsearch_desktop.models.device import best_device

    offer = _offer_chosen(choice, offers)
    if offer is not None and not offer.shipped:
        folder, name, module = offer.folder(models_folder), offer.title, offer.architecture
        revision = installed.checked_revision(offer, models_folder)
    else:
        folder = _folder_of(offer, choice, models_folder, offers)
        layout, weights = layout_of(folder, layouts)
        name, module = offer.title if offer else folder.name, layout.module
        revision = installed.weights_sha256(weights)[: installed.REVISION_DIGITS]
    _require_text(folder)
    embedder = load_module(module).open_embedder(
        folder,
        name=name,
        revision=revision,
        preparation=preparation,
        device=device or best_device(window=window),
    )
    return cast("Embedder", embedder)


def _require_text(folder: Path) -> None:
    """Photos may lie in any folder, but tokenizers and torch cannot name files of such a one."""
    try:
        str(folder).encode()
    except UnicodeEncodeError as problem:
        raise ModelProblem(
            f"{folder}: models cannot be opened there, for its name is no valid text. Rename the"
            " folder, or choose another."
        ) from problem


def place_of(choice: str, models_folder: Path, offers: Sequence[Offer] = OFFERS) -> Path:
    """The folder with the files of a choice, which are not read. Raises as `open_embedder` does."""
    offer = _offer_chosen(choice, offers)
    folder = _folder_of(offer, choice, models_folder, offers)
    if offer is None:
        layout_of(folder)
    return folder


def _folder_of(
    offer: Offer | None, choice: str, models_folder: Path, offers: Sequence[Offer]
) -> Path:
    """Of an offer whose files are there by size, else of the choice itself."""
    from mmsearch_desktop.models.installed import require_there  # which knows this module

    if offer is None:
        return _folder_chosen(choice, offers)
    require_there(offer, models_folder)
    return offer.folder(models_folder)


def _offer_chosen(choice: str, offers: Sequence[Offer]) -> Offer | None:
    """None where the choice is a folder, or nothing that is known."""
    return next((offer for offer in (*offers, SAMPLE) if offer.name == choice), None)


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
    folder = Path(choice)
    with contextlib.suppress(RuntimeError):  # "~name" of nobody here
        folder = folder.expanduser()
    if os.path.isdir(folder):  # noqa: PTH112 - Path.is_dir raises where a folder above is locked
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
    if offer.shipped:
        yield f"{offer.title} comes with the program, in this folder:\n  {offer.folder(Path())}"
        yield "Where it is missing, install the program again."
        return
    yield f"{offer.title} needs these {len(offer.files)} files, {size_text(offer.size_bytes)}:"
    for repo in offer.repos:
        files = [file for file in offer.files if file.repo == repo]
        yield f"  from {files[0].page}"
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
