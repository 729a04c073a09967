"""Comparisons are bounded for each code and each address, and nobody can use up another's."""

import pytest

from api.limits import Buckets, Limits
from api.problems import Problem
from tests.api.talking import Wire, refusal
from tests.serving import Agency

CODE = "7Q0A0000000000000"


def allowed(limits: Limits, code: str, address: str, now: float, times: int = 1) -> int:
    return sum(limits.allow_comparison(code, address, now) for _ in range(times))


def test_one_address_cannot_use_up_what_a_code_has_for_others() -> None:
    limits = Limits()

    assert allowed(limits, CODE, "192.0.2.1", 0, times=1_000) == 10
    assert allowed(limits, CODE, "192.0.2.2", 0) == 1


def test_many_addresses_together_guess_no_faster_than_a_code_allows() -> None:
    limits = Limits()

    spent = sum(allowed(limits, CODE, f"192.0.2.{number}", 0) for number in range(250))

    assert spent == 60
    assert allowed(limits, CODE, "198.51.100.1", 1) == 1


def test_one_address_may_not_go_through_all_codes() -> None:
    limits = Limits()

    spent = sum(allowed(limits, f"code-{number}", "192.0.2.1", 0) for number in range(1_000))

    assert spent == 100


@pytest.mark.parametrize(
    "address,other,left",
    [
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", 0),
        ("2001:db8::1", "2001:db8:0:1::1", 1),
        ("::ffff:192.0.2.1", "192.0.2.1", 0),
        ("192.0.2.1", "192.0.2.2", 1),
        ("made-up", "made-up-too", 0),
    ],
)
def test_what_counts_as_one_address(address: str, other: str, left: int) -> None:
    limits = Limits()
    allowed(limits, CODE, address, 0, times=10)

    assert allowed(limits, CODE, other, 0) == left


async def has_room(limits: Limits, address: str) -> bool:
    """Whether an address may send a picture now."""
    try:
        async with limits.picture_body(address):
            return True
    except Problem:
        return False


@pytest.mark.anyio
async def test_one_address_leaves_places_for_pictures_to_others() -> None:
    limits = Limits()

    async with limits.picture_body("2001:db8::1"), limits.picture_body("2001:db8::2"):
        assert not await has_room(limits, "2001:db8::3")
        assert await has_room(limits, "2001:db8:0:1::1")

    assert await has_room(limits, "2001:db8::3")


def test_a_flood_of_other_names_gives_no_bucket_its_tokens_back() -> None:
    buckets = Buckets(burst=2, per_second=1, maximum=10)
    assert [buckets.take(b"guessed", 0) for _ in range(3)] == [True, True, False]

    flood = [buckets.take(b"%d" % number, 0.5) for number in range(100)]

    assert sum(flood) == 9
    assert not buckets.take(b"guessed", 0.5)
    # Room comes back with time, and so do tokens; nothing else gives them.
    assert buckets.take(b"guessed", 1.6)
    assert buckets.take(b"new", 3)


def test_no_address_is_kept_as_it_is() -> None:
    limits = Limits()
    allowed(limits, CODE, "192.0.2.1", 0)

    assert "192.0.2.1" not in repr(limits)
    assert repr(limits) != repr(Limits())


def test_a_comparison_too_many_says_so(wire: Wire, agency: Agency) -> None:
    code = agency.issue()["code"]
    asked = {"code": code, "fields": {"holder_name": "guess"}}

    # Each of two workers counts for itself.
    answers = [wire.http.post("/v1/verify", json=asked) for _ in range(21)]

    assert 200 in {one.status_code for one in answers}
    assert refusal(answers[-1]) == (429, "rate_limited")
    assert answers[-1].headers["retry-after"]
    # Who stands behind a proxy is told by it; and asking without values is not limited.
    elsewhere = wire.http.post("/v1/verify", json=asked, headers={"X-Forwarded-For": "192.0.2.9"})
    assert elsewhere.status_code == 200
    assert wire.get(f"/v1/verify/{code}").status_code == 200
