"""Room for orders that wait: bounded for each agency, however many are sent at once."""

from typing import Any

import anyio
import pytest
from psycopg import AsyncConnection

from domain.values import uuid7
from infrastructure.log import pending
from infrastructure.log.pending import PendingFull, PendingOrder, PendingSignature, Room
from infrastructure.postgres import Role, Urls, connect_async

BODY = 100
NARROW = Room(orders=3, size_bytes=10 * BODY)


def order(agency: str, key: str, size: int = BODY) -> PendingOrder:
    return PendingOrder(
        id=uuid7(1),
        agency=agency,
        asked=[],
        codes=[],
        idempotency_key=key,
        request_digest=bytes(32),
        act="certificate.issue",
        method="POST",
        path="/v1/certificates",
        root=bytes(32),
        lines=1,
        atomic=False,
        content_type="application/json",
        sealed_body=bytes(size),
        created=1,
        not_after=2,
        wrapped=bytes(8),
    )


FIRST = PendingSignature(
    base=b"",
    sig=bytes(64),
    keyid="k",
    tag="t",
    agency="a",
    idempotency_key="i",
    created=1,
    expires=2,
)


async def park(conn: AsyncConnection[Any], one: PendingOrder, room: Room = NARROW) -> bool:
    return await pending.insert(conn, one, FIRST, room)


async def connected(database: Urls) -> AsyncConnection[Any]:
    return await connect_async(database.service, Role.SERVICE, autocommit=True)


def test_an_agency_has_room_for_so_many_orders(database: Urls) -> None:
    async def play() -> None:
        async with await connected(database) as conn:
            kept = [order("a", str(number)) for number in range(3)]
            for one in kept:
                assert await park(conn, one)

            with pytest.raises(PendingFull):
                await park(conn, order("a", "too many"))

            assert await pending.find_by_key(conn, "a", "too many") is None
            # The same order again is no further one, and other agencies have room of their own.
            assert not await park(conn, kept[0])
            assert await park(conn, order("b", "0"))
            await pending.refuse(conn, kept[1].id, "refused_by a")
            assert await park(conn, order("a", "there is room again"))

    anyio.run(play)


def test_an_agency_has_room_for_so_many_bytes(database: Urls) -> None:
    async def play() -> None:
        async with await connected(database) as conn:
            assert await park(conn, order("a", "large", 9 * BODY))
            with pytest.raises(PendingFull):
                await park(conn, order("a", "larger than the rest", 2 * BODY))
            assert await park(conn, order("a", "small"))

    anyio.run(play)


def test_orders_that_arrive_together_are_counted_together(database: Urls) -> None:
    async def play() -> None:
        stored: list[bool] = []

        async def one_of_many(number: int) -> None:
            async with await connected(database) as conn:
                try:
                    stored.append(await park(conn, order("a", str(number))))
                except PendingFull:
                    stored.append(False)

        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(one_of_many, number)
        assert sum(stored) == NARROW.orders

    anyio.run(play)
