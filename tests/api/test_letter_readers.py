"""What a letter says, and to whom: taken back unopened, audited, succeeded to, and its files."""

import hashlib
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from api.limits import UPLOADS_AT_ONCE
from infrastructure.proofs import signing
from infrastructure.proofs.uploads import OCTETS
from sijill.client import Client, Patience, Refused, Unreachable
from sijill.client.attachments import PATH as FILES
from sijill.client.attachments import Attachments
from sijill.client.prepared import commit, statement
from tests.api.asking import auditor, read, signed_headers
from tests.api.talking import Wire
from tests.api.test_attachments import CHUNK, announced, made
from tests.api.test_authenticity import about_paper, ask
from tests.api.test_registers import BOOK, ROOM
from tests.api.test_succession import merge
from tests.clock import now_seconds
from tests.correspondence import Sent, dispatch, new_id, order, outgoing, register_place, send
from tests.processes import until
from tests.serving import Agency, Served

SUBJECT = "طلب تأييد صحة الصدور"


@pytest.fixture(scope="module")
def moj(served: Served) -> Agency:
    return served.agency()


@pytest.fixture(scope="module")
def moh(served: Served) -> Agency:
    return served.agency()


def with_file(sender: Agency, receiver: Agency, folder: Path, **changes: Any) -> tuple[Sent, str]:
    """A letter with an annex, and the annex's id."""
    path, digest = made(folder, 10)
    name = Attachments(sender.client).upload(path)["attachment"]
    values = {"subject": SUBJECT, "attachment_1": digest}
    return send(sender, receiver, values=values, **changes), name


def get(wire: Wire, reader: Agency, path: str, **query: Any) -> dict[str, Any]:
    answer = read(wire, reader, path, **query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def says(wire: Wire, reader: Agency, sent: Sent, name: str) -> tuple[bool, bool, bool]:
    """Whether a reader is told the subject, the annex's digest, and the annex."""
    wire.served.settle()
    values = get(wire, reader, f"/v1/transfers{sent.path}")["values"]
    [annex] = get(wire, reader, f"/v1/transfers{sent.path}/attachments")["items"]
    fetched = read(wire, reader, f"{FILES}/{name}/content")
    assert fetched.status_code in {200, 404}
    return values.get("subject") == SUBJECT, "sha256" in annex, fetched.status_code == 200


def test_what_was_taken_back_unopened_is_not_read_any_more(
    wire: Wire, moj: Agency, moh: Agency, tmp_path: Path
) -> None:
    sent, name = with_file(moj, moh, tmp_path)
    assert says(wire, moh, sent, name) == (True, True, True)

    sent.on(moj, "withdraw", "withdrawal", reason="sent_in_error")

    assert says(wire, moh, sent, name) == (False, False, False)
    assert says(wire, moj, sent, name) == (True, True, True)
    with pytest.raises(Refused, match="attachment_unknown"):
        moh.client.get(f"{FILES}/{name}")
    # That it was sent and taken back stays known to whom it was sent.
    steps = get(wire, moh, f"/v1/transfers{sent.path}/chain")["items"]
    assert [one["event"] for one in steps][-1] == "withdrawn"

    again: dict[str, Any] = {"sender": moj.name, "letter": sent.letter, "addressee": moh.name}
    again["new_consignment"] = new_id()
    order(moj.client, f"/{moj.name}/{sent.letter}/dispatch", "dispatch", **again)
    assert says(wire, moh, sent, name) == (True, True, True)


def test_whoever_a_case_file_was_sent_by_mistake_does_not_read_its_later_life(
    wire: Wire, served: Served, moj: Agency, moh: Agency
) -> None:
    lost = served.agency()
    both = outgoing(moj, [], kind="case_file", values={"subject": SUBJECT})
    order(moj.client, "", "register_outgoing", **both)

    def dispatched(to: Agency) -> Sent:
        letter, begun = both["new_letter"], new_id()
        said = {"sender": moj.name, "letter": letter, "new_consignment": begun}
        path = f"/{moj.name}/{letter}/dispatch"
        order(moj.client, path, "dispatch", addressee=to.name, **said)
        return Sent(moj, letter, begun)

    sent = dispatched(lost)
    taken = sent.on(moj, "withdraw", "withdrawal", reason="sent_in_error")["index"]
    wire.served.settle()
    arrived = get(wire, lost, "/v1/inbox")["items"]
    later = dispatched(moh)
    later.register(moh, number=(number := new_id()[:12]))
    again = {**register_place(), "number": new_id()[:12]}
    path = f"/{moj.name}/{sent.letter}/rectification"
    order(moj.client, path, "rectify_outgoing", sender=moj.name, letter=sent.letter, **again)
    note = later.note(moh, "سر الإضبارة")["index"]
    last = later.on(moh, "release", "notes/release", note_index=note)["index"]
    everything = range(taken + 1, last + 1)

    def told(reader: Agency) -> tuple[list[list[str]], list[int]]:
        """The events of both chains that a reader is told, and what it opens of the later life."""
        chains = []
        for name in (sent.consignment, sent.letter):
            path = f"/v1/transfers/{moj.name}/{name}"
            steps = get(wire, reader, f"{path}/chain")
            shown = get(wire, reader, path)["letter"]
            assert reader is not lost or shown["holder"] == steps["letter"]["holder"] == moj.name
            chains.append([one["event"] for one in steps["items"]])
            text = json.dumps(steps, ensure_ascii=False)
            assert (number in text, "سر الإضبارة" in text) == (reader is not lost,) * 2
        opened = get(wire, reader, "/v1/log/openings", **{"from": taken + 1, "to": last + 1})
        return chains, [one["index"] for one in opened["openings"] if "body" in one]

    chains, opened = told(lost)
    assert chains == [["registered_outgoing", "dispatched", "withdrawn"]] * 2
    assert not opened
    assert read(wire, lost, f"/v1/transfers{later.path}/chain").status_code == 404
    assert get(wire, lost, "/v1/inbox")["items"] == arrived
    assert (arrived[0]["letter"]["holder"], arrived[0]["letter"]["served"]) == (moj.name, 1)
    for asked, found in ((both["number"], arrived), (again["number"], [])):
        assert get(wire, lost, "/v1/inbox", number=asked)["items"] == found
    heard = read(wire, lost, "/v1/inbox/events", after=taken, seconds=1).text
    assert "event:" not in heard
    for reader in (moj, moh):
        chains, opened = told(reader)
        assert [one[-1] for one in chains] == ["note_released"] * 2
        assert opened == list(everything)


def test_what_was_opened_before_it_was_taken_back_stays_read(
    wire: Wire, moj: Agency, moh: Agency, tmp_path: Path
) -> None:
    sent, name = with_file(moj, moh, tmp_path, kind="case_file")
    sent.on(moh, "open", "opening")
    sent.on(moj, "withdraw", "withdrawal", reason="sent_in_error")

    assert says(wire, moh, sent, name) == (True, True, True)


def test_an_auditor_sees_every_event_and_nothing_that_a_letter_says(
    wire: Wire, served: Served, moj: Agency, moh: Agency, tmp_path: Path
) -> None:
    sent, name = with_file(moj, moh, tmp_path)
    sent.register(moh)
    sent.note(moh, "للاطلاع")
    board = auditor(served)

    assert says(wire, board, sent, name) == (False, False, False)
    steps = get(wire, board, f"/v1/transfers{sent.path}/chain")["items"]
    assert [one["event"] for one in steps][-1] == "annotated"
    assert "للاطلاع" not in json.dumps(steps, ensure_ascii=False)
    noted = get(wire, moh, f"/v1/transfers{sent.path}/chain")["items"][-1]
    assert noted["values"] == {"note": "للاطلاع"}


def test_a_successor_reads_what_its_predecessor_had_and_what_it_noted_itself(
    wire: Wire, served: Served, moj: Agency, tmp_path: Path
) -> None:
    old, new = served.agency(), served.agency()
    sent, name = with_file(moj, old, tmp_path)
    sent.register(old)
    sent.note(old, "قبل")
    merge(old, new)
    served.settle()
    path = f"/v1/transfers{sent.path}"
    until(lambda: read(wire, new, path).status_code == 200, "the successor sees nothing")

    sent.note(new, "بعد")
    last = sent.on(new, "refer", "referrals", unit="legal")["index"]

    steps = get(wire, new, f"{path}/chain")["items"]
    assert [one["values"].get("note") for one in steps if one["event"] == "annotated"] == [
        "قبل",
        "بعد",
    ]
    assert [one["event"] for one in get(wire, moj, f"{path}/chain")["items"]][-1] == (
        "registered_incoming"
    )
    assert says(wire, new, sent, name) == (True, True, True)
    [listed] = get(wire, new, "/v1/inbox")["items"]
    assert listed["consignment"]["business"]["referred_to"] == "legal"
    query = f"after={last - 1}&seconds=1"
    headers = signed_headers(new, "/v1/inbox/events", query)
    heard = wire.get(f"/v1/inbox/events?{query}", **headers).text
    assert f"id: {last}" in heard


def test_a_letter_registered_before_a_merger_and_sent_after_it_is_in_the_successors_inbox(
    wire: Wire, served: Served, moj: Agency
) -> None:
    old, new = served.agency(), served.agency()
    members = outgoing(moj, [old.name])
    order(moj.client, "", "register_outgoing", **members)
    merge(old, new)
    with pytest.raises(Refused, match="not_an_addressee"):
        dispatch(moj, members["new_letter"], new)

    sent = dispatch(moj, members["new_letter"], old)

    def waits() -> list[str]:
        found = get(wire, new, "/v1/inbox", business="awaiting_registration")["items"]
        return [one["consignment"]["consignment"] for one in found]

    until(lambda: waits() == [sent.consignment], "the successor sees nothing")
    assert get(wire, new, f"/v1/transfers{sent.path}")["values"]["subject"] == SUBJECT
    sent.register(new)
    served.settle()
    assert waits() == []


def scan(folder: Path, agency: Agency) -> tuple[str, str]:
    """An uploaded scan: its id and its digest."""
    path, digest = made(folder, 10)
    return Attachments(agency.client).upload(path)["attachment"], digest


def listed(agency: Agency, **query: Any) -> list[str]:
    """The files of a record that an agency is told of; none where it may not know."""
    try:
        items = agency.client.get(FILES, **query)["items"]
    except Refused as refused:
        return [] if refused.code.endswith("_unknown") else [refused.code]
    return [one["attachment"] for one in items]


def fetched(agency: Agency, name: str, folder: Path) -> bool | str:
    """Whether an agency is given a file; another refusal than that there is none, by its code."""
    try:
        Attachments(agency.client).download(name, folder / "fetched")
    except Refused as refused:
        return False if refused.code == "attachment_unknown" else refused.code
    return True


def test_the_scan_of_a_request_is_read_by_who_asks_and_who_is_asked(
    served: Served, tmp_path: Path
) -> None:
    asker, issuer, heir, stranger = (served.agency() for _ in range(4))
    name, digest = scan(tmp_path, asker)
    request = ask(asker, values={"document": digest}, **about_paper(issuer))
    index = asker.client.get(f"/v1/authenticity-requests/{request}")["requested_index"]
    served.settle()

    for agency, reads in ((asker, True), (issuer, True), (stranger, False), (heir, False)):
        assert fetched(agency, name, tmp_path) is reads
        assert listed(agency, code=request) == listed(agency, index=index) == [name] * reads

    merge(issuer, heir)
    served.settle()
    until(lambda: fetched(heir, name, tmp_path) is True, "the successor sees nothing")
    assert listed(heir, code=request) == [name]


def test_the_scan_of_an_entry_is_read_by_who_keeps_the_register(
    served: Served, tmp_path: Path
) -> None:
    office, heir, stranger = (served.agency() for _ in range(3))
    name, digest = scan(tmp_path, office)
    claims, texts = commit({"holder_name": "حامل 0001", "document": digest})
    said = {**BOOK, "number": "7", "type": "degree", "date": "1998-07-01", "claims": claims}
    text = statement("register.capture", office.name, grade="original_sighted", **said)
    client = office.client
    line = signing.envelope(text, texts)
    index = client.send(client.prepare(f"{ROOM}/entries", [line]))["index"]
    served.settle()

    for agency, reads in ((office, True), (stranger, False), (heir, False)):
        assert fetched(agency, name, tmp_path) is reads
        assert listed(agency, index=index) == [name] * reads

    merge(office, heir)
    served.settle()
    until(lambda: fetched(heir, name, tmp_path) is True, "the successor sees nothing")
    assert listed(heir, index=index) == [name]


def test_a_record_is_named_in_one_way(moj: Agency) -> None:
    queries: list[dict[str, Any]] = [{}, {"code": "x", "index": 1}]
    for query in queries:
        with pytest.raises(Refused, match="validation"):
            moj.client.get(FILES, **query)


@contextmanager
def stalled(agency: Agency, name: str) -> Iterator[None]:
    """A chunk that is announced and signed, and of which not a byte comes."""
    path = f"{FILES}/{name}/chunks/0"
    now = now_seconds()
    headers = signing.sign_upload(
        agency.key,
        method="PUT",
        path=path,
        content_type=OCTETS,
        body=bytes(CHUNK),
        ledger=agency.client.identity.ledger,
        created=now,
        expires=now + 600,
    )
    fields = {"Host": "ledger", "Content-Length": str(CHUNK), **headers}
    head = "".join(f"{name}: {text}\r\n" for name, text in fields.items())
    address = urlsplit(agency.served.url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(f"PUT {path} HTTP/1.1\r\n{head}\r\n".encode())
        yield


def hasty(agency: Agency) -> Client:
    """A client of the agency's that asks once."""
    patience = Patience(tries=1)
    return Client(agency.served.url, agency=agency.name, key=agency.key, patience=patience)


def test_one_agency_that_sends_nothing_leaves_places_to_others(
    moj: Agency, moh: Agency, tmp_path: Path
) -> None:
    name = str(uuid4())
    announced(Attachments(moj.client), bytes(CHUNK), name)
    path, digest = made(tmp_path, 3 * CHUNK)
    with ExitStack() as held:
        for _ in range(4 * UPLOADS_AT_ONCE):
            held.enter_context(stalled(moj, name))

        with hasty(moj) as client, pytest.raises(Unreachable, match="busy"):
            Attachments(client).upload(path)
        with hasty(moh) as client:
            stands = Attachments(client).upload(path)

    assert (stands["state"], stands["sha256"]) == ("complete", digest)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
