"""The table of models, and opening one by its name or by its folder."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from mmsearch_desktop.domain import (
    Embedder,
    ModelProblem,
    Preparation,
    Stage,
    WeightsDamaged,
    WeightsMissing,
)
from mmsearch_desktop.models.device import Device, cpu
from mmsearch_desktop.models.installed import verify
from mmsearch_desktop.models.offers import LAYOUTS as KNOWN_LAYOUTS
from mmsearch_desktop.models.offers import (
    OFFERS,
    Layout,
    Offer,
    installed,
    layout_of,
    offer_named,
    open_embedder,
    size_text,
    where_files_go,
)
from mmsearch_desktop.models.weights import download, import_folder
from tests.fakes import ColourEmbedder
from tests.models.local_hub import ARCHITECTURE, QUICK, lay_out, local_hub, small_offer
from tests.models.tiny_bge_vl import FILES as BGE_VL_FILES
from tests.models.tiny_bge_vl import write_tiny_model as write_tiny_bge_vl
from tests.models.tiny_qwen3_vl import FILES as QWEN3_VL_FILES
from tests.models.tiny_qwen3_vl import write_tiny_model as write_tiny_qwen3_vl
from tests.models.tiny_visualized_bge import Flavour, write_tiny_model

SMALL = small_offer()
LAYOUTS = (Layout(ARCHITECTURE, ("*.pth",), ("text_model/config.json",)),)


@pytest.fixture(autouse=True)
def _small_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_small(
        folder: Path, *, name: str, revision: str, preparation: Preparation, device: Device
    ) -> Embedder:
        assert (folder / "text_model/config.json").is_file()
        assert device.kind
        embedder = ColourEmbedder(revision=revision, preparation=preparation)
        embedder.name = name
        return embedder

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    module = ModuleType(ARCHITECTURE)
    module.open_embedder = open_small  # type: ignore[attr-defined] # a made-up module
    monkeypatch.setitem(sys.modules, ARCHITECTURE, module)


def _open(choice: str, models: Path, **named: Any) -> Embedder:
    return open_embedder(
        choice, models_folder=models, device=cpu(), offers=(SMALL,), layouts=LAYOUTS, **named
    )


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.name)
def test_an_offer_says_all_that_a_person_and_the_program_need(offer: Offer) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", offer.name)
    for words in (offer.title, offer.licence, offer.languages, offer.good_at, offer.bad_at):
        assert words
    assert offer.dimensions > 0
    assert offer.weights.local.endswith((".pth", ".safetensors", ".pkl"))
    locals_ = [file.local for file in offer.files]
    assert len(set(locals_)) == len(locals_)
    assert any(set(layout.beside) < set(locals_) for layout in KNOWN_LAYOUTS)
    for file in offer.files:
        assert re.fullmatch(r"[^/]+/[^/]+", file.repo)
        assert re.fullmatch(r"[0-9a-f]{40}|main", file.revision)
        assert ".." not in file.local
        assert file.size_bytes > 0
        assert file.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.sha256 or file.revision != "main", "something must say which edition is meant"


def test_what_it_is_bad_at_is_said_plainly() -> None:
    for offer in OFFERS:
        assert "together with words" in offer.good_at
        assert "weaker" in offer.bad_at
        good_with_words = offer.name == "qwen3-vl-embedding-2b"
        assert "Words alone" in (offer.good_at if good_with_words else offer.bad_at)


def test_offers_are_found_by_name() -> None:
    assert [offer_named(offer.name) for offer in OFFERS] == list(OFFERS)
    with pytest.raises(ModelProblem, match="bge-visualized-base-en, bge-visualized-m3"):
        offer_named("bge-visualised")


@pytest.mark.parametrize("offer", OFFERS, ids=lambda offer: offer.name)
def test_where_files_go_names_every_file_repo_size_and_the_folder(
    offer: Offer, tmp_path: Path
) -> None:
    text = where_files_go(offer, tmp_path)
    for file in offer.files:
        assert f"/{file.repo}/tree/{file.revision}" in text
        assert re.search(rf"{re.escape(file.local)} +(about )?{size_text(file.size_bytes)}", text)
    assert str(tmp_path / offer.name) in text
    assert f"models import {offer.name} FOLDER" in text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (777, "777 bytes"),
        (711_396, "711 kB"),
        (999_999, "1 MB"),
        (392_860_018, "393 MB"),
        (1_746_000_000, "1.75 GB"),
    ],
)
def test_sizes_read_as_on_the_hub(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text


def test_nothing_is_installed_at_first_and_opening_says_what_to_do(tmp_path: Path) -> None:
    for offer in OFFERS:
        assert not installed(offer, tmp_path)
        with pytest.raises(WeightsMissing) as refused:
            open_embedder(offer.name, models_folder=tmp_path)
        assert offer.weights.repo in str(refused.value)
        assert str(tmp_path / offer.name) in str(refused.value)


def test_an_offer_opens_by_name_with_the_start_of_its_hash_as_revision(tmp_path: Path) -> None:
    lay_out(tmp_path / "small")
    embedder = _open("small", tmp_path)
    assert embedder.name == "Small model"
    assert embedder.space.revision == (SMALL.weights.sha256 or "")[:12]
    assert embedder.space.preparation is Preparation.APP
    official = _open("small", tmp_path, preparation=Preparation.OFFICIAL)
    assert official.space.preparation is Preparation.OFFICIAL


def test_a_folder_with_the_same_weights_gives_the_same_space(tmp_path: Path) -> None:
    lay_out(tmp_path / "small")
    folder = lay_out(tmp_path / "my model")
    embedder = _open(str(folder), tmp_path)
    assert embedder.name == "my model"
    assert embedder.space == _open("small", tmp_path).space


def test_other_weights_give_another_revision(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "mine")
    before = _open(str(folder), tmp_path).space.revision
    (folder / "weights.pth").write_bytes(b"others")
    assert _open(str(folder), tmp_path).space.revision != before


def test_the_device_is_chosen_where_none_is_given(tmp_path: Path) -> None:
    lay_out(tmp_path / "small")
    embedder = open_embedder("small", models_folder=tmp_path, offers=(SMALL,), layouts=LAYOUTS)
    assert embedder.name == "Small model"


def test_a_folder_without_a_model_is_explained(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(ModelProblem, match=r"photos: holds no model.*models import NAME"):
        _open(str(tmp_path / "photos"), tmp_path)


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="names are text there")
def test_a_folder_whose_name_is_no_text_is_explained(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / os.fsdecode(b"mo\xffdel"))
    with pytest.raises(ModelProblem, match="its name is no valid text"):
        _open(str(folder), tmp_path)


def test_a_folder_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match="there is no such folder"):
        _open(str(tmp_path / "nowhere"), tmp_path)
    with pytest.raises(ModelProblem, match=r"no model and no folder called “smal”.*: small;"):
        _open("smal", tmp_path)


def _tiny_offer(folder: Path, flavour: Flavour) -> tuple[Offer, dict[str, bytes]]:
    """An offer of a tiny Visualized BGE, opened and converted by the real architecture."""
    write_tiny_model(folder, flavour)
    paths = sorted(folder.rglob("*.*"), key=lambda path: path.suffix != ".pth")
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    offer = small_offer(contents)
    return dataclasses.replace(offer, architecture=OFFERS[0].architecture), contents


@pytest.fixture(params=["base_en", "m3"])
def tiny(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Offer, dict[str, bytes]]:
    return _tiny_offer(tmp_path / "tiny", request.param)


def test_a_tiny_visualized_bge_is_downloaded_converted_opened_and_embeds(
    tiny: tuple[Offer, dict[str, bytes]], tmp_path: Path
) -> None:
    offer, contents = tiny
    models = tmp_path / "models"
    with local_hub(offer, contents) as hub:
        progress = list(download(offer, models, offline=False, base_url=hub.url, patience=QUICK))
    assert progress[-1].stage is Stage.FINISHED
    assert (models / "small/model.safetensors").is_file()
    assert all(check.ok for check in verify(offer, models))
    by_name = open_embedder("small", models_folder=models, device=cpu(), offers=(offer,))
    by_folder = open_embedder(str(tmp_path / "tiny"), models_folder=models, device=cpu())
    assert by_name.space == by_folder.space
    red = [Image.new("RGB", (40, 30), "red")]
    ours = by_name.embed_pictures_with_words(red, ["a red bag"])
    assert abs(ours - by_folder.embed_pictures_with_words(red, ["a red bag"])).max() < 1e-6


def test_a_tiny_visualized_bge_is_imported_from_a_flat_folder_and_opens_without_its_pth(
    tiny: tuple[Offer, dict[str, bytes]], tmp_path: Path
) -> None:
    offer, contents = tiny
    flat = tmp_path / "downloads"
    flat.mkdir()
    for local, data in contents.items():
        (flat / local.rpartition("/")[2]).write_bytes(data)
    models = tmp_path / "models"
    list(import_folder(offer, flat, models))
    before = open_embedder("small", models_folder=models, device=cpu(), offers=(offer,))
    (models / "small" / offer.weights.local).unlink()
    after = open_embedder("small", models_folder=models, device=cpu(), offers=(offer,))
    assert after.space == before.space
    flat_one = open_embedder(str(flat), models_folder=models, device=cpu())
    assert flat_one.space == before.space


def test_a_tiny_bge_vl_of_unknown_hashes_is_downloaded_opened_and_embeds(tmp_path: Path) -> None:
    folder = write_tiny_bge_vl(tmp_path / "tiny")
    contents = {name: (folder / name).read_bytes() for name in BGE_VL_FILES}
    offer = small_offer(contents)
    files = (
        dataclasses.replace(file, sha256=None, size_bytes=7, size_is_exact=False)
        for file in offer.files
    )
    architecture = offer_named("bge-vl-base").architecture
    offer = dataclasses.replace(offer, architecture=architecture, files=tuple(files))
    models = tmp_path / "models"
    with local_hub(offer, contents) as hub:
        list(download(offer, models, offline=False, base_url=hub.url, patience=QUICK))
    assert all(check.ok for check in verify(offer, models))
    by_name = open_embedder("small", models_folder=models, device=cpu(), offers=(offer,))
    by_folder = open_embedder(str(folder), models_folder=models, device=cpu())
    assert by_name.space == by_folder.space
    red = [Image.new("RGB", (40, 30), "red")]
    ours = by_name.embed_pictures_with_words(red, ["a red bag"])
    assert abs(ours - by_folder.embed_pictures_with_words(red, ["a red bag"])).max() < 1e-6


def test_a_tiny_qwen3_vl_is_imported_opened_and_embeds(tmp_path: Path) -> None:
    folder = write_tiny_qwen3_vl(tmp_path / "tiny")
    offer = small_offer({name: (folder / name).read_bytes() for name in QWEN3_VL_FILES})
    architecture = offer_named("qwen3-vl-embedding-2b").architecture
    offer = dataclasses.replace(offer, architecture=architecture)
    models = tmp_path / "models"
    list(import_folder(offer, folder, models))
    by_name = open_embedder("small", models_folder=models, device=cpu(), offers=(offer,))
    by_folder = open_embedder(str(folder), models_folder=models, device=cpu())
    assert by_name.space == by_folder.space
    red = [Image.new("RGB", (40, 30), "red")]
    ours = by_name.embed_pictures_with_words(red, ["a red bag"])
    assert abs(ours - by_folder.embed_pictures_with_words(red, ["a red bag"])).max() < 1e-6


def test_the_revision_of_parts_is_of_all_of_them(tmp_path: Path) -> None:
    folder = write_tiny_qwen3_vl(tmp_path / "tiny", files=3)
    before = open_embedder(str(folder), models_folder=tmp_path, device=cpu()).space.revision
    last = folder / "model-00003-of-00003.safetensors"
    tensors = {name: 2 * tensor for name, tensor in load_file(last).items()}
    save_file(tensors, last)
    after = open_embedder(str(folder), models_folder=tmp_path, device=cpu()).space.revision
    assert before != after
    assert len(before) == len(after) == 12


def test_folders_of_different_kinds_are_told_apart(tmp_path: Path) -> None:
    bge_vl = layout_of(write_tiny_bge_vl(tmp_path / "bge-vl"))[0]
    assert bge_vl.module == offer_named("bge-vl-base").architecture
    qwen = write_tiny_qwen3_vl(tmp_path / "qwen")
    for name in ("vocab.json", "merges.txt"):  # which lie beside the published one too
        shutil.copy(tmp_path / "bge-vl" / name, qwen)
    assert layout_of(qwen)[0].module == offer_named("qwen3-vl-embedding-2b").architecture
    for config in ("{}", "[]", "no JSON"):
        (qwen / "config.json").write_text(config, encoding="utf-8")
        assert layout_of(qwen)[0].module == offer_named("bge-vl-base").architecture
    converted = write_tiny_model(tmp_path / "visualized", "base_en")
    next(converted.glob("*.pth")).rename(converted / "model.safetensors")
    assert layout_of(converted)[0].module == OFFERS[0].architecture


def test_weights_that_are_no_weights_are_refused_by_the_real_architecture(
    tmp_path: Path,
) -> None:
    folder = write_tiny_model(tmp_path / "tiny", "base_en")
    (folder / "Visualized_base_en_v1.5.pth").write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsDamaged, match=r"Visualized_base_en_v1\.5\.pth"):
        open_embedder(str(folder), models_folder=tmp_path, device=cpu())
