"""Downloading and importing a model: resume, cancel, refusal of wrong files, and what is left."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from mmsearch_desktop.domain import (
    DownloadFailed,
    ModelProblem,
    Progress,
    Stage,
    WeightsDamaged,
    WeightsMissing,
    WeightsUnknown,
)
from mmsearch_desktop.models.installed import checked_revision, read_record
from mmsearch_desktop.models.offers import Offer, installed
from mmsearch_desktop.models.weights import download, import_folder, verify
from tests.models.local_hub import (
    ARCHITECTURE,
    CONTENTS,
    QUICK,
    WEIGHTS,
    LocalHub,
    cut_after,
    lay_out,
    local_hub,
    redirect,
    serve,
    small_offer,
    status,
    trickle,
)

OTHER = WEIGHTS[:-1] + b"!"  # one byte changed


@pytest.fixture(autouse=True)
def _small_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setitem(sys.modules, ARCHITECTURE, ModuleType(ARCHITECTURE))


@pytest.fixture
def server() -> Iterator[LocalHub]:
    with local_hub(small_offer()) as running:
        yield running


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def _download(
    server: LocalHub, models: Path, offer: Offer | None = None, *, accept_unknown: bool = False
) -> list[Progress]:
    return list(
        download(
            offer or small_offer(),
            models,
            offline=False,
            base_url=server.url,
            accept_unknown=accept_unknown,
            patience=QUICK,
        )
    )


def _names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_all_files_come_and_are_noted(server: LocalHub, models: Path) -> None:
    progress = _download(server, models)
    assert _names(models / "small") == {*CONTENTS, "installed.json"}
    assert all((models / "small" / name).read_bytes() == data for name, data in CONTENTS.items())
    total = sum(len(data) for data in CONTENTS.values())
    assert (progress[-1].stage, progress[-1].done, progress[-1].total) == (
        Stage.FINISHED,
        total,
        total,
    )
    assert all(item.stage is Stage.DOWNLOADING for item in progress[:-1])
    assert all(item.total == total and item.done <= total for item in progress)
    assert installed(small_offer(), models)
    assert read_record(models / "small")["weights.pth"].source.startswith(server.url)


def test_what_is_there_and_right_is_not_fetched_again(server: LocalHub, models: Path) -> None:
    lay_out(models / "small")
    (models / "small/text_model/config.json").unlink()
    _download(server, models)
    _download(server, models)
    assert [path for path, _ in server.requests] == ["/some/text-model/resolve/main/config.json"]


def test_what_is_there_and_wrong_is_fetched_again(server: LocalHub, models: Path) -> None:
    lay_out(models / "small")
    (models / "small/weights.pth").write_bytes(OTHER)
    _download(server, models)
    assert (models / "small/weights.pth").read_bytes() == WEIGHTS


def test_cancelling_keeps_the_part_for_the_next_time(server: LocalHub, models: Path) -> None:
    stop = threading.Event()
    server.behave.append(trickle(stop))
    running = download(small_offer(), models, offline=False, base_url=server.url, patience=QUICK)
    next(item for item in running if item.done > 10)
    running.close()  # type: ignore[attr-defined] # it is a generator
    stop.set()
    assert _names(models / "small") == {"weights.pth.part", "weights.pth.part.edition"}
    assert not installed(small_offer(), models)
    come = (models / "small/weights.pth.part").stat().st_size
    progress = _download(server, models)
    assert server.asked_for("weights.pth") == [None, f"bytes={come}-"]
    assert installed(small_offer(), models)
    assert _names(models / "small") == {*CONTENTS, "installed.json"}
    assert progress[-1].done == small_offer().size_bytes


def test_rate_and_time_left_are_told(server: LocalHub, models: Path) -> None:
    stop = threading.Event()
    server.behave.append(trickle(stop))
    running = download(small_offer(), models, offline=False, base_url=server.url, patience=QUICK)
    item = next(item for item in running if item.per_second)
    running.close()  # type: ignore[attr-defined] # it is a generator
    stop.set()
    assert item.seconds_left
    assert item.seconds_left > 0


def test_offline_opens_no_socket_and_says_where_files_go(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(DownloadFailed, match="offline switch is on") as refused:
        list(download(small_offer(), models, offline=True))
    assert "text_model/config.json" in str(refused.value)
    assert str(models / "small") in str(refused.value)
    assert not models.exists()


def test_nothing_is_fetched_before_the_first_item_is_asked_for(
    server: LocalHub, models: Path
) -> None:
    download(small_offer(), models, offline=False, base_url=server.url)
    assert not server.requests
    assert not models.exists()


@pytest.mark.parametrize("data", [OTHER, WEIGHTS[:-5]], ids=["hash", "size"])
def test_a_wrong_file_is_refused_and_leaves_nothing(
    server: LocalHub, models: Path, data: bytes
) -> None:
    server.files["/some/model/resolve/main/weights.pth"] = data
    with pytest.raises(WeightsDamaged, match=r"weights\.pth as published") as refused:
        _download(server, models)
    assert not isinstance(refused.value, WeightsUnknown)
    assert _names(models / "small") == set()


def test_a_hub_that_names_another_content_is_not_read(server: LocalHub, models: Path) -> None:
    server.files["/some/model/resolve/main/weights.pth"] = OTHER
    server.behave.append(redirect)
    with pytest.raises(WeightsDamaged, match=r"/resolve/main/weights\.pth"):
        _download(server, models)
    assert _names(models / "small") == set()


def test_an_unknown_edition_waits_for_the_person(server: LocalHub, models: Path) -> None:
    offer = small_offer(sha256_is_sure=False)
    server.files["/some/model/resolve/main/weights.pth"] = OTHER + b"longer"
    with pytest.raises(WeightsUnknown, match="say that you accept it"):
        _download(server, models, offer)
    assert not installed(offer, models)
    _download(server, models, offer, accept_unknown=True)
    assert installed(offer, models)
    assert read_record(models / "small")["weights.pth"].agreed
    messages = [check.message for check in verify(offer, models) if check.ok]
    assert messages == ["right: the edition that you agreed to", "right", "right"]
    assert checked_revision(offer, models)


def test_a_size_known_only_nearly_is_corrected_by_the_server(
    server: LocalHub, models: Path
) -> None:
    offer = small_offer(size_bytes=900_000, size_is_exact=False)
    progress = _download(server, models, offer)
    assert progress[-1].total == sum(len(data) for data in CONTENTS.values())
    assert _download(server, models, offer)[-1].total == progress[-1].total


def test_a_file_of_unknown_hash_is_checked_against_what_came(
    server: LocalHub, models: Path
) -> None:
    offer = small_offer(sha256=None)
    _download(server, models, offer)
    assert all(check.ok for check in verify(offer, models))
    (models / "small/weights.pth").write_bytes(OTHER)
    assert [check.ok for check in verify(offer, models)] == [False, True, True]


def test_a_file_of_unknown_hash_is_what_the_hub_announced(server: LocalHub, models: Path) -> None:
    offer = small_offer(sha256=None)
    server.behave.extend([redirect, lambda handler, _: serve(handler, OTHER)])
    with pytest.raises(WeightsDamaged, match="other bytes came than it announces"):
        _download(server, models, offer)
    assert _names(models / "small") == set()
    server.behave.append(redirect)
    _download(server, models, offer)
    assert installed(offer, models)


def test_one_program_at_a_time_brings_a_model(
    server: LocalHub, models: Path, tmp_path: Path
) -> None:
    lay_out(tmp_path / "source")
    first = download(small_offer(), models, offline=False, base_url=server.url, patience=QUICK)
    next(first)
    for second in (
        download(small_offer(), models, offline=False, base_url=server.url, patience=QUICK),
        import_folder(small_offer(), tmp_path / "source", models),
    ):
        with pytest.raises(ModelProblem, match="by another window or command"):
            next(second)
    first.close()  # type: ignore[attr-defined] # it is a generator
    _download(server, models)
    assert installed(small_offer(), models)


def test_without_a_network_it_says_where_files_go(models: Path) -> None:
    gone = download(
        small_offer(), models, offline=False, base_url="http://127.0.0.1:9", patience=QUICK
    )
    with pytest.raises(DownloadFailed, match="bring the files yourself: Small model") as failed:
        list(gone)
    assert "text_model/config.json" in str(failed.value)
    assert str(models / "small") in str(failed.value)


def test_a_file_missing_on_the_hub_is_named(server: LocalHub, models: Path) -> None:
    del server.files["/some/text-model/resolve/main/tokenizer.json"]
    with pytest.raises(DownloadFailed, match=r"text-model/resolve/main/tokenizer\.json.*404"):
        _download(server, models)
    assert "text_model/tokenizer.json" not in _names(models / "small")


def test_a_connection_that_breaks_for_good_keeps_what_came(server: LocalHub, models: Path) -> None:
    server.behave.extend([cut_after(70_000)] + [status(500)] * QUICK.tries)
    with pytest.raises(DownloadFailed, match="try again to go on from there"):
        _download(server, models)
    assert (models / "small/weights.pth.part").stat().st_size == 70_000
    _download(server, models)
    assert installed(small_offer(), models)


def test_too_little_room_is_said_before_anything_is_fetched(
    server: LocalHub, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(DownloadFailed, match="only 1 kB are free"):
        _download(server, models)
    assert not server.requests
    with pytest.raises(ModelProblem, match="only 1 kB are free"):
        list(import_folder(small_offer(), lay_out(tmp_path / "source"), models))
    room = SimpleNamespace(free=small_offer().size_bytes + 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: room)
    with pytest.raises(DownloadFailed, match="2 MB are to be written and only 1 MB"):
        _download(server, models)  # the weights are to be converted, too
    assert not server.requests


@pytest.mark.parametrize(
    ("code", "says"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "Permission denied")]
)
def test_a_disk_that_refuses_is_explained(
    server: LocalHub, models: Path, monkeypatch: pytest.MonkeyPatch, code: int, says: str
) -> None:
    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(DownloadFailed, match=says):
        _download(server, models)
    assert not installed(small_offer(), models)


def test_weights_are_converted_once_and_the_conversion_is_checked(
    server: LocalHub, models: Path
) -> None:
    calls = []

    def convert(folder: Path) -> Path:
        target = folder / "model.safetensors"
        if not target.exists():
            calls.append(folder)
            target.write_bytes(b"converted")
        return target

    sys.modules[ARCHITECTURE].convert = convert  # type: ignore[attr-defined] # a made-up module
    _download(server, models)
    _download(server, models)
    assert calls == [models / "small"]
    converted = models / "small/model.safetensors"
    assert [check.path for check in verify(small_offer(), models)][-1] == converted
    converted.write_bytes(b"CONVERTED")
    os.utime(converted, ns=(1, 1))
    assert [check.ok for check in verify(small_offer(), models)] == [True, True, True, False]
    with pytest.raises(WeightsDamaged, match=r"model\.safetensors"):
        checked_revision(small_offer(), models)
    _download(server, models)  # heals it
    assert converted.read_bytes() == b"converted"
    (models / "small/weights.pth").unlink()  # not needed any more
    assert installed(small_offer(), models)
    assert checked_revision(small_offer(), models) == small_offer().weights.sha256[:12]  # type: ignore[index] # known
    assert all(check.ok for check in verify(small_offer(), models))


def test_another_edition_of_the_weights_is_converted_anew(
    server: LocalHub, models: Path, tmp_path: Path
) -> None:
    def convert(folder: Path) -> Path:
        target = folder / "model.safetensors"
        if not target.exists():
            target.write_bytes((folder / "weights.pth").read_bytes()[-1:])
        return target

    sys.modules[ARCHITECTURE].convert = convert  # type: ignore[attr-defined] # a made-up module
    offer = small_offer(sha256_is_sure=False)
    _download(server, models, offer)
    lay_out(tmp_path / "newer", CONTENTS | {"weights.pth": OTHER})
    list(import_folder(offer, tmp_path / "newer", models, accept_unknown=True))
    assert (models / "small/model.safetensors").read_bytes() == OTHER[-1:]
    assert all(check.ok for check in verify(offer, models))


def _flat(folder: Path) -> None:
    for local, data in CONTENTS.items():
        (folder / local.rpartition("/")[2]).write_bytes(data)


def _as_wget_and_mteb_name_them(folder: Path) -> None:
    (folder / "Weights.PTH?download=true").write_bytes(WEIGHTS)
    (folder / "text-model").mkdir()
    for name in ("config.json", "tokenizer.json"):
        (folder / "text-model" / name).write_bytes(CONTENTS[f"text_model/{name}"])


def _hub_cache(folder: Path) -> None:
    for local, data in CONTENTS.items():
        repo = "models--some--text-model" if "/" in local else "models--some--model"
        blob = folder / "hub" / repo / "blobs" / local.replace("/", "-")
        link = folder / "hub" / repo / "snapshots" / "abc" / local.rpartition("/")[2]
        for path in (blob, link):
            path.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        link.symlink_to(blob)
    (link.parent / "gone.json").symlink_to("nowhere")


def _with_others_of_the_same_name(folder: Path) -> None:
    for name in ("1_Pooling", "text_model"):
        (folder / name).mkdir()
        (folder / name / "config.json").write_bytes(b"{}")
    (folder / "text_model" / "tokenizer.json").write_bytes(b'{"words": {}}')  # same size
    lay_out(folder / "deep" / "down")


@pytest.mark.parametrize(
    "arrange",
    [
        lay_out,
        _flat,
        _as_wget_and_mteb_name_them,
        _with_others_of_the_same_name,
        pytest.param(
            _hub_cache, marks=pytest.mark.skipif(os.name == "nt", reason="links need rights there")
        ),
    ],
)
def test_files_are_found_however_they_lie(tmp_path: Path, models: Path, arrange: object) -> None:
    source = tmp_path / "source"
    source.mkdir()
    assert callable(arrange)
    arrange(source)
    before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
    progress = list(import_folder(small_offer(), source, models))
    assert _names(models / "small") == {*CONTENTS, "installed.json"}
    assert all(check.ok for check in verify(small_offer(), models))
    assert progress[-1].stage is Stage.FINISHED
    assert progress[-1].done == progress[-1].total == small_offer().size_bytes
    assert before == {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}


def test_missing_files_are_listed_with_where_to_get_them(tmp_path: Path, models: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(WEIGHTS)
    with pytest.raises(WeightsMissing, match=r"config\.json of some/text-model, tokenizer\.json"):
        list(import_folder(small_offer(), tmp_path, models))
    with pytest.raises(WeightsMissing, match="there is no such folder"):
        list(import_folder(small_offer(), tmp_path / "nowhere", models))
    assert not models.exists()


@pytest.mark.parametrize("data", [OTHER, WEIGHTS[:-5]], ids=["hash", "size"])
def test_a_changed_file_is_not_imported(tmp_path: Path, models: Path, data: bytes) -> None:
    lay_out(tmp_path / "source", CONTENTS | {"weights.pth": data})
    with pytest.raises(WeightsDamaged, match=r"source.weights\.pth: is not weights\.pth"):
        list(import_folder(small_offer(), tmp_path / "source", models))
    assert _names(models / "small") == set()


def test_an_unknown_edition_is_imported_once_agreed_to(tmp_path: Path, models: Path) -> None:
    offer = small_offer(sha256_is_sure=False)
    lay_out(tmp_path / "source", CONTENTS | {"weights.pth": OTHER})
    with pytest.raises(WeightsUnknown):
        list(import_folder(offer, tmp_path / "source", models))
    list(import_folder(offer, tmp_path / "source", models, accept_unknown=True))
    assert (models / "small/weights.pth").read_bytes() == OTHER


def test_importing_from_its_own_folder_checks_what_lies_there(models: Path) -> None:
    lay_out(models / "small")
    list(import_folder(small_offer(), models / "small", models))
    assert read_record(models / "small")["weights.pth"].source == "put there by hand"
    lay_out(models / "small", CONTENTS | {"weights.pth": OTHER})
    with pytest.raises(WeightsDamaged):
        list(import_folder(small_offer(), models / "small", models))
    assert (models / "small/weights.pth").read_bytes() == OTHER  # not ours to delete


def test_closing_an_import_leaves_nothing_half_done(tmp_path: Path, models: Path) -> None:
    lay_out(tmp_path / "source")
    running = import_folder(small_offer(), tmp_path / "source", models)
    next(running)
    running.close()  # type: ignore[attr-defined] # it is a generator
    assert not any(name.endswith(".part") for name in _names(models / "small"))


def test_a_file_that_may_not_be_read_is_named(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path / "source")
    really = Path.open

    def refuse(path: Path, *args: object, **named: object) -> object:
        if path == tmp_path / "source/weights.pth":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return really(path, *args, **named)  # type: ignore[call-overload] # passed on as it came

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ModelProblem, match=r"weights\.pth: Permission denied"):
        list(import_folder(small_offer(), tmp_path / "source", models))
