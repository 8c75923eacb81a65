"""Qwen3-VL-Embedding with tiny random weights: the official recipe, and what bad files are told."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from mmsearch_desktop.domain import (
    ModelProblem,
    Preparation,
    VectorSpace,
    WeightsDamaged,
    WeightsMissing,
)
from mmsearch_desktop.models import qwen3_vl_embedding
from mmsearch_desktop.models.embedding import batch_size
from mmsearch_desktop.models.qwen3_vl_embedding import (
    FOR_PHOTOS,
    FOR_QUERIES,
    Patching,
    Prompt,
    Prompts,
    Qwen3VlEmbedder,
    empty_model,
    fitting_precision,
    open_tokenizer,
    picture_size,
    prepare_picture,
    read_config,
)
from tests.models.embedder_contract import (
    CPU,
    LONG,
    MODES,
    DeviceContract,
    EmbedderContract,
    differs_by,
    one_thread,
    pictures,
)
from tests.models.tiny_qwen3_vl import DIMENSIONS, FILES, LAST, WEIGHTS, write_tiny_model

if TYPE_CHECKING:
    from transformers import Qwen3VLModel

    from mmsearch_desktop.models.device import Device

GB = 10**9
CARD = dataclasses.replace(CPU, kind="xpu", name="A small card", precision="float16")
PUBLISHED = Patching(patch_pixels=16, merged=2, frames=2)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def opened(
    folder: Path, device: Device = CPU, preparation: Preparation = Preparation.APP
) -> Qwen3VlEmbedder:
    embedder = qwen3_vl_embedding.open_embedder(
        folder, name="Tiny", revision="7", preparation=preparation, device=device
    )
    assert isinstance(embedder, Qwen3VlEmbedder)
    return embedder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model") / "m")


@pytest.fixture(scope="module")
def embedder(made: Path) -> Qwen3VlEmbedder:
    return opened(made)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model")


# ------------------------------------------------------------------------------- what it gives


class TestPromises(EmbedderContract):
    pass


def test_it_says_what_it_is(folder: Path) -> None:
    embedder = opened(folder, preparation=Preparation.OFFICIAL)
    space = VectorSpace("qwen3-vl-embedding-1", "7", DIMENSIONS, Preparation.OFFICIAL)
    assert (embedder.space, embedder.name) == (space, "Tiny")
    assert embedder.picture_side_pixels == 11 * 8, "121 of at most 128 tokens"
    assert embedder.batch_size > 1


def _official_prompt(instruction: str, content: str) -> str:
    return (
        f"<|im_start|>system\n{instruction}<|im_end|>\n<|im_start|>user\n{content}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("words", ["red bag", "", "  ", "\nred", "'s bag\n\n", "Ünïcode 中文"])
def test_prompts_are_what_the_official_chat_gives(made: Path, words: str) -> None:
    path = made / "tokenizer.json"
    prompts, plain = Prompts(open_tokenizer(path)), Tokenizer.from_file(str(path))
    for instruction, prompt, content in (
        (FOR_QUERIES, prompts.words(words, 99), words),
        (FOR_PHOTOS, prompts.photo((2, 3)), _seen(6)),
        (FOR_QUERIES, prompts.photo_with_words((2, 3), words, 99), _seen(6) + words),
    ):
        ids = plain.encode(_official_prompt(instruction, content)).ids
        assert list(prompt.ids) == ids
        assert ids[-1] == plain.token_to_id(LAST), "the tokenizer's own way to end a text"


def _seen(tokens: int) -> str:
    return f"<|vision_start|>{'<|image_pad|>' * tokens}<|vision_end|>"


def test_words_cannot_pass_for_controls(embedder: Qwen3VlEmbedder) -> None:
    prompts = embedder._prompts
    ids = prompts.words(f"<|im_end|>{_seen(1)}{LAST}", 99).ids
    assert prompts.picture not in ids
    assert ids.count(prompts.last) == 1
    embedder.embed_words([_seen(2)])
    embedder.embed_pictures_with_words(pictures(1), [_seen(2)])


def test_words_that_are_too_long_leave_the_rest_of_the_prompt_whole(
    embedder: Qwen3VlEmbedder,
) -> None:
    prompts, limit = embedder._prompts, embedder._limits.word_tokens
    short, long = prompts.words("", limit).ids, prompts.words(LONG, limit).ids
    assert len(long) == len(short) + limit
    behind = len(short) - short.index(prompts.end, short.index(prompts.end) + 1)
    assert long[-behind:] == short[-behind:]
    assert long[: len(short) - behind] == short[:-behind]


def _by_transformers(embedder: Qwen3VlEmbedder, prompt: Prompt, **seen: torch.Tensor) -> Any:
    """The vector, with places and masks as transformers works them out."""
    ids = torch.tensor([prompt.ids])
    kinds = (ids == embedder._prompts.picture).int()
    output = embedder._model(
        input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=kinds, **seen
    )
    state = output.last_hidden_state[0, -1]
    return (state / state.norm()).numpy()


def test_vectors_are_what_transformers_gives_at_the_last_token(embedder: Qwen3VlEmbedder) -> None:
    shown, words = pictures(2), ["red bag", "a dark night"]
    together = embedder.embed_pictures_with_words(shown, words)
    alone, read = embedder.embed_pictures(shown), embedder.embed_words(words)
    prompts, limit = embedder._prompts, embedder._limits.word_tokens
    for number, pixels in enumerate(embedder._prepared(shown)):
        grid = embedder._patching.grid(pixels)
        both = prompts.photo_with_words(grid, words[number], limit)
        seen = embedder._seen([both], [pixels])
        with torch.inference_mode():
            expected = (
                _by_transformers(embedder, both, **seen),
                _by_transformers(embedder, prompts.photo(grid), **seen),
                _by_transformers(embedder, prompts.words(words[number], limit)),
            )
        for vector, one in zip((together, alone, read), expected, strict=True):
            assert differs_by(vector[number], one) < 1e-6


@given(
    before=st.integers(0, 9),
    down=st.integers(0, 5),
    across=st.integers(0, 5),
    behind=st.integers(1, 9),
)
def test_places_are_those_of_transformers(
    embedder: Qwen3VlEmbedder, before: int, down: int, across: int, behind: int
) -> None:
    size = down * across
    grid = (down, across) if size else (0, 0)
    prompt = Prompt(tuple(range(before + size + behind)), before if size else before + behind, grid)
    ids = torch.tensor([prompt.ids])
    kinds = torch.zeros_like(ids)
    kinds[0, before : before + size] = 1
    grids = torch.tensor([(1, 2 * down, 2 * across)]) if size else None
    places, _ = embedder._model.get_rope_index(ids, kinds.int(), grids)
    assert torch.equal(prompt.positions()[1:], places[:, 0])
    assert prompt.positions()[0].tolist() == list(prompt.ids)


def test_the_first_numbers_of_a_vector_are_a_vector(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = opened(folder).embed_words(["red bag"])[0]
    most = {Preparation.APP: (384, 1024, 16)}
    monkeypatch.setattr(qwen3_vl_embedding, "_MOST", most)
    cut = opened(folder)
    assert cut.space.dimensions == 16
    expected = whole[:16] / np.linalg.norm(whole[:16])
    assert differs_by(cut.embed_words(["red bag"])[0], expected) < 1e-6


@settings(deadline=None, max_examples=25)
@given(text=st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_text_gives_a_vector(embedder: Qwen3VlEmbedder, text: str) -> None:
    assert np.isfinite(embedder.embed_words([text])).all()
    assert np.isfinite(embedder.embed_pictures_with_words(pictures(1), [text])).all()
    for limit in (embedder._limits.word_tokens, 3):
        whole, cut = (embedder._prompts.words(text, most).ids for most in (999, limit))
        read = embedder._prompts.characters_read(text, limit, with_picture=False)
        assert (read is None) == (whole == cut)
        assert read is None or 0 <= read <= len(text)


# -------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1000, 700), (90, 50), (2000, 400)])
def test_pictures_are_prepared_as_transformers_does(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)
    theirs = Qwen2VLImageProcessorPil(
        patch_size=16,
        temporal_patch_size=2,
        merge_size=2,
        size={"shortest_edge": 4 * 32**2, "longest_edge": 384 * 32**2},
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
    )(Image.fromarray(noise), return_tensors="pt")
    pixels = prepare_picture(Image.fromarray(noise), PUBLISHED.factor, 384)
    ours = PUBLISHED.normalised(PUBLISHED.patches(pixels))
    grid = [[1, *(2 * tokens for tokens in PUBLISHED.grid(pixels))]]
    assert theirs["image_grid_thw"].tolist() == grid
    assert ours.shape == theirs["pixel_values"].shape
    assert (ours - theirs["pixel_values"]).abs().max() < 1e-6


@given(width=st.integers(1, 5000), height=st.integers(1, 5000), most=st.sampled_from([128, 384]))
def test_a_picture_keeps_its_shape_within_the_tokens(width: int, height: int, most: int) -> None:
    longest = min(200, most) * min(width, height)
    width, height = min(width, longest), min(height, longest)
    wide, high = picture_size(width, height, 32, most)
    assert wide % 32 == high % 32 == 0
    assert 4 <= wide * high // 32**2 <= most
    if min(wide, high) >= 256:
        assert wide / high == pytest.approx(width / height, rel=0.15)


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_picture(mode: str) -> None:
    for size in ((1, 1), (32, 32), (50, 31), (3, 900), (70_000, 1)):
        pixels = prepare_picture(Image.new(mode, size), 32, 128)
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3
        assert 4 <= pixels.size // 3 // 32**2 <= 128


def test_what_is_transparent_is_white() -> None:
    clear = Image.new("RGBA", (64, 64), (9, 9, 9, 0))
    assert prepare_picture(clear, 32, 128).min() == 255


# -------------------------------------------------------------------------------------- files


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_opening_writes_nothing_and_says_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = _files(folder)
    opened(folder).embed_words([LONG])
    assert _files(folder) == before
    assert capfd.readouterr() == ("", "")


def test_program_code_beside_the_weights_is_not_run(folder: Path) -> None:
    marker = folder / "ran"
    (folder / "qwen3_vl_embedding.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    auto = {"AutoModel": "qwen3_vl_embedding.Qwen3VLForEmbedding"}
    _config(auto_map=auto, attn_implementation="someone/kernel")(folder)
    opened(folder).embed_words(["red"])
    assert not marker.exists()


def test_parts_and_names_without_the_outer_give_the_same(folder: Path, tmp_path: Path) -> None:
    expected = opened(folder).embed_pictures_with_words(pictures(1), ["red"])
    spread = write_tiny_model(tmp_path / "spread", files=3)
    inner = write_tiny_model(tmp_path / "inner", prefix="")
    _rewrite(inner, lambda tensors: tensors.update({"lm_head.weight": torch.zeros(2, 2)}))
    for other in (spread, inner):
        ours = opened(other).embed_pictures_with_words(pictures(1), ["red"])
        assert differs_by(ours, expected) == 0


def test_places_in_the_words_of_today_give_the_same(folder: Path) -> None:
    expected = opened(folder).embed_pictures(pictures(1))
    rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [2, 2, 2]}
    _config(text_config__rope_parameters=rope, text_config__rope_scaling=None)(folder)
    assert differs_by(opened(folder).embed_pictures(pictures(1)), expected) == 0


def _rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = {name: tensor.clone() for name, tensor in load_file(folder / WEIGHTS).items()}
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def test_missing_unexpected_and_misshapen_tensors_are_named(folder: Path) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        del tensors["model.visual.pos_embed.weight"]
        tensors["model.visual.odd"] = torch.zeros(1)
        tensors["model.language_model.norm.weight"] = torch.zeros(3)

    _rewrite(folder, spoil)
    with pytest.raises(WeightsDamaged) as error:
        opened(folder)
    assert "1 missing (visual.pos_embed.weight)" in str(error.value)
    assert "1 unexpected (visual.odd)" in str(error.value)
    assert f"language_model.norm.weight is 3, not {DIMENSIONS}" in str(error.value)


def _spoil(name: str, **changes: object) -> Callable[[Path], None]:
    """Sets values in a JSON file; two underscores in a name go one table deeper."""

    def change(folder: Path) -> None:
        path = folder / name
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        for place, value in changes.items():
            table, _, key = place.rpartition("__")
            (found[table] if table else found)[key] = value
        path.write_text(json.dumps(found), encoding="utf-8")

    return change


def _config(**changes: object) -> Callable[[Path], None]:
    return _spoil("config.json", **changes)


def _text_of(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def _removed(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _cut_weights(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-2000])


def _without_picture_token(folder: Path) -> None:
    path = folder / "tokenizer.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("<|image_pad|>", "<|other_pad|>"), encoding="utf-8")


def _part_missing(folder: Path) -> None:
    shutil.rmtree(folder)
    write_tiny_model(folder, files=2)
    (folder / "model-00002-of-00002.safetensors").unlink()


YARN = {"rope_type": "yarn", "mrope_section": [2, 2, 2]}
SPOILED: list[tuple[Callable[[Path], object], type[ModelProblem], str]] = [
    *((_removed(name), WeightsMissing, name) for name in FILES),
    (shutil.rmtree, WeightsMissing, "config"),
    (_part_missing, WeightsMissing, "model-00002-of-00002"),
    (_cut_weights, WeightsDamaged, r"has \d+ bytes, not"),
    (_text_of("config.json", '{"model_type": '), WeightsDamaged, r"config\.json.*JSON"),
    (_config(model_type="clip"), ModelProblem, "'clip'.*'qwen3_vl'"),
    (_config(text_config=7), WeightsDamaged, "wrong kind"),
    (_config(vision_config={}), WeightsDamaged, "do not fit together"),
    (_config(text_config__hidden_size="wide"), WeightsDamaged, "wrong kind"),
    (_config(text_config__num_key_value_heads=0), WeightsDamaged, "wrong kind"),
    (_config(text_config__rope_scaling=YARN), WeightsDamaged, "'yarn'"),
    (_config(text_config__rope_scaling=None), WeightsDamaged, "mrope_section"),
    (_config(text_config__head_dim=16), WeightsDamaged, "share out a head of 16"),
    (_config(text_config__max_position_embeddings=40), WeightsDamaged, "no room"),
    (_config(text_config__hidden_act="magic"), WeightsDamaged, "no possible model"),
    (_config(text_config__num_hidden_layers=3), WeightsDamaged, "missing .*layers.2"),
    (_config(text_config__vocab_size=9), WeightsDamaged, "another vocabulary"),
    (_config(image_token_id=7), WeightsDamaged, "another vocabulary"),
    (_config(vision_config__patch_size=[4, 4]), WeightsDamaged, "wrong kind"),
    (_config(vision_config__num_heads=0), WeightsDamaged, "wrong kind"),
    (_config(vision_config__deepstack_visual_indexes=[5]), WeightsDamaged, "fit together"),
    (_config(vision_config__out_hidden_size=99), WeightsDamaged, "fit together"),
    (_text_of("tokenizer.json", "version https://git-lfs"), WeightsDamaged, "JSON"),
    (_text_of("tokenizer.json", '{"model": {"vocab": []}}'), WeightsDamaged, "lists no words"),
    (
        _text_of("tokenizer.json", '{"model": {"type": "Magic", "vocab": {}, "merges": []}}'),
        WeightsDamaged,
        r"tokenizer\.json: is no tokenizer",
    ),
    (_without_picture_token, WeightsDamaged, r"no <\|image_pad\|>.*Qwen3-VL-Embedding's"),
    (_spoil("tokenizer.json", post_processor=None), WeightsDamaged, "makes no vectors"),
]


@pytest.mark.parametrize(("spoil", "problem", "message"), SPOILED)
def test_bad_files_are_named(
    folder: Path, spoil: Callable[[Path], object], problem: type[ModelProblem], message: str
) -> None:
    spoil(folder)
    with pytest.raises(problem, match=message) as error:
        opened(folder)
    assert str(folder) in str(error.value)


# ------------------------------------------------------------------------------ the device


def with_model(folder: Path, model: torch.nn.Module) -> Qwen3VlEmbedder:
    parts = qwen3_vl_embedding._read_parts(folder, Preparation.APP)
    space = VectorSpace("m", "1", DIMENSIONS, Preparation.APP)
    return Qwen3VlEmbedder(model, parts, name="T", space=space, device=CPU, precision="float32")


class TestDevice(DeviceContract):
    opened = staticmethod(opened)
    failing = staticmethod(with_model)


def test_numbers_that_are_none_never_leave(folder: Path) -> None:
    name = "model.visual.merger.linear_fc2.weight"
    _rewrite(folder, lambda tensors: tensors[name].fill_(float("nan")))
    embedder = opened(folder)
    assert np.isfinite(embedder.embed_words(["red"])).all()
    with pytest.raises(ModelProblem, match="no usable numbers on processor"):
        embedder.embed_pictures(pictures(1))


@pytest.fixture
def full_size(folder: Path) -> Qwen3VLModel:
    """The published model, on no device: it takes no memory."""
    text = {"head_dim": 128, "hidden_size": 2048, "intermediate_size": 6144}
    text |= {"num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8}
    text |= {"vocab_size": 151_936, "max_position_embeddings": 262_144}
    tower = {"hidden_size": 1024, "intermediate_size": 4096, "depth": 24, "num_heads": 16}
    tower |= {"num_position_embeddings": 2304, "out_hidden_size": 2048, "patch_size": 16}
    values = {
        **{f"text_config__{name}": value for name, value in text.items()},
        **{f"vision_config__{name}": value for name, value in tower.items()},
        "text_config__rope_scaling": {"mrope_section": [24, 20, 20]},
        "vision_config__deepstack_visual_indexes": [5, 11, 17],
    }
    _config(**values)(folder)
    prompts = Prompts(open_tokenizer(folder / "tokenizer.json"))
    return empty_model(read_config(folder / "config.json", prompts), folder)


def test_the_published_model_has_as_many_tensors_and_numbers(full_size: Qwen3VLModel) -> None:
    tensors = full_size.state_dict()
    assert len(tensors) == 625
    assert sum(tensor.numel() for tensor in tensors.values()) == 2_127_532_032


def test_a_picture_of_the_published_model_is_about_two_trillion_operations(
    full_size: Qwen3VLModel,
) -> None:
    config: Any = full_size.config
    operations = qwen3_vl_embedding._operations(config, 384)
    assert 1.5e12 < operations < 3e12
    assert batch_size(operations, CPU) == 1


def test_what_fits_is_chosen_and_what_does_not_is_refused_with_the_figures(
    full_size: Qwen3VLModel, folder: Path
) -> None:
    def chosen(device: Device, free: float) -> str:
        return fitting_precision(full_size, folder, device, bytes_free=int(free * GB))

    assert chosen(CPU, 16) == "float32"
    assert chosen(CPU, 8) == chosen(CARD, 8) == "bfloat16"
    with pytest.raises(ModelProblem, match=r"needs 4\.8 GB, but A small card has 3\.0 GB free"):
        chosen(CARD, 3)
    with pytest.raises(ModelProblem, match=r"needs 4\.8 GB, but processor has 4\.0 GB free"):
        chosen(CPU, 4)


def test_cards_run_it_in_bfloat16(folder: Path) -> None:
    assert opened(folder, dataclasses.replace(CPU, precision="float16")).precision == "bfloat16"
    assert opened(folder).precision == "float32"
