"""Many papers in one question: each is answered as alone, and within the same limits."""

import asyncio
import hashlib
import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import httpx2
import psycopg
import pytest
from starlette.requests import Request

from api.i18n import LANGUAGES
from api.limits import QUESTION_BYTES
from api.services import Services
from api.verify import Answer, Presented
from api.verify_batch import MOST, TOGETHER, answers
from infrastructure.proofs import codes, receipts
from infrastructure.proofs.note import VerifierKey
from tests.api.asking import issued, present
from tests.api.talking import Wire, refusal, revoke
from tests.conforming import conforms
from tests.serving import Agency, Served

PATH = "/v1/verify/batch"
NAME = {"holder_name": "حامل 0001"}
DOCUMENT = hashlib.sha256(b"the very document").hexdigest()
# Who asks, as a proxy tells it: these tests spend nobody else's comparisons.
ELSEWHERE = {"X-Forwarded-For": "198.51.100.17"}


@pytest.fixture
def one_worker(served: Served) -> Iterator[Wire]:
    """Requests over one connection, which one worker answers."""
    hooks = {"response": [conforms]}
    alone = httpx2.Limits(max_connections=1, keepalive_expiry=None)
    with httpx2.Client(
        base_url=served.url, timeout=60, headers=ELSEWHERE, event_hooks=hooks, limits=alone
    ) as http:
        yield Wire(http, served)


def ask(wire: Wire, *items: Any, **headers: str) -> httpx2.Response:
    wire.served.settle()
    return wire.http.post(PATH, json={"items": list(items)}, headers=headers)


def told(wire: Wire, *items: Any) -> list[dict[str, Any]]:
    answer = ask(wire, *items)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def alike(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what another moment or another place in a request changes."""
    unlike = {"basis", "receipt", "instance"}
    same = {name: value for name, value in answer.items() if name not in unlike}
    for error in same.get("errors", []):
        error["pointer"] = re.sub("^/body/items/[0-9]+", "/body", error["pointer"])
    return same


def test_each_is_answered_in_its_place_what_it_is_answered_alone(
    one_worker: Wire, agency: Agency
) -> None:
    code, revoked = issued(agency), issued(agency)
    revoke(agency, revoked)
    unknown = codes.generate()
    items: list[dict[str, Any]] = [
        {"code": code},
        {"code": "SIJILL"},
        {"code": code, "fields": NAME},
        {"code": revoked},
        {"code": codes.for_people(code).lower(), "fields": {"date": "2000-01-01"}},
        {"code": unknown, "fields": NAME, "receipt": True},
        {"code": code, "document": DOCUMENT.upper()},
        {"code": code, "document": DOCUMENT, "receipt": True},
        {"code": code, "fields": {"name": "y" * 501}, "more": 1},
        {"code": unknown},
    ]

    together = told(one_worker, *items)

    alone = [present(one_worker, **item).json() for item in items]
    same = [one.get("problem", one) for one in together]
    assert [alike(one) for one in same] == [alike(one) for one in alone]
    for one, single in zip(same, alone, strict=True):
        assert set(one) == {name for name in single if name != "instance"}
    assert [one.get("reason", one.get("code")) for one in same] == [
        "in_force_paper_not_compared",
        "code_malformed",
        "in_force_fields_match",
        "revoked",
        "content_mismatch",
        "code_unknown",
        "document_digest_malformed",
        "values_not_comparable",
        "validation",
        "code_unknown",
    ]


def test_receipts_are_of_each_paper_for_itself(one_worker: Wire, agency: Agency) -> None:
    key = VerifierKey.parse(one_worker.get("/v1/ledger").json()["receipts_vkey"])
    asked = [issued(agency), codes.generate()]

    verdicts = told(one_worker, *({"code": code, "receipt": True} for code in asked), {"code": "x"})

    for code, verdict in zip(asked, verdicts, strict=False):
        note = receipts.open_verdict(verdict["receipt"].encode(), [key])
        said = json.loads(note.verdict)
        assert (said["code"], said["reason"]) == (code, verdict["reason"])
        assert note.index == verdict["basis"]["index"]
    assert "receipt" not in verdicts[-1]


def test_one_bad_question_stands_for_itself_and_its_place_is_told(wire: Wire) -> None:
    items = b'{"code":"x","fields":{"\\ud800":"x"}},{"code":"x"},{"code":7},7,{}'
    headers = {"Content-Type": "application/json"}

    answer = wire.http.post(PATH, content=b'{"items":[%s]}' % items, headers=headers)

    told = answer.json()["items"]
    assert [one["problem"]["code"] if "problem" in one else one["reason"] for one in told] == [
        "validation",
        "code_malformed",
        *["validation"] * 3,
    ]
    for at in (0, 2, 3, 4):
        pointers = {error["pointer"] for error in told[at]["problem"]["errors"]}
        assert all(pointer.startswith(f"/body/items/{at}") for pointer in pointers)


@pytest.mark.parametrize("count,status", [(0, 422), (1, 200), (MOST, 200), (MOST + 1, 422)])
def test_how_many_may_be_asked_at_once(wire: Wire, count: int, status: int) -> None:
    answer = ask(wire, *[{"code": codes.generate()}] * count)

    assert answer.status_code == status
    if status != 200:
        assert refusal(answer) == (422, "validation")
    else:
        assert {one["reason"] for one in answer.json()["items"]} == {"code_unknown"}


@pytest.mark.parametrize("body", [[], {}, {"items": {}}, {"items": [{"code": "x"}], "more": 1}])
def test_what_is_no_batch_is_refused_as_a_whole(wire: Wire, body: Any) -> None:
    assert refusal(wire.http.post(PATH, json=body)) == (422, "validation")


def test_a_batch_is_no_larger_than_another_question(wire: Wire) -> None:
    answer = ask(wire, {"code": "x" * QUESTION_BYTES})

    assert refusal(answer) == (413, "body_too_large")


def test_a_batch_compares_no_more_than_those_who_ask_one_by_one(
    one_worker: Wire, agency: Agency
) -> None:
    code = issued(agency)
    guesses = [{"code": code, "fields": {"holder_name": f"guess {n}"}} for n in range(40)]

    answers = told(one_worker, *guesses, {"code": code})

    assert {one.get("reason") for one in answers[:10]} == {"content_mismatch"}
    refused = answers[-2]["problem"]
    assert (refused["code"], refused["status"]) == ("rate_limited", 429)
    assert answers[-1]["reason"] == "in_force_paper_not_compared"
    # What a batch has spent, nobody gets by asking alone, nor the other way round.
    assert refusal(present(one_worker, code, fields=NAME)) == (429, "rate_limited")
    [again] = told(one_worker, {"code": code, "fields": NAME})
    assert again["problem"]["code"] == "rate_limited"


def test_a_database_that_is_gone_is_asked_by_few_and_not_by_each_in_turn() -> None:
    asked = []

    class Gone:
        async def by_code(self, code: str) -> NoReturn:
            asked.append(code)
            await asyncio.sleep(0)
            raise psycopg.OperationalError

    services = SimpleNamespace(missing=0, replica=None, codes=Gone())
    items = [Presented(code=codes.generate(), fields={}) for _ in range(5 * TOGETHER)]

    told = asyncio.run(
        answers(
            cast("Request", SimpleNamespace(client=None)),
            cast("Services", services),
            [*items, Presented(code="x", fields={})],
        )
    )

    assert len(asked) == TOGETHER
    reasons = [one.verdict.reason for one in told if isinstance(one, Answer)]
    assert reasons == [*["store_unavailable"] * len(items), "code_malformed"]


def test_a_batch_is_kept_as_a_single_verdict_is(wire: Wire, agency: Agency) -> None:
    code = issued(agency)
    items = [{"code": code}, {"code": "x"}]
    by_language = {one: ask(wire, *items, **{"Accept-Language": one}) for one in LANGUAGES}

    single = present(wire, code)
    for language, answer in by_language.items():
        assert answer.headers["content-language"] == language
        for name in ("cache-control", "vary"):
            assert answer.headers[name] == single.headers[name]
    tags = {answer.headers["etag"] for answer in by_language.values()}
    assert len(tags) == len(LANGUAGES)
    assert ask(wire, *items, **{"Accept-Language": "en"}).headers["etag"] in tags

    revoke(agency, code)

    assert ask(wire, *items, **{"Accept-Language": "en"}).headers["etag"] not in tags
