"""The outbox: written down without a ledger, signed when sent, and never twice."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from infrastructure.proofs.orders import parse_request
from sijill.client import Client, Draft, Refused, Unreachable
from sijill.client.outbox import Dropped, Entry, Outbox, Sent
from tests.clock import now_seconds
from tests.sijill.client.standin import KEY, REVOKE, StandIn, journal, line, problem


def revoke(reason: str = "decision") -> Draft:
    return Draft.plain("certificate.revoke", "moj", REVOKE, code="7Q0A0000000000000", reason=reason)


def no_upload(*_: object) -> dict[str, Any]:
    raise AssertionError


def sent(box: Outbox, client: Client) -> list[Sent]:
    return list(box.send(client, no_upload))


def said(one: Sent) -> dict[str, Any]:
    """The answer to a single order."""
    assert isinstance(one.answer, dict)
    return one.answer


@pytest.fixture
def box(client: Client) -> Outbox:
    assert client.state is not None
    return Outbox(client.state)


def test_what_waits_is_signed_when_it_is_sent_in_its_order(
    box: Outbox, client: Client, ledger: StandIn
) -> None:
    drafts = [revoke(), revoke("holder_request")]
    entries = [box.put("certificate.revoke", draft, waits=False) for draft in drafts]
    assert ledger.asked == []
    assert [one.id for one in box.waiting()] == [one.id for one in entries]

    done = sent(box, client)

    assert [said(one)["index"] for one in done] == [1, 2]
    assert [post.read() for post in ledger.posts] == [one.envelope for one in drafts]
    for post in ledger.posts:
        head = parse_request("POST", REVOKE, post.headers.items())
        assert abs(head.created - now_seconds()) < 60
    assert box.waiting() == client.state.journaled() == []  # type: ignore[union-attr]  # it has one
    assert len(list(client.state.receipts())) == 2  # type: ignore[union-attr]  # it has one


def test_without_an_answer_all_of_it_waits_on(box: Outbox, client: Client, ledger: StandIn) -> None:
    box.put("certificate.revoke", revoke(), waits=False)
    ledger.faults = [httpx2.ConnectError("away")] * 3

    with pytest.raises(Unreachable):
        sent(box, client)

    assert len(box.waiting()) == 1
    assert [said(one)["index"] for one in sent(box, client)] == [1]


def test_a_lost_answer_doubles_nothing(box: Outbox, client: Client, ledger: StandIn) -> None:
    box.put("certificate.revoke", revoke(), waits=False)
    ledger.lose_answers = 3
    with pytest.raises(Unreachable):
        sent(box, client)

    [done] = sent(box, client)

    assert said(done)["replayed"] is True
    assert len({post.headers["signature"] for post in ledger.posts}) == 1
    assert len(ledger.leaves) == 2


def test_what_an_entry_was_signed_as_is_left_to_the_outbox(
    box: Outbox, client: Client, ledger: StandIn
) -> None:
    """Whoever sent it for the outbox would have the entry signed anew: recorded twice."""
    box.put("certificate.revoke", revoke(), waits=False)
    ledger.lose_answers = 3
    with pytest.raises(Unreachable):
        sent(box, client)

    assert list(client.resume()) == []
    [done] = sent(box, client)

    assert said(done)["replayed"] is True
    assert len(ledger.leaves) == 2


def test_who_is_told_a_secret_has_it_before_the_request_is_forgotten(
    box: Outbox, client: Client
) -> None:
    assert client.state is not None
    draft = Draft.issue("moj", {"holder_name": "one"}, type="letter")
    prepared = client.prepare(draft.path, [draft.envelope])

    for _ in range(2):
        done = next(box.send(client, no_upload))
        assert done.draft is not None
        assert done.draft.holder_secret == draft.holder_secret
        assert client.state.journaled() == [prepared]
    assert len(sent(box, client)) == 1
    assert client.state.journaled() == []


@pytest.mark.parametrize("over", ["recorded", "order_closed", "order_expired"])
def test_what_waits_for_signatures_is_asked_for_until_it_is_over(
    box: Outbox, client: Client, ledger: StandIn, over: str
) -> None:
    assert client.state is not None
    entry = box.put("certificate.revoke", revoke(), waits=True)
    ledger.twist = lambda _: {"order": "o1", "state": "open"}
    [first] = sent(box, client)
    assert first.entry == entry
    assert sent(box, client) == []
    assert len(client.state.waiting()) == 1

    ledger.twist = lambda answer: answer
    ledger.faults = [] if over == "recorded" else [problem(over, 409)]
    [last] = sent(box, client)

    assert last.entry is not None
    assert last.entry.id == entry.id
    assert client.state.waiting() == client.state.journaled() == []
    assert len({post.headers["signature"] for post in ledger.posts}) == 1
    if over == "recorded":
        assert len(list(client.state.receipts())) == 1
        assert box.refused() == []
    else:
        assert [(one.problem or {})["code"] for one in box.refused()] == [over]
    assert sent(box, client) == []


def test_what_came_too_late_is_signed_anew(box: Outbox, client: Client, ledger: StandIn) -> None:
    """The ledger says *expired* only of what it has not recorded, and never will."""
    box.put("certificate.revoke", revoke(), waits=False)
    ledger.faults = [httpx2.ConnectError("away")] * 3
    with pytest.raises(Unreachable):
        sent(box, client)
    ledger.faults = [problem("order_expired", 401)]

    [done] = sent(box, client)

    assert done.refused is None
    assert len({post.headers["signature"] for post in ledger.posts}) == 2
    assert len({post.read() for post in ledger.posts}) == 1
    assert len(ledger.leaves) == 2


def test_a_crash_after_the_answer_doubles_nothing(
    box: Outbox, client: Client, ledger: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    box.put("certificate.revoke", revoke(), waits=False)
    for place in (Outbox, Client):
        with monkeypatch.context() as patch:
            patch.setattr(place, "_forget" if place is Outbox else "settle", crash)
            with pytest.raises(KeyboardInterrupt):
                sent(box, client)

    assert [said(one)["replayed"] for one in sent(box, client)] == [True]
    assert len(ledger.leaves) == 2
    assert sent(box, client) == []


def test_a_refused_one_is_kept_apart_and_stops_nothing(
    box: Outbox, client: Client, ledger: StandIn
) -> None:
    first = box.put("certificate.revoke", revoke(), waits=False)
    box.put("certificate.revoke", revoke(), waits=False)
    ledger.faults = [problem("certificate_unknown", 404)]

    refused, recorded = sent(box, client)

    assert refused.refused is not None
    assert refused.refused.code == "certificate_unknown"
    assert recorded.answer is not None
    assert box.waiting() == []
    [kept] = box.refused()
    assert (kept.id, (kept.problem or {})["code"]) == (first.id, "certificate_unknown")
    assert box.drop(first.id) is Dropped.UNSENT
    assert box.drop(first.id) is Dropped.NOTHING
    assert box.refused() == []


def test_what_others_must_sign_waits_from_when_it_is_sent(box: Outbox) -> None:
    draft = Draft.plain("certificate.revoke", "moj", REVOKE, reason="decision", valid_until=5)
    entry = box.put("certificate.revoke", draft, waits=True)

    [read] = box.waiting()
    said = json.loads(read.signable(1_000))["statement"]

    assert read == entry == Entry.decode(entry.encode())
    assert said == {**json.loads(draft.statement), "valid_until": 1_000 + 30 * 86_400}


def test_what_a_crash_left_in_the_journal_is_sent_too(
    box: Outbox, client: Client, ledger: StandIn
) -> None:
    client.prepare(REVOKE, [line()])
    late = client.prepare(REVOKE, [line()])
    ledger.faults = [problem("order_expired", 401)]

    done = sent(box, client)

    assert [one.act for one in done] == ["certificate.revoke"] * 2
    assert len(ledger.leaves) == 3
    keys = [post.headers["idempotency-key"].strip('"') for post in ledger.posts]
    assert len(set(keys)) == 3
    assert keys.count(late.key) == 1


def test_a_file_is_uploaded_in_its_turn(box: Outbox, client: Client, tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_bytes(b"abc")
    box.put_file(tmp_path / "scan.pdf")
    files: list[Path] = []

    def upload(_: Client, path: Path) -> dict[str, Any]:
        files.append(path)
        return {"attachment": "one"}

    [done] = list(box.send(client, upload))

    assert files == [tmp_path / "scan.pdf"]
    assert done.answer == {"attachment": "one"}
    assert box.waiting() == []


def test_a_file_that_is_gone_waits_and_stops_nothing(
    box: Outbox, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "scan.pdf").write_bytes(b"abc")
    gone = box.put_file(tmp_path / "scan.pdf")
    (tmp_path / "scan.pdf").unlink()
    box.put("certificate.revoke", revoke(), waits=False)

    def upload(_: Client, path: Path) -> dict[str, Any]:
        return {"attachment": str(path.open("rb"))}

    unread, recorded = box.send(client, upload)

    assert (unread.entry, unread.waits) == (gone, True)
    assert isinstance(unread.unread, FileNotFoundError)
    assert recorded.answer is not None
    assert box.waiting() == [gone]


@pytest.mark.parametrize(
    "page",
    [
        *(httpx2.Response(status, html="<html>") for status in (200, 302, 403, 404, 407)),
        httpx2.Response(403, json={"code": "blocked", "status": 403}),
    ],
    ids=lambda page: f"{page.status_code} {page.headers['content-type']}",
)
def test_before_a_proxy_everything_waits_on(
    box: Outbox, client: Client, ledger: StandIn, page: httpx2.Response
) -> None:
    """The page where an office has to log in is no answer of the ledger, at whichever request."""
    entries = [box.put("certificate.revoke", revoke(), waits=False) for _ in range(2)]
    portal = httpx2.MockTransport(lambda _: page)
    assert client.state is not None
    with (
        Client("http://portal", key=KEY, state=client.state.folder, transport=portal) as shut_in,
        pytest.raises(Refused),
    ):
        sent(box, shut_in)
    ledger.faults = [page]
    with pytest.raises(Refused):
        sent(box, client)

    assert (box.waiting(), box.refused()) == (entries, [])
    assert [said(one)["index"] for one in sent(box, client)] == [1, 2]


@pytest.mark.parametrize(
    "code, status, headers",
    [
        ("pending_full", 429, {"retry-after": "3600"}),
        ("uploads_full", 429, {"retry-after": "3600"}),
        ("order_in_future", 401, {}),
        ("order_expired", 401, {}),
    ],
)
def test_what_may_be_taken_later_waits_and_stops_nothing(
    box: Outbox, client: Client, ledger: StandIn, code: str, status: int, headers: dict[str, str]
) -> None:
    """The ledger is full, or the clock of this machine is wrong: another day the order is good."""
    first = box.put("certificate.revoke", revoke(), waits=False)
    box.put("certificate.revoke", revoke(), waits=False)
    ledger.faults = [problem(code, status, **headers)]

    later, recorded = sent(box, client)

    assert later.waits
    assert later.refused is not None
    assert later.refused.code == code
    assert recorded.answer is not None
    assert (box.waiting(), box.refused()) == ([first], [])
    assert [one.waits for one in sent(box, client)] == [False]
    assert len(ledger.leaves) == 3
    assert (journal(client), box.waiting()) == ([], [])


def test_what_was_signed_by_a_wrong_clock_is_signed_anew(
    box: Outbox, client: Client, ledger: StandIn
) -> None:
    box.put("certificate.revoke", revoke(), waits=False)
    ledger.faults = [httpx2.ConnectError("away")] * 3
    with pytest.raises(Unreachable):
        sent(box, client)
    ledger.faults = [problem("order_in_future", 401)]

    [done] = sent(box, client)

    assert done.answer is not None
    assert len({post.headers["signature"] for post in ledger.posts}) == 2
    assert journal(client) == []


def test_a_refused_one_is_tried_again_where_somebody_says_so(
    box: Outbox, client: Client, ledger: StandIn
) -> None:
    entry = box.put("certificate.revoke", revoke(), waits=False)
    ledger.faults = [problem("certificate_unknown", 404)]
    sent(box, client)
    assert (box.waiting(), len(box.refused())) == ([], 1)

    assert box.retry(entry.id)

    assert not box.retry(entry.id)
    assert (box.waiting(), box.refused()) == ([entry], [])
    assert [said(one)["index"] for one in sent(box, client)] == [1]


@pytest.mark.parametrize("code", ["order_in_future", "order_expired"])
def test_what_a_crash_left_outlives_a_wrong_clock(
    box: Outbox, client: Client, ledger: StandIn, code: str
) -> None:
    """What was drawn for it has not been told yet."""
    prepared = client.prepare(REVOKE, [line()])
    ledger.faults = [problem(code, 401)] * 2

    assert [one.waits for one in sent(box, client)] == [True]
    assert [one.lines for one in journal(client)] == [prepared.lines]
    assert [one.waits for one in sent(box, client)] == [False]
    assert journal(client) == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(403, text="<html>"),
        problem("rate_limited", 429, **{"retry-after": "3600"}),
    ],
)
def test_what_a_crash_left_stays_journaled_until_the_ledger_judges_it(
    box: Outbox, client: Client, ledger: StandIn, answer: httpx2.Response
) -> None:
    prepared = client.prepare(REVOKE, [line()])
    ledger.faults = [answer]

    if answer.status_code == 403:
        with pytest.raises(Refused):
            sent(box, client)
    else:
        assert [one.waits for one in sent(box, client)] == [True]

    assert journal(client) == [prepared]
    assert [one.waits for one in sent(box, client)] == [False]
    assert journal(client) == []
