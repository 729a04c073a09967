"""What keeps a code from being valid, event by event, as the domain's own facts have it."""

from typing import Any
from uuid import UUID

import pytest

from infrastructure.proofs.findings import Finding
from infrastructure.proofs.leaf import Header
from infrastructure.proofs.standing import CERTIFICATE, Act, against, kept_back, named

A, B = "AAAA", "BBBB"
ISSUED = ("issued", {"code": A})
ADDED = ("original_added", {"code": A, "new_code": B})
ALONE = {"code": A, "original_only": True}
CORRECTED = ("corrected", {"code": A, "new_code": B})
REPLACED = ("original_replaced", {"code": A, "new_code": B})
Told = tuple[str, dict[str, Any] | None]


def acts(*told: Told) -> list[Act]:
    return [
        Act(at, f"{CERTIFICATE}{what}.v1", said, "moj", 0) for at, (what, said) in enumerate(told)
    ]


def closed(*told: Told) -> list[Act]:
    return [act._replace(said=None) for act in acts(*told)]


def stands(told: list[Act], code: str) -> bool:
    return against(told, code) is None


REVOKED, ANNULLED = ("revoked", {"code": A}), ("revocation_annulled", {"code": A})
COURT, LIFTED = ("suspended_by_court", {"code": A}), ("court_suspension_lifted", {"code": A})
SUSPENDED, REINSTATED = ("suspended", {"code": A}), ("reinstated", {"code": A})


@pytest.mark.parametrize(
    "later, valid",
    [
        ((), {A, B}),
        ((REVOKED,), set()),
        ((REVOKED, ANNULLED), {A, B}),
        ((("revoked", ALONE),), {B}),
        ((("revoked", ALONE), ("revocation_annulled", ALONE)), {A, B}),
        ((("revoked", ALONE), ("suspended", {"code": B})), set()),
        ((SUSPENDED, REVOKED, ANNULLED), set()),
        ((SUSPENDED, REINSTATED), {A, B}),
        ((COURT,), set()),
        ((COURT, REINSTATED), set()),
        ((COURT, COURT, LIFTED), set()),
        ((COURT, LIFTED), {A, B}),
        ((SUSPENDED, COURT, LIFTED), set()),
        ((("voided", {"code": A}),), set()),
        ((("superseded", {"code": A, "by": "CCCC"}),), set()),
        ((("erased", {"code": A}), ("credentialed", {"code": A})), {A, B}),
    ],
)
def test_each_code_stands_for_itself(later: tuple[Told, ...], valid: set[str]) -> None:
    told = acts(ISSUED, ADDED, *later)
    assert {code for code in (A, B) if stands(told, code)} == valid


def test_a_code_that_another_took_the_place_of_is_not_valid() -> None:
    for change in (CORRECTED, REPLACED):
        told = acts(ISSUED, change)
        assert not stands(told, A)
        assert stands(told, B)
        assert stands(closed(ISSUED, change), A)


def test_a_closed_revocation_counts_where_it_can_only_be_the_records() -> None:
    assert not stands(closed(ISSUED, REVOKED), A)
    assert stands(closed(ISSUED, REVOKED, ANNULLED), A)
    assert stands(closed(ISSUED, ADDED, REVOKED), A)
    assert not stands(closed(ISSUED, ADDED, COURT), A)


def test_the_codes_are_told_where_every_naming_event_is_open() -> None:
    assert named(acts(ISSUED, ADDED, REVOKED)) == {A, B}
    assert named(acts(REVOKED)) is None
    assert named([*acts(ISSUED), *closed(ADDED)]) is None


def test_another_nouns_events_say_nothing() -> None:
    assert against([Act(0, "sijill.agency.suspended.v1", None, "ndc", 0)], A) is None


@pytest.mark.parametrize(
    "topic, code, versions, kept",
    [
        ("sijill.transfer.annotated.v1", "version_wrong", (2, 4), True),
        ("sijill.transfer.annotated.v1", "version_wrong", (4, 2), False),
        ("sijill.transfer.annotated.v1", "version_wrong", (2, 2), False),
        ("sijill.transfer.annotated.v1", "line_repeated", (2, 4), False),
        ("sijill.certificate.revoked.v1", "version_wrong", (2, 4), False),
        ("sijill.register.struck.v1", "version_wrong", (2, 4), False),
        ("sijill.report.published.v1", "version_wrong", (2, 4), False),
        ("sijill.key.retired.v1", "version_wrong", (2, 4), False),
    ],
)
def test_only_what_others_may_not_see_leaves_a_gap(
    topic: str, code: str, versions: tuple[int, int], *, kept: bool
) -> None:
    header = Header(
        agency="moj",
        evidence=bytes(32),
        keys=("A" * 43,),
        line=0,
        stream=UUID("01a2008e-0000-7000-8000-000000000001"),
        type=topic,
        version=versions[1],
    )
    expected, found = map(str, versions)
    assert kept_back(header, Finding(code, 7, expected, found)) is kept
    assert not kept_back(None, Finding(code, 7, expected, found))
