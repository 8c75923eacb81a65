"""Opens a folder with Phi-3 Vision: whether it fits, in which precision, and its right tensors.

Nothing in the folder is run: config.json and the index are read as JSON, the weights as
safetensors. Quantisation to 4 bits: NF4 of QLoRA, arXiv 2305.14314, by bitsandbytes.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from mmsearch_desktop.domain import ModelProblem, WeightsDamaged, WeightsMissing
from mmsearch_desktop.models.checkpoint import (
    FILES_NEEDED,
    check_keys,
    read_checkpoint,
    stored_tensors,
    weight_files,
)
from mmsearch_desktop.models.device import free_bytes, has_bfloat16, memory_text
from mmsearch_desktop.models.phi3_vision import (
    PICTURE_PATH_VERSION,
    Phi3Vision,
    Sizes,
    crop_plan,
    may_be_stored,
    official_shapes,
    operations_per_crop,
    operations_per_token,
    own_name,
    quantisable,
    unused_names,
)

if TYPE_CHECKING:
    from mmsearch_desktop.models.device import Device

Precision = Literal["float32", "bfloat16", "float16", "nf4"]

# Picture features that a judge keeps; counted among the bytes that a model needs.
FEATURE_CACHE_BYTES = 128 * 2**20

_CONFIG = "config.json"
_TOKENIZER = "tokenizer.json"
_WORKING_BYTES = 512 * 2**20  # activations of a slice, and what libraries keep for themselves
_NF4_BYTES = 0.5 + 0.0162  # a value: four bits, and its share of the block scales
_SIXTEEN_BITS = ("bfloat16", "float16")
_SAMPLE_BYTES = 4096
_WORDS_A_TAIL = 20  # tokens of a question behind a candidate's picture

FourBit = Callable[[Tensor, torch.device], nn.Module]


# --------------------------------------------------------------------------- does it fit


@dataclass(frozen=True, slots=True)
class LoadingPlan:
    """How a model will be loaded, and what to tell the person about it."""

    precision: Precision
    bytes_needed: int  # weights, one full prompt, kept picture features, working space
    bytes_free: int | None  # None where the system does not say
    sentence: str
    operations_per_candidate: int  # floating point, for one picture of one crop and a question


def plan(
    folder: Path,
    device: Device,
    *,
    bytes_free: int | None = None,
    four_bit_installed: bool | None = None,
) -> LoadingPlan:
    """The best precision that fits into the device's free memory now; loads nothing.

    The stored precision is tried first, then 16 bits, then 4 bits on a CUDA card with
    bitsandbytes. Raises ModelProblem with the figures if none fits, WeightsMissing or
    WeightsDamaged if the folder holds no Phi-3 Vision.
    """
    sizes = read_sizes(folder)
    free = free_bytes(device) if bytes_free is None else bytes_free
    installed = _bitsandbytes_installed() if four_bit_installed is None else four_bit_installed
    needs = {choice: _bytes_needed(sizes, choice) for choice in _choices(sizes, device)}
    for choice, needed in needs.items():
        usable = installed or choice != "nf4"
        if usable and (free is None or needed <= free):
            sentence = _fits(choice, needed, free, device)
            return LoadingPlan(choice, needed, free, sentence, _operations(sizes))
    raise ModelProblem(_does_not_fit(folder, needs, free or 0, device, installed=installed))


def _choices(sizes: Sizes, device: Device) -> tuple[Precision, ...]:
    half: Precision = "bfloat16" if has_bfloat16(device) else "float16"
    stored: tuple[Precision, ...] = ("float32",) if sizes.stored_precision == "float32" else ()
    smallest: tuple[Precision, ...] = ("nf4",) if device.kind == "cuda" else ()
    return (*stored, half, *smallest)


def _bytes_needed(sizes: Sizes, precision: Precision) -> int:
    unused = unused_names(sizes)
    counts = {
        own_name(name): int(torch.Size(shape).numel())
        for name, shape in official_shapes(sizes).items()
        if not name.startswith(unused)
    }
    value_bytes = 4 if precision == "float32" else 2
    packed = sum(count for name, count in counts.items() if quantisable(name))
    plain = sum(counts.values()) - packed
    packed_bytes = packed * (_NF4_BYTES if precision == "nf4" else value_bytes)
    cache = sizes.decoder.context_tokens * sizes.decoder.cache_values_per_token * value_bytes
    kept = FEATURE_CACHE_BYTES + _WORKING_BYTES
    return int(plain * value_bytes + packed_bytes) + cache + kept


def _operations(sizes: Sizes) -> int:
    side = sizes.tower.side_pixels
    tokens = crop_plan(side, side, 1, side).tokens(sizes.tower) + _WORDS_A_TAIL
    return 2 * operations_per_crop(sizes) + tokens * operations_per_token(sizes)


_SPOKEN: Mapping[Precision, str] = {
    "float32": "in 32 bits",
    "bfloat16": "in 16 bits",
    "float16": "in 16 bits",
    "nf4": "with its decoder in 4 bits, which may cost some accuracy",
}


def _fits(choice: Precision, needed: int, free: int | None, device: Device) -> str:
    of_free = "" if free is None else f" of {memory_text(free)} free"
    return f"Runs {_SPOKEN[choice]} on {device.name}: {memory_text(needed)}{of_free}."


def _does_not_fit(
    folder: Path,
    needs: Mapping[Precision, int],
    free: int,
    device: Device,
    *,
    installed: bool,
) -> str:
    wanted = ", ".join(f"{memory_text(n)} {_SPOKEN[choice]}" for choice, n in needs.items())
    message = f"{folder}: the judge needs {wanted}, but {device.name} has {memory_text(free)} free"
    if not installed and needs.get("nf4", free + 1) <= free:
        return f"{message}. Install bitsandbytes (the optional part small-gpu) to run it in 4 bits."
    return f"{message}. Close other programs that use its memory, or choose a smaller judge."


# --------------------------------------------------------------------------- what lies there


def read_sizes(folder: Path) -> Sizes:
    """The sizes in a folder's config.json."""
    return Sizes.from_config(_read_json(folder / _CONFIG), folder / _CONFIG)


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(_read(path))
    except (ValueError, RecursionError) as error:
        raise WeightsDamaged(f"{path}: is no JSON ({error}). Download the model again.") from error
    if not isinstance(content, dict):
        raise WeightsDamaged(f"{path}: is no JSON object. Download the model again.")
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise WeightsMissing(
            f"{path}: there is no such file. The folder needs {FILES_NEEDED}."
        ) from error
    except OSError as error:
        raise ModelProblem(f"{path}: cannot be read ({error.strerror}).") from error


def fingerprint(folder: Path) -> str:
    """Twelve hexadecimal digits that change with the weights, the configuration, the tokenizer
    and our way with pictures.

    Of every tensor its name, kind, shape and first 4096 bytes are read: reading all 8 GB would
    take longer than loading them, and no training leaves the beginning of every tensor alone.
    Raises WeightsMissing, WeightsDamaged, and ModelProblem where a file cannot be read.
    """
    digest = hashlib.sha256(f"picture path {PICTURE_PATH_VERSION}\n".encode())
    for name in (_CONFIG, _TOKENIZER):
        digest.update(hashlib.sha256(_read(folder / name)).digest())
    for name, sample in sorted(_samples(weight_files(folder))):
        digest.update(name.encode() + sample)
    return digest.hexdigest()[:12]


def _samples(files: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for path in files:
        tensors = stored_tensors(path)
        with path.open("rb") as file:
            for name, stored in tensors.items():
                file.seek(stored.start)
                sample = file.read(min(stored.size_bytes, _SAMPLE_BYTES))
                yield name, f"{stored.kind}{stored.shape}".encode() + sample


# --------------------------------------------------------------------------- loading


def load(
    folder: Path, precision: Precision, device: Device, *, four_bit: FourBit | None = None
) -> Generator[int, None, Phi3Vision]:
    """Load a checkpoint onto a device; yields the bytes read so far, returns the model.

    Closing the generator gives the memory back. `four_bit` packs one weight, [out, in], for the
    precision "nf4"; bitsandbytes does unless another is given. Raises WeightsMissing,
    WeightsDamaged or ModelProblem before any tensor is read where the files are not the model.
    """
    sizes = read_sizes(folder)
    files = weight_files(folder)
    check_tensors(folder, files, sizes)
    pack = (four_bit or nf4_by_bitsandbytes()) if precision == "nf4" else None
    with torch.device("meta"):
        model = Phi3Vision(sizes)
    model.pictures.drop_unused()
    kind = torch.bfloat16 if precision == "nf4" else getattr(torch, precision)
    place = torch.device(device.torch_name)
    yield from _fill(model, files, unused_names(sizes), _Target(place, kind, pack))
    model.make_buffers(place)
    return model.eval().requires_grad_(requires_grad=False)


def check_tensors(folder: Path, files: Iterable[Path], sizes: Sizes) -> None:
    """Raises WeightsDamaged unless the files hold exactly the tensors of these sizes."""
    found = {
        name: one.shape for path in files for name, one in sorted(stored_tensors(path).items())
    }
    check_keys(found, official_shapes(sizes), may_be_present=may_be_stored, source=folder)


@dataclass(frozen=True, slots=True)
class _Target:
    place: torch.device
    kind: torch.dtype
    pack: FourBit | None


def _fill(
    model: Phi3Vision, files: Iterable[Path], unused: tuple[str, ...], target: _Target
) -> Generator[int]:
    read = 0
    for path in files:
        tensors = read_checkpoint(path)
        for official in sorted(tensors):
            value = tensors.pop(official)
            read += value.nbytes
            if not official.startswith(unused) and not may_be_stored(official):
                _place(model, own_name(official), value, target)
            yield read


def _place(model: Phi3Vision, name: str, value: Tensor, target: _Target) -> None:
    """Copy one tensor to its part of the model; the file itself stays unmapped afterwards."""
    owner, _, last = name.rpartition(".")
    if target.pack is not None and quantisable(name):
        above, _, part = owner.rpartition(".")
        packed = target.pack(value.to(target.kind), target.place)
        setattr(model.get_submodule(above), part, packed)
        return
    copied = value.to(target.place, target.kind, copy=True)
    setattr(model.get_submodule(owner), last, nn.Parameter(copied, requires_grad=False))


def _bitsandbytes_installed() -> bool:
    return importlib.util.find_spec("bitsandbytes") is not None


def nf4_by_bitsandbytes() -> FourBit:
    """What packs one weight [out, in] into 4 bits. Raises ModelProblem without bitsandbytes."""
    try:
        library: Any = importlib.import_module("bitsandbytes")
    except (ImportError, OSError, RuntimeError) as error:
        raise ModelProblem(
            f"bitsandbytes cannot be used ({error}). Install the optional part small-gpu, or "
            "free enough memory for 16 bits."
        ) from error

    def pack(weight: Tensor, place: torch.device) -> nn.Module:
        packed: nn.Module = library.nn.Linear4bit(
            weight.shape[1], weight.shape[0], bias=False, compute_dtype=weight.dtype, device="meta"
        )
        values = library.nn.Params4bit(weight, requires_grad=False, quant_type="nf4")
        packed.weight = values
        return packed.to(place)

    return pack
