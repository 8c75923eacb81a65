"""Opening folders with Phi-3 Vision: what fits, what is refused, and that nothing in them runs."""

from __future__ import annotations

import importlib.util
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mmsearch_desktop.domain import ModelProblem, WeightsDamaged, WeightsMissing
from mmsearch_desktop.models.checkpoint import stored_tensors, weight_files
from mmsearch_desktop.models.device import Device, cpu, free_bytes
from mmsearch_desktop.models.phi3_judge import open_judge
from mmsearch_desktop.models.phi3_loading import (
    Precision,
    fingerprint,
    load,
    nf4_by_bitsandbytes,
    plan,
)
from mmsearch_desktop.models.phi3_steps import finish
from mmsearch_desktop.models.phi3_vision import Phi3Vision, own_name, quantisable
from tests.fakes import flat_picture
from tests.models.tiny_phi3 import write_tiny_phi3

_GB = 10**9
_CARD = Device("cuda", "A small card", "cuda:0", "float16", 6 * _GB)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_phi3(tmp_path / "phi3")


@pytest.fixture
def full_size(tmp_path: Path) -> Path:
    """The configuration of the real model, without its weights."""
    folder = write_tiny_phi3(tmp_path / "full")
    config = json.loads((folder / "config.json").read_bytes())
    del config["img_processor"]["clip_config"]
    config |= {"vocab_size": 32064, "hidden_size": 3072, "intermediate_size": 8192}
    config |= {"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32}
    config["rope_scaling"] = {"short_factor": [1.0] * 48, "long_factor": [1.0] * 48}
    config["torch_dtype"] = "bfloat16"
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _load(folder: Path, precision: Precision = "float32") -> Phi3Vision:
    return finish(load(folder, precision, cpu()))


def _logits(model: Phi3Vision) -> Tensor:
    state = model.read(model.embed([5, 6, 7], ()), model.new_cache())
    return model.logits(state)


# --------------------------------------------------------------------------- what fits


@pytest.mark.parametrize(
    ("free", "precision", "said"),
    [(12 * _GB, "bfloat16", "in 16 bits"), (6 * _GB, "nf4", "in 4 bits")],
)
def test_precision_is_chosen_by_free_memory(
    free: int, precision: str, said: str, full_size: Path
) -> None:
    made = plan(full_size, _CARD, bytes_free=free, four_bit_installed=True)
    assert made.precision == precision
    assert made.bytes_free == free
    assert made.bytes_needed < free
    assert said in made.sentence
    assert "A small card" in made.sentence
    assert f"{free / _GB:.1f} GB free" in made.sentence


def test_a_small_card_is_told_of_the_optional_part(full_size: Path) -> None:
    with pytest.raises(ModelProblem, match=r"10\.\d GB in 16 bits.*6\.0 GB free.*small-gpu"):
        plan(full_size, _CARD, bytes_free=6 * _GB, four_bit_installed=False)


def test_what_does_not_fit_is_refused_with_the_figures(full_size: Path) -> None:
    with pytest.raises(ModelProblem, match=r"needs 10\.\d GB .* 5\.\d GB .* has 2\.0 GB free"):
        plan(full_size, _CARD, bytes_free=2 * _GB, four_bit_installed=True)
    with pytest.raises(ModelProblem, match=r"needs 10\.\d GB in 16 bits, but .* 8\.0 GB free"):
        plan(full_size, cpu(), bytes_free=8 * _GB, four_bit_installed=True)


def test_a_tiny_model_keeps_its_stored_precision(folder: Path) -> None:
    made = plan(folder, cpu())
    assert made.precision == "float32"
    assert made.bytes_free == pytest.approx(free_bytes(cpu()), rel=0.5)
    assert made.operations_per_candidate < 10**8


def test_free_memory_is_less_than_all_of_it() -> None:
    free, everything = free_bytes(cpu()), cpu().memory_bytes
    assert free is not None
    assert everything is not None
    assert 0 < free < everything


# --------------------------------------------------------------------------- loading


def test_one_file_and_several_load_alike(folder: Path, tmp_path: Path) -> None:
    spread = write_tiny_phi3(tmp_path / "spread", files=3)
    assert weight_files(spread)[0].name == "model-00001-of-00003.safetensors"
    assert torch.equal(_logits(_load(spread)), _logits(_load(folder)))


def test_bytes_read_are_counted_up_to_all_of_them(folder: Path) -> None:
    read = list(load(folder, "float32", cpu()))
    assert read == sorted(read)
    total = sum(one.nbytes for one in load_file(folder / "model.safetensors").values())
    assert read[-1] == total


def test_half_precision_is_close_to_full(folder: Path) -> None:
    half = _load(folder, "bfloat16")
    assert half.precision == torch.bfloat16
    assert all(one.dtype == torch.bfloat16 for one in half.parameters())
    assert half.decoder.model.rotary_emb.inv_freq.dtype == torch.float32
    assert torch.allclose(_logits(half), _logits(_load(folder)), atol=0.2)


def test_loaded_weights_do_not_depend_on_the_file(folder: Path) -> None:
    model = _load(folder)
    before = _logits(model)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(20_000)
        file.write(b"\xff" * 20_000)
    assert torch.equal(_logits(model), before)


class Rounded(nn.Module):
    """A weight in sixteen steps a row, as a packer of four bits would leave it."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.scale = weight.abs().amax(dim=1, keepdim=True) / 7
        self.packed = (weight / self.scale).round().to(torch.int8)

    def forward(self, states: Tensor) -> Tensor:
        return states @ (self.packed.to(states.dtype) * self.scale).T


def test_four_bits_are_for_the_decoders_linear_layers_alone(folder: Path) -> None:
    def pack(weight: Tensor, place: torch.device) -> nn.Module:
        return Rounded(weight).to(place)

    model = finish(load(folder, "nf4", cpu(), four_bit=pack))
    packed = {name for name, one in model.named_modules() if isinstance(one, Rounded)}
    parts = ("self_attn.qkv_proj", "self_attn.o_proj", "mlp.gate_up_proj", "mlp.down_proj")
    assert packed == {f"decoder.model.layers.{n}.{part}" for n in (0, 1) for part in parts}
    assert model.decoder.lm_head.weight.dtype == torch.bfloat16
    assert _logits(model).isfinite().all()
    stored = stored_tensors(folder / "model.safetensors")
    assert sum(quantisable(own_name(name)) for name in stored) == 8


def test_bitsandbytes_packs_a_weight_or_is_said_to_be_missing(folder: Path) -> None:
    if importlib.util.find_spec("bitsandbytes") is None:
        with pytest.raises(ModelProblem, match="small-gpu"):
            _load(folder, "nf4")
        return
    weight, states = torch.randn(2, 256, 256, generator=torch.Generator().manual_seed(0)).bfloat16()
    packed = nf4_by_bitsandbytes()(weight, torch.device("cpu"))
    wanted = states @ weight.T
    assert (packed(states) - wanted).norm() / wanted.norm() < 0.15
    assert sum(one.nbytes for one in packed.parameters()) == weight.nbytes / 4


# --------------------------------------------------------------------------- what is refused


def test_a_folder_without_a_model_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"config\.json, tokenizer\.json and model\.safe"):
        plan(tmp_path, cpu())


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    folder = write_tiny_phi3(tmp_path / "spread", files=3)
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(WeightsMissing, match="model-00002-of-00003"):
        _load(folder)


def _without(weights: dict[str, Tensor]) -> None:
    del weights["model.norm.weight"]


def _with_another(weights: dict[str, Tensor]) -> None:
    weights["model.visual.extra"] = torch.ones(3)


def _with_another_shape(weights: dict[str, Tensor]) -> None:
    weights["lm_head.weight"] = torch.ones(3, 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_without, r"1 missing \(model\.norm\.weight\)"),
        (_with_another, r"1 unexpected \(model\.visual\.extra\)"),
        (_with_another_shape, r"lm_head\.weight is 3×3"),
    ],
)
def test_tensors_must_be_exactly_the_models(
    change: Callable[[dict[str, Tensor]], None], said: str, folder: Path
) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(WeightsDamaged, match=said):
        _load(folder)


def test_stored_buffers_of_older_versions_are_not_minded(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    before = _logits(_load(folder))
    weights["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    save_file(weights, folder / "model.safetensors")
    assert torch.equal(_logits(_load(folder)), before)


@pytest.mark.parametrize("name", ["../other.safetensors", "a/b.safetensors", "x.bin", "..\\w"])
def test_an_index_may_only_name_files_beside_it(name: str, tmp_path: Path) -> None:
    folder = write_tiny_phi3(tmp_path / "spread", files=2)
    index = {"weight_map": {"lm_head.weight": name}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(WeightsDamaged, match="no safetensors file beside"):
        _load(folder)


def test_a_file_cut_short_is_refused_before_loading(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:-100])
    with pytest.raises(WeightsDamaged, match=f"has {len(whole) - 100} bytes, not {len(whole)}"):
        next(load(folder, "float32", cpu()))


@given(content=st.binary(max_size=200), header=st.booleans())
def test_no_bytes_break_the_header_reader(
    content: bytes, header: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("header") / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(content)) + content if header else content)
    with pytest.raises(WeightsDamaged, match=r"model\.safetensors"):
        stored_tensors(path)


def test_python_in_a_folder_is_never_run(folder: Path, tmp_path: Path) -> None:
    witness = tmp_path / "it ran"
    hostile = f"from pathlib import Path\nPath({str(witness)!r}).touch()\n"
    names = ("configuration_phi3_v", "modeling_phi3_v", "processing_phi3_v", "__init__", "torch")
    for name in names:
        (folder / f"{name}.py").write_text(hostile)
    config = json.loads((folder / "config.json").read_bytes())
    config["auto_map"] = {
        "AutoConfig": "configuration_phi3_v.Phi3VConfig",
        "AutoModelForCausalLM": "modeling_phi3_v.Phi3VForCausalLM",
    }
    (folder / "config.json").write_text(json.dumps(config))
    mapped = {"auto_map": {"AutoTokenizer": ["modeling_phi3_v.Tokenizer", None]}}
    for name in ("tokenizer_config.json", "preprocessor_config.json", "processor_config.json"):
        (folder / name).write_text(json.dumps(mapped))
    plan(folder, cpu())
    judge = open_judge(folder, cpu(), name="Hostile")
    judge.score(judge.prepare("red", question="Is it?"), flat_picture("red"), None)
    assert not witness.exists()
    files = [str(getattr(module, "__file__", None)) for module in list(sys.modules.values())]
    assert not [file for file in files if str(folder) in file]


def test_the_package_never_asks_for_code_from_elsewhere() -> None:
    import mmsearch_desktop

    package = Path(mmsearch_desktop.__file__).parent
    words = "trust_" + "remote_code"
    assert not [path for path in package.rglob("*.py") if words in path.read_text("utf-8")]


# --------------------------------------------------------------------------- fingerprints


def test_a_fingerprint_follows_content_and_not_places(folder: Path, tmp_path: Path) -> None:
    same = write_tiny_phi3(tmp_path / "elsewhere")
    spread = write_tiny_phi3(tmp_path / "spread", files=2)
    other = write_tiny_phi3(tmp_path / "other", seed=1)
    assert len(fingerprint(folder)) == 12
    assert fingerprint(folder) == fingerprint(same) == fingerprint(spread)
    assert fingerprint(folder) != fingerprint(other)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_fingerprint_covers_the_small_files(name: str, folder: Path) -> None:
    before = fingerprint(folder)
    (folder / name).write_text((folder / name).read_text("utf-8") + "\n", "utf-8")
    assert fingerprint(folder) != before
