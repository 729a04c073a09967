"""Letters over HTTP: two agencies, what each of them reads, and what a third may not learn."""

import json
from functools import partial
from typing import Any

import pytest

from infrastructure.proofs import merkle
from infrastructure.proofs.checkpoint import Checkpoint
from sijill.client import Refused
from tests.api.asking import auditor, openings, read, signed_headers
from tests.api.talking import Wire, refused
from tests.api.test_succession import merge
from tests.correspondence import Sent, line, new_id, order, outgoing, send
from tests.serving import Agency, Served

SUBJECT = "طلب تأييد صحة الصدور"


@pytest.fixture(scope="module")
def moj(served: Served) -> Agency:
    return served.agency()


@pytest.fixture(scope="module")
def moh(served: Served) -> Agency:
    return served.agency()


@pytest.fixture(scope="module")
def sent(moj: Agency, moh: Agency) -> Sent:
    """A secret letter that was opened, registered, noted, referred and answered."""
    sent = send(moj, moh, due_date="2026-12-10")
    sent.on(moh, "acknowledge", "delivery")
    sent.on(moh, "open", "opening")
    sent.register(moh)
    sent.note(moh, "للاطلاع والإجابة")
    sent.on(moh, "refer", "referrals", unit="legal")
    return sent


def get(wire: Wire, reader: Agency, path: str, **query: Any) -> dict[str, Any]:
    answer = read(wire, reader, path, **query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_both_sides_read_the_letter_and_keep_its_two_states_apart(
    wire: Wire, moj: Agency, moh: Agency, sent: Sent
) -> None:
    for reader in (moj, moh):
        shown = get(wire, reader, f"/v1/transfers{sent.path}")
        assert shown["values"] == {"subject": SUBJECT}
        one = shown["consignment"]
        assert one["transport"]["state"] == "opened"
        assert one["transport"]["opened"]["keys"]
        assert one["business"]["state"] == "registered_incoming"
        assert one["business"]["incoming"]["number"]
        assert one["business"]["referred_to"] == ("legal" if reader is moh else None)
        assert "Next:" in one["words"]["next"] or "التالي" in one["words"]["next"]


def test_the_sender_reads_its_letter_by_itself(wire: Wire, moj: Agency, sent: Sent) -> None:
    shown = get(wire, moj, f"/v1/transfers/{moj.name}/{sent.letter}")
    assert shown["consignment"] is None
    assert shown["letter"]["served"] == 1
    items = get(wire, moj, "/v1/transfers", number=shown["letter"]["outgoing"]["number"])["items"]
    assert [one["letter"] for one in items] == [sent.letter]


def test_where_is_my_letter_with_a_proof_of_each_event(
    wire: Wire, moj: Agency, moh: Agency, sent: Sent
) -> None:
    told = get(wire, moh, f"/v1/transfers{sent.path}/chain")
    kinds = ["registered_outgoing", "dispatched", "delivered", "opened", "registered_incoming"]
    assert [one["event"] for one in told["items"]][:7] == [*kinds, "annotated", "referred"]
    checkpoint = Checkpoint.parse(told["checkpoint"].partition("\n\n")[0] + "\n")
    assert (checkpoint.size, checkpoint.root.hex()) == (told["size"], told["root"])
    for one in told["items"]:
        proof = one["proof"]
        merkle.verify_inclusion(
            leaf_hash=bytes.fromhex(proof["leaf_hash"]),
            proof=[bytes.fromhex(hashed) for hashed in proof["hashes"]],
            index=one["index"],
            size=told["size"],
            root=checkpoint.root,
        )
    notes = [one["values"] for one in told["items"] if one["event"] == "annotated"]
    assert notes[0] == {"note": "للاطلاع والإجابة"}
    seen = [one["event"] for one in get(wire, moj, f"/v1/transfers{sent.path}/chain")["items"]]
    assert seen[:5] == kinds
    assert "annotated" not in seen


def test_a_subject_or_a_note_of_blanks_alone_is_refused_by_its_name(
    moj: Agency, moh: Agency, sent: Sent
) -> None:
    with pytest.raises(Refused, match="claim_blank") as letter:
        send(moj, moh, values={"subject": ""})
    with pytest.raises(Refused, match="claim_blank") as note:
        sent.note(moh, " \u00a0 ")

    assert "subject" in letter.value.problem["detail"]
    assert "note" in note.value.problem["detail"]


def test_a_note_that_is_released_can_be_read_by_the_sender(
    wire: Wire, moj: Agency, moh: Agency
) -> None:
    sent = send(moj, moh)
    sent.register(moh)
    index = sent.note(moh, "هامش")["index"]
    sent.on(moh, "release", "notes/release", note_index=index)
    told = get(wire, moj, f"/v1/transfers{sent.path}/chain")["items"]
    assert [one["values"] for one in told if one["index"] == index] == [{"note": "هامش"}]


def test_a_consignment_sent_again_is_answered_with_its_one_outcome(
    wire: Wire, moj: Agency, moh: Agency
) -> None:
    sent = send(moj, moh)
    members: dict[str, Any] = {
        "sender": moj.name,
        "letter": sent.letter,
        "new_consignment": sent.consignment,
        "addressee": moh.name,
    }
    path = f"/{moj.name}/{sent.letter}/dispatch"
    again = order(moj.client, path, "dispatch", **members)
    assert again["duplicate"]
    shown = get(wire, moj, f"/v1/transfers{sent.path}")["consignment"]
    assert again["index"] == shown["transport"]["dispatched"]["index"]
    lines = [line(moj.name, "dispatch", **members)]
    client = moj.client
    [told] = client.send(client.prepare("/v1/transfers/bulk", lines, bulk=True))
    assert told["duplicate"]
    members["new_consignment"] = new_id()
    assert refused(lambda: order(client, path, "dispatch", **members)) == (409, "addressee_served")


def test_a_circular_is_dispatched_in_one_order_and_its_board_shows_who_has_not_opened_it(
    wire: Wire, served: Served, moj: Agency, moh: Agency
) -> None:
    mof = served.agency()
    planned = served.agency(link=False)
    names = [moh.name, mof.name, planned.name]
    members = outgoing(moj, names, kind="circular")
    order(moj.client, "", "register_outgoing", **members)
    letter = members["new_letter"]
    common: dict[str, Any] = {"sender": moj.name, "letter": letter}
    ids = {name: new_id() for name in names}
    lines = [
        line(moj.name, "dispatch", new_consignment=ids[one], addressee=one, **common)
        for one in names[:2]
    ]
    client = moj.client
    answers = client.send(client.prepare("/v1/transfers/bulk", lines, bulk=True, atomic=True))
    assert [one["line"] for one in answers] == [0, 1]
    paper: dict[str, Any] = {"new_consignment": ids[planned.name], "addressee": planned.name}
    path = f"/{moj.name}/{letter}"
    order(client, f"{path}/paper", "send_on_paper", **paper, **common)
    Sent(moj, letter, ids[mof.name]).on(mof, "open", "opening")
    board = get(wire, moj, f"/v1/transfers/{moj.name}/{letter}/board")
    assert [one["addressee"] for one in board["recipients"]] == [moh.name, mof.name, planned.name]
    assert (board["opened"], board["registered"], board["waiting"]) == (1, 0, 1)
    answer = read(wire, mof, f"/v1/transfers/{moj.name}/{letter}/board")
    assert answer.status_code == 404
    order(client, f"{path}/cancellation", "cancel", reason="superseded", **common)
    shown = get(wire, mof, f"/v1/transfers/{moj.name}/{ids[mof.name]}")
    assert shown["letter"]["cancellation"] == "superseded"


def test_inbox_and_outbox_are_searched_and_paged(wire: Wire, served: Served, moj: Agency) -> None:
    office = served.agency()
    letters = [send(moj, office, due_date=day) for day in ("2026-12-24", "2026-12-12", None)]
    expected = [letters[1].consignment, letters[0].consignment, letters[2].consignment]

    def ids(reader: Agency, path: str, **query: Any) -> list[str]:
        items = get(wire, reader, path, **query)["items"]
        return [one["consignment"]["consignment"] for one in items]

    assert ids(office, "/v1/inbox") == expected
    first = get(wire, office, "/v1/inbox", limit=1)
    assert ids(office, "/v1/inbox", limit=1, after=first["next"]) == expected[1:2]
    assert ids(office, "/v1/inbox", party="لتاقیکردنەوە") == []
    assert ids(office, "/v1/inbox", party="تاقيكردنه‌وه") == expected
    assert ids(office, "/v1/inbox", party=moj.name, due_by="2026-12-20") == expected[:1]
    assert ids(moj, "/v1/outbox", party=office.name) == expected
    letters[0].register(office, number="٧٧/ب")
    assert ids(office, "/v1/inbox", number="77/ب") == expected[1:2]
    assert ids(office, "/v1/inbox", business="awaiting_registration", limit=200) == [
        expected[0],
        expected[2],
    ]
    assert read(wire, office, "/v1/inbox", after="x").status_code == 422


def test_a_listener_hears_what_arrives_and_goes_on_from_an_index(
    wire: Wire, served: Served, moj: Agency
) -> None:
    office = served.agency()
    sent = send(moj, office)
    sent.on(office, "open", "opening")
    sent.register(office)
    served.settle()

    def heard(reader: Agency, box: str, **headers: str) -> list[dict[str, Any]]:
        query = "after=-1&seconds=1"
        path = f"/v1/{box}/events"
        signed = signed_headers(reader, path, query)
        answer = wire.get(f"{path}?{query}", **signed, **headers)
        assert answer.headers["content-type"].startswith("text/event-stream")
        rows = [row for row in answer.text.splitlines() if row.startswith("data: ")]
        return [json.loads(row.removeprefix("data: ")) for row in rows]

    told = heard(office, "inbox")
    kinds = ["dispatched", "opened", "registered_incoming"]
    assert [one["event"] for one in told] == kinds
    later = heard(office, "inbox", **{"Last-Event-ID": str(told[0]["index"])})
    assert [one["event"] for one in later] == kinds[1:]
    assert heard(office, "outbox") == []


def test_the_five_fields_of_article_13(wire: Wire, moj: Agency, moh: Agency, sent: Sent) -> None:
    told = get(wire, moh, f"/v1/transfers{sent.path}/article-13")
    assert (told["originator"], told["sender"], told["receiver"]) == (moj.name, moj.name, moh.name)
    assert told["received_by"] == "delivered"
    assert told["time_sent"]["time"] < told["time_received"]["time"]


def test_refusing_the_electronic_form_is_counted(wire: Wire, served: Served, moj: Agency) -> None:
    office = served.agency()
    send(moj, office).on(office, "refuse", "refusal", reason="electronic_form_refused")
    told = get(wire, office, "/v1/transfers/refusals")["items"]
    assert [(one["agency"], one["reason"], one["letters"]) for one in told] == [
        (office.name, "electronic_form_refused", 1)
    ]
    assert told[0] in get(wire, auditor(served), "/v1/transfers/refusals")["items"]
    heir = served.agency()
    assert get(wire, heir, "/v1/transfers/refusals")["items"] == []
    merge(office, heir)
    assert get(wire, heir, "/v1/transfers/refusals")["items"] == told


def test_an_agency_that_is_no_party_gets_the_same_answer_as_for_nothing(
    wire: Wire, moj: Agency, stranger: Agency, sent: Sent
) -> None:
    nothing = Sent(moj, new_id(), new_id())
    for path in ("", "/chain", "/board", "/article-13"):
        for there, not_there in (
            (sent.consignment, nothing.consignment),
            (sent.letter, nothing.letter),
        ):
            answers = []
            for name in (there, not_there):
                answer = read(wire, stranger, f"/v1/transfers/{moj.name}/{name}{path}")
                problem = answer.json()
                del problem["instance"]
                text = json.dumps(problem, ensure_ascii=False).replace(name, "")
                answers.append((answer.status_code, text, dict(answer.headers).keys()))
            assert answers[0] == answers[1]
            assert answers[0][0] == 404
    acts: list[tuple[str, str, dict[str, Any]]] = [
        ("open", "opening", {}),
        ("acknowledge", "delivery", {}),
        ("close", "closing", {"reason": "done"}),
        ("withdraw", "withdrawal", {"reason": "decision"}),
        ("remind", "reminders", {}),
        ("annotate", "notes", {"values": {"note": "x"}}),
    ]
    for act, place, members in acts:
        for one in (sent, nothing):
            ask = partial(one.on, stranger, act, place, **members)
            assert refused(ask) == (404, "transfer_unknown")


def test_no_page_count_or_id_tells_a_stranger_of_a_letter(
    wire: Wire, moj: Agency, stranger: Agency, sent: Sent
) -> None:
    assert get(wire, stranger, "/v1/inbox")["items"] == []
    assert get(wire, stranger, "/v1/outbox", party=moj.name)["items"] == []
    assert get(wire, stranger, "/v1/transfers")["items"] == []
    # Another's id is free for everybody else, so that taking it tells nothing.
    members = outgoing(stranger, [moj.name], new_letter=sent.letter)
    assert order(stranger.client, "", "register_outgoing", **members)["index"]
    answers = {"sender": moj.name, "consignment": sent.consignment}
    reply = outgoing(stranger, [moj.name], answers=answers)
    told = refused(lambda: order(stranger.client, "", "register_outgoing", **reply))
    assert told == (404, "transfer_unknown")


def test_only_parties_and_auditors_open_what_the_log_holds(
    wire: Wire, served: Served, moj: Agency, moh: Agency, stranger: Agency, sent: Sent
) -> None:
    chain = get(wire, moh, f"/v1/transfers{sent.path}/chain")["items"]
    indexes = {one["index"]: one["event"] for one in chain}
    size = served.settle()

    def opened(reader: Agency) -> dict[int, set[str]]:
        return {
            one["index"]: one.keys() - {"index"}
            for one in openings(wire, reader, size)
            if one["index"] in indexes
        }

    assert set().union(*opened(stranger).values()) == set()
    inside = {index for index, kind in indexes.items() if kind in ("annotated", "referred")}
    everything = {"header", "header_salt", "body", "body_salt", "order"}
    for index, members in opened(moj).items():
        assert members == (set() if index in inside else everything)
    assert all(members == everything for members in opened(moh).values())
    assert all(members == everything for members in opened(auditor(served)).values())
