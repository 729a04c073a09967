"""Lines of a bulk that have to do with one another are judged one after the other."""

from typing import Any

from api.turns import in_turns
from domain.acts import Command, parse_command
from infrastructure.proofs import canonical, codes
from tests.serving import issuance


def issue(number: str, **changes: Any) -> Command:
    line = issuance("moj", number=number, **changes)
    return parse_command(canonical.parse_envelope(line, limit_bytes=len(line)).parsed)


def revoke(code: str) -> Command:
    said = {"act": "certificate.revoke", "agency": "moj", "nonce": "A" * 22, "code": code}
    return parse_command({**said, "reason": "decision"})


def turns(*commands: Command) -> list[list[int]]:
    return in_turns(dict(enumerate(commands)), range(len(commands)))


def test_strangers_are_judged_together() -> None:
    assert turns(issue("1"), issue("2"), revoke(codes.generate())) == [[0, 1, 2]]


def test_two_lines_about_one_certificate_take_turns() -> None:
    code = codes.generate()
    assert turns(revoke(code), issue("1"), revoke(code), revoke(code)) == [[0, 1], [2], [3]]


def test_of_two_lines_under_one_number_the_first_comes_first_in_whatever_script() -> None:
    assert turns(issue("12"), issue("١٢"), issue("12", unit="other")) == [[0, 2], [1]]


def test_a_line_that_no_act_allows_waits_for_nobody() -> None:
    assert in_turns({1: issue("1")}, range(3)) == [[0, 1, 2]]
