"""Visualized BGE with tiny random weights: what it promises, and what it says of bad files."""

from __future__ import annotations

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

from mmsearch_desktop.domain import (
    ModelProblem,
    Preparation,
    VectorSpace,
    WeightsDamaged,
    WeightsMissing,
)
from mmsearch_desktop.models import visualized_bge
from mmsearch_desktop.models.visualized_bge import VisualizedBgeEmbedder, prepare_picture
from tests.models.embedder_contract import (
    CPU,
    LONG,
    WORDS,
    DeviceContract,
    EmbedderContract,
    PreparationContract,
    differs_by,
    one_thread,
    pictures,
)
from tests.models.tiny_visualized_bge import (
    DIMENSIONS,
    IMAGE_TOKENS,
    MOST_POSITIONS,
    PICTURE_PIXELS,
    WEIGHTS,
    Flavour,
    write_tiny_model,
)

if TYPE_CHECKING:
    from mmsearch_desktop.models.device import Device

FLAVOURS: tuple[Flavour, ...] = ("base_en", "m3")


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def opened(
    folder: Path, device: Device = CPU, preparation: Preparation = Preparation.APP
) -> VisualizedBgeEmbedder:
    embedder = visualized_bge.open_embedder(
        folder, name="Tiny", revision="7", preparation=preparation, device=device
    )
    assert isinstance(embedder, VisualizedBgeEmbedder)
    return embedder


@pytest.fixture(scope="module", params=FLAVOURS)
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return opened(write_tiny_model(tmp_path_factory.mktemp("model") / "m", request.param))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model")


# ------------------------------------------------------------------------------- what it gives


class TestPromises(EmbedderContract):
    pass


def test_it_says_what_it_is(tmp_path: Path) -> None:
    official = Preparation.OFFICIAL
    for flavour, model in zip(FLAVOURS, ("base-en", "m3"), strict=True):
        embedder = opened(write_tiny_model(tmp_path / flavour, flavour), preparation=official)
        assert embedder.space == VectorSpace(f"visualized-bge-{model}", "7", DIMENSIONS, official)
        assert (embedder.name, embedder.picture_side_pixels) == ("Tiny", PICTURE_PIXELS)
        assert embedder.batch_size > 1


def test_a_picture_alone_is_a_picture_with_no_words(embedder: VisualizedBgeEmbedder) -> None:
    shown = pictures(2)
    alone = embedder.embed_pictures(shown)
    assert differs_by(alone, embedder.embed_pictures_with_words(shown, ["", ""])) == 0


# --------------------------------------------------------------------------------- long words


def test_the_end_token_is_kept(embedder: VisualizedBgeEmbedder) -> None:
    first, last = embedder.token_ids("", with_picture=False)
    ids = embedder.token_ids(LONG, with_picture=True)
    assert len(ids) == MOST_POSITIONS - IMAGE_TOKENS
    assert (ids[0], ids[-1]) == (first, last)
    assert ids[-2] != last


@settings(deadline=None, max_examples=25)
@given(text=st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_text_gives_a_vector(embedder: VisualizedBgeEmbedder, text: str) -> None:
    assert np.isfinite(embedder.embed_words([text])).all()
    assert np.isfinite(embedder.embed_pictures_with_words(pictures(1), [text])).all()
    ids = embedder.token_ids(text, with_picture=True)
    cut = len(ids) == MOST_POSITIONS - IMAGE_TOKENS
    assert cut or embedder.cut_notice(text, with_picture=True) is None


# --------------------------------------------------------------------------------- preparation


class TestPreparation(PreparationContract):
    prepare = staticmethod(prepare_picture)


def test_the_crop_rounds_to_even_as_the_official_code() -> None:
    ramp = np.tile(np.arange(40, dtype=np.uint8), (32, 1))
    for width, left in ((33, 0), (35, 2), (37, 2), (39, 4), (32, 0)):
        picture = Image.fromarray(ramp[:, :width])
        square = prepare_picture(picture, 32, Preparation.OFFICIAL)
        assert square[0, 0, 0] == left


# -------------------------------------------------------------------------------------- files


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_opening_writes_nothing_and_says_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = _files(folder)
    opened(folder).embed_words([LONG])
    assert _files(folder) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_text_files_beside_the_weights_and_both_weights(tmp_path: Path, flavour: Flavour) -> None:
    folder = write_tiny_model(tmp_path / "model", flavour)
    expected = opened(folder).embed_words(["red bag"])
    for path in (folder / "text_model").iterdir():
        path.rename(folder / path.name)
    (folder / "text_model").rmdir()
    for name in WEIGHTS.values():
        if not (folder / name).exists():
            (folder / name).write_bytes(b"the other flavour's")
    assert differs_by(opened(folder).embed_words(["red bag"]), expected) == 0


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_converted_once_and_equal(tmp_path: Path, flavour: Flavour) -> None:
    folder = write_tiny_model(tmp_path / "model", flavour)
    before = opened(folder).embed_pictures_with_words(pictures(), WORDS[:4])
    converted = visualized_bge.convert(folder)
    assert converted == folder / "model.safetensors"
    written = converted.stat().st_mtime_ns
    (folder / WEIGHTS[flavour]).unlink()
    assert visualized_bge.convert(folder) == converted
    assert converted.stat().st_mtime_ns == written
    after = opened(folder).embed_pictures_with_words(pictures(), WORDS[:4])
    assert differs_by(before, after) == 0


def test_another_models_safetensors_is_left_alone(folder: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, folder / "model.safetensors", metadata={"format": "pt"})
    before = _files(folder)
    assert opened(folder).embed_words(["red"]).shape == (1, DIMENSIONS)
    with pytest.raises(ModelProblem, match="of another model"):
        visualized_bge.convert(folder)
    assert _files(folder) == before


def _rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    path = folder / WEIGHTS["base_en"]
    tensors = torch.load(path, weights_only=True)
    change(tensors)
    torch.save(tensors, path)


@pytest.mark.parametrize("name", ["visual_proj.bias", "model_visual.visual.rope.freqs_cos"])
@pytest.mark.parametrize("use", [opened, visualized_bge.convert])
def test_a_missing_tensor_is_named(folder: Path, name: str, use: Callable[[Path], object]) -> None:
    _rewrite(folder, lambda tensors: tensors.pop(name))
    before = _files(folder)
    with pytest.raises(WeightsDamaged, match=rf"{WEIGHTS['base_en']}.*1 missing \({name}\)"):
        use(folder)
    assert _files(folder) == before


def test_unexpected_and_misshapen_tensors_are_named(folder: Path) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        tensors["model_visual.visual.odd"] = torch.zeros(1)
        tensors["visual_proj.bias"] = torch.zeros(3)

    _rewrite(folder, spoil)
    with pytest.raises(WeightsDamaged) as error:
        opened(folder)
    assert "1 unexpected (model_visual.visual.odd)" in str(error.value)
    assert f"visual_proj.bias is 3, not {DIMENSIONS}" in str(error.value)


def test_old_files_with_position_ids_are_read(folder: Path) -> None:
    key = "bge_embeddings.position_ids"
    _rewrite(folder, lambda tensors: tensors.update({key: torch.arange(MOST_POSITIONS)[None]}))
    assert opened(folder).embed_words(["red"]).shape == (1, DIMENSIONS)


def _spoil_json(name: str, **values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        found = json.loads(path.read_text(encoding="utf-8"))
        (found["vision_cfg"] if name == "eva_config.json" else found).update(values)
        path.write_text(json.dumps(found), encoding="utf-8")

    return change


def _text_of(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def _tokenizer_of_m3(folder: Path) -> None:
    other = write_tiny_model(folder.parent / "other", "m3") / "text_model" / "tokenizer.json"
    shutil.copy(other, folder / "text_model" / "tokenizer.json")


def _cut_weights(folder: Path) -> None:
    path = folder / WEIGHTS["base_en"]
    path.write_bytes(path.read_bytes()[:-2000])


CONFIG, EVA, TOKENS = "text_model/config.json", "eva_config.json", "text_model/tokenizer.json"
SPOILED: list[tuple[Callable[[Path], object], type[ModelProblem], str]] = [
    (lambda f: (f / WEIGHTS["base_en"]).unlink(), WeightsMissing, r"Visualized_base_en_v1\.5\.pth"),
    (lambda f: (f / TOKENS).unlink(), WeightsMissing, r"tokenizer\.json"),
    (lambda f: (f / CONFIG).unlink(), WeightsMissing, r"config\.json"),
    (shutil.rmtree, WeightsMissing, "model"),
    (_cut_weights, WeightsDamaged, "cut short"),
    (_text_of(CONFIG, '{"model_type": '), WeightsDamaged, r"config\.json.*JSON"),
    (_text_of(CONFIG, "[]"), WeightsDamaged, "no table"),
    (_text_of(CONFIG, "{}"), ModelProblem, "type None"),
    (_text_of(CONFIG, '{"model_type": "bert"}'), WeightsDamaged, "does not give hidden_size"),
    (_spoil_json(CONFIG, model_type="gpt2"), ModelProblem, "'gpt2'.*bert, xlm-roberta"),
    (_spoil_json(CONFIG, hidden_size="wide"), WeightsDamaged, "wrong kind"),
    (_spoil_json(CONFIG, num_attention_heads=5), WeightsDamaged, "no possible model"),
    (_spoil_json(CONFIG, num_attention_heads=0), WeightsDamaged, "no possible model"),
    (_spoil_json(CONFIG, hidden_size=-4), WeightsDamaged, "no possible model"),
    (_spoil_json(CONFIG, max_position_embeddings=4), WeightsDamaged, "too few"),
    (_spoil_json(CONFIG, num_hidden_layers=3), WeightsDamaged, r"missing \(bge_encoder\.layer\.2"),
    (_spoil_json(CONFIG, vocab_size=9), WeightsDamaged, "another text model"),
    (_text_of(TOKENS, "version https://git-lfs"), WeightsDamaged, r"tokenizer\.json"),
    (_tokenizer_of_m3, WeightsDamaged, "another text model"),
    (_text_of(TOKENS, "{}"), WeightsDamaged, r"tokenizer\.json: is no tokenizer"),
    (_spoil_json(TOKENS, model={"type": "new"}), WeightsDamaged, "is no tokenizer"),
    (_spoil_json(TOKENS, model="words"), WeightsDamaged, "is no tokenizer"),
    (_spoil_json(TOKENS, normalizer=3), WeightsDamaged, "is no tokenizer"),
    (_spoil_json(EVA, rope=False), ModelProblem, "rope switched off"),
    (_spoil_json(EVA, head_width=7), ModelProblem, "do not fit together"),
    (_spoil_json(EVA, patch_size=0), WeightsDamaged, "no picture tower"),
    (_spoil_json(EVA, width=None), WeightsDamaged, "no picture tower"),
    (_text_of(EVA, "{}"), WeightsDamaged, "no picture tower"),
]


@pytest.mark.parametrize(("spoil", "problem", "message"), SPOILED)
def test_bad_files_are_named(
    folder: Path, spoil: Callable[[Path], object], problem: type[ModelProblem], message: str
) -> None:
    spoil(folder)
    with pytest.raises(problem, match=message) as error:
        opened(folder)
    assert str(folder) in str(error.value)


def test_without_a_vision_configuration_the_published_sizes_count(folder: Path) -> None:
    _spoil_json(CONFIG, max_position_embeddings=512)(folder)
    (folder / EVA).unlink()
    with pytest.raises(WeightsDamaged, match="1×197×768"):
        opened(folder)


# ------------------------------------------------------------------------------ the device


def with_model(folder: Path, model: torch.nn.Module) -> VisualizedBgeEmbedder:
    parts = visualized_bge._read_parts(folder)
    space = VectorSpace("m", "1", DIMENSIONS, Preparation.APP)
    return VisualizedBgeEmbedder(
        model, visualized_bge._open_tokenizer(parts), parts, name="T", space=space, device=CPU
    )


class TestDevice(DeviceContract):
    opened = staticmethod(opened)
    failing = staticmethod(with_model)

    @pytest.fixture(params=FLAVOURS)
    def folder(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        return write_tiny_model(tmp_path / "model", request.param)


def test_numbers_that_are_none_never_leave(folder: Path) -> None:
    _rewrite(folder, lambda tensors: tensors["visual_proj.bias"].fill_(float("nan")))
    embedder = opened(folder)
    assert np.isfinite(embedder.embed_words(["red"])).all()
    with pytest.raises(ModelProblem, match="no usable numbers on processor in float32"):
        embedder.embed_pictures(pictures(1))
