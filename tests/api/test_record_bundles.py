"""Evidence for letters, requests and entries of registers: for their parties, for nobody else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.values import BAGHDAD
from infrastructure.proofs import bundle, canonical, codes, tlogproof
from infrastructure.proofs.bundle import Report, Trust
from infrastructure.proofs.leaf import parse_header
from sijill import audit
from sijill.client import Refused
from tests.api.asking import auditor
from tests.correspondence import Sent, register_place, send
from tests.serving import Agency, Served, act


@dataclass(frozen=True)
class Kept:
    """Two agencies with a letter, a request and an entry between them; a stranger, an auditor."""

    sender: Agency
    receiver: Agency
    stranger: Agency
    auditor: Agency
    sent: Sent
    request: str
    number: str

    @property
    def letter(self) -> str:
        return f"/v1/transfers/{self.sender.name}/{self.sent.letter}/bundle"

    @property
    def consignment(self) -> str:
        return f"/v1/transfers/{self.sender.name}/{self.sent.consignment}/bundle"

    @property
    def asked(self) -> str:
        return f"/v1/authenticity-requests/{self.request}/bundle"


@pytest.fixture(scope="module")
def kept(served: Served) -> Kept:
    sender, receiver, stranger = (served.agency() for _ in range(3))
    sent = send(sender, receiver)
    sent.register(receiver)
    sent.note(receiver, "سري")
    sent.note(receiver, "معلن", released=True)
    request = codes.generate()
    due = (datetime.now(BAGHDAD).date() + timedelta(days=5)).isoformat()
    paper = {"issuer": receiver.name, "type": "degree", "number": "12", "date": "1998-07-01"}
    asked = {"request": request, "due_date": due, **paper}
    act(sender.client, "/v1/authenticity-requests", "authenticity.request", **asked)
    place = f"/v1/authenticity-requests/{request}/refusal"
    said = {"request": request, "reason": "document_unclear"}
    act(receiver.client, place, "authenticity.refuse", **said)
    entry = register_place(type="degree", grade="register_only", date="2020-05-01", year=2020)
    path = f"/v1/registers/{entry['unit']}/{entry['series']}/2020/entries"
    act(sender.client, path, "register.capture", **entry)
    return Kept(sender, receiver, stranger, auditor(served), sent, request, str(entry["number"]))


def bundled(who: Agency, path: str, **query: Any) -> tuple[bundle.Bundle, Report]:
    """What this agency takes away, and what a stranger makes of it with the ledger's id alone."""
    data = canonical.dumps(who.client.get(path, **query))
    made = bundle.parse(data)
    assert made.encode() == data
    trust = Trust(ledger=who.client.identity.ledger, acts=audit.act_rules())
    report = bundle.verify(made, trust)
    assert report.findings == []
    return made, report


def told(report: Report) -> list[str]:
    return [one.header.type.split(".")[2] for one in report.told]


@pytest.mark.parametrize("who", ["sender", "receiver", "auditor"])
def test_a_letters_evidence_is_for_its_parties(kept: Kept, who: str) -> None:
    made, report = bundled(getattr(kept, who), kept.consignment)

    inside = ["annotated"] if who != "sender" else []
    assert told(report) == ["dispatched", "registered_incoming", *inside, "annotated"]
    assert report.summary.signatures >= len(made.events)
    types = [parse_header(one.opening.header or b"").type for one in made.events]
    assert "sijill.transfer.registered_outgoing.v1" in types
    assert ("version_unknown" in report.summary.unchecked) is (who == "sender")


def test_a_letter_by_itself_has_its_own_events(kept: Kept) -> None:
    assert told(bundled(kept.sender, kept.letter)[1]) == ["registered_outgoing"]


@pytest.mark.parametrize("who", ["sender", "receiver", "auditor"])
def test_a_requests_evidence_is_for_whoever_asked_and_was_asked(kept: Kept, who: str) -> None:
    assert told(bundled(getattr(kept, who), kept.asked)[1]) == ["requested", "refused"]


def test_an_entrys_evidence_is_for_its_agency_and_auditors(kept: Kept) -> None:
    path = "/v1/registers/main/general/2020/bundle"
    own, report = bundled(kept.sender, path, number=kept.number)
    audited, _ = bundled(kept.auditor, path, number=kept.number, agency=kept.sender.name)
    assert told(report) == ["captured"]
    assert own.record == audited.record
    with pytest.raises(Refused) as refused:
        kept.stranger.client.get(path, number=kept.number)
    assert refused.value.code == "entry_unknown"
    with pytest.raises(Refused) as refused:
        kept.stranger.client.get(path, number=kept.number, agency=kept.sender.name)
    assert refused.value.code == "agency_unknown"


@pytest.mark.parametrize(
    "path, code",
    [
        (lambda kept: kept.letter, "transfer_unknown"),
        (lambda kept: kept.consignment, "transfer_unknown"),
        (lambda kept: kept.asked, "request_unknown"),
    ],
)
def test_to_others_there_is_nothing(kept: Kept, path: Callable[[Kept], str], code: str) -> None:
    for client in (kept.stranger.client, kept.stranger.served.anybody()):
        with pytest.raises(Refused) as refused:
            client.get(path(kept))
        assert refused.value.status in {401, 404}
        assert refused.value.status == 401 or refused.value.code == code


def test_an_event_that_was_taken_out_is_a_finding_where_everybody_sees_it(kept: Kept) -> None:
    """A gap in a register's entry, or a key's record, hides something; in a letter it may not."""
    made, _ = bundled(kept.receiver, kept.consignment)
    trust = Trust(ledger=made.ledger, acts=audit.act_rules())
    by_type = {parse_header(one.opening.header or b"").type: one for one in made.events}
    linked = by_type["sijill.agency.added.v1"]
    registered = by_type["sijill.transfer.registered_incoming.v1"]
    for gone, codes_found in ((linked, {"version_wrong"}), (registered, set())):
        left = [one for one in made.events if one is not gone]
        report = bundle.verify(
            bundle.Bundle(made.ledger, made.record, made.checkpoint, left), trust
        )
        assert {one.code for one in report.findings} == codes_found


def test_a_request_as_tlog_proof(kept: Kept) -> None:
    client = kept.sender.client
    request = client.wire.request("GET", kept.asked, params={"format": "tlog-proof"})
    assert client.key is not None
    client.sign_read(request, client.key)
    proof = tlogproof.parse(client.wire.send(request).content)
    made, report = bundled(kept.sender, kept.asked)
    assert proof.index == report.told[0].index
    assert proof.extra == made.tlog_proof().extra
