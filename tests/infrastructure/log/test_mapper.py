import json
from dataclasses import replace
from hashlib import sha256
from typing import Any, cast

import pytest
from eventsourcing.utils import TopicError
from hypothesis import given
from hypothesis import strategies as st

from domain.ledger import EVENTS, Claim, Decision, Fact
from domain.values import utc, uuid7
from infrastructure.log.mapper import FactMapper, Sealed, StoredFact, request_of
from infrastructure.proofs.errors import ProofError
from infrastructure.proofs.leaf import parse_header
from tests.given_when_then import key_of
from tests.infrastructure.log.making import a_stream, an_order

MAPPER = FactMapper(transcoder=cast("Any", None))
STATEMENT = json.dumps(
    {"act": "test", "agency": "moj", "nonce": "AAAAAAAAAAAAAAAAAAAAAA"}, separators=(",", ":")
).encode()

statements = st.dictionaries(
    st.from_regex(r"[a-z0-9_]{1,9}", fullmatch=True), st.integers(0, 2**53 - 1) | st.just("سجل")
).map(
    lambda members: json.dumps(
        members, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()
)
chosen: st.SearchStrategy[dict[str, Any]] = st.just({}) | st.fixed_dictionaries(
    {"status": st.fixed_dictionaries({"index": st.integers(0, 2**20), "list": st.integers(0, 9)})}
)


def a_fact(topic: str = "sijill.certificate.issued.v1", **parts: Any) -> Fact:
    return EVENTS[topic](
        **{
            "originator_id": a_stream(),
            "originator_version": 1,
            "timestamp": utc(0),
            "statement": STATEMENT,
            "chosen": {},
            "agency": "moj",
            "keys": (key_of("moj"), key_of("ndc")),
            "line": 0,
            "evidence": sha256(b"evidence").digest(),
            **parts,
        }
    )


@given(st.sampled_from(sorted(EVENTS)), statements, chosen, st.integers(0, 9999))
def test_a_fact_comes_back_as_it_went(
    topic: str, statement: bytes, beside: dict[str, Any], line: int
) -> None:
    fact = a_fact(topic, statement=statement, chosen=beside, line=line, originator_version=3)
    stored = MAPPER.to_stored_event(fact)
    assert (stored.originator_id, stored.originator_version) == (fact.originator_id, 3)
    recorded = replace(stored, index=7, time=1_700_000_000_000_001)
    back = MAPPER.to_domain_event(recorded)
    assert back == replace(fact, index=7, timestamp=utc(1_700_000_000_000_001))
    assert type(back) is type(fact)
    assert MAPPER.to_stored_event(back) == stored


def test_the_stored_bytes_are_the_record_format() -> None:
    fact = a_fact(originator_id=uuid7(0), chosen={"status": {"index": 5, "list": 1}})
    stored = MAPPER.to_stored_event(fact)
    assert stored.state == b'{"statement":' + STATEMENT + b',"status":{"index":5,"list":1}}'
    header = parse_header(stored.header)
    assert header.keys == (key_of("moj"), key_of("ndc"))
    assert (header.agency, header.line, header.version) == ("moj", 0, 1)
    assert header.stream == fact.originator_id
    assert header.evidence == fact.evidence
    assert header.type == stored.topic == "sijill.certificate.issued.v1"


@pytest.mark.parametrize(
    "parts", [{"keys": ()}, {"agency": "نص"}, {"evidence": b""}, {"chosen": {"else": 1}}]
)
def test_what_the_format_has_no_place_for_is_refused(parts: dict[str, Any]) -> None:
    with pytest.raises(ProofError):
        MAPPER.to_stored_event(a_fact(**parts))


def test_bytes_that_nobody_wrote_are_refused() -> None:
    stored = MAPPER.to_stored_event(a_fact())
    for broken in (
        replace(stored, header=stored.header.replace(b"moj", b"m j")),
        replace(stored, state=stored.state[:-1]),
        replace(stored, state=stored.state.replace(b"test", b"t\\u0065st")),
    ):
        with pytest.raises(ProofError):
            MAPPER.to_domain_event(broken)


def test_a_topic_of_a_later_release_is_named() -> None:
    stored = MAPPER.to_stored_event(a_fact())
    later: StoredFact = replace(stored, header=stored.header.replace(b"issued.v1", b"issued.v9999"))
    with pytest.raises(TopicError, match=r"sijill\.certificate\.issued\.v9999"):
        MAPPER.to_domain_event(later)


def test_a_decision_becomes_a_request() -> None:
    first, second = a_fact(line=0), a_fact(line=1, originator_version=2)
    guard = a_stream()
    decision = Decision(
        events=(first, second),
        guards={guard: 4},
        claims=(Claim("code", "A", first.originator_id),),
        absent=(("register-closed", "x"),),
        releases=(("number", "7"),),
        erase=(second.originator_id,),
    )
    order = an_order(lines=2)
    values = {
        0: Sealed(b"sealed 0", [("name", bytes(32))], record_key=b"wrapped"),
        1: Sealed(b"sealed 1"),
    }
    request = request_of(decision, order, values)
    assert request.order is order
    assert [event.sealed for event in request.events] == [b"sealed 0", b"sealed 1"]
    assert [event.line for event in request.events] == [0, 1]
    assert [event.version for event in request.events] == [1, 2]
    assert request.events[0].lookups == [("name", bytes(32))]
    assert request.record_keys == {first.originator_id: b"wrapped"}
    assert (request.guards, request.claims) == ({guard: 4}, decision.claims)
    assert (request.absent, request.releases) == (decision.absent, decision.releases)
    assert request.erase == decision.erase
    salts = {salt for event in request.events for salt in (event.header_salt, event.body_salt)}
    assert len(salts) == 4
    again = request_of(decision, order, values)
    assert again.events[0].body_salt != request.events[0].body_salt
    assert request_of(decision, order).events[0].sealed is None
