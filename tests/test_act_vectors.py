"""Acts about letters, registers and authenticity: what stands in the log of each, byte by byte.

The vector was written from the format's page; a stranger's hands compute it once more here, and the
package has to write the same.
"""

import json
from hashlib import sha256
from typing import Any

import pytest

from domain.acts import parse_command
from domain.ledger import EVENTS
from infrastructure.proofs import canonical, disclosures, leaf
from infrastructure.proofs.orders import LINE_LIMIT_BYTES
from tests import stranger
from tests.infrastructure.proofs.vectors import load

VECTOR = load("acts")
CASES: list[dict[str, Any]] = VECTOR["cases"]
NOUNS = {"transfer", "register", "authenticity"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["event"].split(".")[2])
def test_an_act_becomes_these_bytes(case: dict[str, Any]) -> None:
    statement = case["statement"].encode()
    said = canonical.parse(statement, limit_bytes=LINE_LIMIT_BYTES)
    command = parse_command(said)
    header = leaf.parse_header(case["header"].encode())
    body = case["body"].encode()
    parsed = leaf.parse_leaf(case["leaf"].encode())

    assert (command.ACT.name, command.ACT.event) == (case["act"], case["event"])
    assert header.type == case["event"]
    assert header.agency == command.agency
    assert case["event"] in EVENTS
    assert canonical.dumps(said) == statement
    assert canonical.statement_digest(statement).hex() == case["statement_digest"]
    assert leaf.encode_body(statement) == body
    assert leaf.split_body(body).statement == statement
    assert header.encode() == case["header"].encode()
    salts = bytes.fromhex(case["header_salt"]), bytes.fromhex(case["body_salt"])
    assert leaf.header_digest(salts[0], header.encode()) == parsed.header
    assert leaf.body_digest(salts[1], body) == parsed.body
    assert parsed.hash().hex() == case["leaf_hash"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["event"].split(".")[2])
def test_what_it_commits_to_was_disclosed_beside_it(case: dict[str, Any]) -> None:
    claims = json.loads(case["statement"]).get("claims", {})
    opened = [disclosures.parse(text) for text in case["disclosures"]]

    assert {one.name: disclosures.digest(text) for one, text in _pairs(case, opened)} == claims
    # A personal value stands in its disclosure, and in nothing that enters the log.
    logged = case["header"] + case["body"]
    assert not [one.value for one in opened if one.value in logged]


def _pairs(case: dict[str, Any], opened: list[Any]) -> list[tuple[Any, str]]:
    return list(zip(opened, case["disclosures"], strict=True))


def test_a_stranger_computes_the_same_chain() -> None:
    prev = bytes.fromhex(VECTOR["prev"])
    for case in CASES:
        header, body = case["header"].encode(), case["body"].encode()
        digests = [
            stranger.salted(f"sijill/{part}/v1", bytes.fromhex(case[f"{part}_salt"]), data)
            for part, data in (("header", header), ("body", body))
        ]
        assert [one.hex() for one in digests] == [case["header_digest"], case["body_digest"]]
        assert stranger.canonical(json.loads(case["header"])) == header
        assert stranger.canonical(json.loads(case["body"])) == body
        statement = stranger.canonical(json.loads(case["body"])["statement"])
        assert stranger.statement_digest(statement).hex() == case["statement_digest"]
        said = json.loads(case["leaf"])
        text = stranger.leaf(said["index"], said["time"], prev, *digests)
        assert text == case["leaf"].encode()
        prev = sha256(b"\x00" + text).digest()
        assert prev.hex() == case["leaf_hash"]


def test_every_noun_of_the_vector_is_in_it() -> None:
    assert {case["act"].partition(".")[0] for case in CASES} == NOUNS
