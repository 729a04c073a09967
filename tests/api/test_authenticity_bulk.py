"""Requests for authenticity that come in a bulk: each is attested as if it had come alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from infrastructure import keyfiles
from infrastructure.proofs import codes, signing
from sijill.client.prepared import statement
from sijill.founding import found
from tests.api.talking import awaited
from tests.attesting import due, enrol_attester
from tests.serving import ORIGIN, Agency, Served, serving

ROOM = "/v1/authenticity-requests"


@pytest.fixture(scope="module")
def attesting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A ledger whose operator has put an attesting key beside it."""
    folder = tmp_path_factory.mktemp("attesting") / "ledger"
    found(folder, ORIGIN)
    key = keyfiles.create_private_key(folder / "keys" / "attest.pem")
    with serving(folder) as served:
        enrol_attester(served.founder("ndc"), served.founder("comsec"), key)
        yield served


def asking(agency: Agency, code: str) -> bytes:
    said = {"request": codes.generate(), "due_date": due(), "code": code}
    return signing.envelope(statement("authenticity.request", agency.name, **said))


@pytest.mark.parametrize("atomic", [False, True])
def test_what_a_bulk_asks_about_codes_is_attested(attesting: Served, *, atomic: bool) -> None:
    issuer, asker = attesting.agency(), attesting.agency()
    lines = [asking(asker, code) for code in (issuer.issue()["code"], codes.generate())]
    order = asker.client.prepare(f"{ROOM}/bulk", lines, bulk=True, atomic=atomic)

    answers = asker.client.send(order)

    def shown() -> list[dict[str, Any]]:
        attesting.settle()
        items: list[dict[str, Any]] = asker.client.get(ROOM, role="requester")["items"]
        return sorted(items, key=lambda one: int(one["requested_index"]))

    found_out = awaited(shown, until=lambda items: all(one["finding"] for one in items))
    assert [one["requested_index"] for one in found_out] == [one["index"] for one in answers]
    told = [(one["state"], one["finding"]) for one in found_out]
    assert told == [("attested", "genuine"), ("attested", "not_found")]
    # Sent again, it is answered the same, and nothing is attested twice.
    again = asker.client.send(order)
    assert [(one["index"], one["replayed"]) for one in again] == [
        (one["index"], True) for one in answers
    ]
