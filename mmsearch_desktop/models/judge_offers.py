"""The judges that can be chosen: their files, licences, and what each is good and bad at.

A new judge is one file beside this one and an entry in `JUDGES`.

Where the figures come from. Tensors of each part: the index of Phi-3-vision-128k-instruct, whose
`total_size` is the sum 8,293,242,880; a file is larger by its header, of some 80 kB. The tokenizer:
public copies of Microsoft's repository. Phi-3.5 has the same shapes by its code; its own index was
not seen. No commit and no sha256 of the weights is known, so that sizes are nearly right only.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch_desktop.domain import JudgeName, ModelProblem, WeightsMissing
from mmsearch_desktop.models.offers import (
    OFFERS,
    TEXT_OFFERS,
    Offer,
    OfferFile,
    installed,
    offer_named,
    shipped_file,
    where_files_go,
)

if TYPE_CHECKING:
    from mmsearch_desktop.models.device import Device
    from mmsearch_desktop.models.phi3_judge import Phi3Judge
    from mmsearch_desktop.models.phi3_loading import LoadingPlan

_PHI3 = "mmsearch_desktop.models.phi3_judge"
_HEADER_BYTES = 80_000
_TENSOR_BYTES = (4_944_044_032, 3_349_198_848)
_TOKENIZER_SHA256 = "005df01af5e16e758ff74c1a31e7b8910eb75c7d5626689d6bdee40a779d44fe"


def _nearly(repo: str, name: str, size_bytes: int) -> OfferFile:
    return OfferFile(repo, "main", name, name, size_bytes, None, size_is_exact=False)


def _phi3_files(repo: str) -> tuple[OfferFile, ...]:
    parts = len(_TENSOR_BYTES)
    return (
        *(
            _nearly(repo, f"model-{number:05}-of-{parts:05}.safetensors", tensors + _HEADER_BYTES)
            for number, tensors in enumerate(_TENSOR_BYTES, start=1)
        ),
        _nearly(repo, "model.safetensors.index.json", 69_000),
        _nearly(repo, "config.json", 3_400),
        OfferFile(
            repo,
            "main",
            "tokenizer.json",
            "tokenizer.json",
            1_851_389,
            _TOKENIZER_SHA256,
            size_is_exact=False,
            sha256_is_sure=False,  # of a copy; until a person has compared it with Microsoft's
        ),
    )


_LICENCE_NOTE = "MIT by the LICENSE file among its files."
_BAD_AT = (
    "Slow without a graphics card: by estimate 3 to 8 seconds for each photo on a good processor. "
    "Needs about 11 GB of graphics memory, or about 5 GB with its decoder in 4 bits, which may "
    "cost accuracy. Ranking a whole list at once: general models of this size do that badly"
)

JUDGES: tuple[Offer, ...] = (
    Offer(
        name="phi-3-vision",
        title="Phi-3 Vision",
        architecture=_PHI3,
        files=_phi3_files("microsoft/Phi-3-vision-128k-instruct"),
        licence="MIT",
        licence_note=_LICENCE_NOTE,
        dimensions=0,  # it makes no vectors
        languages="English",
        good_at=(
            "Yes-or-no questions about one photo: whether it shows what was asked for, with the "
            "pattern or the colours of the query picture"
        ),
        bad_at=_BAD_AT,
    ),
    Offer(
        name="phi-3.5-vision",
        title="Phi-3.5 Vision",
        architecture=_PHI3,
        files=_phi3_files("microsoft/Phi-3.5-vision-instruct"),
        licence="MIT",
        licence_note=_LICENCE_NOTE,
        dimensions=0,
        languages="English",
        good_at=(
            "The same as Phi-3 Vision, and trained further on requests with several pictures, "
            "which is how candidates are shown here"
        ),
        bad_at=_BAD_AT,
    ),
)
# all that can be fetched, imported and verified
EVERYTHING: tuple[Offer, ...] = (*OFFERS, *JUDGES, *TEXT_OFFERS)
# Comes with the program, where it comes at all: nobody fetches it, nothing recommends it.
SAMPLE_JUDGE = Offer(
    name="sample-judge",
    title="Sample judge",
    architecture=_PHI3,
    files=(
        shipped_file("model.safetensors", 20_000_000),
        shipped_file("config.json", 1_000),
        shipped_file("tokenizer.json", 30_000),
    ),
    licence="Apache-2.0",
    licence_note="Made by this project, from pictures that it drew itself; see its MODEL_CARD.md.",
    dimensions=0,
    languages="some 200 English words",
    good_at="Questions about the drawn sample pictures, which it answers at once",
    bad_at="Everything else: it understands only the drawn sample pictures",
    shipped="sample_judge",
)


def opening_judge(
    choice: str,
    *,
    models_folder: Path,
    device: Device | None = None,
    judges: Sequence[Offer] = JUDGES,
) -> Generator[int, None, Phi3Judge]:
    """Opens a judge by its name here, or any folder that holds one. Imports torch.

    Yields the bytes read so far; closing it gives the memory back. Raises WeightsMissing saying
    which files go where, WeightsDamaged, and ModelProblem for an unknown choice or, before
    anything is loaded, with the figures where it does not fit.
    """
    from mmsearch_desktop.models import phi3_judge

    folder, name = place_of(choice, models_folder, judges)
    return (yield from phi3_judge.opening_judge(folder, _device(device), name=name))


def open_judge(
    choice: str,
    *,
    models_folder: Path,
    device: Device | None = None,
    judges: Sequence[Offer] = JUDGES,
) -> Phi3Judge:
    """`opening_judge` in one go."""
    from mmsearch_desktop.models.phi3_steps import finish

    return finish(opening_judge(choice, models_folder=models_folder, device=device, judges=judges))


def name_of(
    choice: str,
    *,
    models_folder: Path,
    device: Device | None = None,
    judges: Sequence[Offer] = JUDGES,
) -> JudgeName:
    """Who it would be, so that what it said before is found without opening it.

    Raises as opening does. Imports torch, to ask for free memory.
    """
    from mmsearch_desktop.models import phi3_judge

    folder, name = place_of(choice, models_folder, judges)
    return phi3_judge.name_of(folder, _device(device), name=name)


def plan_of(
    choice: str,
    *,
    models_folder: Path,
    device: Device | None = None,
    judges: Sequence[Offer] = JUDGES,
) -> LoadingPlan:
    """In which precision it would run, and how much work a candidate is. Raises as opening does."""
    from mmsearch_desktop.models import phi3_loading

    folder, _ = place_of(choice, models_folder, judges)
    return phi3_loading.plan(folder, _device(device))


def place_of(
    choice: str, models_folder: Path, judges: Sequence[Offer] = JUDGES
) -> tuple[Path, str]:
    """The folder of a judge, and what a person calls it."""
    offers = (*judges, SAMPLE_JUDGE)
    if any(offer.name == choice for offer in offers):
        offer = offer_named(choice, offers)
        if not installed(offer, models_folder):
            raise WeightsMissing(
                f"{offer.title} is not installed.\n{where_files_go(offer, models_folder)}"
            )
        return offer.folder(models_folder), offer.title
    folder = Path(choice).expanduser()
    if folder.is_dir():
        return folder.resolve(), folder.resolve().name
    known = ", ".join(offer.name for offer in judges)
    raise ModelProblem(
        f"There is no judge and no folder called “{choice}”. Choose one of: {known}; "
        "or the path of a folder that holds one."
    )


def _device(chosen: Device | None) -> Device:
    from mmsearch_desktop.models.device import best_device

    return chosen or best_device()
