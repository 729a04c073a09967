"""No value of a document is told to whom it does not belong, by whatever is asked and however.

One certificate of every type, each field with a value of its own, and an order that still waits;
then everything that can be asked of the ledger is asked by nobody, by a stranger and by an auditor.
"""

import base64
import hashlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx2
import pytest

from domain.catalogue import TYPES
from infrastructure.proofs import codes, disclosures
from infrastructure.proofs.jwk import public_of
from sijill.client import Refused
from sijill.client.attachments import Attachments
from tests.api import asking
from tests.api.asking import DAY
from tests.api.talking import Wire, colleague, forged, revoke
from tests.api.test_attachments import announced
from tests.clock import now_seconds
from tests.conforming import CONTRACT
from tests.serving import Agency, Served, issuance

PATH = "/v1/certificates"
_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Paper:
    """What one document says, by name, its number and its holder's secret included."""

    kind: str
    code: str
    values: dict[str, str]


@dataclass
class Kept:
    """What an agency keeps for itself: its papers, and what commits to them."""

    papers: list[Paper] = field(default_factory=list)
    salts: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    refused: list[Paper] = field(default_factory=list)
    first: int = 0
    attachment: str = ""

    @property
    def codes(self) -> list[str]:
        return [paper.code for paper in self.papers]

    def values(self, *, without: str = "", only: str = "") -> list[str]:
        """All values, but those of one name, or those alone."""
        pairs = [pair for paper in self.papers + self.refused for pair in paper.values.items()]
        return [text for name, text in pairs if name != without and only in {"", name}]

    def line(self, agency: Agency, kind: str) -> bytes:
        """An issuance of this type with a value of its own in every field."""
        names = [one.id for one in TYPES[kind].fields] + ["holder_secret"]
        values = {name: f"قيمة خاصّة {next(_NUMBERS)} {asking.new_name()}" for name in names}
        values["document"] = hashlib.sha256(values["holder_secret"].encode()).hexdigest()
        number = f"{asking.new_name()[:10]}-{next(_NUMBERS)}".translate(DIGITS)
        line = issuance(
            agency.name,
            type=kind,
            number=number,
            values={"holder_name": None, "supported_fact": None, **values},
            valid_until=now_seconds() + DAY,
        )
        envelope = json.loads(line)
        said = envelope["statement"]
        self.papers.append(Paper(kind, said["code"], {**values, "number": number}))
        self.salts += [disclosures.parse(text).salt for text in envelope["disclosures"]]
        self.salts += envelope["disclosures"]
        self.digests += said["claims"].values()
        return line


_IDS = ("request_code", "record")

# A number has at most twelve letters: the letters of a code become digits.
DIGITS = {ord(letter): str(place % 10) for place, letter in enumerate("abcdefghjkmnpqrstvwxyz")}


@pytest.fixture(scope="module")
def kept(agency: Agency) -> Kept:
    """A certificate of each type, one of them corrected, one withdrawn, one order left open."""
    kept, client = Kept(first=agency.issue()["index"]), agency.client
    second = colleague(agency, "officer-second").client
    for kind in TYPES:
        cosigned = TYPES[kind].officers > 1
        answer = client.send(client.prepare(PATH, [kept.line(agency, kind)], cosigned=cosigned))
        if "order" in answer:
            kept.orders.append(answer["order"])
            second.approve(answer["order"])
    waits = client.send(client.prepare(PATH, [kept.line(agency, "degree")], cosigned=True))
    kept.orders.append(waits["order"])
    refused = Kept()
    closed = client.send(client.prepare(PATH, [refused.line(agency, "degree")], cosigned=True))
    second.approve(closed["order"], refuse=True)
    kept.orders.append(closed["order"])
    kept.refused += refused.papers
    kept.attachment, _ = announced(Attachments(client), b"the paper itself")
    asking.original(agency, kept.codes[0])
    revoke(agency, kept.codes[1])
    agency.served.settle()
    return kept


def spellings(text: str) -> Iterator[bytes]:
    """The ways in which a text could stand in an answer."""
    yield text.encode()
    yield json.dumps(text)[1:-1].encode()
    yield quote(text).encode()
    yield base64.b64encode(text.encode()).rstrip(b"=")[:-1]
    yield text.encode().hex().encode()


def everything(answer: httpx2.Response) -> bytes:
    """An answer with its headers, and what its base64 members hold."""
    parts = [answer.content, str(answer.headers.multi_items()).encode()]
    if answer.headers.get("content-type", "").startswith("application/json"):
        parts += _decoded(answer.json())
    return b"\n".join(parts)


def _decoded(value: Any) -> Iterator[bytes]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _decoded(one)
    elif isinstance(value, list):
        for one in value:
            yield from _decoded(one)
    elif isinstance(value, str):
        try:
            yield base64.b64decode(value, validate=True)
        except ValueError:
            return


def revealed(told: bytes, secrets: Any) -> list[str]:
    return [one for one in secrets if any(spelling in told for spelling in spellings(one))]


def asked(wire: Wire, agency: Agency, kept: Kept) -> list[str]:
    """Every GET of the contract, with all that its places could name, and wrong questions."""
    size = int(wire.get("/log/checkpoint").text.splitlines()[1])
    full, part = divmod(size, 256)
    tiles = [f"{kind}/{n:03}" for kind in ("entries", "0") for n in range(kept.first // 256, full)]
    if part:
        tiles += [f"{kind}/{full:03}.p/{part}" for kind in ("entries", "0")]
    places = {
        "agency": [agency.name, "ndc", "nobody"],
        "sender": [agency.name],
        "key": [public_of(agency.key).thumbprint],
        "code": [*kept.codes, "x"],
        "order": kept.orders,
        "size": [str(size), "0"],
        "name": tiles,
        "attachment": [kept.attachment, "6f1d2c3b-4a59-4877-8695-a4b3c2d1e0f9"],
        "unit": ["registry", "nowhere"],
        "series": ["general"],
        "year": ["2026"],
        "number": ["0", "x"],
        # Of these nouns the ledger has no records; their own tests ask for those that there are.
        **{one: [codes.generate(), str(UUID(int=7)), "x"] for one in _IDS},
    }
    queries = {
        "/v1/log/openings": [f"from={start}" for start in range(kept.first, size, 200)],
        "/v1/proofs/inclusion": [f"index={size - 1}", "index=0", "index=-1"],
        "/v1/proofs/consistency": ["from=1", "from=x"],
        "/v1/reports/issuance": ["", f"agency={agency.name}", "type=degree"],
        "/v1/agencies": ["", "limit=200", "limit=x"],
        PATH: ["", "limit=200", f"agency={agency.name}", "state=in_force", "of=all"],
        "/v1/orders": ["", "limit=200", "state=open"],
        "/log/checkpoint": ["", f"covers={size - 1}"],
        # Without an end they would be listened to for a minute each.
        "/v1/inbox/events": ["seconds=1&after=0", "at=9"],
        "/v1/outbox/events": ["seconds=1&after=0", "at=9"],
    }
    found: list[str] = ["/openapi.json", "/docs"]
    for path, operations in CONTRACT["paths"].items():
        if "get" not in operations:
            continue
        ways = [path]
        for place, names in places.items():
            ways = [
                way.replace(f"{{{place}}}", name)
                for way in ways
                for name in (names if f"{{{place}}}" in way else [""])
            ]
        assert not [way for way in ways if "{" in way], f"nothing to ask of {path}"
        found += [
            f"{way}?{q}" if q else way for way in ways for q in queries.get(path, ["", "at=9"])
        ]
    return found


def answers(wire: Wire, reader: Agency | None, paths: list[str]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        if reader is None:
            yield path, everything(wire.get(path))
        else:
            resource, _, query = path.partition("?")
            headers = asking.signed_headers(reader, resource, query)
            yield path, everything(wire.get(path, **headers))


def test_what_is_looked_for_would_be_found(wire: Wire, agency: Agency, kept: Kept) -> None:
    """The guard of every test below: its own agency does see it, by the same questions."""
    told = b"".join(one for _, one in answers(wire, agency, asked(wire, agency, kept)))
    for paper in kept.papers:
        for name, value in paper.values.items():
            seen = revealed(told, [value])
            # An order that waits shows what was sent with it, the disclosures as they were sent.
            assert seen or name == "holder_secret" or paper is kept.papers[-1], name
    assert set(revealed(told, kept.digests)) == set(kept.digests)
    # What was refused is gone for its own agency too.
    assert not [paper for paper in kept.refused if revealed(told, paper.values.values())]


@pytest.mark.parametrize("who", ["nobody", "stranger"])
def test_no_question_reveals_another_agencys_values_numbers_salts_or_commitments(
    wire: Wire, agency: Agency, stranger: Agency, kept: Kept, who: str
) -> None:
    reader = None if who == "nobody" else stranger
    secrets = [*kept.values(), *kept.salts, *kept.digests]

    for path, told in answers(wire, reader, asked(wire, agency, kept)):
        assert revealed(told, secrets) == [], path


def test_an_auditor_sees_commitments_and_neither_values_nor_salts(
    wire: Wire, served: Served, agency: Agency, kept: Kept
) -> None:
    auditor = asking.auditor(served)
    values = kept.values(without="number")
    seen = b""

    for path, told in answers(wire, auditor, asked(wire, agency, kept)):
        assert revealed(told, [*values, *kept.salts]) == [], path
        seen += told
    assert revealed(seen, kept.digests[:1]) == kept.digests[:1]


def test_the_holders_secret_is_told_to_nobody_once_it_is_recorded(
    wire: Wire, agency: Agency, kept: Kept
) -> None:
    closed = [path for path in asked(wire, agency, kept) if not path.startswith("/v1/orders/")]
    secrets = kept.values(only="holder_secret")

    for path, told in answers(wire, agency, closed):
        assert revealed(told, secrets) == [], path


def test_presenting_a_paper_reveals_nothing_not_even_what_was_presented(
    wire: Wire, kept: Kept
) -> None:
    secrets = [*kept.values(), *kept.salts, *kept.digests]
    for paper in kept.papers:
        said = {name: text for name, text in paper.values.items() if name != "document"}
        for presented in (said, dict.fromkeys([*said, "date"], "another")):
            answer = asking.present(wire, paper.code, fields=presented, receipt=True)
            assert answer.status_code == 200
            assert revealed(everything(answer), secrets) == []


def test_presenting_many_papers_at_once_reveals_no_more(wire: Wire, kept: Kept) -> None:
    secrets = [*kept.values(), *kept.salts, *kept.digests]
    items = [
        {
            "code": paper.code,
            "fields": {name: said for name, said in paper.values.items() if name != "document"},
            "receipt": True,
        }
        for paper in kept.papers
    ]
    answer = wire.http.post(
        "/v1/verify/batch", json={"items": items}, headers={"X-Forwarded-For": "198.51.100.18"}
    )

    verdicts = answer.json()["items"]
    assert all(one["compared"]["matched"] for one in verdicts if one["record"])
    assert revealed(everything(answer), secrets) == []


def test_refusals_repeat_nothing_of_what_was_sent(
    wire: Wire, agency: Agency, stranger: Agency, kept: Kept
) -> None:
    fresh = Kept()
    good = fresh.line(agency, "support_letter")
    value = fresh.papers[0].values["holder_name"]
    search = asking.signed_headers(stranger, f"{PATH}/search", method="POST")
    refused = [
        wire.post(PATH, {}, good),
        *(wire.post(one.path, one.headers, one.body) for one in _refused(agency, stranger, good)),
        wire.http.post("/v1/verify", json={"code": value, "fields": {"Name": value}}),
        wire.http.post("/v1/verify", json={"code": kept.codes[0], "document": value}),
        wire.http.post("/v1/verify/batch", json={"items": [value, {"code": value, "more": value}]}),
        wire.http.post(f"{PATH}/search", json={"field": value, "value": value, "more": value}),
        wire.http.post(
            f"{PATH}/search", headers=search, json={"field": "holder_name", "value": value}
        ),
        wire.get(f"/v1/verify/{quote(value)}"),
        wire.get(f"/v1/agencies/{quote(value)}"),
        wire.get(f"/v1/keys/{quote(value)}"),
        wire.get(f"/v1/orders/{quote(value)}"),
        wire.get(f"{PATH}?of={quote(value)}&at={quote(value)}&number={quote(value * 9)}"),
        wire.get(f"/v1/reports/issuance?agency={quote(value)}"),
        wire.get(f"/log/tile/{quote(value)}"),
        wire.get(f"/{quote(value)}"),
    ]
    with pytest.raises(Refused):
        stranger.client.get(f"{PATH}/{kept.codes[0]}")

    told = b"\n".join(everything(answer) for answer in refused)
    sent = [*fresh.values(), *fresh.salts]
    assert revealed(told, [*sent, *kept.values(), *kept.salts, *kept.digests]) == []


def _refused(agency: Agency, stranger: Agency, line: bytes) -> list[Any]:
    envelope = json.loads(line)
    text = json.dumps(envelope["statement"], ensure_ascii=False)
    return [
        forged(agency, line, key=stranger.key),
        forged(agency, line, path="/v1/agencies"),
        forged(agency, line, key=asking.new_key()),
        forged(agency, line[:-9]),
        forged(agency, line.replace(b'"statement"', b'"Statement"')),
        forged(agency, json.dumps({"statement": text}).encode()),
        forged(agency, line.replace(b"registry", envelope["statement"]["number"].encode())),
    ]


def test_neither_metrics_nor_logs_name_a_document(
    wire: Wire, served: Served, agency: Agency, kept: Kept
) -> None:
    """Who verified what would be told by a code in a log as well."""
    for path in asked(wire, agency, kept)[:60]:
        wire.get(path)
    told = wire.get("/metrics").content + "\n".join(served.talk).encode()

    assert b"sijill_http_requests_total" in told
    assert revealed(told, [*kept.values(), *kept.salts, *kept.codes, *kept.orders]) == []
