"""What is signed beside an order is evidence for ever: nothing is taken that an auditor rejects."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infrastructure.log import pending
from infrastructure.log.pending import PendingSignature
from infrastructure.postgres import Role, connect_async
from infrastructure.proofs import orders
from infrastructure.proofs.orders import POSSESSION_TAG
from sijill.bootstrap import connection_strings
from tests.api.talking import Forged, Wire, colleague, refusal, told
from tests.api.test_pending import countersigned, kept, sent, state_of
from tests.serving import Agency, Served, enrolment, serving
from tests.sijill.test_audit_under_load import run

Spelling = Callable[[str], str]
OTHER_SPELLINGS: list[Spelling] = [str.upper, lambda order: order.replace("-", "")]


def test_what_an_auditor_would_reject_is_not_taken(ledger_folder: Path) -> None:
    with (
        serving(ledger_folder) as served,
        httpx2.Client(base_url=served.url, timeout=60) as http,
    ):
        wire, agency = Wire(http, served), served.agency()
        second = colleague(agency, "officer-second")
        order, prepared = kept(agency)
        for place in ("approval", "refusal"):
            for spelled in OTHER_SPELLINGS:
                mine = countersigned(second, spelled(order), prepared, place)
                assert told(wire, mine) == (400, "order_malformed")
        assert state_of(wire, agency, order) == "open"
        # Whoever types it so signs it as it is spelled.
        assert second.client.approve(order.upper())["index"] > 0
        _enrols_a_key(wire, agency)

        assert run("log", "fsck", "--from", served.url)["summary"]["findings"] == 0


def _enrols_a_key(wire: Wire, agency: Agency) -> None:
    """A proof of possession covers what the order does, `atomic` included."""
    client, path = agency.client, f"/v1/agencies/{agency.name}/keys"
    key = Ed25519PrivateKey.generate()
    line = enrolment(agency.name, agency.name, key, ["issue"], "officer-new")
    order = client.send(client.prepare(path, [line], cosigned=True))["order"]
    members: dict[str, Any] = {"path": path, "body": line, "tag": POSSESSION_TAG}
    proof = Forged(key=key, ledger=client.identity.ledger, atomic=True, **members)
    assert told(wire, proof) == (400, "statement_mismatch")
    assert len(client.order(order)["signatures"]) == 1
    assert sent(wire, replace(proof, atomic=False)).status_code == 201


@pytest.mark.anyio
@pytest.mark.parametrize(
    "spelled,changes,code",
    [(str.lower, {"atomic": True}, "evidence_disagrees"), (str.upper, {}, "order_malformed")],
)
async def test_what_an_earlier_release_took_is_not_recorded(
    wire: Wire,
    served: Served,
    agency: Agency,
    spelled: Spelling,
    changes: dict[str, Any],
    code: str,
) -> None:
    order, prepared = kept(agency)
    second = colleague(agency, f"officer-{spelled.__name__}")
    mine = countersigned(second, spelled(order), prepared, **changes)
    await _store(served, agency, order, mine)

    answer = wire.send(prepared)

    assert refusal(answer) == (400, code)
    assert state_of(wire, agency, order) == "open"


async def _store(served: Served, agency: Agency, order: str, mine: Forged) -> None:
    head = orders.parse_request("POST", mine.path, mine.headers.items())
    row = PendingSignature(
        base=head.base,
        sig=head.signature,
        keyid=head.keyid,
        tag=head.tag,
        agency=agency.name,
        idempotency_key=head.idempotency_key,
        created=head.created,
        expires=head.expires,
    )
    service = connection_strings(served.folder).service
    async with await connect_async(service, Role.SERVICE, autocommit=True) as conn:
        assert await pending.add_signature(conn, UUID(order), row, position=1)
