"""Which refused lines go on, and which wait: those that would open registers, one at a time."""

from typing import Any, cast
from uuid import uuid4

import pytest

from api.problems import Problem
from api.services import Services
from api.tries import DRAWS, TRIES, Tries, told
from domain.errors import NumberReserved, NumberTaken, Refusal
from domain.registers import (
    KNOWN_SPACE,
    NUMBER_SPACE,
    REGISTER_SPACE,
    RESERVED_SPACE,
    SHELF_PLACES,
    SHELF_SPACE,
)
from domain.transfers.record import CONSIGNMENT_SPACE
from infrastructure.log.batch import AppendRequest, Event, Order
from infrastructure.log.refusals import ClaimTaken, Conflict

ORDER = Order("moj", "k", b"", b"", b"", 9, 0, 0)
EVENT = Event(uuid4(), 1, "t", 0, b"", b"", b"", b"")
LOST = ClaimTaken(SHELF_SPACE, "moj|2026|0")


class Ledger:
    """Remembers which streams it was told to forget."""

    def __init__(self) -> None:
        self.forgotten: list[Any] = []

    def forget(self, streams: list[Any]) -> None:
        self.forgotten += streams


class Serving:
    """As much of the services as tries look at."""

    def __init__(self) -> None:
        self.ledger = Ledger()


@pytest.fixture
def services() -> Services:
    return cast("Services", Serving())


def opening(unit: str, year: int = 2026) -> AppendRequest:
    claims = [(KNOWN_SPACE, unit, EVENT.stream), (SHELF_SPACE, f"moj|{year}|0", EVENT.stream)]
    return AppendRequest(ORDER, [EVENT], claims=claims)


def test_of_requests_that_want_the_same_place_only_the_first_is_sent() -> None:
    tries, plain = Tries(range(5)), AppendRequest(ORDER, [EVENT])
    ready = {
        0: opening("a"),
        1: opening("a"),
        2: plain,
        3: opening("b"),
        4: opening("c", 2025),
    }

    assert tries.sent(ready) == {0: ready[0], 2: plain, 4: ready[4]}
    tries.recorded(0, ready[0])
    tries.turn()
    assert tries.going == [1, 3]
    tries.turn()
    assert tries.going == []


def test_of_lines_that_would_open_registers_one_goes_on_at_a_time(services: Services) -> None:
    tries = Tries(range(5))
    units = {0: "a", 1: "a", 2: "b", 3: "b", 4: "c"}

    tries.recorded(0, opening("a"))
    assert all(tries.refused(services, line, opening(units[line]), LOST) for line in (1, 2, 3, 4))
    tries.turn()
    # The register of line 1 is there; line 2 opens the next one.
    assert tries.going == [1, 2]

    tries.recorded(2, opening("b"))
    tries.turn()
    assert tries.going == [3, 4]

    tries.turn()
    assert tries.going == []


def test_where_another_process_opened_the_register_all_its_lines_go_on(services: Services) -> None:
    tries = Tries(range(3))
    known = ClaimTaken(KNOWN_SPACE, "a")

    assert all(tries.refused(services, line, opening("a"), known) for line in range(3))
    tries.turn()

    assert tries.going == [0, 1, 2]


def test_where_another_process_took_the_place_too_one_line_finds_out(services: Services) -> None:
    """The store tells of the place alone: the first line sees that the register is there."""
    tries, known = Tries(range(4)), AppendRequest(ORDER, [EVENT])

    assert all(tries.refused(services, line, opening("a"), LOST) for line in range(4))
    tries.turn()
    assert tries.going == [0]
    tries.recorded(0, known)
    tries.turn()

    assert tries.going == [1, 2, 3]


def test_a_lost_place_is_no_try(services: Services) -> None:
    tries = Tries([0])

    for _ in range(3 * DRAWS):
        assert tries.refused(services, 0, opening("a"), LOST)
        tries.turn()
        assert tries.going == [0]

    assert not tries.refused(services, 0, opening("a"), Refusal())


def test_an_answer_that_looked_through_a_shelf_loses_its_end_as_often(services: Services) -> None:
    tries, answer = Tries([0]), AppendRequest(ORDER, [EVENT])

    for _ in range(3 * DRAWS):
        assert tries.refused(services, 0, answer, LOST)
        tries.turn()
        assert tries.going == [0]

    # Those were no tries: what is overtaken now is looked at as often as anything.
    again = [tries.refused(services, 0, answer, Conflict(EVENT.stream)) for _ in range(TRIES)]
    assert again == [True] * (TRIES - 1) + [False]


def test_nobody_loses_more_often_than_a_shelf_has_places(services: Services) -> None:
    tries, answer = Tries([0]), AppendRequest(ORDER, [EVENT])

    answers = [tries.refused(services, 0, answer, LOST) for _ in range(SHELF_PLACES + 1)]

    assert answers == [True] * SHELF_PLACES + [False]


def test_what_the_log_has_overtaken_is_looked_at_afresh_a_few_times(services: Services) -> None:
    tries = Tries([0])

    answers = [tries.refused(services, 0, None, Conflict(EVENT.stream)) for _ in range(TRIES)]

    assert answers == [True] * (TRIES - 1) + [False]
    assert cast("Ledger", services.ledger).forgotten == [EVENT.stream] * TRIES


def test_who_came_first_may_be_the_answer_and_is_looked_at_again(services: Services) -> None:
    """A number that is voided may be reserved meanwhile; if it stays so, that is told."""
    tries, lost = Tries([0]), ClaimTaken(RESERVED_SPACE, "moj|main|general|1998|3")
    voiding = AppendRequest(ORDER, [EVENT], absent=[(lost.space, lost.key)])

    answers = [tries.refused(services, 0, voiding, lost) for _ in range(TRIES)]

    assert answers == [True] * (TRIES - 1) + [False]
    assert isinstance(told(lost), NumberReserved)


def test_a_number_that_is_reserved_already_is_not_reserved_again_and_again(
    services: Services,
) -> None:
    tries, lost = Tries([0]), ClaimTaken(RESERVED_SPACE, "moj|main|general|1998|3")
    reserving = AppendRequest(ORDER, [EVENT], claims=[(lost.space, lost.key, EVENT.stream)])

    assert not tries.refused(services, 0, reserving, lost)


def test_a_consignment_that_was_sent_meanwhile_is_looked_at_again(services: Services) -> None:
    tries, lost = Tries([0]), ClaimTaken(CONSIGNMENT_SPACE, "moj|019ad000")
    sending = AppendRequest(ORDER, [EVENT], claims=[(lost.space, lost.key, EVENT.stream)])

    answers = [tries.refused(services, 0, sending, lost) for _ in range(TRIES)]

    assert answers == [True] * (TRIES - 1) + [False]


def test_what_was_not_asked_for_is_not_told_to_be_in_use() -> None:
    for space in (SHELF_SPACE, KNOWN_SPACE, REGISTER_SPACE, "status"):
        error = told(ClaimTaken(space, "moj|2026|0"))
        assert isinstance(error, Problem)
        assert (error.code, error.status) == ("busy", 503)

    assert isinstance(told(ClaimTaken(NUMBER_SPACE, "moj|main|general|2026|1")), NumberTaken)
    conflict = Conflict(EVENT.stream)
    assert told(conflict) is conflict
