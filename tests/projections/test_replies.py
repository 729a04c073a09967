"""What counts as an answer: a reply that was sent to whom it is for, for as long as it stands."""

import pytest

from infrastructure.log.follower import Follower
from projections import model, transfers
from projections.model import ReadModel
from projections.transfers import Consignment
from tests.domain.test_succession import merge
from tests.given_when_then import Order, Scenario, digest, given
from tests.letter_orders import (
    dispatch,
    letter,
    name_of,
    offices,
    on,
    on_paper,
    onward,
    paper_in,
    register,
)
from tests.projections.conftest import Reading

pytestmark = pytest.mark.anyio

ASKED = {"sender": "moj", "consignment": name_of("l-moh")}


def asked() -> Scenario:
    """A letter of moj's that moh has registered."""
    scenario = given(*offices("moj", "moh", "mof", "moe"))
    return scenario.given(letter(), dispatch(), register())


def reply(name: str = "r", to: str = "moj") -> Order:
    """The answer of moh, with a copy for mof."""
    return letter(name, "moh", to=[to], copy_to=["mof"], answers=ASKED)


async def shown(reading: Reading, name: str = "moj|" + name_of("l-moh")) -> Consignment:
    found = await transfers.consignment(reading.service, name)
    assert found is not None
    return found.consignment


async def test_a_copy_of_a_reply_answers_nobody(reading: Reading) -> None:
    scenario = asked().given(reply(), dispatch("r", "moh", "mof"))
    await reading.follow(scenario)
    before = await shown(reading)
    scenario.given(dispatch("r", "moh", "moj"))
    index = await reading.follow(scenario)

    assert before.answered_index is None
    after = await shown(reading)
    assert after.answered_index == index
    assert before.urgency < after.urgency
    scenario.given(register("r-mof", "mof", "moh"), onward("r-mof", "mof", "moe", "o", "moh"))
    await reading.follow(scenario)
    assert await shown(reading) == after


@pytest.mark.parametrize(
    "ends",
    [
        on("withdraw", "r-moj", "moh", "moh", reason="sent_in_error"),
        on("return", "r-moj", "moj", "moh", reason="incomplete"),
        on("refuse", "r-moj", "moj", "moh", reason="duplicate"),
    ],
    ids=lambda order: str(order.statement["act"]),
)
async def test_a_reply_that_comes_back_has_answered_nothing(reading: Reading, ends: Order) -> None:
    scenario = asked()
    await reading.follow(scenario)
    waiting = await shown(reading)
    scenario.given(reply(), dispatch("r", "moh", "moj"))
    await reading.follow(scenario)
    assert (await shown(reading)).answered_index is not None

    scenario.given(ends)
    await reading.follow(scenario)
    assert await shown(reading) == waiting
    scenario.given(dispatch("r", "moh", "moj", name="again"))
    index = await reading.follow(scenario)
    assert (await shown(reading)).answered_index == index


async def test_of_two_replies_the_other_one_stands(reading: Reading) -> None:
    scenario = asked().given(reply(), dispatch("r", "moh", "moj"))
    scenario.given(reply("s"), dispatch("s", "moh", "moj"))
    index = await reading.follow(scenario)
    assert (await shown(reading)).answered_index == index - 2

    scenario.given(on("withdraw", "r-moj", "moh", "moh", reason="superseded"))
    await reading.follow(scenario)
    assert (await shown(reading)).answered_index == index


@pytest.mark.parametrize("page_events", [1, 3, 5000])
async def test_whoever_answers_for_the_sender_by_now_is_answered(
    reading: Reading, page_events: int
) -> None:
    scenario = asked().given(merge("moj", "moe"))
    both = letter("r", "moh", to=["mof", "moe"], answers=ASKED)
    scenario.given(both, dispatch("r", "moh", "mof"), dispatch("r", "moh", "moe"))
    last = reading.write(scenario)
    follower = Follower(ReadModel(), page_events=page_events)

    await follower.catch_up(reading.keeper, upto=last - 1)
    assert (await shown(reading)).answered_index is None
    await follower.catch_up(reading.keeper)
    assert (await shown(reading)).answered_index == last
    await model.create(reading.keeper, "read_11", generation=11)
    await Follower(ReadModel("read_11"), page_events=2).catch_up(reading.keeper)
    digests = {await model.digest(reading.keeper, at=last, schema=s) for s in ("read", "read_11")}
    assert len(digests) == 1


async def test_what_came_on_paper_is_answered_on_the_road_of_its_reply(reading: Reading) -> None:
    scenario = given(*offices("moh", "mof")).given(paper_in())
    answer = letter(
        "r",
        "moh",
        to=[],
        copy_to=["mof"],
        correspondent="citizen",
        claims={"subject": digest("s"), "correspondent_name": digest("n")},
        answers={"sender": "moh", "consignment": name_of("p")},
    )
    scenario.given(answer, dispatch("r", "moh", "mof"))
    await reading.follow(scenario)
    name = "moh|" + name_of("p")
    assert (await shown(reading, name)).answered_index is None

    scenario.given(on_paper("r", "moh"))
    index = await reading.follow(scenario)
    assert (await shown(reading, name)).answered_index == index
