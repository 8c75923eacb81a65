"""BGE-VL with tiny random weights: what it promises, and what it says of bad files."""

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
from safetensors.torch import load_file, save_file

from mmsearch_desktop.domain import (
    ModelProblem,
    Preparation,
    VectorSpace,
    WeightsDamaged,
    WeightsMissing,
)
from mmsearch_desktop.models import bge_vl
from mmsearch_desktop.models.bge_vl import BgeVlEmbedder, prepare_picture
from tests.models.embedder_contract import (
    CPU,
    LONG,
    DeviceContract,
    EmbedderContract,
    PreparationContract,
    differs_by,
    one_thread,
    pictures,
)
from tests.models.tiny_bge_vl import (
    DIMENSIONS,
    FILES,
    MOST_TOKENS,
    PICTURE_PIXELS,
    WEIGHTS,
    write_tiny_model,
)

if TYPE_CHECKING:
    from mmsearch_desktop.models.device import Device


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def opened(
    folder: Path, device: Device = CPU, preparation: Preparation = Preparation.APP
) -> BgeVlEmbedder:
    embedder = bge_vl.open_embedder(
        folder, name="Tiny", revision="7", preparation=preparation, device=device
    )
    assert isinstance(embedder, BgeVlEmbedder)
    return embedder


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> BgeVlEmbedder:
    return opened(write_tiny_model(tmp_path_factory.mktemp("model") / "m"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model")


# ------------------------------------------------------------------------------- what it gives


class TestPromises(EmbedderContract):
    pass


class TestPreparation(PreparationContract):
    prepare = staticmethod(prepare_picture)


def test_it_says_what_it_is(folder: Path) -> None:
    embedder = opened(folder, preparation=Preparation.OFFICIAL)
    assert embedder.space == VectorSpace("bge-vl", "7", DIMENSIONS, Preparation.OFFICIAL)
    assert (embedder.name, embedder.picture_side_pixels) == ("Tiny", PICTURE_PIXELS)
    assert embedder.batch_size > 1


def _features(embedder: BgeVlEmbedder, picture: Image.Image, words: str) -> list[torch.Tensor]:
    with torch.inference_mode():
        return [embedder._picture_features([picture]), embedder._word_features([words])]


def test_a_picture_with_words_is_their_sum_before_they_get_unit_length(
    embedder: BgeVlEmbedder,
) -> None:
    picture, words = pictures(1)[0], "red bag"
    features = _features(embedder, picture, words)
    total = sum(features[1:], features[0])
    together = embedder.embed_pictures_with_words([picture], [words])
    assert differs_by(together, (total / total.norm()).numpy()) < 1e-6
    alone = embedder.embed_pictures([picture]) + embedder.embed_words([words])
    assert differs_by(together, alone / np.linalg.norm(alone)) > 1e-3, "another direction"


def test_the_end_token_is_kept(embedder: BgeVlEmbedder) -> None:
    first, last = embedder.token_ids("")
    ids = embedder.token_ids(LONG)
    assert len(ids) == MOST_TOKENS
    assert (ids[0], ids[-1]) == (first, last)
    assert ids[-2] != last


def test_words_are_joined_from_their_pieces(embedder: BgeVlEmbedder) -> None:
    assert len(embedder.token_ids("Red  BAG")) == 2 + 2
    assert embedder.token_ids("red bag") == embedder.token_ids(" RED\nbag ")
    assert len(embedder.token_ids("bags")) > 2 + 1


@settings(deadline=None, max_examples=25)
@given(text=st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_text_gives_a_vector(embedder: BgeVlEmbedder, text: str) -> None:
    assert np.isfinite(embedder.embed_words([text])).all()
    assert np.isfinite(embedder.embed_pictures_with_words(pictures(1), [text])).all()
    cut = len(embedder.token_ids(text)) == MOST_TOKENS
    assert cut or embedder.cut_notice(text, with_picture=True) is None


def test_the_crop_is_cut_and_not_rounded() -> None:
    ramp = np.tile(np.arange(40, dtype=np.uint8), (32, 1))
    for width, left in ((33, 0), (35, 1), (37, 2), (39, 3), (32, 0)):
        picture = Image.fromarray(ramp[:, :width])
        square = prepare_picture(picture, 32, Preparation.OFFICIAL)
        assert square[0, 0, 0] == left


def test_a_palette_becomes_rgb_before_it_is_made_small() -> None:
    stripes = Image.new("P", (64, 64))
    stripes.putpalette([0, 0, 0, 255, 255, 255])
    stripes.putdata([x % 2 for _ in range(64) for x in range(64)])
    square = prepare_picture(stripes, 32, Preparation.OFFICIAL)
    assert 60 < square.min() <= square.max() < 195, "grey, where the palette has none"


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


def test_ids_are_of_the_vocabulary_else_transformers_warns(folder: Path) -> None:
    text: Any = bge_vl._read_parts(folder).config.text_config
    ids = (text.bos_token_id, text.eos_token_id, text.pad_token_id)
    assert all(0 <= number < text.vocab_size for number in ids)


def test_program_code_beside_the_weights_is_not_run(folder: Path) -> None:
    marker = folder / "ran"
    code = f"open({str(marker)!r}, 'w').close()\n"
    for name in ("modeling_MMRet_CLIP.py", "bge_vl_clip_transformer.py"):
        (folder / name).write_text(code, encoding="utf-8")
    _spoil("config.json", architectures=["Odd"], attn_implementation="someone/kernel")(folder)
    opened(folder).embed_words(["red"])
    assert not marker.exists()


def _rewrite(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = {name: tensor.clone() for name, tensor in load_file(folder / WEIGHTS).items()}
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


@pytest.mark.parametrize("name", ["visual_projection.weight", "text_model.final_layer_norm.bias"])
def test_a_missing_tensor_is_named(folder: Path, name: str) -> None:
    _rewrite(folder, lambda tensors: tensors.pop(name))
    with pytest.raises(WeightsDamaged, match=rf"{WEIGHTS}.*1 missing \({name}\)"):
        opened(folder)


def test_unexpected_and_misshapen_tensors_are_named(folder: Path) -> None:
    def spoil(tensors: dict[str, torch.Tensor]) -> None:
        tensors["vision_model.odd"] = torch.zeros(1)
        tensors["text_projection.weight"] = torch.zeros(3, 4)

    _rewrite(folder, spoil)
    with pytest.raises(WeightsDamaged) as error:
        opened(folder)
    assert "1 unexpected (vision_model.odd)" in str(error.value)
    assert f"text_projection.weight is 3×4, not {DIMENSIONS}×32" in str(error.value)


def test_files_of_older_writers_give_the_same(folder: Path) -> None:
    expected = opened(folder).embed_words(["red bag", "dark"])
    key = "text_model.embeddings.position_ids"
    _rewrite(folder, lambda tensors: tensors.update({key: torch.arange(MOST_TOKENS)[None]}))
    _spoil("config.json", **{"text_config.eos_token_id": 2})(folder)
    assert differs_by(opened(folder).embed_words(["red bag", "dark"]), expected) == 0
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    _spoil("config.json", text_config_dict=values["text_config"], text_config=None)(folder)
    assert differs_by(opened(folder).embed_words(["red bag", "dark"]), expected) == 0


def test_merges_with_another_systems_line_ends(folder: Path) -> None:
    expected = opened(folder).token_ids("red bag")
    path = folder / "merges.txt"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert opened(folder).token_ids("red bag") == expected


def _spoil(name: str, **changes: object) -> Callable[[Path], None]:
    """Sets values in a JSON file; a dot in a name goes one table deeper."""

    def change(folder: Path) -> None:
        path = folder / name
        found: Any = json.loads(path.read_text(encoding="utf-8"))
        for place, value in changes.items():
            table, _, key = place.rpartition(".")
            (found[table] if table else found)[key] = value
        path.write_text(json.dumps(found), encoding="utf-8")

    return change


def _text_of(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def _removed(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _config(**changes: object) -> Callable[[Path], None]:
    return _spoil("config.json", **{k.replace("__", "."): v for k, v in changes.items()})


def _cut_weights(folder: Path) -> None:
    path = folder / WEIGHTS
    path.write_bytes(path.read_bytes()[:-2000])


SPOILED: list[tuple[Callable[[Path], object], type[ModelProblem], str]] = [
    *((_removed(name), WeightsMissing, name) for name in FILES),
    (shutil.rmtree, WeightsMissing, "model"),
    (_cut_weights, WeightsDamaged, "cut short"),
    (_text_of("config.json", '{"model_type": '), WeightsDamaged, r"config\.json.*JSON"),
    (_text_of("config.json", "{}"), ModelProblem, "type None"),
    (_config(model_type="qwen3_vl"), ModelProblem, "'qwen3_vl'.*'clip'"),
    (_config(text_config=7), WeightsDamaged, "wrong kind"),
    (_config(text_config__hidden_size="wide"), WeightsDamaged, "wrong kind"),
    (_config(text_config__num_attention_heads=5), WeightsDamaged, "wrong kind"),
    (_config(vision_config__image_size=[32, 48]), WeightsDamaged, "wrong kind"),
    (_config(vision_config__patch_size=0), WeightsDamaged, "wrong kind"),
    (_config(vision_config__patch_size=99), WeightsDamaged, "no room"),
    (_config(projection_dim=None), WeightsDamaged, "no room"),
    (_config(vision_config__hidden_act="magic"), WeightsDamaged, "no possible model"),
    (_config(vision_config__num_hidden_layers=3), WeightsDamaged, r"missing \(vision_model\.enc"),
    (_config(text_config={}), WeightsDamaged, r"×512"),
    (_config(text_config__vocab_size=9), WeightsDamaged, "another vocabulary"),
    (_config(text_config__eos_token_id=7), WeightsDamaged, "another vocabulary"),
    (_text_of("vocab.json", "version https://git-lfs"), WeightsDamaged, r"vocab\.json.*JSON"),
    (_text_of("vocab.json", '{"a": 0}'), WeightsDamaged, "no vocabulary"),
    (_spoil("vocab.json", a="zero"), WeightsDamaged, "no vocabulary"),
    (_spoil("vocab.json", a=70_000), WeightsDamaged, "no vocabulary"),
    (_text_of("merges.txt", "version https://git-lfs\nx y z"), WeightsDamaged, "one pair"),
    (_text_of("merges.txt", "#version: 0.2\nq u\n"), WeightsDamaged, r"q and u.*vocab\.json"),
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


def with_model(folder: Path, model: torch.nn.Module) -> BgeVlEmbedder:
    space = VectorSpace("m", "1", DIMENSIONS, Preparation.APP)
    return BgeVlEmbedder(model, bge_vl._read_parts(folder), name="T", space=space, device=CPU)


class TestDevice(DeviceContract):
    opened = staticmethod(opened)
    failing = staticmethod(with_model)


def test_numbers_that_are_none_never_leave(folder: Path) -> None:
    _rewrite(folder, lambda tensors: tensors["visual_projection.weight"].fill_(float("nan")))
    embedder = opened(folder)
    assert np.isfinite(embedder.embed_words(["red"])).all()
    with pytest.raises(ModelProblem, match="no usable numbers on processor in float32"):
        embedder.embed_pictures(pictures(1))
