"""`--queue` and `sijill outbox`: written down without a ledger, sent when there is one."""

from pathlib import Path

import pytest

from sijill.client import State
from tests.serving import Agency, Served
from tests.sijill.cli.conftest import Shell, letter, ndjson
from tests.sijill.cli.cutting import answering_page, losing_answers
from tests.sijill.cli.test_order import DEGREE

NOWHERE = "http://127.0.0.1:9"


def waiting(office: Shell) -> list[str]:
    return [one["act"] for one in office("outbox", "list", "--output", "json").json["items"]]


def test_what_was_queued_without_a_ledger_is_sent_later(
    office: Shell, served: Served, agency: Agency
) -> None:
    scan = office.file("scan.txt", "the scan")
    office.set(SIJILL_URL=NOWHERE)
    kept = office("attachment", "upload", scan, "--queue", "--output", "json")
    queued = office(
        "certificate",
        "issue",
        office.file("letter.json", letter(document="scan.txt")),
        "--queue",
        "--output",
        "json",
    )
    code = queued.json["code"]
    revoked = office("certificate", "revoke", code, "--reason", "decision", "--queue")

    assert (kept.code, queued.code, revoked.code) == (0, 0, 0), revoked.err
    assert queued.json["holder_secret"]
    acts = ["attachment.upload", "certificate.issue", "certificate.revoke"]
    assert waiting(office) == acts

    office.set(SIJILL_URL=served.url)
    sent = office("outbox", "send", "--output", "json")

    assert sent.code == 0, sent.err
    *items, last = sent.lines
    assert [one["act"] for one in items] == acts
    assert last == {"summary": {"sent": 3, "refused": 0, "waiting": 0}}
    assert waiting(office) == []
    served.settle()
    assert served.anybody().get(f"/v1/verify/{code}")["reason"] == "revoked"
    assert len(agency.client.get("/v1/attachments", code=code)["items"]) == 1


@pytest.mark.usefixtures("hurried")
def test_lost_answers_double_nothing(office: Shell, served: Served) -> None:
    file = office.file("letter.json", letter())
    queued = office("certificate", "issue", file, "--queue", "--output", "json")
    with losing_answers(served.url) as url:
        office.set(SIJILL_URL=url)
        lost = office("outbox", "send")
    assert lost.code == 3, lost.err
    assert waiting(office) == ["certificate.issue"]

    office.set(SIJILL_URL=served.url)
    *items, _ = office("outbox", "send", "--output", "json").lines

    assert [one["replayed"] for one in items] == [True]
    assert items[0]["code"] == queued.json["code"]
    assert office("outbox", "send", "--output", "json").lines == [
        {"summary": {"sent": 0, "refused": 0, "waiting": 0}}
    ]


@pytest.mark.usefixtures("hurried")
def test_the_secret_of_an_issuance_that_was_cut_off_is_told(office: Shell, served: Served) -> None:
    file = office.file("letter.json", letter())
    with losing_answers(served.url) as url:
        assert office("certificate", "issue", file, "--url", url).code == 3
    [cut] = State(office.folder / "agency.state").journaled()

    sent, _ = office("outbox", "send", "--output", "json").lines

    assert sent["replayed"] is True
    assert sent["code"].encode() in cut.body
    assert sent["holder_secret"]
    assert State(office.folder / "agency.state").journaled() == []


@pytest.mark.usefixtures("hurried")
def test_a_bulk_that_was_cut_off_is_left_to_its_own_command(office: Shell, served: Served) -> None:
    bulk = ("certificate", "bulk", office.file("b.ndjson", ndjson([letter(), letter()])))
    with losing_answers(served.url) as url:
        assert office(*bulk, "--url", url).code == 3

    sent = office("outbox", "send", "--output", "json")
    *lines, _ = office(*bulk, "--output", "json").lines

    assert sent.lines == [{"summary": {"sent": 0, "refused": 0, "waiting": 0}}]
    assert "`sijill order resume`" in sent.err
    assert [one["replayed"] for one in lines] == [True, True]
    assert all(one["holder_secret"] for one in lines)


def test_the_receipt_of_what_others_signed_is_fetched(office: Shell, agency: Agency) -> None:
    second = office.key("second", agency.officer().key)
    file = office.file("degree.json", letter(type="degree", fields=DEGREE))
    queued = office("certificate", "issue", file, "--queue", "--output", "json").json
    waits, _ = office("outbox", "send", "--output", "json").lines
    assert len(office("outbox", "send", "--output", "json").lines) == 1
    assert office("order", "approve", waits["order"], "--key", second).code == 0

    done, _ = office("outbox", "send", "--output", "json").lines

    assert done["receipt"]
    assert (done["entry"], done["code"]) == (queued["queued"], queued["code"])
    assert State(office.folder / "agency.state").waiting() == []


@pytest.mark.usefixtures("hurried")
def test_what_the_outbox_signed_is_resumed_by_the_outbox(office: Shell, served: Served) -> None:
    office("certificate", "issue", office.file("letter.json", letter()), "--queue")
    with losing_answers(served.url) as url:
        assert office("outbox", "send", "--url", url).code == 3

    resumed = office("order", "resume", "--output", "json")

    assert (resumed.code, resumed.out) == (0, "")
    assert "`sijill outbox send`" in resumed.err
    assert [one.get("replayed") for one in office("outbox", "send", "--output", "json").lines] == [
        True,
        None,
    ]


def test_what_is_refused_is_told_kept_and_dropped(office: Shell) -> None:
    file = office.file("letter.json", letter(date="2999-01-01"))
    assert office("certificate", "issue", file, "--queue").code != 0
    office("certificate", "revoke", "7XK3M9Q2W5RT8VHBZ", "--reason", "decision", "--queue")

    ran = office("outbox", "send", "--output", "json")

    refused, last = ran.lines
    assert ran.code == 5
    assert refused["problem"]["code"] == "certificate_unknown"
    assert last == {"summary": {"sent": 0, "refused": 1, "waiting": 0}}
    assert office("outbox", "retry", refused["entry"]).code == 0
    assert office("outbox", "retry", refused["entry"]).code == 2
    [again] = office("outbox", "list", "--output", "json").json["items"]
    assert (again["id"], again["refused"]) == (refused["entry"], None)
    assert office("outbox", "drop", refused["entry"]).code == 0
    assert office("outbox", "drop", refused["entry"]).code == 2
    assert waiting(office) == []


@pytest.mark.parametrize("known", ["known", ""])
def test_an_order_is_queued_in_the_name_that_is_known(
    office: Shell, tmp_path: Path, known: str
) -> None:
    """Said on the command line, or as the ledger said the last time that it was asked."""
    state = tmp_path / "state"
    office.set(SIJILL_AGENCY="", SIJILL_STATE=str(state))
    if known:
        assert office("certificate", "list").code == 0
    office.set(SIJILL_URL=NOWHERE)

    ran = office("certificate", "issue", office.file("letter.json", letter()), "--queue")

    assert ran.code == (0 if known else 2), ran.err
    assert known or "--agency" in ran.err


def test_what_cannot_be_sent_now_is_told_and_stops_nothing(office: Shell) -> None:
    scan = office.file("scan.txt", "the scan")
    gone = office("attachment", "upload", scan, "--queue", "--output", "json").json["queued"]
    scan.unlink()
    office("certificate", "issue", office.file("letter.json", letter()), "--queue")

    ran = office("outbox", "send", "--output", "json")

    unread, _, last = ran.lines
    assert ran.code == 3, ran.err
    assert (unread["entry"], unread["problem"]["code"]) == (gone, "input_unusable")
    assert last == {"summary": {"sent": 1, "refused": 0, "waiting": 1}}
    told = office("outbox", "send")
    assert told.code == 3
    assert gone in told.out
    assert "scan.txt" in told.out
    office("outbox", "drop", gone)


@pytest.mark.parametrize("body", ["named", "unknown"])
@pytest.mark.parametrize("status, kind", [(200, "text/html"), (200, "text/plain"), (403, "")])
def test_a_proxy_in_between_is_a_ledger_that_is_not_reached(
    office: Shell, status: int, kind: str, body: str
) -> None:
    office("certificate", "issue", office.file("letter.json", letter()), "--queue")
    if body == "unknown":
        office.set(SIJILL_AGENCY="")
    with answering_page(status, kind) as url:
        office.set(SIJILL_URL=url)
        ran = office("outbox", "send", "--output", "json")

    assert (ran.code, ran.json["problem"]["code"]) == (3, "not_a_ledger")
    assert waiting(office) == ["certificate.issue"]
