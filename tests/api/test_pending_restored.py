"""Orders that wait, after a restore that has left the keys of their bodies behind."""

import pytest

from infrastructure.postgres import connect
from sijill.bootstrap import connection_strings
from tests.api import asking
from tests.api.asking import read
from tests.api.talking import Wire, colleague, refusal, told
from tests.api.test_pending import countersigned, kept, sent, state_of
from tests.serving import NAMES, Agency, Served, act, enrolment

MISSING = (503, "record_key_missing")


@pytest.fixture(scope="module")
def second(agency: Agency) -> Agency:
    return colleague(agency, "officer-second")


def leave_keys_behind(served: Served) -> None:
    with connect(connection_strings(served.folder).admin, None, autocommit=True) as admin:
        admin.execute("DELETE FROM vault_keys.pending")


def test_an_order_that_nobody_can_read_is_not_said_to_wait_for_nothing(
    wire: Wire, served: Served, agency: Agency, second: Agency, stranger: Agency
) -> None:
    order, prepared = kept(agency)
    leave_keys_behind(served)

    assert told(wire, countersigned(second, order, prepared)) == MISSING
    # Whoever has signed it already is not what completes it.
    assert told(wire, countersigned(agency, order, prepared)) == MISSING
    for reader in (agency, second, asking.auditor(served)):
        assert refusal(read(wire, reader, f"/v1/orders/{order}")) == MISSING
    assert refusal(read(wire, stranger, f"/v1/orders/{order}")) == (404, "order_unknown")
    assert told(wire, countersigned(stranger, order, prepared)) == (404, "order_unknown")
    again = wire.send(prepared)
    assert (again.status_code, again.json()["order"]) == (202, order)
    assert len(again.json()["waiting_for"]) == 1


def test_its_agency_closes_an_order_that_nobody_can_read(
    wire: Wire, served: Served, agency: Agency, second: Agency
) -> None:
    order, prepared = kept(agency)
    clerk = colleague(agency, f"officer-{asking.new_name()}", scopes=["register"])
    leave_keys_behind(served)

    mine = countersigned(clerk, order, prepared, "refusal")
    assert told(wire, mine) == (403, "cosignature_not_needed")

    closed = sent(wire, countersigned(second, order, prepared, "refusal"))

    assert (closed.status_code, closed.json()["state"]) == (200, "refused")
    assert state_of(wire, agency, order) == "refused"


def test_whether_another_agency_is_asked_cannot_be_told_without_the_body(
    wire: Wire, served: Served
) -> None:
    name = f"b-{asking.new_name()}"
    operator, asked = served.founder(), served.founder("comsec")
    act(operator, "/v1/agencies", "agency.add", subject=name, kind="ministry", names=NAMES)
    key, path = asking.new_key(), f"/v1/agencies/{name}/keys"
    line = enrolment("ndc", name, key, ["administer"])
    waits = operator.send(operator.prepare(path, [line], cosigned=True))
    mine = asked.countersign(waits["order"], refuse=True)
    leave_keys_behind(served)

    assert refusal(wire.send(mine)) == MISSING
    assert refusal(wire.send(operator.possess(path, line, key))) == MISSING
