"""How a verdict is told: in which language, under which tag, by whose signature, and how soon."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api.i18n import LANGUAGES, translate
from infrastructure.postgres import connect
from infrastructure.proofs import codes, receipts
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.note import VerifierKey
from infrastructure.proofs.verdict import Outcome
from sijill.cli.databases import running_database
from tests.api.asking import issued, present
from tests.api.talking import Wire, awaited, revoke
from tests.serving import Agency, Served, serving

# Longer than a verdict may take, shorter than anything that waits for a database.
A_VERDICT_SECONDS = 8.0


def _revoked(agency: Agency) -> str:
    code = issued(agency)
    revoke(agency, code)
    return code


def _unknown(_: Agency) -> str:
    return codes.generate()


def _unreadable(_: Agency) -> str:
    return "SIJILL"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("made", [issued, _revoked, _unknown, _unreadable])
def test_a_verdict_is_put_into_the_readers_language(
    wire: Wire, agency: Agency, language: str, made: Callable[[Agency], str]
) -> None:
    wire.served.settle()

    answer = wire.get(f"/v1/verify/{made(agency)}", **{"Accept-Language": f"{language}, *;q=0.1"})

    verdict = answer.json()
    assert answer.headers["content-language"] == language
    assert "Accept-Language" in answer.headers["vary"]
    assert verdict["headline"] == translate(language, f"verdict.outcome.{verdict['outcome']}")
    assert verdict["text"] == translate(language, f"verdict.reason.{verdict['reason']}")
    assert verdict["advice"] == translate(language, f"verdict.advice.{verdict['reason']}")


@pytest.mark.parametrize("asked", ["", "de", "en;q=x", ",,,", "ku", "x" * 5000])
def test_who_names_no_language_of_ours_is_answered_in_arabic(wire: Wire, asked: str) -> None:
    answer = wire.get(f"/v1/verify/{codes.generate()}", **{"Accept-Language": asked})

    assert answer.headers["content-language"] == "ar"


def tagged(wire: Wire, code: str, tag: str = "", language: str = "en") -> httpx2.Response:
    wire.served.settle()
    return wire.get(f"/v1/verify/{code}", **{"If-None-Match": tag, "Accept-Language": language})


def test_the_tag_of_a_verdict_outlives_checkpoints_and_ends_with_its_state(
    wire: Wire, agency: Agency
) -> None:
    code = issued(agency)
    first = tagged(wire, code)
    tag = first.headers["etag"]
    later = agency.issue()["index"]
    awaited(
        lambda: int(wire.get("/log/checkpoint").text.splitlines()[1]),
        until=lambda size: size > later,
    )

    again = tagged(wire, code)
    assert again.json()["basis"]["index"] > first.json()["basis"]["index"]
    assert again.headers["etag"] == tag
    for presented in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        unchanged = tagged(wire, code, presented)
        assert (unchanged.status_code, unchanged.content) == (304, b""), presented
        assert unchanged.headers["etag"] == tag
        assert unchanged.headers["content-language"] == "en"

    revoke(agency, code)

    changed = tagged(wire, code, tag)
    assert changed.status_code == 200
    assert changed.json()["reason"] == "revoked"
    assert changed.headers["etag"] != tag


def test_tags_differ_by_language_and_never_by_worker(wire: Wire, agency: Agency) -> None:
    code = issued(agency)
    by_language = {tagged(wire, code, language=one).headers["etag"] for one in LANGUAGES}
    assert len(by_language) == len(LANGUAGES)

    several = set()
    for _ in range(6):
        with httpx2.Client(base_url=wire.http.base_url) as http:
            several.add(tagged(Wire(http, wire.served), code).headers["etag"])
    assert len(several) == 1


def test_nobody_between_may_answer_with_an_old_verdict(wire: Wire, agency: Agency) -> None:
    answer = tagged(wire, issued(agency))

    assert answer.headers["cache-control"] == "no-cache"


def test_a_verdict_can_be_taken_away_under_the_receipts_key(wire: Wire, agency: Agency) -> None:
    code = issued(agency)
    ledger = wire.get("/v1/ledger").json()
    key = VerifierKey.parse(ledger["receipts_vkey"])
    fields = {"holder_name": "حامل 0001", "date": "2000-01-01"}

    verdict = present(wire, code, fields=fields, receipt=True).json()

    note = receipts.open_verdict(verdict["receipt"].encode(), [key])
    assert (note.ledger.hex(), note.index) == (ledger["ledger"], verdict["basis"]["index"])
    assert json.loads(note.verdict) == {
        "code": code,
        "matched": ["holder_name"],
        "mismatched": ["date"],
        "outcome": "not_valid",
        "reason": "content_mismatch",
    }
    with pytest.raises(ProofError):
        receipts.open_verdict(verdict["receipt"].replace("not_valid", "valid").encode(), [key])
    with pytest.raises(ProofError):
        receipts.open_receipt(verdict["receipt"].encode(), [key])


def test_that_a_code_is_unknown_can_be_taken_away_too(wire: Wire) -> None:
    ledger = wire.get("/v1/ledger").json()
    key = VerifierKey.parse(ledger["receipts_vkey"])
    code = codes.generate()

    verdict = present(
        wire, codes.for_people(code), fields={"holder_name": "x"}, receipt=True
    ).json()

    note = receipts.open_verdict(verdict["receipt"].encode(), [key])
    assert (note.ledger.hex(), note.index) == (ledger["ledger"], verdict["basis"]["index"])
    assert json.loads(note.verdict) == {
        "code": code,
        "matched": [],
        "mismatched": [],
        "outcome": "not_valid",
        "reason": "code_unknown",
    }
    assert "receipt" not in present(wire, code).json()


def test_of_what_is_no_code_there_is_no_receipt(wire: Wire) -> None:
    assert "receipt" not in present(wire, "x", receipt=True).json()


def test_a_verdict_without_the_database_is_could_not_check_and_soon(ledger_folder: Path) -> None:
    with serving(ledger_folder) as ledger, httpx2.Client(base_url=ledger.url) as http:
        wire = Wire(http, ledger)
        code = issued(ledger.agency())
        assert wire.verdict(code)["outcome"] == "valid"
        _shut_out(ledger)

        started = time.monotonic()
        for answer in (
            wire.get(f"/v1/verify/{code}", **{"Accept-Language": "en"}),
            wire.http.post("/v1/verify", json={"code": code, "fields": {"date": "2026-11-01"}}),
        ):
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "2"
            assert "etag" not in answer.headers
            verdict = answer.json()
            assert verdict["outcome"] == Outcome.COULD_NOT_CHECK
            assert verdict["reason"] == "store_unavailable"
            assert verdict["record"] is None
        assert time.monotonic() - started < 2 * A_VERDICT_SECONDS
        items = [{"code": one} for one in (*[code] * 12, "x")]
        several = wire.http.post("/v1/verify/batch", json={"items": items})
        assert (several.status_code, several.headers["retry-after"]) == (503, "2")
        assert "etag" not in several.headers
        reasons = [verdict["reason"] for verdict in several.json()["items"]]
        assert reasons == [*["store_unavailable"] * 12, "code_malformed"]
        assert wire.get("/livez").status_code == 200
        # What is no code needs no database.
        assert wire.get("/v1/verify/x").json()["outcome"] == "unreadable"


def _shut_out(ledger: Served) -> None:
    """Let nobody into the database any more, and those out who are in."""
    with running_database(ledger.folder) as urls:
        name = str(conninfo_to_dict(urls.admin)["dbname"])
        beside = make_conninfo(urls.admin, dbname="postgres")
        with connect(beside, None, autocommit=True) as one:
            shut = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name))
            one.execute(shut)
            one.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )
