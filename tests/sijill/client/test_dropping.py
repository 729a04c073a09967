"""What was dropped from the outbox: forgotten with what was signed for it, and never sent."""

import pytest

from sijill.client import Client
from sijill.client.outbox import Dropped, Outbox
from tests.sijill.client.standin import REVOKE, StandIn, journal, line, problem
from tests.sijill.client.test_outbox import revoke, sent


@pytest.fixture
def box(client: Client) -> Outbox:
    assert client.state is not None
    return Outbox(client.state)


@pytest.mark.parametrize("parked", [False, True])
def test_what_was_dropped_is_never_sent(
    box: Outbox, client: Client, ledger: StandIn, *, parked: bool
) -> None:
    """It was signed, and the ledger was full; or it waits there for signatures."""
    entry = box.put("certificate.revoke", revoke(), waits=parked)
    ledger.twist = lambda _: {"order": "o1", "state": "open"}
    ledger.faults = [] if parked else [problem("pending_full", 429, **{"retry-after": "3600"})]
    sent(box, client)
    asked = len(ledger.posts)

    assert box.drop(entry.id) is Dropped.SENT

    assert sent(box, client) == []
    assert list(client.resume()) == []
    assert len(ledger.posts) == asked
    assert box.drop(entry.id) is Dropped.NOTHING


def test_what_was_signed_for_an_entry_that_is_gone_is_not_signed_anew(
    box: Outbox, client: Client, ledger: StandIn
) -> None:
    client.prepare(REVOKE, [line()], marks=("outbox 1-gone",))
    ledger.faults = [problem("order_expired", 401)]

    [done] = sent(box, client)

    assert done.refused is not None
    assert not done.waits
    assert len(ledger.posts) == 1
    assert journal(client) == []
