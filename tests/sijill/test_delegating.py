"""The key of the status lists: made once, named by the log's key, and named again in time."""

import errno
from pathlib import Path

import pytest

from infrastructure import keyfiles
from infrastructure.proofs.statuslist import Delegation
from sijill import delegating
from sijill.folder import Folder

ORIGIN = "sijill.test/log"
LEDGER = bytes(range(32))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    keyfiles.create_private_key(folder.key("log"))
    return folder


def held(folder: Folder) -> Delegation:
    newest = folder.log_keys(ORIGIN)[-1].verifier
    return Delegation.open(folder.status_note.read_bytes(), newest)


def test_a_key_is_made_and_named(folder: Folder) -> None:
    assert delegating.signer(folder, ORIGIN, LEDGER) is None
    delegating.ensure(folder, ORIGIN, LEDGER)
    signer = delegating.signer(folder, ORIGIN, LEDGER)

    assert signer is not None
    assert held(folder).key == signer.key.verifier
    assert folder.key("status").stat().st_mode & 0o777 == 0o600


def test_what_is_there_stays(folder: Folder) -> None:
    delegating.ensure(folder, ORIGIN, LEDGER)
    before = (folder.key("status").read_bytes(), folder.status_note.read_bytes())
    delegating.ensure(folder, ORIGIN, LEDGER)

    assert (folder.key("status").read_bytes(), folder.status_note.read_bytes()) == before


def test_a_note_that_ends_soon_is_written_anew(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delegating, "LIFE_SECONDS", delegating.RENEWED_SECONDS - 1)
    delegating.ensure(folder, ORIGIN, LEDGER)
    soon = held(folder)
    monkeypatch.undo()
    delegating.ensure(folder, ORIGIN, LEDGER)

    assert held(folder).key == soon.key
    assert held(folder).until > soon.until


def test_a_rotated_log_key_names_the_key_too(folder: Folder) -> None:
    delegating.ensure(folder, ORIGIN, LEDGER)
    keyfiles.create_private_key(folder.next_log_key())
    delegating.ensure(folder, ORIGIN, LEDGER)
    folder.key("log").unlink()

    assert delegating.signer(folder, ORIGIN, LEDGER) is not None


def test_a_key_that_is_rotated_while_the_ledger_is_served_names_it_too(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delegating, "LOOKS_SECONDS", 0)
    delegating.ensure(folder, ORIGIN, LEDGER)
    renewing = delegating.Renewing(folder, ORIGIN, LEDGER)
    before, again = renewing(), renewing()
    keyfiles.create_private_key(folder.next_log_key())
    after = renewing()

    assert before is not None
    assert again is before
    assert after is not None
    for key in folder.log_keys(ORIGIN):
        assert Delegation.open(after.delegation, key.verifier).key == before.key.verifier


def test_a_note_that_cannot_be_renewed_is_used_as_long_as_it_is_good(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk, met by a worker that was just started."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    delegating.ensure(folder, ORIGIN, LEDGER)
    monkeypatch.setattr(delegating, "ensure", full)

    assert delegating.Renewing(folder, ORIGIN, LEDGER)() is not None


def test_a_key_file_that_must_not_be_used_leaves_the_signer_as_it_was(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delegating, "LOOKS_SECONDS", 0)
    delegating.ensure(folder, ORIGIN, LEDGER)
    renewing = delegating.Renewing(folder, ORIGIN, LEDGER)
    before = renewing()
    newer = folder.next_log_key()
    keyfiles.create_private_key(newer)
    newer.chmod(0o644)

    assert renewing() is before


@pytest.mark.parametrize("change", ["ledger", "key", "note", "over", "unreadable"])
def test_nothing_is_signed_under_a_note_that_does_not_fit(
    folder: Folder, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if change == "over":
        monkeypatch.setattr(delegating, "LIFE_SECONDS", -1)
    delegating.ensure(folder, ORIGIN, LEDGER)
    if change == "key":
        folder.key("status").unlink()
        keyfiles.create_private_key(folder.key("status"))
    if change == "note":
        folder.status_note.write_bytes(b"not a note\n")
    if change == "unreadable":
        folder.key("status").chmod(0o644)

    asked = bytes(32) if change == "ledger" else LEDGER
    assert delegating.signer(folder, ORIGIN, asked) is None


def test_without_the_logs_key_nothing_is_named(tmp_path: Path) -> None:
    delegating.ensure(Folder(tmp_path), ORIGIN, LEDGER)

    assert not Folder(tmp_path).status_note.exists()
    assert delegating.signer(Folder(tmp_path), ORIGIN, LEDGER) is None
