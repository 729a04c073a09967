from pathlib import Path
from typing import Any

import httpx2
import pytest

from infrastructure.proofs import merkle, receipts
from infrastructure.proofs.canonical import dumps, parse, statement_digest
from infrastructure.proofs.note import SignerKey
from infrastructure.proofs.receipts import VerdictNote
from infrastructure.proofs.statements import statement_root
from sijill.client import Client, Refused, Untrustworthy, statement, trust
from sijill.client.checking import HttpSource
from tests.sijill.client.standin import REVOKE, StandIn, connect, line, problem, suspects


def test_another_ledger_at_the_known_address_gets_no_order(
    client: Client, ledger: StandIn, tmp_path: Path
) -> None:
    assert client.identity.ledger == ledger.ledger
    impostor = StandIn(ledger=bytes(32))

    with connect(impostor, tmp_path / "state") as later, pytest.raises(Untrustworthy):
        later.prepare(REVOKE, [line()])

    assert impostor.posts == []
    assert len(suspects(client)) == 1


def test_the_pinned_identity_outlives_the_process(client: Client, tmp_path: Path) -> None:
    known = client.identity
    impostor = StandIn(receipts_seed=bytes([8]) * 32)

    with connect(impostor, tmp_path / "state") as later:
        assert later.identity == known
        with pytest.raises(Untrustworthy):
            later.send(later.prepare(REVOKE, [line()]))


@pytest.mark.parametrize("answer", [{}, {"ledger": "zz"}, {"ledger": "AB" * 32}, []])
def test_what_does_not_say_which_ledger_it_is_is_none(answer: Any) -> None:
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=answer))

    with Client("http://x.test", transport=transport) as client, pytest.raises(Untrustworthy):
        _ = client.identity


@pytest.mark.parametrize("kind", ["text/plain", "application/octet-stream", ""])
def test_a_portal_at_the_ledgers_address_contradicts_nothing(
    client: Client, ledger: StandIn, tmp_path: Path, kind: str
) -> None:
    """A page that says that all is well, and not that it is a page, with every kind of answer."""
    kept = client.checkpoint()
    page = httpx2.Response(200, content=b"Please log in.\n", headers={"content-type": kind})
    transport = httpx2.MockTransport(lambda _: page)
    with (
        Client("http://x.test", state=tmp_path / "state", transport=transport) as shut_in,
        pytest.raises(Refused) as unknown,
    ):
        _ = shut_in.identity
    ledger.faults = [page]
    with pytest.raises(Refused) as unsigned:
        client.checkpoint()
    ledger.grow(300)
    source = HttpSource(client)
    assert source.newest() is not None
    ledger.faults = [page]
    with pytest.raises(Refused) as unread:
        next(source.entries())

    assert [one.value.foreign for one in (unknown, unsigned, unread)] == [True] * 3
    assert suspects(client) == []
    assert client.checkpoint().size > kept.size


def verdict_note(ledger: StandIn, said: dict[str, str], seed: bytes | None = None) -> str:
    key = SignerKey(ledger.receipts_key.name, seed) if seed else ledger.receipts_key
    return receipts.sign(VerdictNote(ledger.ledger, 5, dumps(said)), key).decode()


def test_a_verdict_taken_away_says_what_was_answered(client: Client, ledger: StandIn) -> None:
    said = {"outcome": "valid", "reason": "in_force_fields_match"}
    good = verdict_note(ledger, said)
    trust.require_verdict({**said, "receipt": good}, client.identity)

    strangers = verdict_note(ledger, said, bytes([9]) * 32)
    elsewhere = receipts.sign(VerdictNote(bytes(32), 5, dumps(said)), ledger.receipts_key).decode()
    for answer in (
        {**said, "reason": "in_force_document_matches", "receipt": good},
        {**said, "receipt": strangers},
        {**said, "receipt": elsewhere},
        {**said, "receipt": "no note"},
    ):
        with pytest.raises(Untrustworthy):
            trust.require_verdict(answer, client.identity)


def test_newer_checkpoints_that_contain_the_older_ones_are_kept(
    client: Client, ledger: StandIn
) -> None:
    for growth in (0, 1, 6, 0, 20):
        ledger.grow(growth)
        assert client.checkpoint().size == len(ledger.leaves)
    assert client.state is not None
    assert client.state.read("checkpoint") == ledger.checkpoint()


def forked(ledger: StandIn, size: int) -> StandIn:
    """A ledger that tells the beginning otherwise."""
    other = StandIn(leaves=[ledger.ledger, merkle.leaf_hash(b"forged")])
    other.grow(size - 2)
    return other


@pytest.mark.parametrize("size", [5, 4, 9, 2])
def test_a_checkpoint_that_contradicts_the_one_seen_is_refused_and_kept_as_evidence(
    client: Client, ledger: StandIn, tmp_path: Path, size: int
) -> None:
    ledger.grow(4)
    kept = client.checkpoint()
    liar = forked(ledger, size)

    with connect(liar, tmp_path / "state") as later, pytest.raises(Untrustworthy):
        later.checkpoint()

    assert client.checkpoint() == kept
    assert suspects(client) == [liar.checkpoint()]


def test_an_older_checkpoint_of_the_same_story_changes_nothing(
    client: Client, ledger: StandIn
) -> None:
    ledger.grow(6)
    newest = client.checkpoint()
    ledger.faults = [httpx2.Response(200, content=ledger.checkpoint(size=3))]

    assert client.checkpoint() == newest


def test_a_checkpoint_by_another_key_is_refused(client: Client, ledger: StandIn) -> None:
    client.checkpoint()
    ledger.log_seed = bytes([3]) * 32

    with pytest.raises(Untrustworthy):
        client.checkpoint()


def test_consistency_that_nobody_proves_is_not_assumed(client: Client, ledger: StandIn) -> None:
    client.checkpoint()
    ledger.grow(2)
    ledger.faults = [
        httpx2.Response(200, content=ledger.checkpoint()),
        problem("size_unknown", 404),
    ]

    with pytest.raises(Untrustworthy):
        client.checkpoint()


def pend(ledger: StandIn, count: int) -> dict[str, Any]:
    said = [
        parse(statement("certificate.issue", "moj", number=number), limit_bytes=1_000)
        for number in range(count)
    ]
    digests = [statement_digest(dumps(one)) for one in said]
    shown = {
        "root": statement_root(digests).hex(),
        "lines": count,
        "atomic": False,
        "statements": said,
    }
    ledger.pending["o1"] = shown
    return shown


def test_an_approval_covers_what_was_shown_to_the_last_line(
    client: Client, ledger: StandIn
) -> None:
    pend(ledger, 250)

    client.approve("o1")

    [post] = ledger.posts
    assert post.url.path == "/v1/orders/o1/approval"
    assert ";lines=250" in post.headers["sijill-statement"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"root": "00" * 32}, id="another root"),
        pytest.param({"lines": 2}, id="a line that is not shown"),
        pytest.param({"statements": [{"act": "certificate.erase"}]}, id="other statements"),
        pytest.param({"root": "short"}, id="no root"),
    ],
)
def test_nothing_is_countersigned_that_was_not_shown(
    client: Client, ledger: StandIn, change: dict[str, Any]
) -> None:
    pend(ledger, 1).update(change)

    with pytest.raises(Untrustworthy):
        client.approve("o1")

    assert ledger.posts == []


@pytest.mark.parametrize("state", ["appended", "refused", "expired"])
def test_a_closed_order_is_no_contradiction_and_is_not_signed(
    client: Client, ledger: StandIn, state: str
) -> None:
    """Its statements are not shown any more, so there is nothing that a signature could cover."""
    pend(ledger, 1).update(state=state, statements=[])

    for refuse in (False, True):
        with pytest.raises(Refused) as caught:
            client.approve("o1", refuse=refuse)
        assert caught.value.code == "order_closed"

    assert ledger.posts == []
