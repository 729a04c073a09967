"""An order whose last signature arrived, and whose recording was cut off before its answer."""

import anyio

from infrastructure.log import pending
from infrastructure.log.pending import PendingSignature
from infrastructure.postgres import Role, connect_async
from infrastructure.proofs import orders, signing
from infrastructure.proofs.jwk import PrivateKey
from infrastructure.proofs.orders import SignedRequest
from sijill.bootstrap import connection_strings
from tests.api.talking import Wire, colleague, degree
from tests.clock import now_seconds
from tests.serving import Agency


def approval(key: PrivateKey, order: str, request: SignedRequest) -> SignedRequest:
    now = now_seconds()
    head = signing.Head(
        path=f"/v1/orders/{order}/approval",
        ledger=request.ledger,
        idempotency_key=signing.new_idempotency_key(),
        created=now,
        expires=now + 600,
    )
    cover = signing.Cover(request.root, request.lines, request.atomic)
    return signing.sign_approval(key, head, cover).request


async def store(wire: Wire, order: str, signed: SignedRequest, agency: str) -> None:
    """All that a worker had done when it lost power."""
    row = PendingSignature(
        base=signed.base,
        sig=signed.signature,
        keyid=signed.keyid,
        tag=signed.tag,
        agency=agency,
        idempotency_key=signed.idempotency_key,
        created=signed.created,
        expires=signed.expires,
    )
    urls = connection_strings(wire.served.folder)
    async with await connect_async(urls.service, Role.SERVICE, autocommit=True) as conn:
        found = await conn.execute("SELECT id FROM ledger.pending WHERE id = %s", (order,))
        [[identifier]] = await found.fetchall()
        assert await pending.add_signature(conn, identifier, row, position=1)


def test_whoever_sends_it_again_has_it_recorded(wire: Wire, agency: Agency) -> None:
    second = colleague(agency, "second")
    prepared = agency.client.prepare("/v1/certificates", [degree(agency.name)], cosigned=True)
    waits = wire.send(prepared)
    assert waits.status_code == 202, waits.text
    order = waits.json()["order"]
    request = orders.parse_request("POST", prepared.path, prepared.headers.items())
    anyio.run(store, wire, order, approval(second.key, order, request), agency.name)

    answer = wire.send(prepared)

    assert answer.status_code == 201, answer.text
    assert wire.send(prepared).json() == {**answer.json(), "replayed": True}
