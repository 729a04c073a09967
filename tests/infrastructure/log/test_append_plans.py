"""The append's plans: made on empty tables, still right when the tables have grown."""

from typing import Any

from psycopg import Connection

from infrastructure.log.batch import AppendRequest
from infrastructure.log.committer import append
from tests.infrastructure.log.making import a_request, a_stream, an_event

# Every table that grows with the log. The head and the settings have one row each.
SCANS = """
SELECT sum(seq_scan)::int FROM pg_stat_user_tables
WHERE schemaname IN ('ledger', 'vault', 'vault_keys') AND relname NOT IN ('head', 'settings')
"""


def everything(number: int) -> list[AppendRequest]:
    """Requests that walk through every statement of the procedure."""
    stream, register = a_stream(), a_stream()
    lookups = [("name", number.to_bytes(32))]
    return [
        a_request(
            None,
            an_event(stream, sealed=b"sealed", lookups=lookups),
            guards={register: 0},
            claims=[("code", f"{number}", stream)],
            absent=[("closed", f"{number}")],
            record_keys={stream: b"wrapped"},
        ),
        a_request(None, an_event(stream, 2), an_event(), releases=[("code", f"{number}")]),
        a_request(None, an_event(stream, 3), erase=[stream]),
    ]


def scans(service: Connection[Any], admin: Connection[Any]) -> int:
    service.execute("SELECT pg_stat_force_next_flush()")
    admin.execute("SELECT pg_stat_clear_snapshot()")
    row = admin.execute(SCANS).fetchone()
    assert row is not None
    return int(row[0] or 0)


def test_no_table_that_grows_is_read_from_end_to_end(
    service: Connection[Any], admin: Connection[Any]
) -> None:
    before = scans(service, admin)
    kept = [everything(number) for number in range(3)]
    for requests in kept:
        append(service, requests)
    append(service, [request for number in range(3, 203) for request in everything(number)])
    for requests in kept:
        answers = append(service, requests)
        assert all(getattr(answer, "replayed", False) for answer in answers)
    assert scans(service, admin) == before


def test_the_measure_sees_a_scan(service: Connection[Any], admin: Connection[Any]) -> None:
    before = scans(service, admin)
    service.execute("SELECT count(*) FROM ledger.streams WHERE version > 7")
    assert scans(service, admin) > before
