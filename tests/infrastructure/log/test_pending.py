"""Orders that wait, and the log: what one of the two has decided the other keeps to."""

import os
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from psycopg import AsyncConnection, Connection

from infrastructure.log import pending
from infrastructure.log.pending import PendingOrder, PendingSignature
from infrastructure.log.refusals import OrderClosed
from infrastructure.postgres import Role, Urls, connect_async
from tests.infrastructure.log.making import (
    a_request,
    a_stream,
    an_event,
    an_order,
    done,
    log_size,
    now_us,
    once,
)

pytestmark = pytest.mark.anyio
HOUR = 3_600_000_000


def a_pending(key: str = "key-1", *codes: str) -> PendingOrder:
    return PendingOrder(
        id=a_stream(),
        agency="moj",
        asked=[],
        idempotency_key=key,
        request_digest=bytes(32),
        act="certificate.correct",
        method="POST",
        path="/v1/certificates",
        codes=list(codes),
        root=bytes(32),
        lines=1,
        atomic=False,
        content_type="application/json",
        sealed_body=b"sealed",
        created=now_us(),
        not_after=now_us() + HOUR,
        wrapped=b"wrapped",
    )


def a_signature(keyid: str = "first") -> PendingSignature:
    return PendingSignature(
        base=b"base",
        sig=bytes(64),
        keyid=keyid,
        tag="tag",
        agency="moj",
        idempotency_key=os.urandom(8).hex(),
        created=0,
        expires=0,
    )


async def stored(conn: AsyncConnection[Any], order: UUID) -> PendingOrder:
    found = await pending.find(conn, order)
    assert found is not None
    return found


async def opened(url: str) -> AsyncConnection[Any]:
    return await connect_async(url, Role.SERVICE, autocommit=True)


async def test_what_was_refused_is_not_recorded(database: Urls, service: Connection[Any]) -> None:
    order = a_pending()
    async with await opened(database.service) as conn:
        await pending.insert(conn, order, a_signature())
        assert await pending.refuse(conn, order.id, "refused_by moj") == "refused"
        [answer] = once(service, a_request(an_order("key-1")))
        assert isinstance(answer, OrderClosed)
        assert log_size(service) == 0
        found = await stored(conn, order.id)
    assert (found.state, found.reason, found.sealed_body) == ("refused", "refused_by moj", b"")
    assert found.wrapped is None


async def test_what_is_recorded_is_not_refused(database: Urls, service: Connection[Any]) -> None:
    """Its worker may have lost power before it closed the order."""
    order = a_pending()
    async with await opened(database.service) as conn:
        await pending.insert(conn, order, a_signature())
        done(service, a_request(), a_request(an_order("key-1")))
        assert await pending.refuse(conn, order.id, "refused_by moj") == "appended"
        found = await stored(conn, order.id)
    assert (found.first_index, found.reason, found.wrapped) == (1, None, None)


async def test_what_is_recorded_does_not_expire(database: Urls, service: Connection[Any]) -> None:
    """Its worker may have lost power before it closed the order, and another has the same key."""
    digest = an_order("key-1").request_digest
    recorded, over = replace(a_pending(), request_digest=digest), a_pending("key-3")
    other = replace(a_pending("key-2"), request_digest=bytes([1]) * 32)
    async with await opened(database.service) as conn:
        for order in (recorded, other, over):
            await pending.insert(conn, order, a_signature())
        done(service, a_request(), a_request(an_order("key-1")), a_request(an_order("key-2")))
        await pending.expire(conn, now_us() + 2 * HOUR)
        found = [await stored(conn, order.id) for order in (recorded, other, over)]
    assert [(one.state, one.first_index) for one in found] == [
        ("appended", 1),
        ("expired", None),
        ("expired", None),
    ]
    assert [(one.sealed_body, one.wrapped) for one in found] == [(b"", None)] * 3


async def test_a_refused_order_hinders_nobody_else(
    database: Urls, service: Connection[Any]
) -> None:
    order = a_pending()
    async with await opened(database.service) as conn:
        await pending.insert(conn, order, a_signature())
        await pending.refuse(conn, order.id, "refused_by moj")
    done(
        service,
        a_request(an_order("key-2")),
        a_request(an_order("key-1", agency="moh")),
    )
    assert log_size(service) == 2


async def test_a_signature_is_added_to_those_that_it_was_judged_beside(database: Urls) -> None:
    order = a_pending()
    async with await opened(database.service) as conn:
        await pending.insert(conn, order, a_signature())
        assert await pending.add_signature(conn, order.id, a_signature("second"), position=1)
        assert not await pending.add_signature(conn, order.id, a_signature("third"), position=1)
        assert not await pending.add_signature(conn, order.id, a_signature("second"), position=2)
        assert await pending.add_signature(conn, order.id, a_signature("third"), position=2)
        await pending.close(conn, order.id, 0)
        assert not await pending.add_signature(conn, order.id, a_signature("late"), position=3)
        kept = [one.keyid for one in await pending.signatures(conn, order.id)]
    assert kept == ["first", "second", "third"]


async def test_an_order_that_arrives_beside_an_erasure_is_closed_later(
    database: Urls, service: Connection[Any]
) -> None:
    stream = a_stream()
    done(service, a_request(None, an_event(stream), claims=[("code", "A", stream)]))
    done(service, a_request(None, an_event(kept := a_stream()), claims=[("code", "B", kept)]))
    early, late, other = a_pending("1", "A"), a_pending("2", "C", "A"), a_pending("3", "B", "C")
    async with await opened(database.service) as conn:
        await pending.insert(conn, early, a_signature())
        done(service, a_request(None, an_event(stream, 2), erase=[stream]))
        await pending.insert(conn, late, a_signature())
        await pending.insert(conn, other, a_signature())
        assert (await stored(conn, early.id)).state == "refused"
        assert (await stored(conn, late.id)).state == "open"
        await pending.close_erased(conn)
        closed = await stored(conn, late.id)
        untouched = await stored(conn, other.id)
    assert (closed.state, closed.reason, closed.wrapped) == ("refused", "erased", None)
    assert untouched == replace(other, codes=["B", "C"])
