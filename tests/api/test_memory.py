"""What one process holds of large bodies at a time, whoever sends them."""

import asyncio
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import httpx2
import pytest
from starlette.requests import Request
from starlette.types import Message

from api import orders as api_orders
from api.limits import (
    BULK_PATIENCE_SECONDS,
    BULKS_AT_ONCE,
    BULKS_OF_ONE_AGENCY,
    PICTURE_BODIES_AT_ONCE,
    PICTURE_BODIES_OF_ONE_ADDRESS,
)
from api.orders import read_body
from api.problems import Problem
from infrastructure.proofs.orders import APPROVAL_TAG, LINE_LIMIT_BYTES, NDJSON
from sijill.client import trust
from sijill.founding import found
from tests.api.asking import (
    DAY,
    auditor,
    countersignature,
    new_key,
    read,
    retire,
    signed_headers,
)
from tests.api.talking import Forged, Wire, colleague, degree, forged, lines_of, refusal
from tests.api.test_bulk import connected
from tests.clock import now_seconds
from tests.serving import ORIGIN, Agency, issuance, serving

BULK = "/v1/certificates/bulk"
CONTINUE = b"HTTP/1.1 100 "


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A ledger that one worker answers for."""
    folder = tmp_path_factory.mktemp("alone") / "ledger"
    found(folder, ORIGIN)
    with (
        serving(folder, workers=1) as ledger,
        httpx2.Client(base_url=ledger.url, timeout=60) as http,
    ):
        yield Wire(http, ledger)


def a_bulk(agency: Agency) -> Forged:
    """A bulk of one line."""
    return forged(agency, issuance(agency.name) + b"\n", path=BULK, content_type=NDJSON)


def announced(connection: socket.socket, order: Forged, **headers: str) -> bytes:
    """What the server says to the head of an order whose body does not follow."""
    length = {"Host": "ledger", "Content-Length": str(len(order.body)), "Expect": "100-continue"}
    fields = {**order.headers, **length, **headers}
    head = [f"POST {order.path} HTTP/1.1", *(f"{name}: {text}" for name, text in fields.items())]
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    return connection.recv(4096)


@pytest.fixture(scope="module")
def bodies(alone: Wire) -> list[Agency]:
    """So many agencies as it takes to hold all places."""
    return [alone.served.agency() for _ in range(BULKS_AT_ONCE // BULKS_OF_ONE_AGENCY)]


def fill_share(wire: Wire, agency: Agency, sending: ExitStack) -> None:
    """Begin as many bulks as an agency may hold, and send no body.

    A server asks for a body (RFC 9110 section 10.1.1) when it begins to read it.
    """
    for _ in range(BULKS_OF_ONE_AGENCY):
        connection = sending.enter_context(connected(wire))
        assert announced(connection, a_bulk(agency)).startswith(CONTINUE)


def send(wire: Wire, order: Forged) -> httpx2.Response:
    return wire.post(order.path, order.headers, order.body)


def test_more_bulks_than_a_process_holds_come_back_later(alone: Wire, bodies: list[Agency]) -> None:
    agency = alone.served.agency()
    with ExitStack() as sending:
        for body in bodies:
            fill_share(alone, body, sending)

        turned_away = send(alone, a_bulk(agency))
        single = forged(agency)
        beside = alone.post(single.path, single.headers, single.body)

    assert refusal(turned_away) == (503, "busy")
    assert int(turned_away.headers["retry-after"]) > 0
    assert beside.status_code == 201
    # Their clients have gone, and so have their places.
    assert all(send(alone, a_bulk(agency)).status_code == 200 for _ in range(BULKS_AT_ONCE + 1))


def test_one_agency_leaves_places_for_bulks_to_others(alone: Wire, bodies: list[Agency]) -> None:
    agency, other = bodies
    leaving = colleague(agency, "officer-leaving")
    before = a_bulk(leaving)
    recorded = send(alone, before)
    retire(agency, leaving)
    with ExitStack() as sending:
        fill_share(alone, agency, sending)

        assert refusal(send(alone, a_bulk(agency))) == (503, "busy")
        assert send(alone, a_bulk(other)).status_code == 200
        # A key that has ended keeps none from the others, and is told again what it recorded.
        again = send(alone, before)
        late = sending.enter_context(connected(alone))
        assert announced(late, a_bulk(leaving)).startswith(CONTINUE)
        assert refusal(send(alone, a_bulk(leaving))) == (503, "busy")
        assert send(alone, a_bulk(other)).status_code == 200

    [line], [told] = lines_of(recorded), lines_of(again)
    assert told == {**line, "replayed": True}


@pytest.mark.parametrize(
    "changes,status",
    [
        ({"tag": APPROVAL_TAG}, 400),
        ({"created": 3_600}, 401),
        ({"life": 31 * DAY}, 400),
    ],
)
def test_what_the_head_alone_rules_out_takes_no_place(
    alone: Wire, bodies: list[Agency], changes: dict[str, Any], status: int
) -> None:
    if "created" in changes:
        changes = {"created": now_seconds() + changes["created"]}
    with connected(alone) as connection:
        answer = announced(connection, replace(a_bulk(bodies[0]), **changes))

    assert answer.startswith(b"HTTP/1.1 %d " % status)


def test_a_place_is_for_a_key_that_is_known(alone: Wire) -> None:
    agency, stranger = alone.served.agency(), alone.served.agency()
    with ExitStack() as sending:
        for _ in range(BULKS_AT_ONCE):
            connection = sending.enter_context(connected(alone))
            false = a_bulk(stranger).headers["Signature"]
            told = announced(connection, a_bulk(agency), Signature=false)
            assert told.startswith(b"HTTP/1.1 401 ")

        assert send(alone, a_bulk(agency)).status_code == 200


def test_reading_a_large_order_that_waits_takes_a_place_too(
    alone: Wire, bodies: list[Agency]
) -> None:
    agency = alone.served.agency()
    client = agency.client
    # One line more than fits into a single order's body.
    size = len(issuance(agency.name))
    lines = [degree(agency.name), *(issuance(agency.name) for _ in range(LINE_LIMIT_BYTES // size))]
    order = client.send(client.prepare(BULK, lines, bulk=True, cosigned=True))["order"]
    small = client.send(client.prepare(BULK, lines[:2], bulk=True, cosigned=True))["order"]
    with ExitStack() as sending:
        for body in bodies:
            fill_share(alone, body, sending)

        assert refusal(read(alone, agency, f"/v1/orders/{order}")) == (503, "busy")
        assert read(alone, agency, f"/v1/orders/{small}").status_code == 200
        # Who has nothing but the order's id would take a place, so it does not wait for one.
        spoiled = signed_headers(agency, f"/v1/orders/{small}")
        false = alone.get(f"/v1/orders/{order}", **spoiled)
        unknown = read(alone, Agency(alone.served, agency.name, new_key()), f"/v1/orders/{order}")

    assert refusal(false) == (401, "signature_invalid")
    assert refusal(unknown) == (401, "key_unknown")
    for answer in (false, unknown):
        assert answer.elapsed.total_seconds() < BULK_PATIENCE_SECONDS


def test_a_place_for_a_large_order_is_for_whom_it_concerns(
    alone: Wire, bodies: list[Agency]
) -> None:
    """Whom it does not concern would hold one, and be told by the waiting that it is there."""
    agency, stranger = alone.served.agency(), alone.served.agency()
    size = len(issuance(agency.name))
    lines = [degree(agency.name), *(issuance(agency.name) for _ in range(LINE_LIMIT_BYTES // size))]
    order = agency.client.send(agency.client.prepare(BULK, lines, bulk=True, cosigned=True))
    path = f"/v1/orders/{order['order']}"
    unknown = "/v1/orders/019ad000-0000-7000-8000-000000000000"
    shown = agency.client.order(order["order"])
    cover, _ = trust.read_order(shown, shown["statements"])
    board, second = auditor(alone.served), colleague(agency, "officer-2")

    def asked(who: Agency, path: str) -> list[httpx2.Response]:
        """What it is answered that reads, approves and refuses."""
        places = [f"{path}/{place}" for place in ("approval", "refusal")]
        signed = [(one, countersignature(who, one, cover)) for one in places]
        works = [partial(read, alone, who, path)]
        works += [partial(alone.post, *one, b"{}") for one in signed]
        # At once: each waits for a place as long as it may, and a silent body is cut off in time.
        with ThreadPoolExecutor(len(works)) as threads:
            return [one.result() for one in [threads.submit(work) for work in works]]

    with ExitStack() as sending:
        for body in bodies:
            fill_share(alone, body, sending)

        foreign = asked(stranger, path)
        assert [refusal(one) for one in foreign] == [(404, "order_unknown")] * 3
        assert max(one.elapsed.total_seconds() for one in foreign) < BULK_PATIENCE_SECONDS
        assert refusal(read(alone, board, path)) == (503, "busy")
        assert [refusal(one) for one in asked(second, path)] == [(503, "busy")] * 3

    told = [{**one.json(), "instance": ""} for one in foreign]
    assert told == [{**one.json(), "instance": ""} for one in asked(stranger, unknown)]
    assert read(alone, board, path).status_code == 200
    assert refusal(asked(stranger, path)[1]) == (404, "order_unknown")


def picture_announced(connection: socket.socket, address: str) -> bytes:
    """What the server says to the head of a large picture whose body does not follow."""
    head = (
        "POST /en/read HTTP/1.1",
        "Host: ledger",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Length: 11900000",
        "Expect: 100-continue",
        f"X-Forwarded-For: {address}",
    )
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    return connection.recv(4096)


def test_pictures_that_stall_hold_no_more_bodies_than_there_are_places(alone: Wire) -> None:
    agency = alone.served.agency()
    with ExitStack() as sending:

        def told(address: str) -> bytes:
            return picture_announced(sending.enter_context(connected(alone)), address)

        for number in range(0, PICTURE_BODIES_AT_ONCE, PICTURE_BODIES_OF_ONE_ADDRESS):
            for _ in range(PICTURE_BODIES_OF_ONE_ADDRESS):
                assert told(f"192.0.2.{number}").startswith(CONTINUE)
            # Not one byte of its body is asked for.
            assert told(f"192.0.2.{number}").startswith(b"HTTP/1.1 503 ")
        for number in range(PICTURE_BODIES_AT_ONCE):
            assert told(f"198.51.100.{number}").startswith(b"HTTP/1.1 503 ")

        single = forged(agency)
        beside = alone.post(single.path, single.headers, single.body)
        page = alone.http.post("/en/read", files={"file": ("paper.png", b"GIF89a")})

    assert beside.status_code == 201
    assert page.status_code == 503
    assert int(page.headers["retry-after"]) > 0


@pytest.mark.anyio
async def test_a_client_that_falls_silent_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def silent() -> Message:
        await never.wait()
        raise AssertionError

    never = asyncio.Event()
    monkeypatch.setattr(api_orders, "BODY_SECONDS", 0.01)

    with pytest.raises(Problem, match="client_gone"):
        await read_body(Request({"type": "http", "headers": []}, silent))
