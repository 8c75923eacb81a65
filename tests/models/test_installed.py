"""What is noted of installed files, when they are read again, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsearch_desktop.domain import WeightsDamaged, WeightsMissing, WeightsUnknown
from mmsearch_desktop.models.installed import (
    checked_revision,
    file_sha256,
    missing_files,
    read_record,
    verify,
)
from tests.models.local_hub import CONTENTS, WEIGHTS, lay_out, small_offer

OFFER = small_offer()
REVISION = (OFFER.weights.sha256 or "")[:12]


def _change_one_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 10**9))


def test_files_put_there_by_hand_are_found_and_checked(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "small")
    assert checked_revision(OFFER, tmp_path) == REVISION
    record = read_record(folder)
    assert set(record) == set(CONTENTS)
    assert {entry.source for entry in record.values()} == {"put there by hand"}
    assert [check.message for check in verify(OFFER, tmp_path)] == ["right"] * 3


def test_missing_files_are_named_with_where_they_go(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "small")
    (folder / "text_model/config.json").unlink()
    (folder / "weights.pth").write_bytes(WEIGHTS[:-1])
    assert [file.local for file in missing_files(OFFER, tmp_path)] == [
        "weights.pth",
        "text_model/config.json",
    ]
    with pytest.raises(WeightsMissing) as refused:
        checked_revision(OFFER, tmp_path)
    message = str(refused.value)
    assert "weights.pth, text_model/config.json" in message
    assert str(folder) in message
    checks = {check.path.name: check for check in verify(OFFER, tmp_path)}
    assert not checks["config.json"].ok
    assert checks["config.json"].found_bytes is None
    assert "No such file" in checks["config.json"].message
    assert checks["weights.pth"].found_bytes == len(WEIGHTS) - 1
    assert not checks["weights.pth"].ok


@pytest.mark.parametrize("local", list(CONTENTS))
@pytest.mark.parametrize("noted", [True, False])
def test_one_changed_byte_is_refused_naming_the_file(
    tmp_path: Path, local: str, noted: bool
) -> None:
    folder = lay_out(tmp_path / "small")
    if noted:
        checked_revision(OFFER, tmp_path)
    _change_one_byte(folder / local)
    with pytest.raises(WeightsDamaged) as refused:
        checked_revision(OFFER, tmp_path)
    assert str(folder / local) in str(refused.value)
    wrong = [check for check in verify(OFFER, tmp_path) if not check.ok]
    assert [check.path for check in wrong] == [folder / local]
    assert wrong[0].found_sha256 != wrong[0].expected_sha256


def test_an_unknown_edition_put_there_by_hand_needs_agreement(tmp_path: Path) -> None:
    offer = small_offer(sha256_is_sure=False)
    folder = lay_out(tmp_path / "small")
    _change_one_byte(folder / "weights.pth")
    with pytest.raises(WeightsUnknown, match="may be newer, or damaged"):
        checked_revision(offer, tmp_path)


def test_a_known_edition_that_changes_is_damaged_not_unknown(tmp_path: Path) -> None:
    offer = small_offer(sha256_is_sure=False)
    folder = lay_out(tmp_path / "small")
    checked_revision(offer, tmp_path)
    _change_one_byte(folder / "weights.pth")
    with pytest.raises(WeightsDamaged, match="changed since it was installed") as refused:
        checked_revision(offer, tmp_path)
    assert not isinstance(refused.value, WeightsUnknown)


def test_unchanged_files_are_not_read_again(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "small")
    checked_revision(OFFER, tmp_path)
    facts = (folder / "weights.pth").stat()
    (folder / "weights.pth").write_bytes(bytes(len(WEIGHTS)))  # would be noticed if it were read
    os.utime(folder / "weights.pth", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert checked_revision(OFFER, tmp_path) == REVISION
    assert [check.ok for check in verify(OFFER, tmp_path)] == [False, True, True]


def test_copied_files_with_new_times_are_read_and_noted_anew(tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "small")
    checked_revision(OFFER, tmp_path)
    os.utime(folder / "weights.pth", ns=(5, 5))
    assert checked_revision(OFFER, tmp_path) == REVISION
    assert read_record(folder)["weights.pth"].modified_ns == 5


def test_a_file_replaced_by_the_right_one_is_taken(tmp_path: Path) -> None:
    offer = small_offer(sha256_is_sure=False)
    folder = lay_out(tmp_path / "small")
    checked_revision(offer, tmp_path)
    _change_one_byte(folder / "weights.pth")
    lay_out(tmp_path / "small")
    os.utime(folder / "weights.pth", ns=(7, 7))
    assert checked_revision(offer, tmp_path) == REVISION


def test_a_hash_is_remembered_until_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    first = file_sha256(path)
    path.write_bytes(b"two")
    os.utime(path, ns=(9, 9))
    assert file_sha256(path) != first


@given(
    st.binary(max_size=60)
    | st.sampled_from([b"[]", b"{}", b'{"files": 1}', b'{"files": {"a": {}}}'])
)
def test_a_damaged_note_only_costs_reading_again(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    models = tmp_path_factory.mktemp("models")
    folder = lay_out(models / "small")
    (folder / "installed.json").write_bytes(data)
    assert read_record(folder) == {} or data == b"{}"
    assert checked_revision(OFFER, models) == REVISION
