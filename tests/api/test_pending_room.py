"""How many orders of one agency may wait: the refusal that says so, over HTTP."""

from typing import Any

from infrastructure.log.pending import ROOM
from infrastructure.postgres import Role, connect
from sijill.bootstrap import connection_strings
from tests.api.talking import Wire, degree, refusal
from tests.clock import now_seconds
from tests.serving import Served

_FILL = """
INSERT INTO ledger.pending (id, agency, asked, idempotency_key, request_digest, act, method, path,
    codes, root, lines, atomic, content_type, sealed_body, created, not_after)
SELECT gen_random_uuid(), %(agency)s, '{}', n::text, decode(repeat('00', 32), 'hex'),
    'certificate.issue', 'POST', '/v1/certificates', '{}', decode(repeat('00', 32), 'hex'), 1,
    false, 'application/json', '', 0, %(until)s
FROM generate_series(1, %(orders)s) AS n
"""
_EMPTY = "UPDATE ledger.pending SET state = 'refused' WHERE agency = %(agency)s"


def change(served: Served, statement: Any, **values: Any) -> None:
    urls = connection_strings(served.folder)
    with connect(urls.service, Role.SERVICE, autocommit=True) as connection:
        connection.execute(statement, values)


def test_an_agency_whose_orders_all_wait_is_told_to_complete_some(
    served: Served, wire: Wire
) -> None:
    agency = served.agency()
    until = (now_seconds() + 86_400) * 1_000_000
    change(served, _FILL, agency=agency.name, until=until, orders=ROOM.orders)
    prepared = agency.client.prepare("/v1/certificates", [degree(agency.name)], cosigned=True)

    full = wire.send(prepared)

    assert refusal(full) == (429, "pending_full")
    assert int(full.headers["retry-after"]) >= 60
    assert str(ROOM.orders) in full.json()["detail"]
    # What needs nobody else is recorded as ever.
    assert agency.issue()["index"] > 0
    change(served, _EMPTY, agency=agency.name)
    assert wire.send(prepared).status_code == 202
