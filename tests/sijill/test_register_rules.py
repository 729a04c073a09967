"""Registers in the record of an operator who lets in what was never allowed."""

from collections.abc import Callable
from typing import Any

import pytest

from infrastructure.proofs.findings import MEANINGS
from sijill.rules import registers
from tests.infrastructure.proofs.paper_ledger import statement
from tests.sijill.test_rules import ONE, TWO, Forger, judged

TOPICS = {
    "cover": ("coverage", "covered"),
    "uncover": ("coverage/withdrawal", "uncovered"),
    "close": ("closure", "closed"),
    "count": ("count", "counted"),
    "capture": ("entries", "captured"),
    "confirm": ("entries/confirmation", "confirmed"),
    "strike": ("entries/striking", "struck"),
    "reserve": ("reservations", "reserved"),
    "void": ("voids", "number_voided"),
}


class Registrar(Forger):
    """Records what is said about the register of 2020, by a key of its own."""

    def found(self) -> "Registrar":
        super().found()
        self.key("moh", "moh-r", ["register"], by="moh-1", agency="moh", cosigners=[])
        return self

    def book(self, verb: str, *, stream: str = "", **members: Any) -> int:
        part, past = TOPICS[verb]
        about = {"unit": "registry", "series": "general", "year": 2020, **members}
        said = statement(f"register.{verb}", "moh", **about)
        path = f"/v1/registers/registry/general/{about['year']}/{part}"
        home = stream or f"{verb} {len(self.leaves)}"
        return self.order("moh-r", said, path, f"sijill.register.{past}.v1", home)

    def take(self, number: str, **members: Any) -> int:
        said = {"type": "degree", "date": "2020-05-01", "grade": "register_only", **members}
        stream = said.pop("stream", f"entry {number}")
        return self.book("capture", number=number, stream=stream, **said)

    def shut(self) -> int:
        return self.book("close", stream="book")

    def counted(self, given: int, voided: int) -> int:
        return self.book("count", stream="book", given=given, voided=voided)


def test_what_was_ordered_passes() -> None:
    ledger = Registrar().found()
    ledger.book("cover", stream="book", grade="register_only")
    ledger.book("uncover", stream="book", reason="pages_missing")
    ledger.take("1")
    ledger.take("2")
    ledger.book("strike", number="2", stream="entry 2", reason="misread")
    ledger.take("2", stream="entry 2 again")
    ledger.book("confirm", number="1", stream="entry 1", grade="paper_reply")
    ledger.book("reserve", number="3")
    ledger.certify(ONE, number="3", year=2020, date="2020-06-01")
    ledger.book("reserve", number="4", stream="four")
    ledger.book("void", number="4", stream="four", reason="form_spoilt")
    ledger.book("void", number="5", reason="number_skipped")
    ledger.shut()
    ledger.counted(3, 2)

    assert judged(ledger) == set()


def repeated(ledger: Registrar) -> int:
    ledger.certify(ONE, number="1", year=2020, date="2020-06-01")
    return ledger.take("١")


def issued_over_an_entry(ledger: Registrar) -> int:
    ledger.take("1")
    return ledger.certify(ONE, number="1", year=2020, date="2020-06-01")


def reserved_twice(ledger: Registrar) -> int:
    ledger.book("reserve", number="1")
    return ledger.book("reserve", number="1")


def voided_twice(ledger: Registrar) -> int:
    ledger.book("void", number="1", reason="form_spoilt")
    return ledger.book("void", number="1", reason="form_spoilt")


def voided_beside_its_reservation(ledger: Registrar) -> int:
    ledger.book("reserve", number="1")
    return ledger.book("void", number="1", reason="form_spoilt")


def struck_elsewhere(ledger: Registrar) -> int:
    ledger.take("1")
    ledger.take("2")
    return ledger.book("strike", number="1", stream="entry 2", reason="misread")


def confirmed_after_striking(ledger: Registrar) -> int:
    ledger.take("1")
    ledger.book("strike", number="1", stream="entry 1", reason="misread")
    return ledger.book("confirm", number="1", stream="entry 1", grade="paper_reply")


def two_books(ledger: Registrar) -> int:
    ledger.book("cover", stream="book", grade="register_only")
    return ledger.book("cover", stream="another", grade="paper_reply")


def taken_after_closing(ledger: Registrar) -> int:
    ledger.shut()
    return ledger.take("1")


def issued_after_closing(ledger: Registrar) -> int:
    ledger.shut()
    return ledger.certify(ONE, number="1", year=2020, date="2020-06-01")


def closed_twice(ledger: Registrar) -> int:
    ledger.shut()
    return ledger.shut()


def counted_open(ledger: Registrar) -> int:
    ledger.book("cover", stream="book", grade="register_only")
    return ledger.counted(0, 0)


def counted_wrong(ledger: Registrar) -> int:
    ledger.take("1")
    ledger.certify(TWO, number="2", year=2020, date="2020-06-01")
    ledger.shut()
    return ledger.counted(1, 0)


@pytest.mark.parametrize(
    "forge, code",
    [
        (repeated, "number_repeated"),
        (issued_over_an_entry, "number_repeated"),
        (reserved_twice, "number_repeated"),
        (voided_twice, "number_repeated"),
        (voided_beside_its_reservation, "stream_mismatch"),
        (struck_elsewhere, "stream_mismatch"),
        (confirmed_after_striking, "stream_mismatch"),
        (two_books, "stream_mismatch"),
        (taken_after_closing, "register_closed"),
        (issued_after_closing, "register_closed"),
        (closed_twice, "register_closed"),
        (counted_open, "register_open"),
        (counted_wrong, "register_count_wrong"),
    ],
)
def test_what_no_register_allows_is_named(forge: Callable[[Registrar], int], code: str) -> None:
    ledger = Registrar().found()
    index = forge(ledger)

    assert (code, index) in judged(ledger)


def test_every_code_has_its_meaning() -> None:
    told = {*registers.RULES.refused.values(), *registers.RULES.taken.values()}

    assert told | {"register_count_wrong"} <= MEANINGS.keys()
