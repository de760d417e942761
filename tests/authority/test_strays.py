"""What lies in a domain and belongs to nothing is named; what belongs there is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from asl_authority.operations.strays import find_strays
from asl_authority.storage.disk import HostDisk
from asl_authority.storage.domains import HOST
from support.acts import ME, stand

DISK = HostDisk()


def strays(root: Path, domain_id: str = ME) -> tuple[str, ...]:
    standing = stand(root, domain_id)
    return find_strays(DISK, standing.source.paths, standing.report.entries)


def test_a_founded_store_has_nothing_that_belongs_to_nothing(founded_store: Path) -> None:
    assert strays(founded_store) == strays(founded_store, HOST) == ()


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "admission/1/dam.json", f"store/{'0' * 64}.bin", "log/checkpoint.old", "receipts/receipt-999.per"],
)
def test_a_file_that_no_record_names_is_a_stray(founded_store: Path, name: str) -> None:
    path = founded_store / "domains" / ME / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")

    assert strays(founded_store) == (name,)


def test_a_link_is_a_stray_and_is_not_followed(founded_store: Path) -> None:
    (founded_store / "domains" / ME / "auth/more").symlink_to(founded_store)

    assert strays(founded_store) == ("auth/more",)


@pytest.mark.parametrize("name", ["index/segment-9.idx", "log/recovered/tail", "tmp/half", "log/checkpoint.unsigned"])
def test_what_recovery_and_reading_keep_is_none(founded_store: Path, name: str) -> None:
    standing = stand(founded_store)
    (founded_store / "domains" / ME / name).write_bytes(b"x")

    assert find_strays(DISK, standing.source.paths, standing.report.entries) == ()
