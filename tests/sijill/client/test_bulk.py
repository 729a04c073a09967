from typing import Any

import pytest

from sijill.client import Client, Untrustworthy
from tests.sijill.client.standin import BULK, StandIn, journal, line


def test_a_bulk_is_told_line_by_line_and_its_receipts_are_kept(client: Client) -> None:
    marks = [client.state.mark(bytes([number])) for number in range(3)] if client.state else []
    prepared = client.prepare(BULK, [line(n) for n in range(3)], bulk=True, marks=marks)
    told: list[int] = []

    answers = client.send(prepared, on_line=lambda answer: told.append(answer["line"]))

    assert told == [0, 1, 2]
    assert [answer["index"] for answer in answers] == [1, 2, 3]
    assert client.state is not None
    assert len(list(client.state.receipts())) == 3
    known = client.state.recorded({marks[2], client.state.mark(b"another")})
    assert {mark: answer["index"] for mark, answer in known.items()} == {marks[2]: 3}


@pytest.mark.parametrize(
    "twist",
    [
        pytest.param(lambda lines: lines[:2], id="cut short"),
        pytest.param(
            lambda lines: [
                lines[0],
                {"line": 1, "problem": {"code": "busy", "status": 503}},
                lines[2],
            ],
            id="one line not now",
        ),
    ],
)
def test_a_bulk_with_lines_missing_is_sent_again_and_told_once(
    client: Client, ledger: StandIn, twist: Any
) -> None:
    told: list[int] = []

    def once(answer: dict[str, Any]) -> dict[str, Any]:
        ledger.twist = lambda answer: answer
        return {"lines": twist(answer["lines"])}

    ledger.twist = once
    prepared = client.prepare(BULK, [line(n) for n in range(3)], bulk=True)

    answers = client.send(prepared, on_line=lambda answer: told.append(answer["line"]))

    assert sorted(told) == [0, 1, 2]
    assert len(answers) == 3
    assert len(ledger.recorded) == 3
    assert {post.read() for post in ledger.posts} == {prepared.body}


def test_refused_lines_of_a_bulk_are_answers_and_not_recorded(
    client: Client, ledger: StandIn
) -> None:
    refusal = {"line": 1, "problem": {"code": "number_taken", "status": 409}}
    ledger.twist = lambda answer: {"lines": [answer["lines"][0], refusal]}
    marks = [client.state.mark(bytes([number])) for number in range(2)] if client.state else []

    answers = client.send(client.prepare(BULK, [line(0), line(1)], bulk=True, marks=marks))

    assert answers[1] == refusal
    assert client.state is not None
    assert set(client.state.recorded(set(marks))) == {marks[0]}
    assert journal(client) == []


def test_a_line_with_anothers_receipt_is_not_believed(client: Client, ledger: StandIn) -> None:
    def swap(answer: dict[str, Any]) -> dict[str, Any]:
        one, other = answer["lines"]
        return {"lines": [{**other, "line": 0}, {**one, "line": 1}]}

    ledger.twist = swap

    with pytest.raises(Untrustworthy):
        client.send(client.prepare(BULK, [line(0), line(1)], bulk=True))
