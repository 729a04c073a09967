"""Whoever asks for reports, verdicts keep connections, and nobody is told more than can be held."""

from types import SimpleNamespace
from typing import Any

import pytest

from api import limits as limiting
from api import reports as asked
from api import transfers as letters
from api.limits import REPORTS_AT_ONCE, Limits
from api.policy import Caller
from api.problems import Problem
from projections import reports
from projections.reports import MOST_ROWS, Narrowed, TooLong
from sijill.bootstrap import READ_CONNECTIONS

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("handler", [asked.issuance, asked.answering])
async def test_a_report_waits_for_a_place_before_it_takes_a_connection(
    monkeypatch: pytest.MonkeyPatch, handler: Any
) -> None:
    monkeypatch.setattr(limiting, "BULK_PATIENCE_SECONDS", 0.01)
    limits = Limits()
    places = [limits.report_place() for _ in range(REPORTS_AT_ONCE)]
    for place in places:
        await place.take()

    # It has nothing but places: whoever asks it for a connection fails otherwise.
    with pytest.raises(Problem) as told:
        await handler(SimpleNamespace(limits=limits))

    assert told.value.code == "busy"
    assert READ_CONNECTIONS - REPORTS_AT_ONCE >= 6


async def test_so_does_whoever_counts_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    async def known(*_: Any, **__: Any) -> Caller:
        return Caller("moj")

    monkeypatch.setattr(limiting, "BULK_PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(letters, "caller", known)
    limits = Limits()
    for _ in range(REPORTS_AT_ONCE):
        await limits.report_place().take()
    nothing_but_places: Any = SimpleNamespace(limits=limits)
    nothing_to_ask: Any = None

    with pytest.raises(Problem) as told:
        await letters.refusals(nothing_to_ask, nothing_but_places)

    assert told.value.code == "busy"


async def test_a_place_is_free_again_when_its_report_is_counted_or_failed() -> None:
    limits = Limits()
    for _ in range(REPORTS_AT_ONCE + 1):
        with pytest.raises(LookupError):
            async with limits.report_place().held():
                raise LookupError


async def test_who_asks_for_too_long_a_report_is_told_how_long_it_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def too_long(*_: Any, most: int, **__: Any) -> None:
        assert most == MOST_ROWS
        raise TooLong

    monkeypatch.setattr(reports, "issuance", too_long)
    nothing_to_ask: Any = None

    with pytest.raises(Problem) as told:
        await asked.issued(nothing_to_ask, Narrowed(), at=3)

    assert (told.value.code, told.value.status) == ("report_too_long", 422)
    assert told.value.params == {"most": MOST_ROWS}
    assert f"{MOST_ROWS:,} rows" in (asked.issuance.__doc__ or "")
