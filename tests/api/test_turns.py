"""Lines of a bulk that have to do with one another are judged one after the other."""

from typing import Any
from uuid import UUID, uuid4

from api.turns import SharedLook, in_turns
from domain.acts import Command, parse_command
from domain.registers import KNOWN_SPACE, SHELF_SPACE
from infrastructure.proofs import canonical, codes
from tests.letter_orders import name_of
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


def test_an_answer_waits_for_the_certificate_that_proves_it() -> None:
    proof = codes.generate()
    said = {"act": "authenticity.answer", "agency": "moj", "nonce": "A" * 22, "finding": "genuine"}
    answers = parse_command({**said, "request": codes.generate(), "certificate": proof})
    assert turns(issue("1", code=proof), answers) == [[0], [1]]


def test_a_line_that_no_act_allows_waits_for_nobody() -> None:
    assert in_turns({1: issue("1")}, range(3)) == [[0, 1, 2]]


def transfer(act: str, agency: str = "moj", **said: Any) -> Command:
    return parse_command({"act": f"transfer.{act}", "agency": agency, "nonce": "A" * 22, **said})


def letter(name: str, **changes: Any) -> Command:
    place = {"unit": "main", "series": "general", "year": 2026, "number": f"{name}/1"}
    said = {"new_letter": name_of(name), "kind": "letter", "language": "ar", "to": ["moh"]}
    more = {"priority": "normal", "secrecy": "public", "date": "2026-11-20"}
    claims = {"subject": "A" * 43}
    return transfer("register_outgoing", **{**place, **said, **more, "claims": claims, **changes})


def dispatch(name: str, to: str = "moh") -> Command:
    said = {"sender": "moj", "letter": name_of(name), "new_consignment": name_of(f"{name}-{to}")}
    return transfer("dispatch", addressee=to, **said)


def on(act: str, name: str, **said: Any) -> Command:
    return transfer(act, sender="moj", consignment=name_of(name), **said)


def test_a_letter_is_dispatched_after_it_is_registered_and_to_all_at_once() -> None:
    lines = (letter("a"), dispatch("a"), dispatch("a", "mof"), letter("b"), dispatch("b"))
    assert turns(*lines) == [[0, 3], [1, 2, 4]]
    cancel = transfer("cancel", sender="moj", letter=name_of("a"), reason="superseded")
    assert turns(*lines, cancel) == [[0, 3], [1, 2, 4], [5]]
    assert turns(letter("a"), letter("b", number="a/1")) == [[0], [1]]


def test_what_is_done_to_one_consignment_takes_turns() -> None:
    place = {"unit": "main", "series": "in", "year": 2026, "number": "1", "date": "2026-11-20"}
    onward = on("refer_onward", "x", new_consignment=name_of("y"), addressee="mof")
    answers = {"sender": "moj", "consignment": name_of("x")}
    register, reply = on("register", "x", **place), letter("r", answers=answers)
    assert turns(register, on("register", "z", **place), reply) == [[0], [1, 2]]
    assert turns(register, reply, on("close", "x", reason="done")) == [[0], [1], [2]]
    assert turns(register, onward, on("register", "y", **{**place, "number": "2"})) == [
        [0],
        [1],
        [2],
    ]


class Moving:
    """A directory that others write to, and that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.held: dict[tuple[str, str], UUID] = {}

    def find(self, space: str, key: str) -> UUID | None:
        self.asked.append((space, key))
        return self.held.get((space, key))


def test_the_lines_of_a_turn_look_at_a_shelf_once() -> None:
    moving = Moving()
    looking = SharedLook(moving)
    place, known = (SHELF_SPACE, "moj|2026|0"), (KNOWN_SPACE, "moj|2026||")

    assert [looking.find(*one) for one in (place, known, place, known)] == [None] * 4
    moving.held[place] = uuid4()
    assert looking.find(*place) is None
    assert moving.asked == [place, known]
    # The next turn sees what others did meanwhile.
    assert SharedLook(moving).find(*place) == moving.held[place]


def test_a_turn_looks_at_everything_else_each_time() -> None:
    moving = Moving()
    looking = SharedLook(moving)
    code = ("certificate", codes.generate())

    assert looking.find(*code) is None
    moving.held[code] = uuid4()
    assert looking.find(*code) == moving.held[code]
