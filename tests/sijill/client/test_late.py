"""Lists that come too late: judged line by line, never taken for sent, and signed anew."""

from pathlib import Path
from typing import Any

import pytest

from infrastructure.proofs.orders import parse_request
from sijill.cli.corresponding import Letter, _register
from sijill.cli.order import _send_again
from sijill.client import Client, Draft, Late
from sijill.client.outbox import Outbox, Sent
from tests.sijill.client.standin import BULK, StandIn, journal, line, problem, refused_lines
from tests.sijill.client.test_outbox import no_upload, sent

EXPIRED = "order_expired"


@pytest.fixture
def box(client: Client) -> Outbox:
    assert client.state is not None
    return Outbox(client.state)


def cut(ledger: StandIn, *late: int, then: str = EXPIRED) -> None:
    """Let the next answer be that these lines of a list were recorded and the others not."""

    def once(answer: dict[str, Any]) -> dict[str, Any]:
        ledger.twist = lambda answer: answer
        problem = refused_lines(then).json()["problem"]
        lines = answer["lines"]
        return {
            "lines": [
                one if one["line"] in late else {"line": one["line"], "problem": problem}
                for one in lines
            ]
        }

    ledger.twist = once


def lines_of(one: Sent) -> list[dict[str, Any]]:
    assert isinstance(one.answer, list)
    return one.answer


@pytest.mark.parametrize(
    "codes", [(EXPIRED,) * 3, ("order_in_future",) * 3, (EXPIRED, *("other_line_refused",) * 2)]
)
def test_a_list_of_which_nothing_was_recorded_in_time_is_no_answer(
    client: Client, ledger: StandIn, codes: tuple[str, ...]
) -> None:
    told: list[Any] = []
    ledger.faults = [refused_lines(*codes)]
    prepared = client.prepare(BULK, [line(n) for n in range(3)], bulk=True)

    with pytest.raises(Late) as late:
        client.send(prepared, on_line=lambda one: told.append(one["problem"]["code"]))

    assert (late.value.lines, late.value.answered) == ([0, 1, 2], [])
    assert late.value.out_of_time
    assert EXPIRED not in told
    assert journal(client) == []


def test_what_was_recorded_in_time_keeps_its_receipts(client: Client, ledger: StandIn) -> None:
    assert client.state is not None
    marks = [client.state.mark(bytes([number])) for number in range(3)]
    told: list[int] = []
    cut(ledger, 1)
    prepared = client.prepare(BULK, [line(n) for n in range(3)], bulk=True, marks=marks)

    with pytest.raises(Late) as late:
        client.send(prepared, on_line=lambda one: told.append(one["line"]))

    assert (late.value.lines, told) == ([0, 2], [1])
    assert set(client.state.recorded(set(marks))) == {marks[1]}


def test_a_list_that_a_crash_left_is_signed_anew_where_it_comes_too_late(
    box: Outbox, client: Client, ledger: StandIn
) -> None:
    prepared = client.prepare(BULK, [line(n) for n in range(3)], bulk=True, atomic=True)
    ledger.faults = [refused_lines(EXPIRED, *("other_line_refused",) * 2)]

    [done] = sent(box, client)

    assert [one["index"] for one in lines_of(done)] == [1, 2, 3]
    assert len(ledger.leaves) == 4
    head = parse_request("POST", BULK, ledger.posts[-1].headers.items())
    assert head.atomic
    assert head.idempotency_key != prepared.key
    assert journal(client) == []


def test_only_the_lines_that_were_not_recorded_are_signed_anew(
    box: Outbox, client: Client, ledger: StandIn
) -> None:
    envelopes = [line(number) for number in range(3)]
    client.prepare(BULK, envelopes, bulk=True)
    cut(ledger, 1)

    before, since = sent(box, client)

    assert [one["line"] for one in lines_of(before)] == [1]
    assert [one["line"] for one in lines_of(since)] == [0, 2]
    assert ledger.posts[-1].read() == b"".join(envelopes[at] + b"\n" for at in (0, 2))


def test_a_list_outlives_a_wrong_clock(box: Outbox, client: Client, ledger: StandIn) -> None:
    prepared = client.prepare(BULK, [line(n) for n in range(2)], bulk=True)
    ledger.faults = [refused_lines(*(EXPIRED,) * 2) for _ in range(2)]

    assert [one.waits for one in sent(box, client)] == [True]
    assert [one.lines for one in journal(client)] == [prepared.lines]
    [done] = sent(box, client)
    assert [one["index"] for one in lines_of(done)] == [1, 2]


def test_a_letter_whose_registration_comes_too_late_is_registered_all_the_same(
    client: Client, ledger: StandIn
) -> None:
    """Its command was cut off an hour ago: what it had signed was never recorded, and never is."""
    assert client.state is not None
    letter = Letter("moj", {}, Path(), bytes(32))
    draft = Draft.plain("transfer.register_outgoing", "moj", "/v1/transfers", number="1")
    mark = client.state.mark(letter.secret + b"register")
    client.prepare(draft.path, [draft.envelope], marks=(mark,))
    ledger.faults = [problem(EXPIRED, 401)]

    _register(client, letter, draft)

    assert len(ledger.leaves) == 2
    assert journal(client) == []


def test_what_was_drawn_for_lines_that_were_recorded_is_told_before_it_is_forgotten(
    client: Client, ledger: StandIn
) -> None:
    place = {"unit": "registry", "series": "general", "date": "2026-11-01", "language": "en"}
    drafts = [
        Draft.issue("moj", {"holder_name": "one"}, type="support_letter", number=str(n), **place)
        for n in range(3)
    ]
    client.prepare(BULK, [one.envelope for one in drafts], bulk=True)
    [prepared] = journal(client)
    cut(ledger, 1)

    said = _send_again(client, prepared)

    assert said["problem"]["code"] == EXPIRED
    assert said["drawn"] == [{"code": drafts[1].code, "holder_secret": drafts[1].holder_secret}]
    assert journal(client) == [prepared]


def test_what_is_signed_anew_is_in_the_journal_before_anybody_is_told(
    box: Outbox, client: Client, ledger: StandIn
) -> None:
    """Whoever tells it may be killed there: the lines that came too late are still in a file."""
    envelopes = [line(number) for number in range(3)]
    client.prepare(BULK, envelopes, bulk=True)
    cut(ledger, 1)

    next(box.send(client, no_upload))

    [anew] = journal(client)
    assert list(anew.lines) == [envelopes[0], envelopes[2]]
