from pathlib import Path
from typing import Any

import httpx2
import pytest

from infrastructure.proofs import note
from sijill.client import Client, Untrustworthy
from tests.sijill.client.standin import ORIGIN, StandIn, connect

FIRST, SECOND, THIRD, STRANGER = (bytes([number]) * 32 for number in (1, 11, 12, 13))


def key(seed: bytes) -> note.SignerKey:
    return note.SignerKey(ORIGIN, seed)


def test_the_log_is_followed_through_all_its_keys(
    client: Client, ledger: StandIn, tmp_path: Path
) -> None:
    first = client.checkpoint()
    ledger.rotate(SECOND)
    ledger.grow(3)
    ledger.rotate(THIRD)

    with connect(ledger, tmp_path / "state") as later:
        newest = later.checkpoint()
        assert later.identity.log == key(THIRD).verifier
        assert later.identity.earlier[-1] == key(SECOND).verifier

    assert (first.size, newest.size) == (1, 6)


def test_who_comes_right_after_a_rotation_opens_what_the_key_before_it_signed(
    client: Client, ledger: StandIn
) -> None:
    sealed = ledger.checkpoint()
    ledger.rotate(SECOND)
    assert client.identity.log_keys == (key(FIRST).verifier, key(SECOND).verifier)
    ledger.faults.append(httpx2.Response(200, content=sealed))

    assert client.checkpoint().size == 1


def test_a_followed_rotation_is_pinned_and_not_asked_about_again(
    client: Client, ledger: StandIn, tmp_path: Path
) -> None:
    client.checkpoint()
    ledger.rotate(SECOND)
    with connect(ledger, tmp_path / "state") as later:
        later.checkpoint()
    ledger.rotations.clear()

    with connect(ledger, tmp_path / "state") as later:
        assert later.checkpoint().size == 2


@pytest.mark.parametrize(
    "signers",
    [
        pytest.param((key(STRANGER), key(SECOND)), id="the known key did not sign"),
        pytest.param((key(SECOND), key(SECOND)), id="only the new key signed"),
        pytest.param((key(FIRST), key(FIRST)), id="the new key did not sign"),
    ],
)
def test_a_key_that_the_known_one_does_not_vouch_for_is_not_adopted(
    client: Client, ledger: StandIn, tmp_path: Path, signers: tuple[note.SignerKey, ...]
) -> None:
    known = client.identity
    ledger.rotate(SECOND, *signers)

    with connect(ledger, tmp_path / "state") as later, pytest.raises(Untrustworthy):
        later.checkpoint()

    with connect(StandIn(), tmp_path / "state") as again:
        assert again.identity == known


def change_ledger(ledger: StandIn) -> None:
    ledger.log_seed = SECOND


def hide(ledger: StandIn) -> None:
    ledger.rotate(SECOND)
    ledger.rotations = dict.fromkeys(ledger.rotations, b"{}")


def cut(ledger: StandIn) -> None:
    ledger.rotate(SECOND)
    ledger.rotations.clear()


def move(ledger: StandIn) -> None:
    """The proof of one key is shown for another."""
    ledger.rotate(SECOND)
    ledger.log_seed = THIRD


@pytest.mark.parametrize("trick", [change_ledger, hide, cut, move])
def test_a_key_that_nothing_proves_is_not_adopted(
    client: Client, ledger: StandIn, tmp_path: Path, trick: Any
) -> None:
    _ = client.identity
    trick(ledger)

    with connect(ledger, tmp_path / "state") as later, pytest.raises(Untrustworthy):
        later.checkpoint()
