"""MagicLens with tiny random weights: what it promises, and what it says of bad files."""

from __future__ import annotations

import dataclasses
import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmsearch_desktop.domain import (
    DeviceOutOfMemory,
    DownloadFailed,
    ModelProblem,
    Preparation,
    VectorSpace,
    WeightsDamaged,
    WeightsMissing,
)
from mmsearch_desktop.models import magiclens
from mmsearch_desktop.models.device import Device, best_device
from mmsearch_desktop.models.flax_pickle import read_flax_pickle
from mmsearch_desktop.models.magiclens import MagicLensEmbedder, cleaned, prepare_picture
from mmsearch_desktop.models.offers import (
    Offer,
    layout_of,
    offer_named,
    open_embedder,
    where_files_go,
)
from mmsearch_desktop.models.weights import download, verify
from tests.models.embedder_contract import (
    CPU,
    LONG,
    MODES,
    NO_MEMORY,
    WORDS,
    EmbedderContract,
    Failing,
    differs_by,
    likeness,
    one_thread,
    pictures,
)
from tests.models.local_hub import QUICK, local_hub, small_offer
from tests.models.tiny_magiclens import (
    DIMENSIONS,
    MOST_TOKENS,
    PICTURE_PIXELS,
    WEIGHTS,
    Tensors,
    merges,
    vocabulary,
    write_tiny_model,
    write_weights,
)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def opened(
    folder: Path, preparation: Preparation = Preparation.APP, device: Device = CPU
) -> MagicLensEmbedder:
    embedder = magiclens.open_embedder(
        folder, name="Tiny", revision="7", preparation=preparation, device=device
    )
    assert isinstance(embedder, MagicLensEmbedder)
    return embedder


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> MagicLensEmbedder:
    return opened(write_tiny_model(tmp_path_factory.mktemp("model") / "m"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model")


# ------------------------------------------------------------------------------- what it gives


class TestPromises(EmbedderContract):
    pass


def test_it_says_what_it_is(folder: Path) -> None:
    embedder = opened(folder, Preparation.OFFICIAL)
    assert embedder.space == VectorSpace("magiclens-2", "7", DIMENSIONS, Preparation.OFFICIAL)
    assert (embedder.name, embedder.picture_side_pixels) == ("Tiny", PICTURE_PIXELS)
    assert embedder.batch_size > 1


def test_a_picture_alone_is_a_picture_with_no_words(embedder: MagicLensEmbedder) -> None:
    shown = pictures(2)
    for words in (["", ""], [" \n", "\t"]):
        together = embedder.embed_pictures_with_words(shown, words)
        assert differs_by(embedder.embed_pictures(shown), together) < 1e-6


def test_words_alone_stand_in_the_place_of_the_picture(embedder: MagicLensEmbedder) -> None:
    model: Any = embedder._model
    with torch.inference_mode():
        red, nothing = (embedder._of_words([words]) for words in ("red bag", ""))
        expected = torch.nn.functional.normalize(model(red, nothing), dim=-1).numpy()
    assert differs_by(embedder.embed_words(["red bag"]), expected) < 1e-6


def test_the_norm_of_the_fusion_adds_one_to_its_scale_and_a_millionth_to_the_variance() -> None:
    norm = magiclens.FusionNorm(2)
    norm.load_state_dict({"scale": torch.tensor([1.0, 0.0]), "bias": torch.tensor([0.0, 0.5])})
    with torch.inference_mode():
        out = norm(torch.tensor([[0.001, -0.001]]))  # a variance of a millionth
    assert out[0].tolist() == pytest.approx([2 * 0.5**0.5, 0.5 - 0.5**0.5])


# ----------------------------------------------------------------------------------- the words


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("  Red \n\t BAG\u00a0here ", "red bag here"),
        ("don’t “stop”", 'don\'t "stop"'),
        ("ﬁne ﬂuﬃer Ĳssel", "fine fluffier ijssel"),
        ("ＬＯＵＤ　ＮＯＩＳＥ！", "loud noise!"),
        ("in &amp; out &rdquo; &amp;lt;", 'in & out " <'),
        ("<b> &amp;amp;", "<b> &"),
        ("cafe\u0301", "café"),
        ("\x1b[31mred\x1b[0m\x00\x07 \ufeffbag", "red bag"),
        ("half \ud800, whole \ud83d\udc08", "half \ufffd, whole \U0001f408"),
        ("", ""),
    ],
)
def test_words_are_cleaned_as_the_official_tokeniser_does(typed: str, read: str) -> None:
    assert cleaned(typed) == read


def test_words_become_the_pieces_of_the_vocabulary(embedder: MagicLensEmbedder) -> None:
    ids = vocabulary(merges())
    start, end = ids["<|startoftext|>"], ids["<|endoftext|>"]
    bag, comma, tee = ids["bag</w>"], ids[",</w>"], [ids["'"], ids["t</w>"]]
    assert embedder.token_ids("Red bag") == [start, ids["red</w>"], bag, end]
    assert embedder.token_ids("bag,bag") == [start, bag, comma, bag, end]
    assert embedder.token_ids("DON’T") == [start, ids["don</w>"], *tee, end]
    assert embedder.token_ids("12") == [start, ids["1</w>"], ids["2</w>"], end]
    assert embedder.token_ids("é") == [start, ids["Ã"], ids["©</w>"], end]
    assert embedder.token_ids("red!!") == [start, ids["red</w>"], ids["!"], ids["!</w>"], end]
    assert embedder.token_ids("") == [start, end]


def test_the_end_token_is_kept(embedder: MagicLensEmbedder) -> None:
    start, end = embedder.token_ids("")
    ids = embedder.token_ids(LONG)
    assert len(ids) == MOST_TOKENS
    assert (ids[0], ids[-1]) == (start, end)
    assert end not in ids[:-1]


def test_what_is_read_is_counted_as_it_was_typed(embedder: MagicLensEmbedder) -> None:
    words = "red \n\n  bag &amp; " * 20
    notice = embedder.cut_notice(words, with_picture=False)
    assert notice is not None
    read = int(notice.split("first ")[1].split(" ")[0])
    assert embedder.token_ids(words[:read]) == embedder.token_ids(words)
    assert read > len(cleaned(words[:read]))


@settings(deadline=None, max_examples=25)
@given(text=st.text(st.characters(exclude_categories=()), max_size=60))
def test_any_text_gives_a_vector(embedder: MagicLensEmbedder, text: str) -> None:
    assert np.isfinite(embedder.embed_words([text])).all()
    assert np.isfinite(embedder.embed_pictures_with_words(pictures(1), [text])).all()
    cut = len(embedder.token_ids(text)) == MOST_TOKENS
    assert cut or embedder.cut_notice(text, with_picture=True) is None


def test_a_vocabulary_in_one_file_gives_the_same(folder: Path) -> None:
    before = [opened(folder).token_ids(words) for words in WORDS]
    model: dict[str, Any] = {"vocab": vocabulary(merges()), "merges": merges()}
    for name in ("vocab.json", "merges.txt"):
        (folder / name).unlink()
    for pairs in (merges(), [" ".join(pair) for pair in merges()]):
        text = json.dumps({"model": model | {"merges": pairs}})
        (folder / "tokenizer.json").write_text(text, encoding="utf-8")
        assert [opened(folder).token_ids(words) for words in WORDS] == before


# --------------------------------------------------------------------------------- the pictures


@pytest.mark.parametrize("preparation", Preparation)
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_of_picture(mode: str, preparation: Preparation) -> None:
    for size in ((1, 1), (32, 32), (50, 31), (31, 50), (3, 900)):
        pixels = prepare_picture(Image.new(mode, size), 32, preparation)
        assert (pixels.shape, pixels.dtype) == ((3, 32, 32), torch.float32)
        assert pixels.isfinite().all()


@pytest.mark.parametrize("preparation", Preparation)
def test_a_dark_picture_is_brightened_and_a_wide_one_squeezed(preparation: Preparation) -> None:
    picture = Image.new("RGB", (640, 40), (10, 20, 40))
    picture.paste((0, 0, 0), (0, 0, 320, 40))
    pixels = prepare_picture(picture, 32, preparation)
    assert pixels[:, 16, 2].tolist() == [0, 0, 0]
    assert pixels[:, 16, 29].tolist() == pytest.approx([0.25, 0.5, 1])


def test_making_a_picture_small_in_steps_first_hardly_matters() -> None:
    across = np.linspace(0, 20, 3000)
    waves = (np.sin(across) * 127 + 128).astype(np.uint8)
    for pixels in (np.tile(waves, (200, 1)), np.tile(waves, (200, 1)).T.copy()):
        picture = Image.fromarray(pixels)
        official = prepare_picture(picture, 32, Preparation.OFFICIAL)
        app = prepare_picture(picture, 32, Preparation.APP)
        assert (official - app).abs().max() < 0.03


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


def test_converted_once_and_equal(folder: Path) -> None:
    before = opened(folder).embed_pictures_with_words(pictures(), WORDS[:4])
    converted = magiclens.convert(folder)
    assert converted == folder / "magiclens.safetensors"
    written = converted.stat().st_mtime_ns
    (folder / WEIGHTS).unlink()
    assert magiclens.convert(folder) == converted
    assert converted.stat().st_mtime_ns == written
    after = opened(folder).embed_pictures_with_words(pictures(), WORDS[:4])
    assert differs_by(before, after) == 0


def test_another_models_file_of_that_name_is_left_alone(folder: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, folder / "magiclens.safetensors")
    before = _files(folder)
    assert opened(folder).embed_words(["red"]).shape == (1, DIMENSIONS)
    with pytest.raises(ModelProblem, match="of another model"):
        magiclens.convert(folder)
    assert _files(folder) == before


def _rewrite(folder: Path, change: Callable[[Tensors], object]) -> None:
    tensors = read_flax_pickle(folder / WEIGHTS)
    change(tensors)
    write_weights(folder / WEIGHTS, tensors)


NAMES = [
    "params/clip/text/ln_final/bias",
    "params/clip/visual/transformer/resblocks_1/mlp/c_fc/kernel",
    "params/multimodal_encoder/x_layers_1/layer_norm/scale",
    "params/contrastive_multimodal_pooler/pooling_attn_query",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("use", [opened, magiclens.convert])
def test_a_missing_tensor_is_named(folder: Path, name: str, use: Callable[[Path], object]) -> None:
    _rewrite(folder, lambda tensors: tensors.pop(name))
    before = _files(folder)
    with pytest.raises(WeightsDamaged, match=rf"{WEIGHTS}.*1 missing \({name}\)"):
        use(folder)
    assert _files(folder) == before


def test_unexpected_and_misshapen_tensors_are_named(folder: Path) -> None:
    def spoil(tensors: Tensors) -> None:
        tensors["params/clip/odd"] = torch.zeros(1)
        tensors[NAMES[0]] = torch.zeros(3)

    _rewrite(folder, spoil)
    with pytest.raises(WeightsDamaged) as error:
        opened(folder)
    assert "1 unexpected (params/clip/odd)" in str(error.value)
    assert f"{NAMES[0]} is 3, not {DIMENSIONS}" in str(error.value)


def test_the_scale_of_training_need_not_be_there(folder: Path) -> None:
    before = opened(folder).embed_pictures(pictures())
    _rewrite(folder, lambda tensors: tensors.pop("params/clip/logit_scale"))
    assert differs_by(opened(folder).embed_pictures(pictures()), before) == 0


@pytest.mark.parametrize("use", [opened, magiclens.convert])
def test_a_payload_in_the_weights_is_refused_and_not_run(
    folder: Path, use: Callable[[Path], object]
) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (folder / "mark",)

    (folder / WEIGHTS).write_bytes(pickle.dumps([Payload()]))
    with pytest.raises(WeightsDamaged, match="so nothing of it was loaded"):
        use(folder)
    assert not (folder / "mark").exists()


def _text_of(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text, encoding="utf-8")


def _tokens(**changed: Any) -> Callable[[Path], object]:
    return _text_of("vocab.json", json.dumps(vocabulary(merges()) | changed))


def _one_token_less(folder: Path) -> None:
    tokens = vocabulary(merges())
    del tokens["re"]
    (folder / "vocab.json").write_text(json.dumps(tokens), encoding="utf-8")


def _both_sizes(folder: Path) -> None:
    shutil.copy(folder / WEIGHTS, folder / "magic_lens_clip_large.pkl")


def _of_a_narrower_fusion(folder: Path) -> None:
    name = "params/multimodal_encoder/x_layers_0/self_attention/query/w"
    _rewrite(folder, lambda tensors: tensors.update({name: torch.zeros(16, 2, 8)}))


def _without_layers(folder: Path) -> None:
    def drop(tensors: Tensors) -> None:
        for name in [name for name in tensors if "x_layers" in name]:
            del tensors[name]

    _rewrite(folder, drop)


SPOILED: list[tuple[Callable[[Path], object], type[ModelProblem], str]] = [
    (lambda f: (f / WEIGHTS).unlink(), WeightsMissing, r"magic_lens_clip_base\.pkl or"),
    (lambda f: (f / "vocab.json").unlink(), WeightsMissing, r"vocab\.json and merges\.txt"),
    (lambda f: (f / "merges.txt").unlink(), WeightsMissing, "openai/clip-vit-large-patch14"),
    (shutil.rmtree, WeightsMissing, "model"),
    (_both_sizes, ModelProblem, r"base\.pkl and magic_lens_clip_large\.pkl"),
    (_without_layers, WeightsDamaged, "holds no MagicLens model"),
    (_of_a_narrower_fusion, WeightsDamaged, "sizes that do not fit together"),
    (_text_of(WEIGHTS, "<html>"), WeightsDamaged, rf"{WEIGHTS}: is no pickle"),
    (_text_of("vocab.json", "{"), WeightsDamaged, r"vocab\.json.*JSON"),
    (_text_of("vocab.json", "[]"), WeightsDamaged, "no table"),
    (_text_of("merges.txt", "r e d\n"), WeightsDamaged, "no form that is known"),
    (_text_of("merges.txt", "r x\n"), WeightsDamaged, "of [0-9,]+ tokens"),
    (_tokens(red="1"), WeightsDamaged, "no form that is known"),
    (_tokens(red=1), WeightsDamaged, "not the [0-9,]+ of these weights"),
    (_one_token_less, WeightsDamaged, "not the [0-9,]+ of these weights"),
    (_tokens(**{"<|endoftext|>": 3, "$": 531}), WeightsDamaged, "of these weights"),
]


@pytest.mark.parametrize(("spoil", "problem", "message"), SPOILED)
def test_bad_files_are_named(
    folder: Path, spoil: Callable[[Path], object], problem: type[ModelProblem], message: str
) -> None:
    spoil(folder)
    with pytest.raises(problem, match=message) as error:
        opened(folder)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize("text", ["{}", '{"model": 3}', '{"model": {"vocab": {}, "merges": 5}}'])
def test_a_tokenizer_of_another_kind_is_named(folder: Path, text: str) -> None:
    (folder / "merges.txt").unlink()
    (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    with pytest.raises(WeightsDamaged, match=r"tokenizer\.json: holds a vocabulary"):
        opened(folder)


# ------------------------------------------------------------------------------ the device


@pytest.mark.parametrize("problem", NO_MEMORY)
def test_too_little_memory(folder: Path, problem: Exception) -> None:
    embedder = opened(folder)
    embedder._model.clip.visual = Failing(problem)  # type: ignore[assignment]  # fails as torch does
    with pytest.raises(DeviceOutOfMemory, match="processor has too little"):
        embedder.embed_pictures(pictures(1))
    embedder._model.clip.text = Failing(problem)  # type: ignore[assignment]  # fails as torch does
    with pytest.raises(DeviceOutOfMemory):
        embedder.embed_words(["red"])


def test_numbers_that_are_none_never_leave(folder: Path) -> None:
    _rewrite(folder, lambda tensors: tensors["params/clip/visual/ln_post/bias"].fill_(torch.nan))
    embedder = opened(folder)
    assert np.isfinite(embedder.embed_words(["red"])).all()
    with pytest.raises(ModelProblem, match="no usable numbers on processor in float32"):
        embedder.embed_pictures(pictures(1))


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_half_precision_stays_near(folder: Path, precision: Any) -> None:
    device = Device("cpu", "processor", "cpu", precision, None)
    assert likeness(opened(folder), opened(folder, device=device)) > 0.999


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_a_card_stays_near(folder: Path, precision: Any) -> None:
    card = best_device()
    assert card.kind != "cpu", "no graphics card that torch can use"
    device = Device(card.kind, card.name, card.torch_name, precision, card.memory_bytes)
    assert likeness(opened(folder), opened(folder, device=device)) > 0.999


# -------------------------------------------------------------------------------- as an offer


def _tiny_offer(folder: Path) -> tuple[Offer, dict[str, bytes]]:
    """As the real ones: weights of unknown size and hash, which are not on the hub."""
    names = [file.local for file in offer_named("magiclens-base").files]
    contents = {name: (folder / name).read_bytes() for name in names}
    offer = small_offer(contents, sha256=None, size_bytes=7, size_is_exact=False)
    return dataclasses.replace(offer, architecture=magiclens.__name__), contents


def _elsewhere(offer: Offer, address: str) -> Offer:
    weights = dataclasses.replace(offer.weights, repo="made/elsewhere", address=address)
    return dataclasses.replace(offer, files=(weights, *offer.files[1:]))


@pytest.mark.usefixtures("_no_proxy")
def test_the_offer_is_fetched_from_two_places_converted_and_opened(
    folder: Path, tmp_path: Path
) -> None:
    offer, contents = _tiny_offer(folder)
    models = tmp_path / "models"
    with local_hub(offer, contents) as hub:
        offer = _elsewhere(offer, f"{hub.url}/some/model/resolve/main/{WEIGHTS}")
        list(download(offer, models, offline=False, base_url=hub.url, patience=QUICK))
    assert all(check.ok for check in verify(offer, models))
    before = open_embedder("small", models_folder=models, device=CPU, offers=(offer,))
    (models / "small" / WEIGHTS).unlink()
    after = open_embedder("small", models_folder=models, device=CPU, offers=(offer,))
    by_folder = open_embedder(str(folder), models_folder=models, device=CPU)
    assert before.space == after.space == by_folder.space
    vectors = [embedder.embed_pictures(pictures()) for embedder in (before, after, by_folder)]
    assert differs_by(vectors[0], vectors[1]) == differs_by(vectors[0], vectors[2]) == 0


@pytest.mark.usefixtures("_no_proxy")
def test_where_the_file_is_not_to_be_had_its_page_is_named(folder: Path, tmp_path: Path) -> None:
    offer, contents = _tiny_offer(folder)
    with local_hub(offer, contents) as hub:
        offer = _elsewhere(offer, f"{hub.url}/moved")
        with pytest.raises(DownloadFailed, match=r"https://github\.com/made/elsewhere/tree/main"):
            list(download(offer, tmp_path, offline=False, base_url=hub.url, patience=QUICK))
    assert offer.weights.page in where_files_go(offer, tmp_path)


@pytest.fixture
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_a_folder_of_bge_vl_is_not_taken_for_ours(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "model.safetensors")
    with pytest.raises(ModelProblem, match="holds no model that is known"):
        layout_of(folder)
