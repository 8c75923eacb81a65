"""Visualized BGE with tiny random weights: what it promises, and what it says of bad files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    ModelProblem,
    Preparation,
    VectorSpace,
    WeightsDamaged,
    WeightsMissing,
)
from mmsearch_desktop.models import visualized_bge
from mmsearch_desktop.models.device import Device, best_device
from mmsearch_desktop.models.visualized_bge import VisualizedBgeEmbedder, prepare_picture
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
    from numpy.typing import NDArray

CPU = Device("cpu", "processor", "cpu", "float32", None)
FLAVOURS: tuple[Flavour, ...] = ("base_en", "m3")
LONG = "a red bag on the beach at night " * 20
ODD = ("a\tb\x00c", "[SEP] <s> <pad>", "half \ud800")
WORDS = ("", "  ", "red bag", "Ünïcode 中文 \U0001f408", *ODD, LONG)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Models this small only wait for each other's threads, most of all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def opened(
    folder: Path, preparation: Preparation = Preparation.APP, device: Device = CPU
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


def pictures(count: int = 4) -> list[Image.Image]:
    noise = np.random.default_rng(3)
    sizes = [(40, 30), (30, 50), (33, 32), (200, 35)][:count]
    return [Image.fromarray(noise.integers(0, 255, (h, w, 3), np.uint8)) for w, h in sizes]


def differs_by(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    assert one.shape == other.shape
    return float(np.abs(one - other).max())


# ------------------------------------------------------------------------------- what it gives


def test_vectors_have_unit_length_and_their_own_direction(embedder: VisualizedBgeEmbedder) -> None:
    shown = pictures(3)
    rows = np.concatenate(
        [
            embedder.embed_words(["red bag", "dark night"]),
            embedder.embed_pictures(shown),
            embedder.embed_pictures_with_words(shown, ["red", "dark", "car"]),
        ]
    )
    assert rows.dtype == np.float32
    assert rows.shape == (8, DIMENSIONS)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    likeness = rows @ rows.T - np.eye(8)
    assert likeness.max() < 0.9999


def test_it_says_what_it_is(tmp_path: Path) -> None:
    for flavour, model in zip(FLAVOURS, ("base-en", "m3"), strict=True):
        embedder = opened(write_tiny_model(tmp_path / flavour, flavour), Preparation.OFFICIAL)
        official = Preparation.OFFICIAL
        assert embedder.space == VectorSpace(f"visualized-bge-{model}", "7", DIMENSIONS, official)
        assert (embedder.name, embedder.picture_side_pixels) == ("Tiny", PICTURE_PIXELS)
        assert embedder.batch_size > 1


def test_a_batch_gives_what_single_calls_give(embedder: VisualizedBgeEmbedder) -> None:
    shown, words = pictures(), WORDS[:4]
    single = [
        embedder.embed_pictures_with_words([p], [w]) for p, w in zip(shown, words, strict=True)
    ]
    together = embedder.embed_pictures_with_words(shown, words)
    assert differs_by(together, np.concatenate(single)) < 1e-6
    texts = [embedder.embed_words([text]) for text in WORDS]
    assert differs_by(embedder.embed_words(WORDS), np.concatenate(texts)) < 1e-6


def test_a_picture_alone_is_a_picture_with_no_words(embedder: VisualizedBgeEmbedder) -> None:
    shown = pictures(2)
    alone = embedder.embed_pictures(shown)
    assert differs_by(alone, embedder.embed_pictures_with_words(shown, ["", ""])) == 0


def test_nothing_gives_no_rows(embedder: VisualizedBgeEmbedder) -> None:
    empty = (0, DIMENSIONS)
    assert embedder.embed_words([]).shape == empty
    assert embedder.embed_pictures([]).shape == empty
    assert embedder.embed_pictures_with_words([], []).shape == empty
    with pytest.raises(ValueError, match="no pairs"):
        embedder.embed_pictures_with_words(pictures(1), [])


def test_calls_from_several_threads(embedder: VisualizedBgeEmbedder) -> None:
    shown, words = pictures(2), list(WORDS)
    expected = (embedder.embed_pictures(shown), embedder.embed_words(words))

    def both(_: int) -> tuple[float, float]:
        ours = (embedder.embed_pictures(shown), embedder.embed_words(words))
        assert embedder.cut_notice(LONG, with_picture=True)
        return differs_by(ours[0], expected[0]), differs_by(ours[1], expected[1])

    with ThreadPoolExecutor(4) as threads:
        assert np.max(list(threads.map(both, range(16)))) < 1e-6


# --------------------------------------------------------------------------------- long words


@pytest.mark.parametrize("with_picture", [False, True])
def test_long_words_are_cut_and_said_to_be(
    embedder: VisualizedBgeEmbedder, with_picture: bool
) -> None:
    notice = embedder.cut_notice(LONG, with_picture=with_picture)
    assert notice is not None
    read = int(notice.split("first ")[1].split(" ")[0])
    assert f"of {len(LONG):,} characters" in notice
    assert 0 < read < len(LONG)
    assert embedder.cut_notice(LONG[:read], with_picture=with_picture) is None
    texts = (LONG, LONG[:read])
    if with_picture:
        vectors = [embedder.embed_pictures_with_words(pictures(1), [text]) for text in texts]
    else:
        vectors = [embedder.embed_words([text]) for text in texts]
    assert differs_by(*vectors) < 1e-6


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


@pytest.mark.parametrize("preparation", Preparation)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"])
def test_every_mode_of_picture(mode: str, preparation: Preparation) -> None:
    for size in ((1, 1), (32, 32), (50, 31), (31, 50), (3, 900)):
        square = prepare_picture(Image.new(mode, size), 32, preparation)
        assert square.shape == (32, 32, 3)
        assert square.dtype == np.uint8


def test_the_crop_rounds_to_even_as_the_official_code() -> None:
    ramp = np.tile(np.arange(40, dtype=np.uint8), (32, 1))
    for width, left in ((33, 0), (35, 2), (37, 2), (39, 4), (32, 0)):
        picture = Image.fromarray(ramp[:, :width])
        square = prepare_picture(picture, 32, Preparation.OFFICIAL)
        assert square[0, 0, 0] == left


def test_far_ends_of_a_very_long_picture_hardly_matter() -> None:
    across = np.linspace(0, 40, 3000)
    waves = (np.sin(across) * 127 + 128).astype(np.uint8)
    for picture in (
        Image.fromarray(np.tile(waves, (40, 1))),
        Image.fromarray(np.tile(waves, (40, 1)).T.copy()),
    ):
        official = prepare_picture(picture, 32, Preparation.OFFICIAL).astype(int)
        app = prepare_picture(picture, 32, Preparation.APP).astype(int)
        assert np.abs(official - app).max() <= 2


def test_a_thread_thin_picture_needs_little_memory() -> None:
    enormous = Image.new("L", (1, 2_000_000))  # resized whole, it would need 2 GB at 32 pixels
    assert prepare_picture(enormous, 32, Preparation.APP).shape == (32, 32, 3)


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
    (_spoil_json(CONFIG, max_position_embeddings=4), WeightsDamaged, "too few"),
    (_spoil_json(CONFIG, num_hidden_layers=3), WeightsDamaged, r"missing \(bge_encoder\.layer\.2"),
    (_spoil_json(CONFIG, vocab_size=9), WeightsDamaged, "another text model"),
    (_text_of(TOKENS, "version https://git-lfs"), WeightsDamaged, r"tokenizer\.json"),
    (_tokenizer_of_m3, WeightsDamaged, "another text model"),
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


class _Failing(torch.nn.Module):
    """A model that fails as torch does."""

    def __init__(self, problem: Exception) -> None:
        super().__init__()
        self.problem = problem

    def forward(self, *_: object) -> torch.Tensor:
        raise self.problem


def _with_model(folder: Path, model: torch.nn.Module) -> VisualizedBgeEmbedder:
    parts = visualized_bge._read_parts(folder)
    space = VectorSpace("m", "1", DIMENSIONS, Preparation.APP)
    return VisualizedBgeEmbedder(
        model, visualized_bge._open_tokenizer(parts), parts, name="T", space=space, device=CPU
    )


@pytest.mark.parametrize(
    "problem",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_too_little_memory(folder: Path, problem: Exception) -> None:
    embedder = _with_model(folder, _Failing(problem))
    with pytest.raises(DeviceOutOfMemory, match="processor has too little"):
        embedder.embed_pictures(pictures(1))
    with pytest.raises(DeviceOutOfMemory):
        embedder.embed_words(["red"])


def test_other_faults_are_not_taken_for_too_little_memory(folder: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        _with_model(folder, _Failing(RuntimeError("shapes"))).embed_words(["red"])


def test_numbers_that_are_none_never_leave(folder: Path) -> None:
    _rewrite(folder, lambda tensors: tensors["visual_proj.bias"].fill_(float("nan")))
    embedder = opened(folder)
    assert np.isfinite(embedder.embed_words(["red"])).all()
    with pytest.raises(ModelProblem, match="no usable numbers on processor in float32"):
        embedder.embed_pictures(pictures(1))


def _likeness(folder: Path, device: Device) -> float:
    vectors = [
        np.concatenate(
            [
                embedder.embed_pictures(pictures()),
                embedder.embed_words(WORDS),
                embedder.embed_pictures_with_words(pictures(), WORDS[-4:]),
            ]
        )
        for embedder in (opened(folder), opened(folder, device=device))
    ]
    assert vectors[1].dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors[1], axis=1), 1, atol=1e-6)
    return float((vectors[0] * vectors[1]).sum(axis=1).min())


@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_stays_near(tmp_path: Path, flavour: Flavour, precision: Any) -> None:
    folder = write_tiny_model(tmp_path / "model", flavour)
    assert _likeness(folder, Device("cpu", "processor", "cpu", precision, None)) > 0.999


@pytest.mark.gpu
@pytest.mark.parametrize("flavour", FLAVOURS)
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_a_card_stays_near(tmp_path: Path, flavour: Flavour, precision: Any) -> None:
    card = best_device()
    assert card.kind != "cpu", "no graphics card that torch can use"
    folder = write_tiny_model(tmp_path / "model", flavour)
    device = Device(card.kind, card.name, card.torch_name, precision, card.memory_bytes)
    assert _likeness(folder, device) > 0.999
