"""Reading ahead changes nothing but the time: the same is found, counted and left unchecked."""

import pickle
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from infrastructure.proofs import codes
from infrastructure.proofs.evidence import parse_evidence
from infrastructure.proofs.findings import Finding
from infrastructure.proofs.fsck import Ahead, Trust
from infrastructure.proofs.jwk import PublicKey
from infrastructure.proofs.leaf import body_digest, header_digest, parse_header, split_body
from infrastructure.proofs.readying import Parts, Read, read
from sijill import ahead as module
from sijill import audit
from sijill.ahead import ahead
from tests.infrastructure.proofs.paper_ledger import BULK, PaperSource, named, statement
from tests.sijill.test_rules import CLAIM, ONE, TWO, Forger


def bulk(ledger: Forger) -> int:
    """A bulk of three issuances."""
    drawn = [codes.generate() for _ in range(3)]
    said = [
        statement(
            "certificate.issue",
            "moh",
            type="support_letter",
            code=code,
            unit="registry",
            series="bulk",
            year=2026,
            number=f"{number}",
            date="2026-01-01",
            language="ar",
            claims=CLAIM,
        )
        for number, code in enumerate(drawn)
    ]
    signed = ledger.sign("moh-1", said, BULK)
    first = len(ledger.leaves)
    for line, code in enumerate(drawn):
        chosen = {"status": {"index": 1000 + line, "list": 0}}
        streams = [code] * len(said)
        ledger.record(
            signed, said, "sijill.certificate.issued.v1", streams, lines=[line], chosen=chosen
        )
    return first


def grown() -> Forger:
    ledger = Forger().found()
    ledger.certify(ONE)
    bulk(ledger)
    ledger.withdraw(ONE)
    ledger.key("moh", "moh-2", ["revoke"], by="moh-1", agency="moh", cosigners=[])
    ledger.certify(TWO)
    ledger.withdraw(TWO, by="moh-2")
    return ledger


def flipped(part: str) -> Callable[[PaperSource], None]:
    def flip(source: PaperSource) -> None:
        opening = source.opened[7]
        if part == "evidence":
            assert opening.order is not None
            wrong = opening.order.evidence[:-9] + b"AAAA" + opening.order.evidence[-5:]
            source.opened[7] = replace(opening, order=replace(opening.order, evidence=wrong))
            return
        data = bytearray(getattr(opening, part))
        data[len(data) // 2] ^= 1
        parts: dict[str, Any] = {part: bytes(data)}
        source.opened[7] = replace(opening, **parts)

    return flip


def closed(part: str) -> Callable[[PaperSource], None]:
    def close(source: PaperSource) -> None:
        parts: dict[str, Any] = {part: None}
        source.opened[7] = replace(source.opened[7], **parts)

    return close


def untouched(source: PaperSource) -> None:
    del source


def found(source: PaperSource, reads: Ahead | None) -> tuple[set[tuple[str, int | None]], object]:
    findings: list[Finding] = []
    summary = audit.check(source, Trust(acts=audit.act_rules(), ahead=reads), findings.append)
    return named(findings), asdict(summary)


@pytest.mark.parametrize(
    "change",
    [
        untouched,
        flipped("header"),
        flipped("header_salt"),
        flipped("body"),
        flipped("evidence"),
        closed("header"),
        closed("body"),
        closed("order"),
    ],
)
def test_the_same_is_found(
    change: Callable[[PaperSource], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = grown()
    ledger.seal(*ledger.log_keys)
    source = ledger.source()
    change(source)
    monkeypatch.setattr(module, "PIECE_EVENTS", 4)
    with ahead(1) as reads:
        assert found(source, reads) == found(source, None)


def test_a_signature_that_was_found_right_is_not_verified_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ledger = grown()
    for number in range(30):
        ledger.certify(codes.generate(), number=f"{number + 100}")
    ledger.seal(*ledger.log_keys)
    monkeypatch.setattr(module, "PIECE_EVENTS", 4)
    verified = 0
    right = PublicKey.verify

    def verify(self: PublicKey, signature: bytes, message: bytes) -> None:
        nonlocal verified
        verified += 1
        right(self, signature, message)

    monkeypatch.setattr(PublicKey, "verify", verify)
    with ahead(1) as reads:
        findings, _ = found(ledger.source(), reads)
    assert findings == set()
    # Only what was submitted before its key was known is left to the walk.
    assert verified < 30


def test_what_was_read_comes_as_it_was() -> None:
    """It goes from one process to another by its parts."""
    ledger = grown()
    ledger.seal(*ledger.log_keys)
    for opening in ledger.source().opened:
        assert opening.header is not None
        assert opening.body is not None
        assert opening.order is not None
        evidence = opening.order.evidence
        digests = (
            header_digest(opening.header_salt, opening.header),
            body_digest(opening.body_salt, opening.body),
        )
        parts = (opening.header, opening.header_salt, opening.body, opening.body_salt, evidence)
        made = read(Parts(*digests, *parts), {})
        signed = parse_evidence(evidence)
        expected = Read(parse_header(opening.header), split_body(opening.body), signed, frozenset())
        assert pickle.loads(pickle.dumps(made)) == made == expected  # noqa: S301 - made here
