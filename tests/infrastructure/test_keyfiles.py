import errno
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

from infrastructure.keyfiles import (
    HighWaterMark,
    KeyFileError,
    create_private_key,
    create_secret,
    load_private_key,
    load_secret,
    load_seed,
    write_durably,
)
from infrastructure.proofs import jwk, merkle
from infrastructure.proofs.checkpoint import Checkpoint
from infrastructure.proofs.note import SignerKey

ORIGIN = "ledger.example/iq"


def refused(code: str) -> "pytest.RaisesExc[KeyFileError]":
    return pytest.RaisesExc(KeyFileError, check=lambda error: error.code == code)


def checkpoint(size: int, root: bytes | None = None) -> Checkpoint:
    return Checkpoint(ORIGIN, size, root or bytes([size]) * 32)


EMPTY = Checkpoint(ORIGIN, 0, merkle.EMPTY_ROOT)


def test_a_created_key_is_read_back_and_only_its_owner_may_touch_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "log.pem"
    made = create_private_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert jwk.public_of(load_private_key(path)) == jwk.public_of(made)


def test_the_seed_signs_notes_that_the_key_file_verifies(tmp_path: Path) -> None:
    path = tmp_path / "log.pem"
    made = create_private_key(path)
    signer = SignerKey(ORIGIN, load_seed(path))
    assert isinstance(made, Ed25519PrivateKey)
    assert signer.verifier.public == made.public_key().public_bytes_raw()


def test_p256_keys_are_kept_but_do_not_sign_notes(tmp_path: Path) -> None:
    path = tmp_path / "officer.pem"
    made = create_private_key(path, ec.generate_private_key(ec.SECP256R1()))
    assert jwk.public_of(load_private_key(path)) == jwk.public_of(made)
    with refused("key_file_malformed"):
        load_seed(path)


@pytest.mark.parametrize("create", [create_private_key, create_secret])
def test_an_existing_file_is_never_overwritten(tmp_path: Path, create: object) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"precious")
    with refused("key_file_exists"):
        create(path)  # type: ignore[operator]  # one of the two functions above
    assert path.read_bytes() == b"precious"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    key, secret = tmp_path / "log.pem", tmp_path / "vault"
    create_private_key(key)
    create_secret(secret)
    key.chmod(mode)
    secret.chmod(mode)
    with refused("key_file_readable_by_others"):
        load_private_key(key)
    with refused("key_file_readable_by_others"):
        load_secret(secret)


def test_an_empty_file_is_no_key_whoever_may_read_it(tmp_path: Path) -> None:
    """Changing its mode, as the other refusal advises, would bring no key back."""
    path = tmp_path / "log.pem"
    path.touch()
    path.chmod(0o644)
    for load in (load_private_key, load_secret):
        with refused("key_file_malformed"):
            load(path)


def test_what_a_link_leads_to_is_judged_and_not_the_link(tmp_path: Path) -> None:
    key, link = tmp_path / "log.pem", tmp_path / "link.pem"
    create_private_key(key)
    link.symlink_to(key)
    load_private_key(link)
    key.chmod(0o644)
    with refused("key_file_readable_by_others"):
        load_private_key(link)


def test_missing_malformed_and_foreign_files_have_their_codes(tmp_path: Path) -> None:
    with refused("key_file_missing"):
        load_private_key(tmp_path / "absent.pem")
    with refused("key_file_malformed"):
        load_private_key(tmp_path)
    other = ec.generate_private_key(ec.SECP384R1())
    locked = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase")
    )
    create_private_key(tmp_path / "p384.pem", other)
    for name, data in (("garbage.pem", b"not a key"), ("locked.pem", locked)):
        write_durably(tmp_path / name, data)
    for name in ("p384.pem", "garbage.pem", "locked.pem"):
        with refused("key_file_malformed"):
            load_private_key(tmp_path / name)


def test_a_secret_has_32_bytes_and_no_other_number(tmp_path: Path) -> None:
    path = tmp_path / "vault"
    assert load_secret_after_create(path) != load_secret_after_create(tmp_path / "second")
    write_durably(path, load_secret(path) + b"\n")
    with refused("key_file_malformed"):
        load_secret(path)


def load_secret_after_create(path: Path) -> bytes:
    made = create_secret(path)
    assert load_secret(path) == made
    assert len(made) == 32
    return made


def test_a_durable_write_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_durably(path, b"one")
    write_durably(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    occupied = tmp_path / "occupied"
    (occupied / "child").mkdir(parents=True)
    with pytest.raises(OSError, match="irectory"):
        write_durably(occupied, b"a folder cannot become a file")
    assert list(tmp_path.iterdir()) == [occupied]


def test_the_mark_rises_and_is_read_back(tmp_path: Path) -> None:
    mark = HighWaterMark(tmp_path / "high-water")
    mark.create(EMPTY)
    for size in (1, 2, 90):
        mark.raise_to(checkpoint(size))
        assert HighWaterMark(mark.path).read() == checkpoint(size)
    mark.raise_to(checkpoint(90))


@pytest.mark.parametrize(
    "other",
    [
        checkpoint(7),
        checkpoint(8, b"\xff" * 32),
        Checkpoint("another.example", 9, bytes(32)),
    ],
    ids=["smaller", "same size, other root", "other log"],
)
def test_the_mark_never_falls(tmp_path: Path, other: Checkpoint) -> None:
    mark = HighWaterMark(tmp_path / "high-water")
    mark.create(EMPTY)
    mark.raise_to(checkpoint(8))
    with refused("mark_lowered"):
        mark.raise_to(other)
    assert mark.read() == checkpoint(8)


def test_a_mark_is_made_once_and_a_lost_or_broken_one_is_not_replaced(tmp_path: Path) -> None:
    mark = HighWaterMark(tmp_path / "high-water")
    with refused("mark_missing"):
        mark.read()
    with refused("mark_missing"):
        mark.raise_to(checkpoint(1))
    mark.create(EMPTY)
    with refused("mark_exists"):
        mark.create(EMPTY)
    for data in (b"", b"\xff", b"ledger.example/iq\n01\nAAAA\n"):
        mark.path.write_bytes(data)
        with refused("mark_malformed"):
            mark.read()


def test_an_interrupted_creation_leaves_no_half_of_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            create_secret(tmp_path / "vault.key")
    assert list(tmp_path.iterdir()) == []
    assert create_secret(tmp_path / "vault.key") == load_secret(tmp_path / "vault.key")
