"""What is appended, and the one call that appends it.

An order is what an agency signed; a request is what is recorded or refused as a whole: one line of
an order, or all of them where the order is atomic. Many requests travel in one call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, Connection

from infrastructure.log import arrays
from infrastructure.log.queries import QUERIES
from infrastructure.log.refusals import (
    AppendRefused,
    ClaimTaken,
    ClockUnsafe,
    Conflict,
    Deferred,
    IdempotencyKeyReused,
    OrderClosed,
    OrderExpired,
    OrderInFuture,
)

_APPEND = QUERIES["append"]
_CLAIM, _ABSENT, _RELEASE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Order:
    """What an agency signed, as far as the log keeps it; times are microseconds since 1970, UTC.

    `request_digest` is SHA-256 over method, path and statement root: what the key is bound to.
    `statement_digests` has 32 bytes for each of the `lines`, refused ones included.
    `not_before` and `not_after` bound the leaf's time for every signature at once.
    """

    agency: str
    idempotency_key: str
    request_digest: bytes
    evidence: bytes = field(repr=False)
    statement_digests: bytes = field(repr=False)
    lines: int
    not_before: int
    not_after: int
    clock_exempt: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One event: stored bytes, never encoded again.

    `sealed` is the order's line as the vault sealed it. `lookups` are (space, HMAC) pairs.
    """

    stream: UUID
    version: int
    type: str
    line: int
    header: bytes
    header_salt: bytes
    body: bytes
    body_salt: bytes
    sealed: bytes | None = field(default=None, repr=False)
    lookups: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True)
class AppendRequest:
    """What is recorded as a whole or not at all.

    `guards` are the versions that the decision was made on, 0 for a stream that must not exist;
    streams written here guard themselves by their events' versions. `claims` are (space, key,
    stream), `absent` (space, key) that nobody may hold, `releases` (space, key) that a stream
    written here holds and lets go. `record_keys` are new wrapped keys; `erase` destroys keys.
    """

    order: Order
    events: Sequence[Event]
    guards: Mapping[UUID, int] = field(default_factory=dict)
    claims: Sequence[tuple[str, str, UUID]] = ()
    absent: Sequence[tuple[str, str]] = ()
    releases: Sequence[tuple[str, str]] = ()
    record_keys: Mapping[UUID, bytes] = field(default_factory=dict)
    erase: Sequence[UUID] = ()

    def __post_init__(self) -> None:
        """Refuse what no order can ask for: one statement, one event.

        Raises:
            ValueError: no event, a line twice, or one that the order does not have.
        """
        lines = {event.line for event in self.events}
        if not self.events or len(lines) < len(self.events):
            raise ValueError("a request has one event for each of its lines")
        if not 0 <= min(lines) <= max(lines) < self.order.lines:
            raise ValueError("a line of the request is not one of its order")


@dataclass(frozen=True, slots=True)
class Appended:
    """Where the events stand; `replayed` when an earlier request of the same key put them there.

    `index` and `time` are the first event's; a request recorded at once has one time for all.
    """

    index: int
    time: int
    indexes: tuple[int, ...]
    leaf_hashes: tuple[bytes, ...]
    replayed: bool


Result = Appended | AppendRefused


def append(conn: Connection[Any], requests: Sequence[AppendRequest], now_us: int) -> list[Result]:
    """One call of `ledger.append`: a result for each request, `Deferred` among them.

    `now_us` is the service's clock. In a connection without autocommit nothing is durable, and
    every other append waits, until the caller commits.

    Raises:
        psycopg.Error: the statement failed as a whole and recorded nothing, or, when the
            connection broke, it is unknown whether it did.
    """
    row = conn.execute(_APPEND, _encode(requests, now_us), prepare=True, binary=True).fetchone()
    return _decode(requests, row)


async def append_async(
    conn: AsyncConnection[Any], requests: Sequence[AppendRequest], now_us: int
) -> list[Result]:
    """As `append`, for the event loop."""
    parameters = _encode(requests, now_us)
    cursor = await conn.execute(_APPEND, parameters, prepare=True, binary=True)
    return _decode(requests, await cursor.fetchone())


def _encode(requests: Sequence[AppendRequest], now_us: int) -> list[Any]:
    orders, request_order = _orders(requests)
    events = [event for request in requests for event in request.events]
    owners = [
        ordinal for ordinal, request in enumerate(requests, 1) for _ in range(len(request.events))
    ]
    return [
        now_us,
        *_order_arrays(orders),
        arrays.int4(request_order),
        *_event_arrays(events, owners),
        *_vault_arrays(events),
        *_guard_arrays(requests),
        *_side_arrays(requests),
    ]


def _orders(requests: Sequence[AppendRequest]) -> tuple[list[Order], list[int]]:
    # The lines of a bulk share their order, whose evidence then travels once.
    orders: list[Order] = []
    known: dict[tuple[str, str], int] = {}
    ordinals = []
    for request in requests:
        order = request.order
        name = (order.agency, order.idempotency_key)
        ordinal = known.get(name, 0)
        if not ordinal or (orders[ordinal - 1] is not order and orders[ordinal - 1] != order):
            orders.append(order)
            ordinal = known[name] = len(orders)
        ordinals.append(ordinal)
    return orders, ordinals


def _order_arrays(orders: Sequence[Order]) -> list[arrays.Packed]:
    return [
        arrays.text([order.agency for order in orders]),
        arrays.text([order.idempotency_key for order in orders]),
        arrays.bytea([order.request_digest for order in orders]),
        arrays.int8([order.not_before for order in orders]),
        arrays.int8([order.not_after for order in orders]),
        arrays.boolean([order.clock_exempt for order in orders]),
        arrays.bytea([order.evidence for order in orders]),
        arrays.bytea([order.statement_digests for order in orders]),
        arrays.int4([order.lines for order in orders]),
    ]


def _event_arrays(events: Sequence[Event], owners: Sequence[int]) -> list[arrays.Packed]:
    return [
        arrays.int4(owners),
        arrays.uuid([event.stream for event in events]),
        arrays.int8([event.version for event in events]),
        arrays.text([event.type for event in events]),
        arrays.int4([event.line for event in events]),
        arrays.bytea([event.header for event in events]),
        arrays.bytea([event.header_salt for event in events]),
        arrays.bytea([event.body for event in events]),
        arrays.bytea([event.body_salt for event in events]),
    ]


def _vault_arrays(events: Sequence[Event]) -> list[arrays.Packed]:
    sealed = [
        (ordinal, event.sealed)
        for ordinal, event in enumerate(events, 1)
        if event.sealed is not None
    ]
    rows = [
        (ordinal, space, hmac)
        for ordinal, event in enumerate(events, 1)
        # One value may stand in two fields of a document.
        for space, hmac in dict.fromkeys(event.lookups)
    ]
    return [
        arrays.int4([ordinal for ordinal, _ in sealed]),
        arrays.bytea([data for _, data in sealed]),
        arrays.int4([ordinal for ordinal, _, _ in rows]),
        arrays.text([space for _, space, _ in rows]),
        arrays.bytea([hmac for _, _, hmac in rows]),
    ]


def _guard_arrays(requests: Sequence[AppendRequest]) -> list[arrays.Packed]:
    rows = [
        (ordinal, stream, version)
        for ordinal, request in enumerate(requests, 1)
        for stream, version in request.guards.items()
    ]
    return [
        arrays.int4([ordinal for ordinal, _, _ in rows]),
        arrays.uuid([stream for _, stream, _ in rows]),
        arrays.int8([version for _, _, version in rows]),
    ]


def _side_arrays(requests: Sequence[AppendRequest]) -> list[arrays.Packed]:
    claims: list[tuple[int, int, str, str, UUID]] = []
    keys: list[tuple[int, UUID, bytes]] = []
    erasures: list[tuple[int, UUID]] = []
    first = 1
    for request in requests:
        # Side rows hang on the event of their stream, or else on the request's first.
        place = {
            event.stream: first + position
            for position, event in reversed(list(enumerate(request.events)))
        }
        owner = request.events[0].stream
        claims += [(place.get(s, first), _CLAIM, space, key, s) for space, key, s in request.claims]
        claims += [(first, _ABSENT, space, key, owner) for space, key in request.absent]
        claims += [(first, _RELEASE, space, key, owner) for space, key in request.releases]
        keys += [(place.get(s, first), s, wrapped) for s, wrapped in request.record_keys.items()]
        erasures += [(place.get(s, first), s) for s in request.erase]
        first += len(request.events)
    return [
        arrays.int4([row[0] for row in claims]),
        arrays.int4([row[1] for row in claims]),
        arrays.text([row[2] for row in claims]),
        arrays.text([row[3] for row in claims]),
        arrays.uuid([row[4] for row in claims]),
        arrays.int4([row[0] for row in keys]),
        arrays.uuid([row[1] for row in keys]),
        arrays.bytea([row[2] for row in keys]),
        arrays.int4([row[0] for row in erasures]),
        arrays.uuid([row[1] for row in erasures]),
    ]


def _decode(requests: Sequence[AppendRequest], row: Any) -> list[Result]:
    refusals, details, moment, indexes, times, hashes = row
    results: list[Result] = []
    first = 0
    for request, refusal, detail in zip(requests, refusals, details, strict=True):
        last = first + len(request.events)
        if refusal is None or refusal == "replayed":
            replayed = refusal is not None
            results.append(
                Appended(
                    index=indexes[first],
                    time=times[first] if replayed else moment,
                    indexes=tuple(indexes[first:last]),
                    leaf_hashes=tuple(hashes[first:last]),
                    replayed=replayed,
                )
            )
        else:
            results.append(_refusal(refusal, detail))
        first = last
    return results


_PLAIN_REFUSALS: dict[str, type[AppendRefused]] = {
    kind.code: kind
    for kind in (
        Deferred,
        IdempotencyKeyReused,
        OrderExpired,
        OrderInFuture,
        OrderClosed,
        ClockUnsafe,
    )
}


def _refusal(code: str, detail: str | None) -> AppendRefused:
    if code == Conflict.code and detail is not None:
        return Conflict(UUID(detail))
    if code == ClaimTaken.code and detail is not None:
        # A space is a word of ours and has no blank; a key may hold anything.
        space, _, key = detail.partition(" ")
        return ClaimTaken(space, key)
    return _PLAIN_REFUSALS[code]()
