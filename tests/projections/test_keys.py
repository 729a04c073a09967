"""Keys in the read model, as of any index."""

import pytest

from projections import keys
from tests.given_when_then import enrol, given, issue, jwk, key_of, linked, order
from tests.projections.conftest import Reading

pytestmark = pytest.mark.anyio


async def test_the_founders_keys_are_there_from_index_0(reading: Reading) -> None:
    await reading.follow(given())
    ours = await keys.of(reading.service, "ndc")
    assert {key.thumbprint for key in ours} == {key_of("ndc"), key_of("ndc-recovery")}
    recovery = await keys.show(reading.service, key_of("comsec-recovery"), at=0)
    assert recovery is not None
    assert (recovery.agency, recovery.scopes, recovery.enrolled_by) == ("comsec", ["recovery"], [])
    assert recovery.jwk == jwk("comsec-recovery")


async def test_a_key_is_shown_as_it_stood(reading: Reading) -> None:
    scenario = given(linked("moj"))
    before = scenario.world.size - 1
    scenario.given(
        enrol("third", "moj", ("issue",), not_before=1, not_after=2**40, acting_for="chief"),
        order("key.retire", "moj", key=key_of("third"), reason="rotated"),
    )
    last = await reading.follow(scenario)
    assert await keys.show(reading.service, key_of("third"), at=before) is None
    enrolled = await keys.show(reading.service, key_of("third"), at=last - 1)
    retired = await keys.show(reading.service, key_of("third"))
    assert enrolled is not None
    assert retired is not None
    assert (enrolled.not_before, enrolled.not_after) == (1, 2**40)
    assert (enrolled.office, enrolled.officer) == ("registry", "officer-third")
    assert (enrolled.acting_for, enrolled.custodial) == ("chief", False)
    assert (enrolled.enrolled_index, enrolled.enrolled_by) == (last - 1, [key_of("moj")])
    assert (enrolled.retired_index, retired.retired_index) == (None, last)
    listed = [key.thumbprint for key in await keys.of(reading.service, "moj")]
    assert listed == [key_of("moj"), key_of("moj-2"), key_of("third")]
    assert len(await keys.of(reading.service, "moj", at=before)) == 2
    assert await keys.show(reading.service, key_of("nobody")) is None
    assert await keys.of(reading.service, "nobody") == []


async def test_what_a_compromised_key_enrolled_in_its_window_falls_with_it(
    reading: Reading,
) -> None:
    scenario = given(linked("moj"), enrol("before", "moj"))
    begins = scenario.world.size
    scenario.given(
        enrol("child", "moj"),
        enrol("grandchild", "moj").signed_by("child"),
        enrol("apart", "moj").signed_by("before"),
        issue("a"),
    )
    await reading.follow(scenario)
    # In a page of its own, so that the lineage comes from the database.
    scenario.given(
        order("key.compromise", "moj", key=key_of("moj"), as_of=begins + 2, reason="stolen")
    )
    first = await reading.follow(scenario)

    async def void(at: int | None = None) -> dict[str, int | None]:
        found = await keys.of(reading.service, "moj", at=at)
        names = {key_of(n): n for n in ("moj", "before", "child", "grandchild", "apart")}
        return {names[key.thumbprint]: key.void_from for key in found if key.thumbprint in names}

    untouched = {"before": None, "apart": None}
    assert await void() == {"moj": begins + 2, "child": None, "grandchild": None, **untouched}
    lower = order("key.compromise", "ndc", key=key_of("moj"), as_of=begins, reason="stolen")
    scenario.given(lower.also_by("comsec"))
    second = await reading.follow(scenario)
    fallen = {"child": begins, "grandchild": begins + 1}
    assert await void() == {"moj": begins, **fallen, **untouched}
    assert await void(at=first) == {
        "moj": begins + 2,
        "child": None,
        "grandchild": None,
        **untouched,
    }
    declared = await keys.show(reading.service, key_of("moj"))
    child = await keys.show(reading.service, key_of("child"))
    assert declared is not None
    assert child is not None
    assert (declared.compromised_as_of, declared.compromised_index) == (begins, second)
    assert (declared.fallen, child.fallen) == (False, True)
    assert (child.compromised_as_of, child.compromised_index) == (None, None)
