"""The contract of `ledger.append`: what it records, what it refuses, and in which words."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from infrastructure.log import batch
from infrastructure.log.batch import Appended, AppendRequest
from infrastructure.log.committer import append
from infrastructure.log.refusals import (
    ClockUnsafe,
    Conflict,
    Deferred,
    IdempotencyKeyReused,
    OrderExpired,
    OrderInFuture,
)
from infrastructure.postgres import Role, Urls, connect
from infrastructure.proofs import leaf
from tests.infrastructure.log.making import (
    SECOND,
    a_request,
    a_stream,
    an_event,
    an_order,
    done,
    log_size,
    now_us,
    once,
)


def test_indexes_have_no_gap_after_refusals(service: Connection[Any]) -> None:
    stream = a_stream()
    answers = once(
        service,
        a_request(None, an_event(stream)),
        a_request(None, an_event(version=2)),
        a_request(an_order(not_after=1)),
        a_request(),
    )
    assert [getattr(answer, "index", answer.__class__) for answer in answers] == [
        0,
        Conflict,
        OrderExpired,
        1,
    ]
    with pytest.raises(psycopg.Error):
        once(service, a_request(None, replace(an_event(), header_salt=b"short")))
    assert done(service, a_request())[0].index == 2
    rows = service.execute("SELECT index FROM ledger.events ORDER BY index").fetchall()
    assert rows == [(0,), (1,), (2,)]
    assert log_size(service) == 3


def test_leaf_and_chain_are_what_the_proofs_compute(service: Connection[Any]) -> None:
    appended = done(service, *(a_request() for _ in range(3)))
    appended += done(service, a_request(None, an_event(), an_event()))
    rows = service.execute(
        "SELECT index, time, header_salt, header, body_salt, body, leaf_hash, header_digest,"
        " body_digest FROM ledger.events ORDER BY index"
    ).fetchall()
    prev = leaf.FIRST_PREV
    for (
        index,
        time,
        header_salt,
        header,
        body_salt,
        body,
        stored,
        header_digest,
        body_digest,
    ) in rows:
        assert header_digest == leaf.header_digest(header_salt, header)
        assert body_digest == leaf.body_digest(body_salt, body)
        made = leaf.Leaf(index, time, prev, header_digest, body_digest)
        assert made.hash() == stored
        prev = stored
    assert [row[6] for row in rows] == [one for each in appended for one in each.leaf_hashes]
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert abs(rows[-1][1] - now_us()) < 60 * SECOND
    assert service.execute("SELECT leaf_hash FROM ledger.head").fetchone() == (prev,)


def test_time_never_runs_back(service: Connection[Any], admin: Connection[Any]) -> None:
    ahead = now_us() + 200 * SECOND
    admin.execute("SET ROLE sijill_owner")
    admin.execute("UPDATE ledger.head SET time = %s", (ahead,))
    assert done(service, a_request())[0].time == ahead


def test_a_request_is_recorded_as_a_whole(service: Connection[Any]) -> None:
    stream = a_stream()
    order = an_order(lines=3)
    request = a_request(order, an_event(stream, 1), an_event(line=1), an_event(stream, 2, line=2))
    (answer,) = done(service, request)
    assert answer.indexes == (0, 1, 2)
    rows = service.execute(
        "SELECT version, index FROM ledger.streams WHERE stream = %s ORDER BY version", (stream,)
    ).fetchall()
    assert rows == [(1, 0), (2, 2)]
    torn = a_request(None, an_event(), an_event(stream, 4))
    (refused,) = once(service, torn)
    assert isinstance(refused, Conflict)
    assert refused.stream == stream
    assert log_size(service) == 3


def test_versions_inside_a_request_have_no_gap(service: Connection[Any]) -> None:
    stream = a_stream()
    (answer,) = once(service, a_request(None, an_event(stream, 1), an_event(stream, 3)))
    assert isinstance(answer, Conflict)


def test_a_guard_holds_the_version_that_was_judged_on(service: Connection[Any]) -> None:
    register, absent = a_stream(), a_stream()
    done(service, a_request(None, an_event(register)))
    answers = once(
        service,
        a_request(guards={register: 1, absent: 0}),
        a_request(guards={register: 0}),
        a_request(guards={absent: 1}),
    )
    assert isinstance(answers[0], Appended)
    assert [type(answer) for answer in answers[1:]] == [Conflict, Conflict]
    assert [getattr(answer, "stream", None) for answer in answers[1:]] == [register, absent]


def test_who_comes_after_a_writer_waits_for_the_next_batch(service: Connection[Any]) -> None:
    stream = a_stream()
    before = a_request(guards={stream: 0})
    writer = a_request(None, an_event(stream))
    rival = a_request(None, an_event(stream))
    guard = a_request(guards={stream: 0})
    bystander = a_request()
    answers = once(service, before, writer, rival, guard, bystander)
    assert [type(answer) for answer in answers] == [
        Appended,
        Appended,
        Deferred,
        Deferred,
        Appended,
    ]
    assert [type(answer) for answer in once(service, rival, guard)] == [Conflict, Conflict]


def test_the_door_sends_what_waited_again(service: Connection[Any]) -> None:
    stream = a_stream()
    answers = append(
        service,
        [
            a_request(None, an_event(stream, 1)),
            a_request(None, an_event(stream, 2)),
            a_request(None, an_event(stream, 2)),
            a_request(None, an_event(stream, 3)),
        ],
    )
    assert [type(answer) for answer in answers] == [Appended, Appended, Conflict, Appended]


def test_waiting_for_a_refused_writer_costs_nothing(service: Connection[Any]) -> None:
    stream = a_stream()
    done(service, a_request(None, an_event(stream)))
    doomed = a_request(an_order(not_after=1), an_event(stream, 2))
    good = a_request(None, an_event(stream, 2))
    assert [type(answer) for answer in once(service, doomed, good)] == [OrderExpired, Appended]


def test_the_same_key_answers_the_same(service: Connection[Any]) -> None:
    request = a_request(an_order("key"), claims=[("code", "A", a_stream())])
    first = once(service, request)[0]
    # The claim is taken, the version is stale, the time is over: the answer stands all the same.
    late = replace(request, order=replace(request.order, not_after=1), guards={a_stream(): 7})
    for again in (request, late):
        second = once(service, again)[0]
        assert isinstance(first, Appended)
        assert second == replace(first, replayed=True)
    assert log_size(service) == 1


def test_the_same_key_for_another_root_is_refused(service: Connection[Any]) -> None:
    done(service, a_request(an_order("key")))
    answers = once(
        service,
        a_request(an_order("key", root="another")),
        a_request(an_order("key", agency="moi", root="another")),
    )
    assert isinstance(answers[0], IdempotencyKeyReused)
    assert isinstance(answers[1], Appended)


def test_one_key_twice_in_a_batch(service: Connection[Any]) -> None:
    request, other = a_request(an_order("key")), a_request(an_order("key", root="another"))
    answers = once(service, request, request, other)
    assert [type(answer) for answer in answers] == [Appended, Deferred, Deferred]
    answers = append(service, [request, request, other])
    assert [getattr(answer, "replayed", None) for answer in answers] == [True, True, None]
    assert isinstance(answers[2], IdempotencyKeyReused)


def test_lines_of_a_bulk_are_recorded_singly_and_in_several_calls(
    service: Connection[Any],
) -> None:
    order = an_order(lines=5)
    lines = [a_request(order, an_event(line=line)) for line in range(5)]
    refused = replace(lines[1], events=(an_event(version=2, line=1),))
    answers = once(service, lines[0], refused, lines[2])
    assert [type(answer) for answer in answers] == [Appended, Conflict, Appended]
    # The same order again, as a resumed bulk sends it: two known lines, three new ones.
    again = once(service, *lines)
    assert [getattr(answer, "replayed", None) for answer in again] == [
        True,
        False,
        True,
        False,
        False,
    ]
    assert [getattr(answer, "index", None) for answer in again] == [0, 2, 1, 3, 4]
    assert service.execute("SELECT first_index, lines, evidence FROM ledger.orders").fetchall() == [
        (0, 5, b"evidence")
    ]
    assert service.execute("SELECT DISTINCT order_index FROM ledger.events").fetchall() == [(0,)]
    rows = service.execute("SELECT line, index FROM ledger.order_lines ORDER BY line").fetchall()
    assert rows == [(0, 0), (1, 2), (2, 1), (3, 3), (4, 4)]


def test_all_lines_of_an_order_have_the_evidence_of_its_first(service: Connection[Any]) -> None:
    """An order is stored with one evidence, and every header of it commits to that one."""
    order = an_order(lines=2)
    lines = [a_request(order, an_event(line=line)) for line in range(2)]
    first = done(service, lines[0])[0]
    signed_again = replace(order, evidence=b"other evidence")
    answers = once(service, *(replace(line, order=signed_again) for line in lines))
    assert answers[0] == replace(first, replayed=True)
    assert isinstance(answers[1], IdempotencyKeyReused)
    assert done(service, lines[1])[0].index == 1


def test_an_order_whose_first_line_is_refused_starts_where_it_starts(
    service: Connection[Any],
) -> None:
    done(service, a_request())
    order = an_order(lines=2)
    answers = once(
        service, a_request(order, an_event(version=9)), a_request(order, an_event(line=1))
    )
    assert [type(answer) for answer in answers] == [Conflict, Appended]
    rows = service.execute("SELECT first_index FROM ledger.orders WHERE lines = 2").fetchall()
    assert rows == [(1,)]


def test_lines_that_were_recorded_apart_do_not_come_back_together(
    service: Connection[Any],
) -> None:
    order = an_order(lines=2)
    done(service, a_request(order, an_event(line=0)))
    (answer,) = once(service, a_request(order, an_event(line=0), an_event(line=1)))
    assert isinstance(answer, IdempotencyKeyReused)


def test_one_statement_makes_one_event(service: Connection[Any]) -> None:
    order = an_order(lines=2)
    for events in ((), (an_event(line=2),), (an_event(line=-1),), (an_event(), an_event())):
        with pytest.raises(ValueError, match="line"):
            AppendRequest(order, events)
    # The procedure does not rely on its callers for that.
    for events in ((an_event(line=2),), (an_event(), an_event())):
        request = a_request(order, an_event())
        object.__setattr__(request, "events", events)
        with pytest.raises(psycopg.Error) as caught:
            once(service, request)
        assert caught.value.sqlstate == "SJ003"
    assert log_size(service) == 0


def test_an_atomic_order_is_answered_as_a_whole(service: Connection[Any]) -> None:
    order = an_order(lines=2)
    request = a_request(order, an_event(line=0), an_event(line=1))
    first = once(service, request)[0]
    assert isinstance(first, Appended)
    assert once(service, request)[0] == replace(first, replayed=True)


def test_clock_bounds_of_an_order(service: Connection[Any]) -> None:
    now = now_us()
    answers = once(
        service,
        a_request(an_order(not_before=now + 60 * SECOND)),
        a_request(an_order(not_after=now - 60 * SECOND)),
        a_request(an_order(not_before=now - 60 * SECOND, not_after=now + 60 * SECOND)),
    )
    assert [type(answer) for answer in answers] == [OrderInFuture, OrderExpired, Appended]


@pytest.mark.parametrize("minutes", [-6, 6])
def test_clocks_apart_are_unsafe(service: Connection[Any], minutes: int) -> None:
    requests = [a_request(), a_request(an_order(clock_exempt=True))]
    answers = batch.append(service, requests, now_us() + minutes * 60 * SECOND)
    assert [type(answer) for answer in answers] == [ClockUnsafe, Appended]
    near = batch.append(service, [a_request()], now_us() + (minutes // 2) * 60 * SECOND)
    assert isinstance(near[0], Appended)


def test_a_head_from_the_future_is_unsafe(service: Connection[Any], admin: Connection[Any]) -> None:
    ahead = now_us() + 600 * SECOND
    admin.execute("SET ROLE sijill_owner")
    admin.execute("UPDATE ledger.head SET time = %s", (ahead,))
    accepting = an_order(clock_exempt=True)
    answers = once(service, a_request(), a_request(accepting))
    assert [type(answer) for answer in answers] == [ClockUnsafe, Appended]
    assert getattr(answers[1], "time", None) == ahead


def test_values_are_written_with_their_event_and_destroyed_by_theirs(
    service: Connection[Any],
) -> None:
    stream, digest = a_stream(), sha256(b"name").digest()
    lookups = [("holder_name", digest), ("holder_name", digest)]
    done(
        service,
        a_request(
            None,
            an_event(stream, sealed=b"sealed", lookups=lookups),
            record_keys={stream: b"wrapped"},
        ),
        a_request(None, an_event(sealed=b"other", lookups=[("holder_name", digest)])),
    )
    assert service.execute("SELECT index, stream, sealed FROM vault.sealed").fetchall()[0] == (
        0,
        stream,
        b"sealed",
    )
    found = "SELECT index FROM vault.lookups WHERE space = 'holder_name' ORDER BY index"
    assert service.execute(found).fetchall() == [(0,), (1,)]
    refused = a_request(an_order(not_after=1), an_event(stream, 2), erase=[stream])
    assert isinstance(once(service, refused)[0], OrderExpired)
    assert service.execute("SELECT wrapped FROM vault_keys.records").fetchall() == [(b"wrapped",)]
    done(service, a_request(None, an_event(stream, 2), erase=[stream]))
    assert service.execute("SELECT * FROM vault_keys.records").fetchall() == []
    assert service.execute(found).fetchall() == [(1,)]
    assert service.execute("SELECT * FROM vault.erasures").fetchall() == [(stream, 2)]


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_another_isolation_level_is_refused(database: Urls, level: str) -> None:
    with connect(database.service, Role.SERVICE) as conn:
        conn.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        with pytest.raises(psycopg.Error) as caught:
            once(conn, a_request())
        assert caught.value.sqlstate == "SJ001"


def test_an_append_notifies_with_the_size_once_committed(
    service: Connection[Any], database: Urls
) -> None:
    with connect(database.service, Role.SERVICE, autocommit=True) as listener:
        listener.execute("LISTEN sijill_log")
        done(service, a_request(), a_request())
        assert isinstance(once(service, a_request(an_order(not_after=1)))[0], OrderExpired)
        done(service, a_request())
        heard = [one.payload for one in listener.notifies(timeout=10, stop_after=2)]
    assert heard == ["2", "3"]
