"""Where objects lie: one contract on a folder, on obstore's memory, and over S3's protocol."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from infrastructure.attachments import stores
from infrastructure.attachments.remote import RemoteStore
from infrastructure.attachments.stores import (
    FolderStore,
    ObjectStore,
    ObjectStoreFull,
    ObjectStoreUnavailable,
)
from tests.object_store import ObjectStoreStandIn, standing_in

NAME = "ab" * 32
SOME_DAY = 4_000_000_000.0


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStoreStandIn]:
    with standing_in() as store:
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        yield store


@pytest.fixture(params=["folder", "memory", "s3"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, stand_in: ObjectStoreStandIn
) -> ObjectStore:
    if request.param == "folder":
        return FolderStore(tmp_path / "attachments")
    if request.param == "memory":
        return RemoteStore(MemoryStore())
    return stores.open_store(stand_in.environment["SIJILL_ATTACHMENTS_URL"], tmp_path)


def test_an_object_comes_back_as_it_went(store: ObjectStore) -> None:
    assert store.get(NAME) is None

    store.put(NAME, b"sealed")
    store.put(NAME, b"sealed")
    assert store.get(NAME) == b"sealed"

    store.delete(NAME)
    store.delete(NAME)
    assert store.get(NAME) is None


def test_what_nobody_wrote_lately_is_told_by_name(store: ObjectStore) -> None:
    names = {f"{number:02x}" * 32 for number in (1, 2, 3)}
    for name in names:
        store.put(name, b"sealed")

    assert set(store.untouched(SOME_DAY)) == names
    assert set(store.untouched(0)) == set()


def test_what_a_cut_off_write_left_in_a_folder_goes(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "attachments")
    store.put(NAME, b"sealed")
    half = store.folder / NAME[:2] / f".{NAME}.x1"
    half.write_bytes(b"half")
    (store.folder / NAME[:2] / "README").write_bytes(b"not ours")

    assert list(store.untouched(SOME_DAY)) == [NAME]

    assert not half.exists()
    assert (store.folder / NAME[:2] / "README").exists()
    assert list(FolderStore(tmp_path / "none").untouched(SOME_DAY)) == []


def test_the_bucket_has_it_below_the_prefix(stand_in: ObjectStoreStandIn, tmp_path: Path) -> None:
    url = stand_in.environment["SIJILL_ATTACHMENTS_URL"]

    stores.open_store(url, tmp_path).put(NAME, b"sealed")

    assert stand_in.objects == {f"ledger/{NAME}": b"sealed"}


def test_a_store_that_is_broken_says_so(stand_in: ObjectStoreStandIn, tmp_path: Path) -> None:
    remote = stores.open_store(stand_in.environment["SIJILL_ATTACHMENTS_URL"], tmp_path)
    stand_in.broken = True

    with pytest.raises(ObjectStoreUnavailable):
        remote.put(NAME, b"sealed")
    with pytest.raises(ObjectStoreUnavailable):
        remote.get(NAME)


def test_a_bucket_that_is_missing_is_a_store_that_is_away(
    stand_in: ObjectStoreStandIn, tmp_path: Path
) -> None:
    """Not an object that is missing: whoever is told so would think of its own name."""
    remote = stores.open_store(stand_in.environment["SIJILL_ATTACHMENTS_URL"], tmp_path)
    stand_in.bucketless = True

    with pytest.raises(ObjectStoreUnavailable):
        remote.put(NAME, b"sealed")
    with pytest.raises(ObjectStoreUnavailable):
        list(remote.untouched(SOME_DAY))
    with pytest.raises(ObjectStoreUnavailable):
        remote.get(NAME)
    with pytest.raises(ObjectStoreUnavailable):
        remote.delete(NAME)

    stand_in.bucketless = False
    assert remote.get(NAME) is None


def test_a_full_disk_is_told_from_a_broken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, _: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(stores, "write_durably", full)
    with pytest.raises(ObjectStoreFull):
        FolderStore(tmp_path).put(NAME, b"sealed")


def test_an_address_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Error"):
        stores.open_store("gopher://nobody/at/home", tmp_path)
