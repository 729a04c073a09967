"""What an event may bring that is not applied yet is called missing by nobody who lacks events."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from api import reading, verify
from api.orders import now_us
from infrastructure.proofs.verdict import Basis, Reason
from projections.certificates import Certificate, Code, Found

pytestmark = pytest.mark.anyio
SIZE = 10
CODE = "0" * 16
STREAM = UUID(int=1)
DAY = "2026-11-20"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def authentic(*, applied: int, answered: bool) -> Found:
    """An authenticity certificate as a read model has it that has come so far."""
    original = Code(
        code=CODE,
        stream=STREAM,
        original=1,
        edition=1,
        language="ar",
        effective_date=DAY,
        expiry_date=None,
        issue_index=1,
        issue_time=0,
        keys=[],
        claims={},
        status_list=None,
        status_index=None,
        state="in_force",
        state_index=1,
    )
    record = Certificate(
        stream=STREAM,
        agency="moj",
        type="authenticity",
        unit="main",
        series="general",
        year=2026,
        number="1",
        folded_number="1",
        date=DAY,
        edition=1,
        code=CODE,
        originals=[CODE],
        issue_index=1,
        issue_time=0,
        state="in_force",
        state_index=1,
        before_revocation=None,
        reason=None,
        legal_basis=None,
        counts_from=None,
        successor=None,
        grants=[],
    )
    known = Basis(applied, 0)
    return Found(known, now_us(), code=original, certificate=record, answered=answered)


def serving(*told: Found, replicated: bool = False) -> Any:
    """Services whose read model, or its replica, says this, and what they wait for."""
    answers = iter(told)
    waited: list[int] = []

    async def by_code(_: str) -> Found:
        return next(answers)

    async def followed(size: int, _: float) -> bool:
        waited.append(size)
        return True

    codes = SimpleNamespace(by_code=by_code)
    made = SimpleNamespace(missing=False, size=SIZE, codes=codes, followed=followed, waited=waited)
    made.replica = made if replicated else None
    return made


async def judged(services: Any) -> Reason:
    answer = await verify._judge_code(services, CODE, verify.Presented(code=CODE, fields={}))
    return answer.verdict.reason


async def test_who_has_just_answered_is_told_so() -> None:
    behind, now = authentic(applied=5, answered=False), authentic(applied=9, answered=True)
    services = serving(behind, now)

    assert await judged(services) is Reason.IN_FORCE_PAPER_NOT_COMPARED
    assert services.waited == [SIZE]


@pytest.mark.parametrize(
    "applied,answered,reason",
    [
        (SIZE - 1, False, Reason.ANSWER_MISSING),
        (5, True, Reason.IN_FORCE_PAPER_NOT_COMPARED),
    ],
    ids=["all is known", "nothing is missing"],
)
async def test_nobody_waits_for_what_cannot_come(
    *, applied: int, answered: bool, reason: Reason
) -> None:
    services = serving(authentic(applied=applied, answered=answered))

    assert await judged(services) is reason
    assert services.waited == []


@pytest.mark.parametrize("answered", [True, False])
async def test_a_replica_says_of_nothing_that_it_is_not_answered(*, answered: bool) -> None:
    told = authentic(applied=5, answered=answered)

    found = await reading.found_recently(serving(told, replicated=True), CODE)

    assert (found is told) == answered
