"""Answers about old paper in the record of an operator who lets in what no register says."""

from collections.abc import Callable

import pytest

from infrastructure.proofs import codes
from tests.infrastructure.proofs.paper_ledger import statement
from tests.sijill.test_register_rules import Registrar
from tests.sijill.test_rules import judged

REQUEST = codes.generate()
PAPER = {"issuer": "moh", "type": "degree", "number": "1", "date": "2020-05-01"}


class Desk(Registrar):
    """`moj` asks about a degree of 2020; `moh` answers, whatever its registers say."""

    def found(self) -> "Desk":
        super().found()
        self.key("moj", "moj-r", ["register"], by="moj-1", agency="moj", cosigners=[])
        said = statement(
            "authenticity.request", "moj", request=REQUEST, due_date="2026-12-01", **PAPER
        )
        topic = "sijill.authenticity.requested.v1"
        self.order("moj-r", said, "/v1/authenticity-requests", topic, REQUEST)
        return self

    def answer(self, finding: str, grade: str | None = None) -> int:
        graded = {} if grade is None else {"grade": grade}
        about = {"request": REQUEST, "finding": finding, **graded}
        said = statement("authenticity.answer", "moh", **about, unit="registry", series="general")
        path = f"/v1/authenticity-requests/{REQUEST}/answer"
        return self.order("moh-r", said, path, "sijill.authenticity.answered.v1", REQUEST)

    def cover(self) -> int:
        return self.book("cover", stream="book", grade="register_only")


def test_what_the_registers_say_passes() -> None:
    covered, bare, held = Desk().found(), Desk().found(), Desk().found()
    covered.cover()
    covered.answer("not_found")
    bare.take("2")
    bare.answer("outside_coverage")
    held.take("1", entry_state="revoked")
    held.cover()
    held.answer("revoked", "register_only")
    unknown = Desk().found()
    unknown.answer("revoked", "register_only")

    assert [judged(one) for one in (covered, bare, held, unknown)] == [set()] * 4


def denied(desk: Desk) -> int:
    desk.take("1")
    desk.cover()
    return desk.answer("not_found")


def denied_beside_an_open_register(desk: Desk) -> int:
    desk.take("9")
    return desk.answer("not_found")


def excused(desk: Desk) -> int:
    desk.cover()
    return desk.answer("outside_coverage")


def found_in_nothing(desk: Desk) -> int:
    desk.cover()
    return desk.answer("revoked", "register_only")


def found_otherwise(desk: Desk) -> int:
    desk.take("1")
    return desk.answer("revoked", "register_only")


def graded_too_well(desk: Desk) -> int:
    desk.take("1", entry_state="revoked")
    return desk.answer("revoked", "original_sighted")


@pytest.mark.parametrize(
    "forge",
    [
        denied,
        denied_beside_an_open_register,
        excused,
        found_in_nothing,
        found_otherwise,
        graded_too_well,
    ],
)
def test_what_no_register_says_is_named(forge: Callable[[Desk], int]) -> None:
    desk = Desk().found()
    index = forge(desk)

    assert judged(desk) == {("finding_false", index)}
