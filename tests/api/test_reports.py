"""The report of issuances: at every index what somebody counts who has only the log."""

import base64
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infrastructure.proofs import tiles
from tests.api import asking
from tests.api.asking import issued, openings
from tests.api.talking import Wire, colleague, on, refusal, revoke
from tests.serving import Agency, Served

PATH = "/v1/reports/issuance"
BAGHDAD = timedelta(hours=3)  # Iraq has kept one time since 2008
WITHDRAWALS = {"revoked", "voided", "superseded"}
Count = Counter[tuple[str, str, str, str]]


def report(wire: Wire, **query: Any) -> dict[str, Any]:
    wire.served.settle()
    answer = wire.http.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture(scope="module")
def busy(served: Served) -> tuple[Agency, list[int]]:
    """An agency that has done everything that is counted, and the indexes of what it did."""
    agency = served.agency()
    client = agency.client
    first = agency.issue()["index"]
    a, b, c, d = (issued(agency) for _ in range(4))
    receipt = {"holder_name": None, "supported_fact": None, "case_reference": "R"}
    issued(agency, type="receipt_confirmation", values=receipt)
    revoke(agency, a)
    on(client, "void", b, "voiding", reason="duplicate_entry")
    asking.supersede(agency, c)
    asking.correct(agency, d)
    on(client, "suspend", (e := issued(agency)), "suspension", reason="under_review")
    on(client, "reinstate", e, "reinstatement", reason="review_passed")
    asking.annul(agency, colleague(agency, "officer-second"), a)
    last = agency.issue()["index"]
    return agency, list(range(first - 1, last + 1))


@pytest.fixture(scope="module")
def counted(wire: Wire, served: Served, busy: tuple[Agency, list[int]]) -> dict[int, Count]:
    """What is counted from the openings, after each index: by agency, type, day and act."""
    auditor = asking.auditor(served)
    end = busy[1][-1] + 1
    assert wire.get(f"/log/checkpoint?covers={end - 1}").status_code == 200
    types: dict[str, str] = {}
    count: Count = Counter()
    after: dict[int, Count] = {}
    entries = _times(wire, end)
    for item in openings(wire, auditor, end):
        header = json.loads(base64.b64decode(item["header"]))
        noun, act = header["type"].split(".")[1:3]
        if noun == "certificate":
            said = json.loads(base64.b64decode(item["body"]))["statement"]
            kind = types.setdefault(header["stream"], said.get("type", ""))
            count[header["agency"], kind, _day(entries[item["index"]]), act] += 1
        if item["index"] in busy[1]:
            after[item["index"]] = count.copy()
    return after


def _times(wire: Wire, size: int) -> list[int]:
    times: list[int] = []
    while len(times) < size:
        number, width = len(times) // 256, min(256, size - len(times))
        suffix = "" if width == 256 else f".p/{width}"
        data = wire.get(f"/log/tile/entries/{number:03}{suffix}").content
        times += [json.loads(entry)["time"] for entry in tiles.parse_bundle(data, width=width)]
    return times


def _day(microseconds: int) -> str:
    moment = datetime.fromtimestamp(microseconds // 1_000_000, UTC) + BAGHDAD
    return moment.date().isoformat()


def _rows(count: Count, agency: str) -> dict[tuple[str, str, str], dict[str, int]]:
    rows: dict[tuple[str, str, str], dict[str, int]] = {}
    for (who, kind, day, act), number in count.items():
        if who == agency:
            rows.setdefault((who, kind, day), {})[act] = number
    return rows


def test_the_report_at_every_index_is_what_the_log_counts(
    wire: Wire, busy: tuple[Agency, list[int]], counted: dict[int, Count]
) -> None:
    agency, indexes = busy
    for at in indexes:
        told = report(wire, at=at, agency=agency.name)
        rows = {(one["agency"], one["type"], one["day"]): one for one in told["items"]}
        expected = _rows(counted[at], agency.name)
        assert told["at"] == at
        assert {key: row["acts"] for key, row in rows.items()} == expected, at
        for key, acts in expected.items():
            withdrawn = sum(acts.get(act, 0) for act in WITHDRAWALS)
            assert (rows[key]["issued"], rows[key]["withdrawn"]) == (
                acts.get("issued", 0),
                withdrawn,
            )
        assert told["totals"] == {
            "issued": sum(row["issued"] for row in rows.values()),
            "withdrawn": sum(row["withdrawn"] for row in rows.values()),
        }


def test_the_report_of_everybody_adds_up(wire: Wire, counted: dict[int, Count]) -> None:
    at = max(counted)

    told = report(wire, at=at)

    by_act: Counter[str] = Counter()
    for (_, _, _, act), number in counted[at].items():
        by_act[act] += number
    assert told["totals"]["issued"] == by_act["issued"]
    assert told["totals"]["withdrawn"] == sum(by_act[act] for act in WITHDRAWALS)


def test_a_report_is_the_same_for_ever(wire: Wire, busy: tuple[Agency, list[int]]) -> None:
    agency, indexes = busy
    before = report(wire, at=indexes[-1], agency=agency.name)
    issued(agency)

    assert report(wire, at=indexes[-1], agency=agency.name) == before
    now = report(wire, agency=agency.name)
    assert now["totals"]["issued"] == before["totals"]["issued"] + 1
    assert now["at"] > before["at"]


def test_a_report_is_narrowed_by_type_and_days(wire: Wire, busy: tuple[Agency, list[int]]) -> None:
    agency, indexes = busy
    asked = {"at": indexes[-1], "agency": agency.name}
    days = {item["day"] for item in report(wire, **asked)["items"]}

    receipts = report(wire, **asked, type="receipt_confirmation")
    assert receipts["totals"] == {"issued": 1, "withdrawn": 0}
    assert report(wire, **asked, from_day="2199-01-01")["items"] == []
    assert report(wire, **asked, to_day="1999-01-01")["items"] == []
    every = report(wire, **asked, from_day=min(days), to_day=max(days))
    whole = report(wire, **asked)
    # The digest also says to what a report is narrowed.
    assert every.pop("digest") != whole.pop("digest")
    assert every == whole
    assert report(wire, agency="nobody")["items"] == []


@pytest.mark.parametrize(
    "query,expected",
    [
        ({"at": 2**53 - 1}, (404, "index_unknown")),
        ({"at": 2**53}, (422, "validation")),
        ({"at": "9" * 5000}, (422, "validation")),
        ({"at": -1}, (422, "validation")),
        ({"agency": "x\x00"}, (422, "validation")),
        ({"agency": "x" * 49}, (422, "validation")),
        ({"type": "'; DROP TABLE"}, (422, "validation")),
        ({"from_day": "2026-1-1"}, (422, "validation")),
        ({"to_day": "٢٠٢٦-١١-٠١"}, (422, "validation")),
    ],
)
def test_a_report_asked_wrongly_is_refused(
    wire: Wire, query: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert refusal(wire.http.get(PATH, params=query)) == expected
