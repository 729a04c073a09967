"""Claims: what only one record may hold, what must not exist, what is let go."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any
from uuid import UUID

from psycopg import Connection

from infrastructure.log.batch import Appended, AppendRequest
from infrastructure.log.committer import append
from infrastructure.log.refusals import ClaimTaken, Conflict, Deferred
from infrastructure.postgres import Role, Urls, connect
from tests.infrastructure.log.making import (
    a_request,
    a_stream,
    an_event,
    an_order,
    done,
    log_size,
    once,
)


def claim(space: str, key: str, stream: UUID | None = None) -> dict[str, Any]:
    holder = stream or a_stream()
    return {"events": (an_event(holder),), "claims": [(space, key, holder)]}


def claiming(space: str, key: str, stream: UUID | None = None) -> AppendRequest:
    return AppendRequest(an_order(), **claim(space, key, stream))


def test_a_claim_is_held_by_one(service: Connection[Any]) -> None:
    first, second = claiming("number", "moj|1|2026|7"), claiming("number", "moj|1|2026|7")
    answers = once(service, first, second, claiming("code", "moj|1|2026|7"))
    assert [type(answer) for answer in answers] == [Appended, Deferred, Appended]
    (refused,) = once(service, second)
    assert isinstance(refused, ClaimTaken)
    assert (refused.space, refused.key) == ("number", "moj|1|2026|7")
    assert log_size(service) == 2
    assert service.execute("SELECT index FROM ledger.claims WHERE space = 'number'").fetchall() == [
        (0,)
    ]


def test_of_several_that_are_taken_the_first_is_named(service: Connection[Any]) -> None:
    stream = a_stream()
    claims = [(space, "1", stream) for space in ("status", "code", "number", "a", "z")]
    done(service, a_request(None, an_event(stream), claims=claims))
    for first in range(len(claims)):
        asked = claims[first:] + claims[:first]
        (answer,) = once(service, a_request(claims=asked))
        assert isinstance(answer, ClaimTaken)
        assert answer.space == asked[0][0]


def test_a_claim_hangs_on_the_event_of_its_stream(service: Connection[Any]) -> None:
    second = a_stream()
    done(
        service,
        a_request(None, an_event(), an_event(second), claims=[("code", "A", second)]),
    )
    assert service.execute("SELECT stream, index FROM ledger.claims").fetchall() == [(second, 1)]


def test_two_claims_on_one_thing_in_one_request_are_refused(service: Connection[Any]) -> None:
    stream = a_stream()
    request = a_request(
        None, an_event(stream), claims=[("code", "A", stream), ("code", "A", stream)]
    )
    assert isinstance(once(service, request)[0], ClaimTaken)


def test_what_must_not_exist(service: Connection[Any]) -> None:
    closed = ("register-closed", "moj|1|2026")
    before, after = a_request(absent=[closed]), a_request(absent=[closed])
    another = a_request(absent=[closed])
    answers = once(service, before, another, claiming(*closed), after)
    assert [type(answer) for answer in answers] == [Appended, Appended, Appended, Deferred]
    (refused,) = once(service, after)
    assert isinstance(refused, ClaimTaken)
    assert refused.space == "register-closed"


def test_a_released_claim_is_free_again(service: Connection[Any]) -> None:
    holder, number = a_stream(), ("number", "7")
    done(service, claiming(*number, holder))
    stranger = a_request(releases=[number])
    assert isinstance(once(service, stranger)[0], Conflict)
    void = a_request(None, an_event(holder, 2), releases=[number])
    successor = claiming(*number)
    assert [type(answer) for answer in once(service, void, successor)] == [Appended, Deferred]
    done(service, successor)
    assert isinstance(
        once(service, a_request(None, an_event(holder, 3), releases=[number]))[0], Conflict
    )


def test_a_claim_is_handed_over_within_one_request(service: Connection[Any]) -> None:
    holder, heir, code = a_stream(), a_stream(), ("code", "A")
    done(service, claiming(*code, holder))
    handover = a_request(
        None,
        an_event(heir),
        an_event(holder, 2),
        releases=[code],
        claims=[(*code, heir)],
    )
    done(service, handover)
    assert service.execute("SELECT stream FROM ledger.claims").fetchall() == [(heir,)]


def race(url: str) -> list[str]:
    """Claims twenty numbers, one after another; what came of each. Runs in a process of its own."""
    with connect(url, Role.SERVICE, autocommit=True) as conn:
        requests = [claiming("number", str(number)) for number in range(20)]
        return [type(append(conn, [request])[0]).__name__ for request in requests]


def test_two_processes_race_for_one_number(database: Urls, admin: Connection[Any]) -> None:
    spawn = multiprocessing.get_context("spawn")
    waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    admin.execute("SELECT pg_advisory_lock(1397377356, 1)")
    with ProcessPoolExecutor(2, mp_context=spawn) as processes:
        racers = [processes.submit(race, database.service) for _ in range(2)]
        try:
            while admin.execute(waiting).rowcount < 2:
                assert not any(racer.done() for racer in racers)
        finally:
            admin.execute("SELECT pg_advisory_unlock(1397377356, 1)")
        names = [name for racer in racers for name in racer.result()]
    assert sorted(names) == ["Appended"] * 20 + ["ClaimTaken"] * 20
