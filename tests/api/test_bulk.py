"""Bulk orders: each line for itself or all or none, rehearsed, broken off, and sent again."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from api.limits import BULKS_AT_ONCE
from infrastructure.proofs import signing
from infrastructure.proofs.orders import BODY_LIMIT_BYTES, NDJSON
from sijill.client import Client, Prepared, statement
from tests.api.talking import (
    Forged,
    Wire,
    awaited,
    codes_of,
    degree,
    forged,
    lines_of,
    refusal,
    told,
)
from tests.serving import NAMES, Agency, Served, issuance

BULK = "/v1/certificates/bulk"
CHECK = "/v1/certificates/bulk/check"
# What is wrong with every tenth line, by turns, and what the ledger says to it.
FLAWS: list[tuple[dict[str, Any], str]] = [
    ({"number": "taken/1"}, "number_taken"),
    ({"type": "diploma"}, "type_unknown"),
    ({"year": 2025}, "year_mismatch"),
    ({"unit": "The Registry"}, "statement_invalid"),
    ({"values": {"shoe_size": "44"}}, "claim_unknown"),
]


def issued(served: Served, agency: Agency) -> int:
    """How many certificates the agency has issued, as the public report counts them."""
    report = served.anybody().get("/v1/reports/issuance", agency=agency.name)
    return int(report["totals"]["issued"])


def every_tenth_bad(agency: Agency, count: int) -> tuple[list[bytes], list[str | None]]:
    """Lines, and the code that each is to be refused with."""
    lines, expected = [], []
    for number in range(count):
        flaw: dict[str, Any] = {}
        code = None
        if number % 10 == 9:
            flaw, code = FLAWS[number // 10 % len(FLAWS)]
        lines.append(issuance(agency.name, **flaw))
        expected.append(code)
    return lines, expected


def bulk(client: Client, lines: list[bytes], **options: Any) -> Prepared:
    return client.prepare(BULK, lines, bulk=True, **options)


def without_problems(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**line, "replayed": None} for line in lines if "problem" not in line]


@pytest.fixture(scope="module")
def office(served: Served) -> Agency:
    """An agency whose number `taken/1` is taken."""
    agency = served.agency()
    agency.issue(number="taken/1")
    return agency


def test_good_lines_are_recorded_and_bad_ones_named_by_line_and_code(
    served: Served, wire: Wire, office: Agency
) -> None:
    before = issued(served, office)
    lines, expected = every_tenth_bad(office, 50)
    prepared = bulk(office.client, lines)

    first = lines_of(wire.send(prepared))

    assert [line["line"] for line in first] == list(range(50))
    assert codes_of(first) == expected
    indexes = [line["index"] for line in first if "index" in line]
    assert indexes == sorted(set(indexes))
    assert issued(served, office) == before + 45

    again = lines_of(wire.send(prepared))

    assert codes_of(again) == expected
    assert without_problems(again) == without_problems(first)
    assert all(line["replayed"] for line in again if "index" in line)
    assert issued(served, office) == before + 45


def test_a_bulk_may_open_a_hundred_registers(served: Served, wire: Wire) -> None:
    """Its lines want the same place on the shelf: that is no reason to refuse one."""
    agency = served.agency()
    lines = [issuance(agency.name, unit=f"u{number % 100}") for number in range(200)]

    answers = lines_of(wire.send(bulk(agency.client, lines)))

    assert codes_of(answers) == [None] * 200


def test_every_receipt_of_a_bulk_holds(office: Agency) -> None:
    client = office.client
    lines = [issuance(office.name) for _ in range(5)]

    answers = client.send(bulk(client, lines))  # verifies each receipt, or raises

    assert len({answer["receipt"] for answer in answers}) == 5


def test_lines_of_several_acts(wire: Wire, office: Agency) -> None:
    code, other = office.issue()["code"], office.issue()["code"]
    lines = [
        issuance(office.name),
        signing.envelope(
            statement("certificate.revoke", office.name, code=code, reason="decision")
        ),
        signing.envelope(
            statement("certificate.suspend", office.name, code=other, reason="under_review")
        ),
        signing.envelope(
            statement("certificate.reinstate", office.name, code=code, reason="review_passed")
        ),
    ]

    answer = lines_of(wire.send(bulk(office.client, lines)))

    assert codes_of(answer) == [None, None, None, "certificate_already_revoked"]
    assert wire.verdict(other)["reason"] == "suspended"


def test_lines_may_act_one_after_another_on_one_record(wire: Wire, office: Agency) -> None:
    """Each line for itself: the second is judged on what the first has made of the record."""
    code = office.issue()["code"]
    lines = [
        signing.envelope(statement(f"certificate.{act}", office.name, code=code, reason=reason))
        for act, reason in (("suspend", "under_review"), ("reinstate", "review_passed"))
    ]

    for _ in range(2):
        assert codes_of(lines_of(wire.send(bulk(office.client, lines)))) == [None, None]

    assert wire.verdict(code)["outcome"] == "valid"


def test_all_or_none_with_one_bad_line_records_none(
    served: Served, wire: Wire, office: Agency
) -> None:
    before = issued(served, office)
    lines = [issuance(office.name) for _ in range(5)]
    lines[3] = issuance(office.name, number="taken/1")
    prepared = bulk(office.client, lines, atomic=True)

    answer = lines_of(wire.send(prepared))

    others = "other_line_refused"
    assert codes_of(answer) == [others, others, others, "number_taken", others]
    assert "3" in answer[0]["problem"]["detail"]
    assert issued(served, office) == before


def test_all_or_none_with_one_line_that_no_act_allows(wire: Wire, office: Agency) -> None:
    lines = [issuance(office.name), issuance(office.name, unit="The Registry")]

    answer = lines_of(wire.send(bulk(office.client, lines, atomic=True)))

    assert codes_of(answer) == ["other_line_refused", "statement_invalid"]
    assert answer[1]["problem"]["errors"] == [
        {"pointer": "/unit", "code": "string_pattern_mismatch"}
    ]


def test_all_or_none_that_is_good_is_recorded_in_one_piece(wire: Wire, office: Agency) -> None:
    prepared = bulk(office.client, [issuance(office.name) for _ in range(5)], atomic=True)

    first = lines_of(wire.send(prepared))

    start = first[0]["index"]
    assert [line["index"] for line in first] == list(range(start, start + 5))
    assert len({line["time"] for line in first}) == 1
    assert without_problems(lines_of(wire.send(prepared))) == without_problems(first)


def test_all_or_none_may_not_act_twice_on_one_record(wire: Wire, office: Agency) -> None:
    code = office.issue()["code"]
    lines = [
        signing.envelope(statement(f"certificate.{act}", office.name, code=code, reason=reason))
        for act, reason in (("suspend", "under_review"), ("reinstate", "review_passed"))
    ]

    answer = lines_of(wire.send(bulk(office.client, lines, atomic=True)))

    assert None not in codes_of(answer)
    assert wire.verdict(code)["outcome"] == "valid"


def test_a_number_twice_in_one_order(wire: Wire, office: Agency) -> None:
    for atomic in (False, True):
        number = f"twice/{int(atomic)}"
        lines = [issuance(office.name, number=number) for _ in range(2)]

        answer = codes_of(lines_of(wire.send(bulk(office.client, lines, atomic=atomic))))

        assert "number_taken" in answer
        assert answer.count(None) == (0 if atomic else 1)


def test_a_rehearsal_predicts_and_records_nothing(
    served: Served, wire: Wire, office: Agency
) -> None:
    before = issued(served, office)
    lines, expected = every_tenth_bad(office, 30)
    lines.append(lines[0])
    expected.append("code_taken")
    rehearsal = office.client.prepare(CHECK, lines, bulk=True)

    predicted = lines_of(wire.send(rehearsal))

    assert codes_of(predicted) == expected
    assert [line.get("accepted") for line in predicted] == [
        True if code is None else None for code in expected
    ]
    assert issued(served, office) == before
    assert codes_of(lines_of(wire.send(bulk(office.client, lines)))) == expected


def test_a_rehearsal_is_never_the_real_thing(served: Served, wire: Wire, office: Agency) -> None:
    before = issued(served, office)
    rehearsal = office.client.prepare(CHECK, [issuance(office.name)], bulk=True)

    answer = wire.post(BULK, rehearsal.headers, rehearsal.body)

    assert refusal(answer) == (401, "signature_invalid")
    assert issued(served, office) == before


def test_a_rehearsal_of_what_two_officers_sign(wire: Wire, office: Agency) -> None:
    lines = [degree(office.name), degree(office.name, number="taken/1")]

    answer = lines_of(wire.send(office.client.prepare(CHECK, lines, bulk=True)))

    assert codes_of(answer) == [None, "number_taken"]


def test_an_act_that_is_not_for_bulk(wire: Wire, served: Served) -> None:
    founder = served.founder()
    line = signing.envelope(
        statement("agency.add", "ndc", subject="in-bulk", kind="ministry", names=NAMES)
    )

    assert refusal(wire.send(bulk(founder, [line]))) == (422, "act_not_for_bulk")


def test_lines_of_two_agencies(wire: Wire, office: Agency, stranger: Agency) -> None:
    lines = [issuance(office.name), issuance(stranger.name)]

    assert refusal(wire.send(bulk(office.client, lines))) == (422, "lines_of_several_agencies")


def test_lines_about_another_agencys_certificates(
    wire: Wire, office: Agency, stranger: Agency
) -> None:
    theirs = stranger.issue()["code"]
    lines = [
        signing.envelope(statement("certificate.revoke", office.name, code=code, reason="decision"))
        for code in (theirs, office.issue()["code"])
    ]

    answer = lines_of(wire.send(bulk(office.client, lines)))

    assert codes_of(answer) == ["certificate_unknown", None]
    assert wire.verdict(theirs)["outcome"] == "valid"


def test_bulk_and_single_are_told_apart_by_content_type(wire: Wire, office: Agency) -> None:
    line = issuance(office.name)

    single = forged(office, line + b"\n", content_type=NDJSON)
    assert told(wire, single) == (422, "one_line_expected")
    assert told(wire, forged(office, line, path=BULK)) == (415, "content_type_unsupported")


@pytest.mark.parametrize(
    "broken,code",
    [
        (b"\n", "json_malformed"),
        (b"{", "json_malformed"),
        (b"\xff", "json_text"),
    ],
)
def test_a_line_that_is_no_line_refuses_the_whole(
    wire: Wire, office: Agency, broken: bytes, code: str
) -> None:
    """Nothing can be said of a root over statements that nobody can read."""
    body = issuance(office.name) + b"\n" + broken.rstrip(b"\n") + b"\n"
    order = forged(office, body, path=BULK, content_type=NDJSON, lines=2)
    answer = wire.post(order.path, order.headers, order.body)

    assert refusal(answer) == (400, code)
    assert answer.json()["hint"].startswith("line 1")


def test_too_many_lines(wire: Wire, office: Agency) -> None:
    order = forged(office, path=BULK, content_type=NDJSON, lines=10_001)

    assert told(wire, order) == (400, "order_malformed")


def test_too_many_bytes(wire: Wire, office: Agency) -> None:
    body = b" " * (BODY_LIMIT_BYTES + 1)
    order = forged(office, body, path=BULK, content_type=NDJSON)

    assert told(wire, order) == (413, "body_too_large")

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 2**20):
            yield body[start : start + 2**20]

    answer = wire.http.post(order.path, headers=order.headers, content=pieces())
    assert refusal(answer) == (413, "body_too_large")


@contextmanager
def connected(wire: Wire) -> Iterator[socket.socket]:
    address = urlsplit(str(wire.http.base_url))
    assert address.hostname
    assert address.port
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        yield connection


def head_of(order: Forged | Prepared, length: int) -> bytes:
    headers = {**order.headers, "Host": "ledger", "Content-Length": str(length)}
    lines = [f"POST {order.path} HTTP/1.1", *(f"{name}: {text}" for name, text in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def test_a_client_that_leaves_while_it_sends_records_nothing(
    served: Served, wire: Wire, office: Agency
) -> None:
    before = issued(served, office)
    prepared = bulk(office.client, [issuance(office.name) for _ in range(20)])
    with connected(wire) as connection:
        connection.sendall(head_of(prepared, len(prepared.body)))
        connection.sendall(prepared.body[:-1])

    assert codes_of(lines_of(wire.send(prepared))) == [None] * 20
    assert issued(served, office) == before + 20


def test_a_client_that_leaves_while_it_is_answered_doubles_nothing(
    served: Served, wire: Wire, office: Agency
) -> None:
    before = issued(served, office)
    count = 1_200
    prepared = bulk(office.client, [issuance(office.name) for _ in range(count)])
    with connected(wire) as connection:
        connection.sendall(head_of(prepared, len(prepared.body)) + prepared.body)
        told = b""
        while b'"index"' not in told:
            told += connection.recv(4096)
        assert told.startswith(b"HTTP/1.1 200")
    awaited(lambda: issued(served, office), until=lambda now: now > before)

    answer = lines_of(wire.send(prepared))

    assert codes_of(answer) == [None] * count
    assert len({line["index"] for line in answer}) == count
    assert any(line["replayed"] for line in answer)
    assert issued(served, office) == before + count


def test_pictures_that_come_slowly_keep_no_bulk_waiting(wire: Wire, office: Agency) -> None:
    said = [
        "POST /en/read HTTP/1.1",
        "Host: ledger",
        "Content-Type: multipart/form-data; boundary=x",
        "Content-Length: 1000000",
    ]
    with ExitStack() as stack:
        for _ in range(2 * BULKS_AT_ONCE):
            connection = stack.enter_context(connected(wire))
            connection.sendall("\r\n".join([*said, "", "--x"]).encode())

        answer = lines_of(wire.send(bulk(office.client, [issuance(office.name)])))

    assert codes_of(answer) == [None]
