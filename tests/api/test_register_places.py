"""One's own large register keeps nobody waiting: it is read off the event loop, within a place."""

import threading
from collections.abc import Awaitable, Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from api import limits as limiting
from api import registers as asked
from api.limits import REGISTERS_AT_ONCE, Limits
from api.policy import Caller
from api.problems import Problem
from domain.catalogue.calendar import CALENDAR
from domain.registers import Register
from projections import registers
from projections.register_report import Reporter
from projections.registers import Number

pytestmark = pytest.mark.anyio

REGISTER = Register("moj", "registry", "general", 2026)


async def test_a_report_of_a_register_waits_for_a_place_before_it_takes_a_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def told(*_: Any, **__: Any) -> str:
        return REGISTER.agency

    async def asking(*_: Any, **__: Any) -> Caller:
        return Caller(REGISTER.agency, frozenset())

    monkeypatch.setattr(limiting, "BULK_PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(asked, "caller", asking)
    monkeypatch.setattr(asked, "owner_of", told)
    limits = Limits()
    places = [limits.register_place() for _ in range(REGISTERS_AT_ONCE)]
    for number, place in enumerate(places):
        await place.take(f"body-{number}")
    # No bulk waits for whoever counts.
    await limits.place().take(REGISTER.agency)
    # It has nothing but places: whoever asks it for a connection fails otherwise.
    services: Any = SimpleNamespace(limits=limits, working_days=SimpleNamespace(calendar=CALENDAR))
    request: Any = None

    with pytest.raises(Problem) as refused:
        await asked.odd(request, services, *REGISTER[1:], wanted=asked.Oddities())

    assert refused.value.code == "busy"
    with pytest.raises(Problem) as refused:
        await asked.show(request, services, *REGISTER[1:], wanted=asked.OneBook())
    assert refused.value.code == "busy"


async def test_a_register_is_judged_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    class Watched(Reporter):
        def add(self, numbers: Iterable[Number]) -> None:
            seen.append(threading.get_ident())
            super().add(numbers)

    async def numbers(
        _conn: Any, _register: Any, take: Callable[[list[Number]], Awaitable[None]], **_: Any
    ) -> None:
        for first in (1, 11):
            await take([Number("issued", str(n), None, n, 0, n) for n in range(first, first + 10)])

    monkeypatch.setattr(registers, "numbers", numbers)
    connection: Any = None
    found = await asked.found_in(connection, REGISTER, Watched(None), incoming=False, at=20)

    assert len(seen) == 2
    assert threading.get_ident() not in seen
    assert (found.given, found.highest) == (20, 20)
